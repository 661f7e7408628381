// Writes small well-made files for the fuzz targets to start from: make_seeds FOLDER gives
// FOLDER/FLOOR_READER/NAME.
#include <png.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>

#include "data/samples.h"

namespace {

using heed::test::Bytes;

Bytes counting(size_t count) {
  Bytes values(count);
  std::iota(values.begin(), values.end(), uint8_t{0});
  return values;
}

void write(const std::filesystem::path& file, const Bytes& bytes) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

void write_idx(const std::filesystem::path& folder) {
  const Bytes images = heed::test::idx({2, 3, 4}, counting(24));
  const Bytes labels = heed::test::idx({5}, counting(5));
  write(folder / "data_idx/images", images);
  write(folder / "data_idx/images.gz", heed::test::gzip(images));
  write(folder / "data_idx/labels", labels);
  write(folder / "data_idx/labels.gz", heed::test::gzip(labels));
  write(folder / "core_gzip/text.gz", heed::test::gzip(Bytes(3000, 'x')));
  Bytes members = heed::test::gzip(images);
  const Bytes second = heed::test::gzip(labels);
  members.insert(members.end(), second.begin(), second.end());
  write(folder / "core_gzip/members.gz", members);
}

void write_pngs(const std::filesystem::path& folder) {
  const std::pair<const char*, heed::test::PngSample> samples[] = {
      {"grey", {3, 4, PNG_COLOR_TYPE_GRAY, 8, counting(12)}},
      {"bits", {3, 4, PNG_COLOR_TYPE_GRAY, 1, counting(3)}},
      {"deep", {3, 4, PNG_COLOR_TYPE_RGB, 16, counting(72)}},
      {"alpha", {3, 4, PNG_COLOR_TYPE_RGBA, 8, counting(48)}},
      {"palette", {3, 4, PNG_COLOR_TYPE_PALETTE, 8, Bytes(12, 1), counting(6), counting(2)}},
      {"interlaced", {9, 9, PNG_COLOR_TYPE_GRAY_ALPHA, 8, counting(162), {}, {}, true}},
  };
  for (const auto& [name, sample] : samples)
    write(folder / "data_png" / name, heed::test::png(sample));
}

void write_jpegs(const std::filesystem::path& folder) {
  const std::pair<const char*, heed::test::JpegSample> samples[] = {
      {"grey", {9, 11, 1, counting(99)}},
      {"colour", {9, 11, 3, counting(297)}},
      {"progressive", {17, 17, 3, counting(867), true}},
      {"cmyk", {8, 8, 4, counting(256)}},
  };
  for (const auto& [name, sample] : samples)
    write(folder / "data_jpeg" / name, heed::test::jpeg(sample));
}

/// A key, and a tensor of one float32.
void write_gguf(const std::filesystem::path& folder) {
  const std::string text(
      "GGUF\3\0\0\0"
      "\1\0\0\0\0\0\0\0"
      "\1\0\0\0\0\0\0\0"
      "\1\0\0\0\0\0\0\0"
      "k"
      "\4\0\0\0"
      "\7\0\0\0"
      "\1\0\0\0\0\0\0\0"
      "w"
      "\1\0\0\0"
      "\1\0\0\0\0\0\0\0"
      "\0\0\0\0"
      "\0\0\0\0\0\0\0\0",
      74);
  Bytes bytes(text.begin(), text.end());
  bytes.resize(100);
  write(folder / "formats_gguf/one", bytes);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: make_seeds FOLDER\n");
    return 2;
  }
  const std::filesystem::path folder = arguments[1];
  write_idx(folder);
  write_pngs(folder);
  write_jpegs(folder);
  write_gguf(folder);
  return 0;
}
