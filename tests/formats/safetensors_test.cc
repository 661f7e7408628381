#include "heed/formats/safetensors.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>

#include <cstring>

#include "core/folder_test_helpers.h"
#include "heed/core/error.h"

namespace heed {
namespace {

using test::TemporaryFolder;
using testing::HasSubstr;

/// The same dtype, shape and bits; NaN equals itself.
void expect_same(const at::Tensor& a, const at::Tensor& b) {
  ASSERT_EQ(a.scalar_type(), b.scalar_type());
  ASSERT_EQ(a.sizes(), b.sizes());
  const at::Tensor x = a.contiguous(), y = b.contiguous();
  EXPECT_TRUE(x.nbytes() == 0 || std::memcmp(x.data_ptr(), y.data_ptr(), x.nbytes()) == 0);
}

void expect_same(const NamedTensors& a, const NamedTensors& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].first, b[i].first);
    expect_same(a[i].second, b[i].second);
  }
}

TEST(Safetensors, RoundTripOfEveryDtypeAndShape) {
  const TemporaryFolder here;
  NamedTensors tensors;
  for (const auto type : {at::kBool, at::kByte, at::kChar, at::kShort, at::kHalf, at::kBFloat16,
                          at::kInt, at::kFloat, at::kLong, at::kDouble}) {
    for (const auto& shape : std::vector<std::vector<int64_t>>{
             {}, {0}, {1}, {3, 0, 2}, {7}, {2, 3, 5}, {1, 1, 1, 1, 1, 1, 1, 2}}) {
      tensors.emplace_back(at::toString(type) + std::to_string(tensors.size()),
                           (at::randn(shape) * 50).to(type));
    }
  }
  const at::Tensor grid = at::arange(24).view({4, 6});
  tensors.emplace_back("transposed", grid.t());
  tensors.emplace_back("strided", grid.slice(1, 0, 6, 2));
  tensors.emplace_back("expanded", at::ones({1, 3}).expand({4, 3}));
  tensors.emplace_back(
      "special", torch::tensor(std::vector<double>{NAN, -INFINITY, -0.0, 5e-324}, at::kDouble));
  tensors.emplace_back("with gradient", at::randn({3}).set_requires_grad(true));
  tensors.emplace_back("a \"name\"/with\\ every\tthing \xE2\x98\x83", at::zeros({1}));
  tensors.emplace_back("", at::ones({2}));
  const std::map<std::string, std::string> metadata = {
      {"a", "1"}, {"\xC3\xA9", "{\"b\": []}"}, {"", ""}};
  write_safetensors(here / "a", tensors, metadata);
  const Safetensors back = read_safetensors(here / "a");
  expect_same(tensors, back.tensors);
  EXPECT_EQ(back.metadata, metadata);
  const Safetensors mapped = map_safetensors(here / "a");
  expect_same(tensors, mapped.tensors);
  EXPECT_EQ(mapped.metadata, metadata);
}

TEST(Safetensors, MappedTensorsAreTheFilesOwnMemoryWhereTheyLieWell) {
  const TemporaryFolder here;
  const auto write = [&](size_t spaces) {
    std::string json = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
    json.append(spaces, ' ');
    const uint64_t size = json.size();
    const float values[] = {1.5f, -2.5f};
    test::write_bytes(here / std::to_string(spaces),
                      std::string(reinterpret_cast<const char*>(&size), 8) + json +
                          std::string(reinterpret_cast<const char*>(values), 8));
    return map_safetensors(here / std::to_string(spaces)).tensors[0].second;
  };
  for (size_t spaces = 0; spaces < 8; ++spaces) {
    const auto tensor = write(spaces);
    EXPECT_TRUE(at::equal(tensor, torch::tensor({1.5f, -2.5f}))) << spaces;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.data_ptr()) % sizeof(float), 0u) << spaces;
  }
  std::filesystem::remove(here / "0");
  EXPECT_THROW(map_safetensors(here / "0"), FileError);
  test::write_bytes(here / "cut", test::read_bytes(here / "1").substr(0, 70));
  EXPECT_THROW(map_safetensors(here / "cut"), ModelError);
}

TEST(Safetensors, SameTensorsGiveSameBytesAndAlignedData) {
  const TemporaryFolder here;
  const NamedTensors tensors = {{"b", at::ones({3}, at::kByte)}, {"d", at::ones({2}, at::kDouble)}};
  write_safetensors(here / "one", tensors);
  write_safetensors(here / "two", tensors);
  const std::string bytes = test::read_bytes(here / "one");
  EXPECT_EQ(bytes, test::read_bytes(here / "two"));
  uint64_t header;
  std::memcpy(&header, bytes.data(), 8);
  EXPECT_EQ(header % 8, 0u);
  double first;
  std::memcpy(&first, bytes.data() + 8 + header, 8);
  EXPECT_EQ(first, 1.0) << "the larger elements come first";
}

TEST(Safetensors, NoTensorsAtAll) {
  const TemporaryFolder here;
  write_safetensors(here / "a", {});
  EXPECT_TRUE(read_safetensors(here / "a").tensors.empty());
}

TEST(Safetensors, EveryFlippedByteIsFoundOrHarmless) {
  const TemporaryFolder here;
  const NamedTensors tensors = {{"weight", at::arange(6, at::kFloat).view({2, 3})},
                                {"ids", at::arange(3)},
                                {"mask", at::ones({2}, at::kBool)}};
  const std::map<std::string, std::string> metadata = {{"made by", "a test"}};
  write_safetensors(here / "a", tensors, metadata);
  const std::string good = test::read_bytes(here / "a");
  int found = 0;
  for (size_t i = 0; i < good.size(); ++i) {
    for (const int flip : {0x01, 0x02, 0x10, 0x20, 0x80, 0xff}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ flip);
      test::write_bytes(here / "bad", bad);
      try {
        const Safetensors back = read_safetensors(here / "bad");
        expect_same(tensors, back.tensors);
        EXPECT_EQ(back.metadata, metadata) << "byte " << i << " flipped by " << flip;
      } catch (const ModelError& error) {
        EXPECT_THAT(error.what(), HasSubstr("bad")) << "the file is named";
        ++found;
      }
    }
  }
  EXPECT_GT(found, static_cast<int>(good.size()) * 5);
}

TEST(Safetensors, EveryTruncationAndATailAreFound) {
  const TemporaryFolder here;
  write_safetensors(here / "a", {{"weight", at::arange(6, at::kFloat)}, {"e", at::empty({0})}});
  const std::string good = test::read_bytes(here / "a");
  for (size_t length = 0; length < good.size(); ++length) {
    test::write_bytes(here / "bad", good.substr(0, length));
    EXPECT_THROW(read_safetensors(here / "bad"), ModelError) << length << " bytes";
  }
  test::write_bytes(here / "bad", good + '\0');
  EXPECT_THROW(read_safetensors(here / "bad"), ModelError);
}

TEST(Safetensors, DamagedTensorIsNamedWithBothChecksums) {
  const TemporaryFolder here;
  write_safetensors(here / "a", {{"first", at::ones({4})}, {"second", at::ones({4})}});
  std::string bytes = test::read_bytes(here / "a");
  bytes.back() ^= 4;
  test::write_bytes(here / "a", bytes);
  try {
    read_safetensors(here / "a");
    FAIL();
  } catch (const ModelError& error) {
    EXPECT_THAT(error.what(), HasSubstr("tensor \"second\" has the checksum "));
    EXPECT_THAT(error.what(), HasSubstr("expected"));
  }
}

TEST(Safetensors, ReadsAForeignFileWithoutChecksums) {
  const TemporaryFolder here;
  // As the Python package lays it out: no spaces, no metadata, offsets in the order of the names.
  const std::string json = R"({"b":{"dtype":"I16","shape":[2],"data_offsets":[4,8]},)"
                           R"("a":{"dtype":"BF16","shape":[1,2],"data_offsets":[0,4]}})";
  std::string bytes(8, '\0');
  bytes[0] = static_cast<char>(json.size());
  test::write_bytes(here / "a", bytes + json + std::string("\x80\x3f\x00\x40\x01\x00\xff\xff", 8));
  const Safetensors file = read_safetensors(here / "a");
  ASSERT_EQ(file.tensors.size(), 2u);
  EXPECT_TRUE(at::equal(file.tensors[0].second, torch::tensor({1, -1}, at::kShort)));
  EXPECT_TRUE(
      at::equal(file.tensors[1].second, torch::tensor({1.0, 2.0}, at::kBFloat16).view({1, 2})));
}

TEST(Safetensors, ABoolOfTwoIsRefused) {
  const TemporaryFolder here;
  const std::string json = R"({"a":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}})";
  std::string bytes(8, '\0');
  bytes[0] = static_cast<char>(json.size());
  test::write_bytes(here / "a", bytes + json + "\x02");
  EXPECT_THROW(read_safetensors(here / "a"), ModelError);
}

TEST(Safetensors, RefusesToWriteWhatItCouldNotReadBack) {
  const TemporaryFolder here;
  const at::Tensor one = at::ones({1});
  const auto refuses = [&](const NamedTensors& tensors,
                           const std::map<std::string, std::string>& metadata = {}) {
    EXPECT_THROW(write_safetensors(here / "a", tensors, metadata), UsageError);
    EXPECT_FALSE(std::filesystem::exists(here / "a"));
  };
  refuses({{"a", one}, {"a", one}});
  refuses({{"__metadata__", one}});
  refuses({{"a", at::ones({1}, at::kComplexFloat)}});
  refuses({{"a", one.to_sparse()}});
  refuses({{"a", at::Tensor()}});
  refuses({{"\xff", one}});
  refuses({{"a", one}}, {{"xxh3_128/a", "0"}});
  refuses({{"a", one}}, {{"a", "\xc3"}});
  NamedTensors many(100'001, {"", one});
  for (size_t i = 0; i < many.size(); ++i) many[i].first = std::to_string(i);
  refuses(many);
}

TEST(Safetensors, AMissingFileAndAFullDiskAreFileErrors) {
  const TemporaryFolder here;
  EXPECT_THROW(read_safetensors(here / "none"), FileError);
  EXPECT_THROW(read_safetensors(here.path()), FileError);
  const NamedTensors tensors = {{"a", at::ones({100000})}};
  const int status = test::status_of(test::in_child([&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit bytes{100000, 100000};
    setrlimit(RLIMIT_FSIZE, &bytes);
    try {
      write_safetensors(here / "a", tensors);
    } catch (const FileError&) {
      return 7;
    }
    return 8;
  }));
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

}  // namespace
}  // namespace heed
