#include "data/png_file.h"

#include <csetjmp>
#include <cstdio>
#include <cstring>

#include "data/formats.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

// Deflate packs at most 1032 bytes into one; a header that promises more than that lies.
constexpr int64_t kBestCompression = 1032;
constexpr png_alloc_size_t kLargestChunk = 64 << 20;  // of text, profiles and the like

}  // namespace

PngFile::PngFile(std::span<const uint8_t> file, const std::string& name, const ImageLimits& limits,
                 const char* fix)
    : file_(file), name_(name), limits_(limits), fix_(fix) {
  // Warnings are about chunks that Heed does not use (profiles, text); errors in pixels are errors.
  png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error,
                                [](png_structp, png_const_charp) {});
  if (png_) info_ = png_create_info_struct(png_);
  if (!info_) {
    png_destroy_read_struct(&png_, nullptr, nullptr);
    throw std::bad_alloc();
  }
}

void PngFile::read_header() {
  if (!begin()) fail();
  check_limits(name_, height(), width(), limits_);
}

std::vector<uint8_t> PngFile::read_pixels(void (*change)(png_structp, png_infop)) {
  const int64_t packed = height() * static_cast<int64_t>(png_get_rowbytes(png_, info_));
  if (packed / kBestCompression > std::ssize(file_))
    throw DataError(name_ + ": " + std::to_string(file_.size()) + " bytes cannot hold the " +
                    std::to_string(height()) + " x " + std::to_string(width()) +
                    " pixels of its header; " + fix_);
  if (!prepare(change)) fail();
  const auto row = static_cast<int64_t>(png_get_rowbytes(png_, info_));
  std::vector<uint8_t> pixels(static_cast<size_t>(height() * row));
  std::vector<png_bytep> rows;
  for (int64_t y = 0; y < height(); ++y) rows.push_back(pixels.data() + y * row);
  if (!read_rows(rows.data())) fail();
  return pixels;
}

bool PngFile::begin() {
  if (setjmp(png_jmpbuf(png_))) return false;
  png_set_read_fn(png_, this, on_read);
  // The limits are ours to report; libpng's own would not say which was passed.
  png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_chunk_malloc_max(png_, kLargestChunk);
  png_read_info(png_, info_);
  return true;
}

bool PngFile::prepare(void (*change)(png_structp, png_infop)) {
  if (setjmp(png_jmpbuf(png_))) return false;
  change(png_, info_);
  png_set_interlace_handling(png_);
  png_read_update_info(png_, info_);
  return true;
}

bool PngFile::read_rows(png_bytepp rows) {
  if (setjmp(png_jmpbuf(png_))) return false;
  png_read_image(png_, rows);
  png_read_end(png_, nullptr);
  return true;
}

void PngFile::fail() const {
  // libpng says it in words alone
  if (std::string_view(message_).find("memory") != std::string_view::npos) throw std::bad_alloc();
  throw DataError(name_ + ": the PNG is damaged: " + message_ + "; " + fix_);
}

void PngFile::on_read(png_structp png, png_bytep out, size_t count) {
  auto* self = static_cast<PngFile*>(png_get_io_ptr(png));
  if (count > self->file_.size() - self->position_) png_error(png, "it is cut short");
  std::memcpy(out, self->file_.data() + self->position_, count);
  self->position_ += count;
}

void PngFile::on_error(png_structp png, png_const_charp message) {
  auto* self = static_cast<PngFile*>(png_get_error_ptr(png));
  std::snprintf(self->message_, sizeof self->message_, "%s", message);
  png_longjmp(png, 1);
}

}  // namespace heed::data
