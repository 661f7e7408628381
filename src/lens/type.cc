#include "lens/type.h"

#include <unicode/uchar.h>

#include <algorithm>
#include <cstdlib>

#include "core/utf8.h"
#include "heed/core/error.h"
#include "lens/columns.h"
#include "lens/fonts.h"

namespace heed::lens {
namespace {

constexpr size_t kLongestKept = 64;  // bytes of a text whose width is remembered

/// 1 of a letter from left to right, -1 from right to left, 0 of what has no direction.
int way_of(uint32_t character) {
  const auto direction = u_charDirection(static_cast<UChar32>(character));
  if (direction == U_LEFT_TO_RIGHT) return 1;
  return direction == U_RIGHT_TO_LEFT || direction == U_RIGHT_TO_LEFT_ARABIC ? -1 : 0;
}

double pixels(int units) { return double(units) / PANGO_SCALE; }

/// What a font draws as one: a letter with its marks, a conjunct, a ligature.
struct Cluster {
  size_t begin, end;  ///< bytes
  double left, right;
  bool runs_left;
};

/// The clusters of a line, from its left end on.
std::vector<Cluster> clusters_of(const PangoLayoutLine* line, const std::string& text) {
  std::vector<Cluster> clusters;
  double run_left = 0;
  for (const GSList* item = line->runs; item; item = item->next) {
    auto* run = static_cast<PangoLayoutRun*>(item->data);
    std::vector<double> left{run_left};  // of each glyph
    for (int i = 0; i < run->glyphs->num_glyphs; ++i)
      left.push_back(left.back() + pixels(run->glyphs->glyphs[i].geometry.width));
    PangoGlyphItemIter at;
    for (bool more = pango_glyph_item_iter_init_start(&at, run, text.c_str()); more;
         more = pango_glyph_item_iter_next_cluster(&at)) {
      const bool runs_left = at.end_glyph < at.start_glyph;  // then both are one too low
      const auto [first, last] =
          std::minmax({at.start_glyph + runs_left, at.end_glyph + runs_left});
      clusters.push_back({static_cast<size_t>(at.start_index), static_cast<size_t>(at.end_index),
                          left[static_cast<size_t>(first)], left[static_cast<size_t>(last)],
                          runs_left});
    }
    run_left = left.back();
  }
  std::stable_sort(clusters.begin(), clusters.end(),
                   [](const Cluster& a, const Cluster& b) { return a.left < b.left; });
  return clusters;
}

/// The share of a cluster that some of its bytes have: equal shares of its characters.
Span shared(const Cluster& cluster, size_t begin, size_t end, const std::string& text) {
  const auto count = [&](size_t to) {
    return double(g_utf8_pointer_to_offset(text.c_str() + cluster.begin, text.c_str() + to));
  };
  const double all = count(cluster.end), width = cluster.right - cluster.left;
  const double from = width * count(begin) / all, to = width * count(end) / all;
  if (cluster.runs_left) return {cluster.right - to, cluster.right - from};
  return {cluster.left + from, cluster.left + to};
}

}  // namespace

Type::Type() : fonts_(take_fonts()) {}
Type::~Type() { give_fonts_back(std::move(fonts_)); }

double Type::width(const std::string& text, double size) {
  const auto known = widths_.find({size, text});
  if (known != widths_.end()) return known->second;
  int width = 0;
  pango_layout_get_size(fonts_->line(text, size, Direction::by_letters, missing_), &width, nullptr);
  if (text.size() <= kLongestKept) widths_[{size, text}] = pixels(width);
  return pixels(width);
}

std::vector<std::vector<Span>> Type::spans(const std::string& line, double size,
                                           Direction direction,
                                           const std::vector<std::pair<size_t, size_t>>& parts) {
  const auto clusters = clusters_of(
      pango_layout_get_line_readonly(fonts_->line(line, size, direction, missing_), 0), line);
  std::vector<std::vector<Span>> result(parts.size());
  for (const auto& cluster : clusters) {
    // The parts that it lies in: mostly one.
    auto part = std::upper_bound(parts.begin(), parts.end(), cluster.begin,
                                 [](size_t at, const auto& one) { return at < one.second; });
    for (; part != parts.end() && part->first < cluster.end; ++part) {
      const Span span = shared(cluster, std::max(part->first, cluster.begin),
                               std::min(part->second, cluster.end), line);
      auto& spans = result[static_cast<size_t>(part - parts.begin())];
      if (!spans.empty() && span.left - spans.back().right < 0.01)
        spans.back().right = std::max(spans.back().right, span.right);
      else
        spans.push_back(span);
    }
  }
  return result;
}

std::string Type::cut(const std::string& text, double size, double most) {
  if (width(text, size) <= most) return text;
  const auto parts = clusters(text);
  size_t fits = 0, beyond = parts.size();  // clusters that stand before the ellipsis
  const auto begun = [&](size_t count) {
    std::string result;
    for (size_t i = 0; i < count; ++i) result += parts[i];
    return result.append("\u2026");
  };
  while (fits + 1 < beyond) {
    const size_t middle = (fits + beyond) / 2;
    (width(begun(middle), size) <= most ? fits : beyond) = middle;
  }
  return begun(fits);
}

std::vector<std::string> Type::wrapped(const std::string& text, double size, double most) {
  std::vector<std::string> lines(1);
  std::string word;
  const auto add_word = [&] {
    const std::string& last = lines.back();
    std::string longer = last.empty() ? word : last + " " + word;
    if (width(longer, size) <= most)
      lines.back() = std::move(longer);
    else if (last.empty())
      lines.back() = word;
    else
      lines.push_back(word);
    word.clear();
    while (width(lines.back(), size) > most) {  // one word: it is parted where it must be
      std::string rest = lines.back(), begun;
      for (const auto& cluster : clusters(rest)) {
        if (!begun.empty() && width(begun + cluster, size) > most) break;
        begun += cluster;
      }
      if (begun.size() == rest.size()) break;
      rest.erase(0, begun.size());
      lines.back() = std::move(begun);
      lines.push_back(std::move(rest));
    }
  };
  for (const char c : text) {
    if (c == ' ')
      add_word();
    else
      word += c;
  }
  add_word();
  return lines;
}

void Type::show(cairo_t* to, const std::string& text, double size, Direction direction) {
  PangoLayout* line = fonts_->line(text, size, direction, missing_);
  cairo_rel_move_to(to, 0, -pixels(pango_layout_get_baseline(line)));
  pango_cairo_show_layout(to, line);
}

std::string Type::note() const {
  if (missing_.empty()) return "";
  constexpr size_t kNamed = 8;
  std::string letters;
  size_t count = 0;
  for (const uint32_t character : missing_) {
    if (count++ == kNamed) break;
    letters += ' ';
    append_utf8(letters, character);
  }
  if (missing_.size() > kNamed) letters += " ...";
  return "no font that was found has all letters: " + std::to_string(missing_.size()) +
         " characters are drawn as boxes (" + letters.substr(1) +
         "); set HEED_FONT to a font file that has them, or install fonts-dejavu-core (European, "
         "Arabic) or fonts-noto-core and fonts-noto-cjk";
}

void expect_memory() {
  constexpr size_t kEnough = size_t{32} << 20;
  void* volatile some = std::malloc(kEnough);  // volatile: or compilers leave both calls out
  if (!some) throw std::bad_alloc();
  std::free(some);
}

std::string drawable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const uint32_t code = take_character(text);
    const bool control = code < 0x20 || (code >= 0x7F && code < 0xA0);
    if (code == 0x2028 || code == 0x2029)
      result += ' ';
    else
      append_utf8(result, control || code == 0xFFFE || code == 0xFFFF ? kReplacement : code);
  }
  return result;
}

bool runs_left(const std::string& text) {
  for (std::string_view rest = text; !rest.empty();)
    if (const int way = way_of(take_character(rest))) return way < 0;
  return false;
}

bool mostly_left(const std::string& text) {
  int64_t sum = 0;
  for (std::string_view rest = text; !rest.empty();) sum += way_of(take_character(rest));
  return sum < 0;
}

std::vector<bool> line_breaks(const std::string& text) {
  const auto size = static_cast<int>(text.size());
  std::vector<PangoLogAttr> found(g_utf8_strlen(text.data(), size) + 1);
  pango_get_log_attrs(text.data(), size, -1, pango_language_get_default(), found.data(),
                      static_cast<int>(found.size()));
  std::vector<bool> may(text.size() + 1);
  size_t character = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<uint8_t>(text[i]) & 0xC0) == 0x80) continue;
    may[i] = found[character++].is_line_break;
  }
  return may;
}

}  // namespace heed::lens
