// The fonts of the machine, as pango has them.
#pragma once

#include <fontconfig/fontconfig.h>
#include <pango/pangocairo.h>

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "lens/type.h"

namespace heed::lens {

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

/// One layout for all lines, in fonts that are loaded once.
struct Fonts {
  explicit Fonts(std::string asked);

  /// The layout with a line of text; characters that no font has are added to `missing`. Throws
  /// bad_alloc where a font got no memory; these fonts are of no use then.
  PangoLayout* line(const std::string& text, double size, Direction direction,
                    std::set<uint32_t>& missing);

  const std::string asked;  ///< what the environment says of fonts
  ConfigPtr config;
  std::string families;
  bool is_whole = true;  ///< false: pango goes on without a font that got no memory
  ObjectPtr<PangoFontMap> map;
  ObjectPtr<PangoContext> context;
  ObjectPtr<PangoLayout> layout;
};

/// Fonts that nobody has at the moment, or new ones. Pango keeps a part of each configuration for ever,
/// so they are used again; one Type at a time has them, because pango's objects bear no two threads.
std::unique_ptr<Fonts> take_fonts();
void give_fonts_back(std::unique_ptr<Fonts> fonts) noexcept;

}  // namespace heed::lens
