#include "lens/type.h"

#include <fontconfig/fontconfig.h>
#include <pango/pangocairo.h>
#include <pango/pangofc-fontmap.h>
#include <unicode/uchar.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "core/utf8.h"
#include "heed/core/error.h"
#include "lens/columns.h"

namespace heed::lens {
namespace {

constexpr const char* kFamilies = "DejaVu Sans,sans-serif";
constexpr size_t kLongestKept = 64;  // bytes of a text whose width is remembered

template <auto release>
struct Releases {
  template <class T>
  void operator()(T* held) const {
    release(held);
  }
};
using ConfigPtr = std::unique_ptr<FcConfig, Releases<FcConfigDestroy>>;
using FontSetPtr = std::unique_ptr<FcFontSet, Releases<FcFontSetDestroy>>;
using DescriptionPtr = std::unique_ptr<PangoFontDescription, Releases<pango_font_description_free>>;
using FontOptionsPtr = std::unique_ptr<cairo_font_options_t, Releases<cairo_font_options_destroy>>;
using IteratorPtr = std::unique_ptr<PangoLayoutIter, Releases<pango_layout_iter_free>>;
template <class T>
using ObjectPtr = std::unique_ptr<T, Releases<g_object_unref>>;

/// The families of a file's faces, added to the configuration.
std::string add_font_file(FcConfig* config, const std::string& path) {
  const auto* file = reinterpret_cast<const FcChar8*>(path.c_str());
  const FontSetPtr faces(FcFontSetCreate());
  FcChar8* family = nullptr;
  const bool is_font = faces && FcFreeTypeQueryAll(file, ~0U, nullptr, nullptr, faces.get()) > 0 &&
                       FcPatternGetString(faces->fonts[0], FC_FAMILY, 0, &family) == FcResultMatch;
  if (!is_font) throw FileError("HEED_FONT: " + path + " is not a font file with outlines");
  if (!FcConfigAppFontAddFile(config, file)) throw std::bad_alloc();
  return reinterpret_cast<const char*>(family);
}

bool has_outlines(const FcFontSet* fonts) {
  for (int i = 0; fonts && i < fonts->nfont; ++i) {
    FcBool scalable = FcFalse;
    if (FcPatternGetBool(fonts->fonts[i], FC_SCALABLE, 0, &scalable) == FcResultMatch && scalable)
      return true;
  }
  return false;
}

/// Outlines and widths that are the same at every place of a page and in every kind of file.
FontOptionsPtr font_options() {
  FontOptionsPtr options(cairo_font_options_create());
  if (cairo_font_options_status(options.get()) != CAIRO_STATUS_SUCCESS) throw std::bad_alloc();
  cairo_font_options_set_antialias(options.get(), CAIRO_ANTIALIAS_GRAY);
  cairo_font_options_set_hint_style(options.get(), CAIRO_HINT_STYLE_SLIGHT);
  cairo_font_options_set_hint_metrics(options.get(), CAIRO_HINT_METRICS_OFF);
  return options;
}

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

struct Type::Fonts {
  Fonts() {
    expect_memory();
    config.reset(FcInitLoadConfigAndFonts());
    if (!config) throw std::bad_alloc();
    std::istringstream paths(std::getenv("HEED_FONT") ? std::getenv("HEED_FONT") : "");
    for (std::string path; std::getline(paths, path, ':');)
      if (!path.empty()) families += add_font_file(config.get(), path) + ",";
    families += kFamilies;
    if (!has_outlines(FcConfigGetFonts(config.get(), FcSetSystem)) &&
        !has_outlines(FcConfigGetFonts(config.get(), FcSetApplication)))
      throw FileError(
          "no fonts were found to draw letters with: install some (on Debian fonts-dejavu-core), "
          "or "
          "set HEED_FONT to a font file");
    map.reset(pango_cairo_font_map_new_for_font_type(CAIRO_FONT_TYPE_FT));
    if (!map) throw FileError("pango was built without fontconfig, which Heed draws letters with");
    pango_fc_font_map_set_config(PANGO_FC_FONT_MAP(map.get()), config.get());
    context.reset(pango_font_map_create_context(map.get()));
    pango_context_set_round_glyph_positions(context.get(), FALSE);
    pango_cairo_context_set_font_options(context.get(), font_options().get());
    layout.reset(pango_layout_new(context.get()));
    pango_layout_set_single_paragraph_mode(layout.get(), TRUE);
  }

  /// The one layout, with a line of text.
  PangoLayout* line(const std::string& text, double size, Direction direction) {
    const DescriptionPtr font(pango_font_description_new());
    pango_font_description_set_family(font.get(), families.c_str());
    pango_font_description_set_absolute_size(font.get(), size * PANGO_SCALE);
    pango_layout_set_font_description(layout.get(), font.get());
    pango_layout_set_auto_dir(layout.get(), direction == Direction::by_letters);
    pango_context_set_base_dir(context.get(), direction == Direction::right_to_left
                                                  ? PANGO_DIRECTION_RTL
                                                  : PANGO_DIRECTION_LTR);
    pango_layout_context_changed(layout.get());
    pango_layout_set_text(layout.get(), text.data(), static_cast<int>(text.size()));
    note_missing();
    return layout.get();
  }

  void note_missing() {
    if (pango_layout_get_unknown_glyphs_count(layout.get()) == 0) return;
    const IteratorPtr at(pango_layout_get_iter(layout.get()));
    do {
      const PangoLayoutRun* run = pango_layout_iter_get_run_readonly(at.get());
      for (int i = 0; run && i < run->glyphs->num_glyphs; ++i) {
        const PangoGlyph glyph = run->glyphs->glyphs[i].glyph;
        if (glyph != PANGO_GLYPH_INVALID_INPUT && (glyph & PANGO_GLYPH_UNKNOWN_FLAG))
          missing.insert(glyph & ~PANGO_GLYPH_UNKNOWN_FLAG);
      }
    } while (pango_layout_iter_next_run(at.get()));
  }

  ConfigPtr config;
  std::string families;
  ObjectPtr<PangoFontMap> map;
  ObjectPtr<PangoContext> context;
  ObjectPtr<PangoLayout> layout;
  std::set<uint32_t> missing;
};

Type::Type() : fonts_(std::make_unique<Fonts>()) {}
Type::~Type() = default;

double Type::width(const std::string& text, double size) {
  const auto known = widths_.find({size, text});
  if (known != widths_.end()) return known->second;
  int width = 0;
  pango_layout_get_size(fonts_->line(text, size, Direction::by_letters), &width, nullptr);
  if (text.size() <= kLongestKept) widths_[{size, text}] = pixels(width);
  return pixels(width);
}

std::vector<std::vector<Span>> Type::spans(const std::string& line, double size,
                                           Direction direction,
                                           const std::vector<std::pair<size_t, size_t>>& parts) {
  const auto clusters =
      clusters_of(pango_layout_get_line_readonly(fonts_->line(line, size, direction), 0), line);
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
  PangoLayout* line = fonts_->line(text, size, direction);
  cairo_rel_move_to(to, 0, -pixels(pango_layout_get_baseline(line)));
  pango_cairo_show_layout(to, line);
}

std::string Type::note() const {
  const auto& missing = fonts_->missing;
  if (missing.empty()) return "";
  constexpr size_t kNamed = 8;
  std::string letters;
  size_t count = 0;
  for (const uint32_t character : missing) {
    if (count++ == kNamed) break;
    letters += ' ';
    append_utf8(letters, character);
  }
  if (missing.size() > kNamed) letters += " ...";
  return "no font that was found has all letters: " + std::to_string(missing.size()) +
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
