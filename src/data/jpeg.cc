// libjpeg reports an error through a function that must not return. It jumps back by longjmp, so
// every function that calls setjmp holds nothing that needs a destructor; what does lives in
// JpegReader.
#include <csetjmp>
#include <cstdio>
// jpeglib.h uses FILE and size_t without including them.
#include <jpeglib.h>

#include <jerror.h>

#include "data/formats.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

// Progressive images have about ten scans; each costs a pass over the whole image, so a
// thousand is an attack.
constexpr int kMostScans = 100;
constexpr long kLargestWorkspace = 512L << 20;  // bytes of coefficients that libjpeg may hold

class JpegReader {
 public:
  JpegReader(std::span<const uint8_t> file, const std::string& name, const ImageLimits& limits)
      : file_(file), name_(name), limits_(limits) {
    jpeg_.err = jpeg_std_error(&errors_);
    errors_.error_exit = on_error;
    errors_.emit_message = on_message;
    jpeg_.client_data = this;
    progress_.progress_monitor = on_progress;
  }
  ~JpegReader() { jpeg_destroy_decompress(&jpeg_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  ImageShape header() {
    if (!read_header()) fail();
    const int64_t height = jpeg_.image_height, width = jpeg_.image_width;
    check_limits(name_, height, width, limits_);
    const bool grey = jpeg_.jpeg_color_space == JCS_GRAYSCALE;
    if (!grey && jpeg_.jpeg_color_space != JCS_YCbCr && jpeg_.jpeg_color_space != JCS_RGB)
      throw DataError(name_ + ": a JPEG of " + colour_space() +
                      ", and colours are grey or red-green-blue; convert it, by its profile where "
                      "it has one: magick IN -colorspace sRGB OUT.jpg");
    jpeg_.out_color_space = grey ? JCS_GRAYSCALE : JCS_RGB;
    return {grey ? 1 : 3, height, width};
  }

  Image decode() {
    const ImageShape shape = header();
    if (!start()) fail();
    Image image{shape, std::vector<uint8_t>(static_cast<size_t>(shape.values()))};
    row_.resize(static_cast<size_t>(shape.channels * shape.width));
    for (int64_t y = 0; y < shape.height; ++y) {
      if (!read_row()) fail();
      to_planes(row_.data(), shape.width, shape.channels, shape.pixels(),
                image.values.data() + y * shape.width);
    }
    if (!finish()) fail();
    return image;
  }

 private:
  std::string colour_space() const {
    if (jpeg_.jpeg_color_space == JCS_CMYK) return "CMYK";
    if (jpeg_.jpeg_color_space == JCS_YCCK) return "YCCK (CMYK)";
    return std::to_string(jpeg_.num_components) + " channels";
  }

  bool read_header() {
    if (setjmp(jump_)) return false;
    jpeg_create_decompress(&jpeg_);
    jpeg_.progress = &progress_;
    jpeg_.mem->max_memory_to_use = kLargestWorkspace;
    jpeg_mem_src(&jpeg_, file_.data(), static_cast<unsigned long>(file_.size()));
    jpeg_read_header(&jpeg_, TRUE);
    return true;
  }

  bool start() {
    if (setjmp(jump_)) return false;
    jpeg_start_decompress(&jpeg_);
    return true;
  }

  bool read_row() {
    if (setjmp(jump_)) return false;
    JSAMPROW row = row_.data();
    jpeg_read_scanlines(&jpeg_, &row, 1);
    return true;
  }

  bool finish() {
    if (setjmp(jump_)) return false;
    jpeg_finish_decompress(&jpeg_);
    return true;
  }

  [[noreturn]] void fail() const {
    if (errors_.msg_code == JERR_OUT_OF_MEMORY) throw std::bad_alloc();
    throw DataError(name_ + ": the JPEG is damaged: " + message_ +
                    "; download or save the image again");
  }

  static void on_error(j_common_ptr jpeg) {
    auto* self = static_cast<JpegReader*>(jpeg->client_data);
    jpeg->err->format_message(jpeg, self->message_);
    std::longjmp(self->jump_, 1);
  }

  // A level of -1 is a warning: pixels were lost and made up.
  static void on_message(j_common_ptr jpeg, int level) {
    if (level < 0) on_error(jpeg);
  }

  static void on_progress(j_common_ptr jpeg) {
    auto* self = static_cast<JpegReader*>(jpeg->client_data);
    if (self->jpeg_.input_scan_number <= kMostScans) return;
    std::snprintf(self->message_, sizeof self->message_, "over %d scans", kMostScans);
    std::longjmp(self->jump_, 1);
  }

  std::span<const uint8_t> file_;
  const std::string& name_;
  const ImageLimits& limits_;
  std::vector<uint8_t> row_;
  jpeg_decompress_struct jpeg_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf jump_;
  char message_[JMSG_LENGTH_MAX] = "";
};

}  // namespace

bool is_jpeg(std::span<const uint8_t> file) noexcept {
  return file.size() >= 3 && file[0] == 0xff && file[1] == 0xd8 && file[2] == 0xff;
}

ImageShape jpeg_shape(std::span<const uint8_t> file, const std::string& name,
                      const ImageLimits& limits) {
  return JpegReader(file, name, limits).header();
}

Image decode_jpeg(std::span<const uint8_t> file, const std::string& name,
                  const ImageLimits& limits) {
  return JpegReader(file, name, limits).decode();
}

}  // namespace heed::data
