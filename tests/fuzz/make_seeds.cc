// Writes small well-made files for the fuzz targets to start from: make_seeds FOLDER gives
// FOLDER/FLOOR_READER/NAME.
#include <png.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>

#include "data/feature_bytes.h"
#include "data/samples.h"
#include "formats/gguf_bytes.h"
#include "sounds.h"

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
    for (const char* target : {"data_png", "data_mask"})
      write(folder / target / name, heed::test::png(sample));
}

void write_sounds(const std::filesystem::path& folder) {
  for (const uint16_t channels : {1, 2, 8}) {
    const auto wav = heed::test::float_wav(heed::test::tone(440, 0.02, 8000), 8000, channels);
    write(folder / "data_sound" / std::to_string(channels), Bytes(wav.begin(), wav.end()));
  }
}

void write_features(const std::filesystem::path& folder) {
  const auto put = [&](const std::string& name, const std::string& bytes) {
    write(folder / "data_feature_file" / name, Bytes(bytes.begin(), bytes.end()));
  };
  for (const bool big : {false, true})
    put(big ? "big.mfc" : "little.mfc", heed::test::sphinx_bytes({1, 2, 3, 4}, big));
  for (const int version : {1, 2, 3})
    for (const char* type : {"<f4", ">f8"})
      put(type + std::to_string(version) + ".npy",
          heed::test::npy_array({2, 2, type, version == 2, version}, {1, 2, 3, 4}));
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

void write(const std::filesystem::path& file, const std::string& bytes) {
  write(file, Bytes(bytes.begin(), bytes.end()));
}

/// A key, and a tensor of one float32; and all that a model of llama's kind says of itself.
void write_gguf(const std::filesystem::path& folder) {
  using namespace heed::test::gguf;
  heed::test::GgufBytes one;
  one.begin(1, 1).text("k").number(u32).number<uint32_t>(7);
  one.tensor("w", {1}, 0, 0).fill(32).number(1.5f);
  write(folder / "formats_gguf/one", one.get());

  heed::test::GgufBytes llama;
  const auto size = [&](const std::string& key, uint32_t value) {
    llama.text(key).number(u32).number(value);
  };
  const auto texts = [&](const char* key, const std::vector<std::string>& values) {
    llama.text(key).number(array).number(text).number<uint64_t>(values.size());
    for (const auto& value : values) llama.text(value);
  };
  llama.begin(1, 16).text("general.architecture").number(text).text("llama");
  for (const char* key :
       {"block_count", "context_length", "embedding_length", "feed_forward_length",
        "attention.head_count", "attention.head_count_kv", "rope.dimension_count"})
    size(std::string("llama.") + key, 2);
  llama.text("llama.rope.freq_base").number(f32).number(50000.0f);
  llama.text("llama.attention.layer_norm_rms_epsilon").number(f32).number(1e-5f);
  llama.text("tokenizer.ggml.model").number(text).text("gpt2");
  llama.text("tokenizer.ggml.pre").number(text).text("gpt-2");
  texts("tokenizer.ggml.tokens", {"<s>", "a", "b", "ab"});
  texts("tokenizer.ggml.merges", {"a b"});
  llama.text("tokenizer.ggml.token_type").number(array).number(i32).number<uint64_t>(4);
  for (const int32_t type : {3, 1, 1, 1}) llama.number(type);
  size("tokenizer.ggml.bos_token_id", 0);
  size("general.file_type", 0);
  llama.tensor("output_norm.weight", {2}, 0, 0).fill(32).number(1.0f).number(2.0f);
  write(folder / "pretrained_gguf/llama", llama.get());
  write(folder / "formats_gguf/llama", llama.get());
}

/// A weight of 8 bits with its scales, one with scales of columns, and one of bfloat16.
void write_int8(const std::filesystem::path& folder) {
  const auto put = [&](const std::string& name, std::string header, const Bytes& data) {
    header.resize((header.size() + 7) / 8 * 8, ' ');
    Bytes file(8);
    const auto length = static_cast<uint64_t>(header.size());
    std::memcpy(file.data(), &length, sizeof length);
    file.insert(file.end(), header.begin(), header.end());
    file.insert(file.end(), data.begin(), data.end());
    write(folder / "train_int8_tensors" / name, file);
  };
  Bytes data(8);
  const float ones[] = {1, 0.5f, 2, 1, 1, 4};
  data.insert(data.end(), reinterpret_cast<const uint8_t*>(ones),
              reinterpret_cast<const uint8_t*>(ones) + sizeof ones);
  const std::string rows = R"({"w":{"dtype":"I8","shape":[2,4],"data_offsets":[0,8]},)"
                           R"("w_scale":{"dtype":"F32","shape":[2,1],"data_offsets":[8,16]},)";
  put("channels",
      rows + R"("w_channel_scale":{"dtype":"F32","shape":[1,4],"data_offsets":[16,32]}})", data);
  put("others",
      rows + R"("b":{"dtype":"BF16","shape":[4],"data_offsets":[16,24]},)"
             R"("c":{"dtype":"F32","shape":[2],"data_offsets":[24,32]}})",
      data);
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
  write_features(folder);
  write_sounds(folder);
  write_gguf(folder);
  write_int8(folder);
  return 0;
}
