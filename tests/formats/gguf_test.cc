#include "heed/formats/gguf.h"

#include <gmock/gmock.h>
#include <torch/types.h>

#include "files.h"
#include "formats/gguf_bytes.h"
#include "formats/gguf_header.h"
#include "heed/core/error.h"

namespace heed {
namespace {

using testing::HasSubstr;

using Bytes = test::GgufBytes;
using namespace test::gguf;

constexpr uint32_t kF32 = 0, kQ8 = 8, kI32 = 26;

TEST(Gguf, ReadsMetadataAndTensors) {
  Bytes file;
  file.begin(2, 6);
  file.text("general.architecture").number(text).text("llama");
  file.text("general.alignment").number(u32).number<uint32_t>(64);
  file.text("eps").number(f32).number(0.5f);
  file.text("causal").number(boolean).number<uint8_t>(1);
  file.text("names").number(array).number(text).number<uint64_t>(2).text("a").text("");
  file.text("kinds").number(array).number(i8).number<uint64_t>(2).number<int8_t>(-1).number<int8_t>(
      7);
  file.tensor("w", {3, 2}, kF32, 0).tensor("ids", {2}, kI32, 64).fill(64);
  for (int i = 0; i < 6; ++i) file.number(static_cast<float>(i));
  file.fill(64).number<int32_t>(5).number<int32_t>(-6);
  const test::TemporaryFolder folder;
  test::write_bytes(folder / "m.gguf", file.get());
  EXPECT_TRUE(is_gguf(folder / "m.gguf"));

  const auto read = read_gguf(folder / "m.gguf");
  EXPECT_EQ(std::get<std::string>(read.metadata.at("general.architecture")), "llama");
  EXPECT_EQ(std::get<double>(read.metadata.at("eps")), 0.5);
  EXPECT_EQ(std::get<bool>(read.metadata.at("causal")), true);
  EXPECT_EQ(std::get<std::vector<std::string>>(read.metadata.at("names")),
            (std::vector<std::string>{"a", ""}));
  EXPECT_EQ(std::get<std::vector<int64_t>>(read.metadata.at("kinds")),
            (std::vector<int64_t>{-1, 7}));
  ASSERT_EQ(read.tensors.size(), 2u);
  EXPECT_EQ(read.tensors[0].first, "w");
  EXPECT_TRUE(read.tensors[0].second.equal(torch::arange(6).to(at::kFloat).view({2, 3})));
  EXPECT_TRUE(read.tensors[1].second.equal(torch::tensor({5, -6}, at::kInt)));
}

TEST(Gguf, IsToldByItsFirstBytes) {
  const test::TemporaryFolder folder;
  test::write_bytes(folder / "short", "GGU");
  test::write_bytes(folder / "other", "{\"GGUF\": 1}");
  EXPECT_FALSE(is_gguf(folder / "short"));
  EXPECT_FALSE(is_gguf(folder / "other"));
  EXPECT_THROW(is_gguf(folder / "absent"), FileError);
}

void refuses(const Bytes& file, const std::string& says) {
  try {
    parse_gguf_header(file.get(), "bad.gguf");
    ADD_FAILURE() << "accepted, expected: " << says;
  } catch (const ModelError& error) {
    EXPECT_THAT(error.what(), HasSubstr("bad.gguf"));
    EXPECT_THAT(error.what(), HasSubstr(says));
  }
}

TEST(Gguf, RefusesWhatIsWrong) {
  refuses(Bytes(), "magic");
  refuses(Bytes().number(uint32_t{7}), "does not begin with");
  refuses(Bytes().begin(0, 0, 1), "expected 2 or 3, found 1");
  refuses(Bytes().begin(0, 0, 0x03000000), "big-endian");
  refuses(Bytes().begin(uint64_t{1} << 60, 0), "tensors");
  refuses(Bytes().begin(0, 1).number(~uint64_t{0}), "key 0");
  refuses(Bytes().begin(0, 1).text("a").number<uint32_t>(13), "unknown type 13");
  refuses(Bytes().begin(0, 1).text("a").number(array).number(f64).number(uint64_t{1} << 62),
          "items do not fit");
  refuses(Bytes().begin(0, 1).text("a").number(array).number(array).number<uint64_t>(0),
          "list of lists");
  refuses(Bytes().begin(0, 1).text("a").number(u64).number(~uint64_t{0}), "more than an int64");
  refuses(Bytes().begin(0, 1).text("a").number(boolean).number<uint8_t>(2), "expected 0 or 1");
  refuses(Bytes()
              .begin(0, 2)
              .text("a")
              .number(u8)
              .number<uint8_t>(1)
              .text("a")
              .number(u8)
              .number<uint8_t>(1),
          "\"a\" is given twice");
  refuses(Bytes().begin(0, 1).text("general.alignment").number(u32).number<uint32_t>(24),
          "power of two");
}

TEST(Gguf, RefusesTensorsThatCannotBe) {
  const auto one = [](const std::vector<uint64_t>& sizes, uint32_t type, uint64_t offset) {
    return Bytes().begin(1, 0).tensor("w", sizes, type, offset).fill(32).number(uint64_t{0});
  };
  parse_gguf_header(one({2}, kF32, 0).get(), "good.gguf");
  refuses(one({3}, kF32, 0), "lead behind the end");
  refuses(one({2}, kF32, 8), "no multiple of the alignment");
  refuses(one({2}, kF32, uint64_t{1} << 63), "lead behind the end");
  refuses(one({0}, kF32, 0), "dimension of 0");
  refuses(one({uint64_t{1} << 40, uint64_t{1} << 40}, kF32, 0), "more than 2^50");
  refuses(one({1, 1, 1, 1, 1}, kF32, 0), "1 to 4 dimensions");
  refuses(one({}, kF32, 0), "1 to 4 dimensions");
  refuses(one({31}, kQ8, 0), "no whole blocks of Q8_0");
  refuses(one({256}, 10, 0), "ggml's type 10");  // Q2_K
  refuses(Bytes()
              .begin(2, 0)
              .tensor("w", {1}, kF32, 0)
              .tensor("w", {1}, kF32, 0)
              .fill(32)
              .number(uint64_t{0}),
          "given twice");
}

}  // namespace
}  // namespace heed
