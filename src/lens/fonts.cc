#include "lens/fonts.h"

#include <pango/pangofc-fontmap.h>

#include <cstdlib>
#include <mutex>
#include <sstream>
#include <vector>

#include "heed/core/error.h"

namespace heed::lens {
namespace {

constexpr const char* kFamilies = "DejaVu Sans,sans-serif";
constexpr size_t kMostIdle = 16;

std::string environment_of(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

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

/// Whether pango has all fonts of the layout: where one got no memory it would draw boxes in its place.
bool has_fonts(PangoLayout* layout) {
  const IteratorPtr at(pango_layout_get_iter(layout));
  do {
    const PangoLayoutRun* run = pango_layout_iter_get_run_readonly(at.get());
    if (run && !pango_cairo_font_get_scaled_font(PANGO_CAIRO_FONT(run->item->analysis.font)))
      return false;
  } while (pango_layout_iter_next_run(at.get()));
  return true;
}

void note_missing(PangoLayout* layout, std::set<uint32_t>& missing) {
  if (pango_layout_get_unknown_glyphs_count(layout) == 0) return;
  const IteratorPtr at(pango_layout_get_iter(layout));
  do {
    const PangoLayoutRun* run = pango_layout_iter_get_run_readonly(at.get());
    for (int i = 0; run && i < run->glyphs->num_glyphs; ++i) {
      const PangoGlyph glyph = run->glyphs->glyphs[i].glyph;
      if (glyph != PANGO_GLYPH_INVALID_INPUT && (glyph & PANGO_GLYPH_UNKNOWN_FLAG))
        missing.insert(glyph & ~PANGO_GLYPH_UNKNOWN_FLAG);
    }
  } while (pango_layout_iter_next_run(at.get()));
}

struct IdleFonts {
  std::mutex mutex;
  std::vector<std::unique_ptr<Fonts>> all;
};

/// Outlives whatever is static elsewhere.
IdleFonts& idle_fonts() {
  static auto& idle = *[] {
    auto made = std::make_unique<IdleFonts>();
    made->all.reserve(kMostIdle);
    return made.release();
  }();
  return idle;
}

}  // namespace

Fonts::Fonts(std::string asked) : asked(std::move(asked)) {
  expect_memory();
  config.reset(FcInitLoadConfigAndFonts());
  if (!config) throw std::bad_alloc();
  std::istringstream paths(environment_of("HEED_FONT"));
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

PangoLayout* Fonts::line(const std::string& text, double size, Direction direction,
                         std::set<uint32_t>& missing) {
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
  if (!has_fonts(layout.get())) {
    is_whole = false;
    throw std::bad_alloc();
  }
  note_missing(layout.get(), missing);
  return layout.get();
}

std::unique_ptr<Fonts> take_fonts() {
  const std::string asked = environment_of("HEED_FONT") + '\n' + environment_of("FONTCONFIG_FILE");
  auto& idle = idle_fonts();
  {
    const std::lock_guard lock(idle.mutex);
    std::erase_if(idle.all, [&](const auto& fonts) { return fonts->asked != asked; });
    if (!idle.all.empty()) {
      auto fonts = std::move(idle.all.back());
      idle.all.pop_back();
      return fonts;
    }
  }
  return std::make_unique<Fonts>(asked);
}

void give_fonts_back(std::unique_ptr<Fonts> fonts) noexcept {
  if (!fonts->is_whole) return;
  auto& idle = idle_fonts();
  const std::lock_guard lock(idle.mutex);
  if (idle.all.size() < kMostIdle) idle.all.push_back(std::move(fonts));
}

}  // namespace heed::lens
