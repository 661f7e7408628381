#include "lens/typeface.h"

#include <ft2build.h>
#include FT_FREETYPE_H

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>
#include <vector>

#include "core/utf8.h"
#include "heed/core/error.h"
#include "lens/columns.h"
#include "lens/font.h"

namespace heed::lens {
namespace {

/// Where Debian, Fedora, Arch and macOS keep fonts that many machines have.
constexpr const char* kPlaces[] = {
    "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",
    "/usr/share/fonts/dejavu-sans-mono-fonts/DejaVuSansMono.ttf",
    "/usr/share/fonts/TTF/DejaVuSansMono.ttf",
    "/usr/share/fonts/truetype/liberation/LiberationMono-Regular.ttf",
    "/usr/share/fonts/truetype/freefont/FreeMono.ttf",
    "/System/Library/Fonts/Menlo.ttc",
    "/usr/share/fonts/truetype/noto/NotoSansMono-Regular.ttf",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
    "/usr/share/fonts/TTF/DejaVuSans.ttf",
    "/usr/share/fonts/truetype/noto/NotoSansArabic-Regular.ttf",
    "/usr/share/fonts/truetype/noto/NotoSansDevanagari-Regular.ttf",
    "/usr/share/fonts/truetype/freefont/FreeSans.ttf",
    "/usr/share/fonts/opentype/unifont/unifont.otf",
    "/System/Library/Fonts/Supplemental/Arial Unicode.ttf",
};

struct Place {
  std::string path;
  bool asked_for;  ///< by HEED_FONT
};

std::vector<Place> places() {
  const char* given = std::getenv("HEED_FONT");
  if (given && !*given) return {};
  std::vector<Place> result;
  std::istringstream paths(given ? given : "");
  for (std::string path; std::getline(paths, path, ':');) {
    if (!path.empty()) result.push_back({path, true});
  }
  for (const char* path : kPlaces) result.push_back({path, false});
  return result;
}

uint8_t blend(uint8_t below, uint8_t above, int cover) {
  return static_cast<uint8_t>((below * (255 - cover) + above * cover + 127) / 255);
}

/// Puts pixels of a line of text on the canvas, straight or turned: u along the text, v downwards.
struct Pen {
  Canvas& canvas;
  int64_t x, y, length;
  bool turned;
  Colour colour;

  void dot(int64_t u, int64_t v, int cover) const {
    const int64_t column = turned ? x + v : x + u, row = turned ? y + length - 1 - u : y + v;
    if (column < 0 || column >= canvas.width() || row < 0 || row >= canvas.height()) return;
    Colour& pixel = canvas.at(column, row);
    pixel = {blend(pixel.red, colour.red, cover), blend(pixel.green, colour.green, cover),
             blend(pixel.blue, colour.blue, cover)};
  }

  void built_in(int64_t u, uint32_t character, int64_t size) const {
    const int64_t scale = std::max<int64_t>(1, size / 10);
    const int64_t left = u + (pitch(size) - kFontAdvance * scale) / 2;
    const uint8_t* rows = glyph(character);
    for (int64_t i = 0; i < kFontHeight * scale; ++i) {
      for (int64_t j = 0; j < (kFontAdvance - 1) * scale; ++j) {
        if (rows[i / scale] >> (kFontAdvance - 2 - j / scale) & 1) dot(left + j, i, 255);
      }
    }
  }

  void box(int64_t u, int64_t width, int64_t size) const {
    const int64_t right = u + width - 2, bottom = base_line(size);
    for (int64_t i = u + 1; i <= right; ++i) dot(i, 0, 255), dot(i, bottom, 255);
    for (int64_t j = 1; j < bottom; ++j) dot(u + 1, j, 255), dot(right, j, 255);
  }
};

}  // namespace

namespace {

/// Whether FreeType did what it was asked for.
bool done(FT_Error error) {
  if (error == FT_Err_Out_Of_Memory) throw std::bad_alloc();
  return error == 0;
}

}  // namespace

/// FreeType's library and the faces opened so far.
class Typeface::Fonts {
 public:
  Fonts() : places_(places()) {
    if (!done(FT_Init_FreeType(&library_))) throw FileError("cannot initialise FreeType");
    try {
      while (next_ < places_.size() && (faces_.empty() || places_[next_].asked_for)) open_next();
    } catch (...) {
      FT_Done_FreeType(library_);
      throw;
    }
  }
  ~Fonts() { FT_Done_FreeType(library_); }
  Fonts(const Fonts&) = delete;
  Fonts& operator=(const Fonts&) = delete;

  bool empty() const { return faces_.empty(); }

  /// The first face that has the character; null where none has.
  FT_Face face_of(uint32_t character) {
    for (size_t i = 0;; ++i) {
      while (i == faces_.size() && next_ < places_.size()) open_next();
      if (i == faces_.size()) return nullptr;
      if (FT_Get_Char_Index(faces_[i], character) != 0) return faces_[i];
    }
  }

  std::set<uint32_t> missing;

 private:
  void open_next() {
    const auto& [path, asked_for] = places_[next_++];
    FT_Face face = nullptr;
    const bool opened = done(FT_New_Face(library_, path.c_str(), 0, &face));
    if (opened && FT_IS_SCALABLE(face)) {
      faces_.push_back(face);
    } else if (asked_for) {
      throw FileError("HEED_FONT: " + path + " is not a font file with outlines");
    }
  }

  std::vector<Place> places_;
  size_t next_ = 0;
  FT_Library library_ = nullptr;
  std::vector<FT_Face> faces_;
};

namespace {

/// The character as grey levels in the face's slot, `width` pixels wide at most.
bool render(FT_Face face, uint32_t character, int64_t size, int64_t width) {
  const auto pixels = static_cast<FT_UInt>(size);
  FT_Set_Pixel_Sizes(face, pixels, pixels);
  if (!done(FT_Load_Char(face, character, FT_LOAD_TARGET_LIGHT))) return false;
  const int64_t advance = face->glyph->advance.x >> 6;
  if (advance > width + 1) {
    const int64_t narrow = std::max<int64_t>(1, size * width / advance);
    FT_Set_Pixel_Sizes(face, static_cast<FT_UInt>(narrow), pixels);
    if (!done(FT_Load_Char(face, character, FT_LOAD_TARGET_LIGHT))) return false;
  }
  return done(FT_Render_Glyph(face->glyph, FT_RENDER_MODE_NORMAL));
}

/// Draws the slot into a cell that begins at u; what combines is centred in it.
void draw_slot(const Pen& pen, FT_GlyphSlot slot, int64_t u, int64_t width, int64_t size,
               bool combines) {
  const FT_Bitmap& bitmap = slot->bitmap;
  const int64_t advance = slot->advance.x >> 6;
  const int64_t left = combines ? u + (width - int64_t{bitmap.width}) / 2
                                : u + (width - advance) / 2 + slot->bitmap_left;
  const int64_t top = base_line(size) - slot->bitmap_top;
  for (int64_t i = 0; i < bitmap.rows; ++i) {
    const uint8_t* row = bitmap.buffer + i * bitmap.pitch;
    for (int64_t j = 0; j < bitmap.width; ++j) {
      if (row[j]) pen.dot(left + j, top + i, row[j]);
    }
  }
}

}  // namespace

Typeface::Typeface() : fonts_(std::make_unique<Fonts>()) {}
Typeface::~Typeface() = default;

void Typeface::draw(Canvas& canvas, int64_t x, int64_t y, std::string_view utf8, int64_t size,
                    bool turned, Colour colour) {
  const Pen pen{canvas, x, y, columns(utf8) * pitch(size), turned, colour};
  int64_t u = 0, width = 0;
  while (!utf8.empty()) {
    const uint32_t character = take_character(utf8);
    const int64_t advance = columns(character) * pitch(size);
    const bool combines = advance == 0;
    if (!combines) width = advance;
    const int64_t left = combines ? std::max<int64_t>(0, u - width) : u;
    FT_Face face = fonts_->face_of(character);
    if (face && render(face, character, size, width)) {
      draw_slot(pen, face->glyph, left, width, size, combines);
    } else if (!face && fonts_->empty() && character < 0x7F) {
      pen.built_in(left, character, size);
    } else {
      if (!combines) pen.box(left, width, size);
      fonts_->missing.insert(character);
    }
    u += advance;
  }
}

std::string Typeface::note() const {
  if (fonts_->missing.empty()) return "";
  constexpr size_t kNamed = 8;
  std::string letters;
  size_t count = 0;
  for (const uint32_t character : fonts_->missing) {
    if (count++ == kNamed) break;
    letters += ' ';
    append_utf8(letters, character);
  }
  if (fonts_->missing.size() > kNamed) letters += " ...";
  const std::string way =
      "set HEED_FONT to a font file that has them, or install fonts-dejavu-core (European, Arabic) "
      "or fonts-noto-cjk";
  return (fonts_->empty() ? "no font was found, and the built-in one is ASCII: "
                          : "no font that was found has all letters: ") +
         std::to_string(fonts_->missing.size()) + " characters are drawn as boxes (" +
         letters.substr(1) + "); " + way;
}

}  // namespace heed::lens
