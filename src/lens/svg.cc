// Pages as SVG.
#include "core/utf8.h"
#include "heed/lens/draw.h"
#include "lens/layout.h"

namespace heed::lens {
namespace {

/// Text as XML 1.0 takes it, in an element or an attribute.
std::string escaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const uint32_t code = take_character(text);
    const bool control = code < 0x20 && code != '\t' && code != '\n' && code != '\r';
    if (code == '&')
      out += "&amp;";
    else if (code == '<')
      out += "&lt;";
    else if (code == '>')
      out += "&gt;";
    else if (code == '"')
      out += "&quot;";
    else
      append_utf8(out, control || code == 0xFFFE || code == 0xFFFF ? kReplacement : code);
  }
  return out;
}

std::string base64(const std::string& bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) {
      group = group << 8 | (j < count ? static_cast<uint8_t>(bytes[i + j]) : 0);
    }
    for (size_t j = 0; j < 4; ++j) {
      out += j <= count ? kDigits[group >> (18 - 6 * j) & 63] : '=';
    }
  }
  return out;
}

std::string attribute(const char* name, int64_t value) {
  return std::string(" ") + name + "=\"" + std::to_string(value) + "\"";
}

/// A browser's fixed-pitch face is 0.6 em wide, as pitch() is.
std::string svg_text(const PlacedText& placed) {
  const int64_t length = columns(placed.text) * pitch(placed.size), base = base_line(placed.size);
  std::string place =
      attribute("x", placed.x + (placed.at_end ? length : 0)) + attribute("y", placed.y + base);
  if (placed.turned) {
    const int64_t start = placed.y + (placed.at_end ? 0 : length);
    place = " transform=\"translate(" + std::to_string(placed.x + base) + " " +
            std::to_string(start) + ") rotate(-90)\"";
  }
  if (placed.at_end) place += " text-anchor=\"end\"";
  return "<text xml:space=\"preserve\"" + place + attribute("font-size", placed.size) + ">" +
         escaped(placed.text) + "</text>\n";
}

std::string svg_image(const PlacedImage& placed) {
  return "<image" + attribute("x", placed.x) + attribute("y", placed.y) +
         attribute("width", placed.image.width()) + attribute("height", placed.image.height()) +
         " xlink:href=\"data:image/png;base64," + base64(encode_png(placed.image)) + "\"><title>" +
         escaped(placed.title) + "</title></image>\n";
}

}  // namespace

std::string svg_of(const Layout& layout, const std::string& title) {
  std::string out =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\"" +
      attribute("width", layout.width) + attribute("height", layout.height) + " viewBox=\"0 0 " +
      std::to_string(layout.width) + " " + std::to_string(layout.height) +
      "\" font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" fill=\"#202024\">\n"
      "<title>" +
      escaped(title) +
      "</title>\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n";
  for (const auto& placed : layout.images) out += svg_image(placed);
  for (const auto& placed : layout.texts) out += svg_text(placed);
  return out + "</svg>\n";
}

}  // namespace heed::lens
