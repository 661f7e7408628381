// Pages as SVG.
#include <cmath>
#include <cstdio>

#include "core/utf8.h"
#include "heed/lens/draw.h"
#include "lens/page.h"

namespace heed::lens {
namespace {

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

std::string attribute(const char* name, double value) {
  return std::string(" ") + name + "=\"" + decimal(value) + "\"";
}

std::string hex(Colour colour) {
  char text[8];
  std::snprintf(text, sizeof text, "#%02x%02x%02x", colour.red, colour.green, colour.blue);
  return text;
}

std::string hint_of(const std::string& hint) {
  return hint.empty() ? "" : " data-hint=\"" + escaped(hint) + "\"";
}

class SvgWriter {
 public:
  void operator()(const PageText& text) {
    if (text.turned) {
      const std::string place = decimal(text.x) + " " + decimal(text.y);
      return add(text, " transform=\"translate(" + place + ") rotate(-90)\"", text.text);
    }
    for (const auto& part : text.parts) {
      const bool left = text.direction == Direction::right_to_left;
      add(text,
          place(part.x, text.y, left, Align::left, part.width) +
              attribute("textLength", part.width) + " lengthAdjust=\"spacingAndGlyphs\"",
          part.text);
    }
    if (text.parts.empty())
      add(text, place(text.x, text.y, runs_left(text.text), text.align, text.width), text.text);
  }

  void operator()(const PageBox& box) {
    out += "<rect" + attribute("x", box.x) + attribute("y", box.y) + attribute("width", box.width) +
           attribute("height", box.height) + " fill=\"" + hex(box.colour) + "\"";
    if (box.source >= 0) out += attribute("data-from", double(box.source));
    if (box.target >= 0) out += attribute("data-to", double(box.target));
    out += hint_of(box.hint) + "/>\n";
  }

  void operator()(const PagePath& path) {
    const auto& points = path.points;
    const auto at = [](Point p) { return decimal(p.x) + " " + decimal(p.y); };
    std::string way = "M" + at(points.front());
    if (path.curved) {
      const double middle = (points.front().x + points.back().x) / 2;
      way += "C" + at({middle, points.front().y}) + " " + at({middle, points.back().y}) + " " +
             at(points.back());
    } else {
      for (size_t i = 1; i < points.size(); ++i) way += "L" + at(points[i]);
    }
    out += "<path d=\"" + way + "\" fill=\"none\" stroke=\"" + hex(path.colour) + "\"" +
           attribute("stroke-width", path.thickness) + " stroke-linejoin=\"round\"";
    if (path.opacity < 1) out += attribute("stroke-opacity", path.opacity);
    if (path.source >= 0)
      out += attribute("data-source", double(path.source)) +
             attribute("data-target", double(path.target));
    out += hint_of(path.hint) + "/>\n";
  }

  void operator()(const PageImage& placed) {
    out += "<image" + attribute("x", placed.x) + attribute("y", placed.y) +
           attribute("width", double(placed.image.width())) +
           attribute("height", double(placed.image.height()));
    if (placed.grid >= 0) out += attribute("data-grid", double(placed.grid));
    out += " xlink:href=\"data:image/png;base64," + base64(encode_png(placed.image)) +
           "\"><title>" + escaped(placed.title) + "</title></image>\n";
  }

  std::string out;

 private:
  void add(const PageText& text, const std::string& place, const std::string& words) {
    out += "<text xml:space=\"preserve\"" + place + attribute("font-size", text.size);
    if (!(text.colour == kInk)) out += " fill=\"" + hex(text.colour) + "\"";
    out += ">" + escaped(words) + "</text>\n";
  }

  /// What stays where it is: the left end, the middle or the right end. Of a text from right to left
  /// the start is the right end.
  static std::string place(double x, double y, bool left, Align align, double width) {
    const char* anchor = "middle";
    if (align == Align::centre) x += width / 2;
    if (align == Align::left) anchor = left ? "end" : "start";
    if (align == Align::right) x += width, anchor = left ? "start" : "end";
    std::string result = attribute("x", x) + attribute("y", y);
    if (left) result += " direction=\"rtl\"";
    if (anchor != std::string_view("start"))
      result += std::string(" text-anchor=\"") + anchor + "\"";
    return result;
  }
};

}  // namespace

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

std::string decimal(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.2f", value);
  std::string result = text;
  while (result.back() == '0') result.pop_back();
  if (result.back() == '.') result.pop_back();
  return result == "-0" ? "0" : result;
}

std::string svg_of(const Page& page) {
  const std::string width = decimal(page.width), height = decimal(page.height);
  SvgWriter writer;
  writer.out =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" "
      "width=\"" +
      width + "\" height=\"" + height + "\" viewBox=\"0 0 " + width + " " + height +
      "\" font-family=\"DejaVu Sans, Verdana, sans-serif\" fill=\"" + hex(kInk) + "\">\n<title>" +
      escaped(page.title) +
      "</title>\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n";
  for (const auto& item : page.items) std::visit(writer, item);
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + writer.out + "</svg>\n";
}

}  // namespace heed::lens
