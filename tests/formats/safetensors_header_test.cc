// One bad header for every check of the reader.
#include "formats/safetensors_header.h"

#include <gmock/gmock.h>

#include "heed/core/error.h"

namespace heed {
namespace {

using testing::HasSubstr;

void refuses(const std::string& json, const std::string& says, uint64_t data_bytes = 16) {
  try {
    parse_header(json, data_bytes, "bad.safetensors");
    ADD_FAILURE() << "accepted: " << json.substr(0, 200);
  } catch (const ModelError& error) {
    EXPECT_THAT(error.what(), HasSubstr("bad.safetensors")) << json.substr(0, 200);
    EXPECT_THAT(error.what(), HasSubstr(says)) << json.substr(0, 200);
    EXPECT_LT(std::string(error.what()).size(), 700u);
  }
}

std::string tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   const std::string& offsets) {
  return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" +
         offsets + "}";
}

TEST(SafetensorsHeader, ReadsWhatIsRight) {
  const auto header = parse_header(
      "{" + tensor("b", "F32", "[1, 2]", "[8,16]") + R"(,"__metadata__":{"k":"v"},)" +
          tensor("a", "I64", "[]", "[0,8]") + "," + tensor("e", "U8", "[0,5]", "[16,16]") + "}  ",
      16, "x");
  ASSERT_EQ(header.tensors.size(), 3u);
  EXPECT_EQ(header.tensors[0].name, "b");
  EXPECT_EQ(header.tensors[0].shape, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(header.tensors[0].begin, 8u);
  EXPECT_EQ(header.tensors[1].end, 8u);
  EXPECT_EQ(header.metadata.at("k"), "v");
  EXPECT_TRUE(parse_header("{}", 0, "x").tensors.empty());
}

TEST(SafetensorsHeader, SizeOfTheHeader) {
  const auto size = [](uint64_t claimed, uint64_t file) {
    unsigned char bytes[8];
    for (int i = 0; i < 8; ++i) bytes[i] = static_cast<unsigned char>(claimed >> 8 * i);
    return read_header_size(bytes, file, "x");
  };
  EXPECT_EQ(size(2, 10), 2u);
  EXPECT_EQ(size(100'000'000, 100'000'008), 100'000'000u);
  EXPECT_THROW(size(100'000'001, uint64_t{1} << 40), ModelError);
  EXPECT_THROW(size(~uint64_t{0}, 100), ModelError);
  EXPECT_THROW(size(uint64_t{1} << 63, 100), ModelError);
  EXPECT_THROW(size(3, 10), ModelError);
  EXPECT_THROW(size(0, 100), ModelError);
  EXPECT_THROW(size(1, 100), ModelError);
  EXPECT_THROW(size(2, 8), ModelError);
}

TEST(SafetensorsHeader, NotJson) {
  refuses("", "must start with '{'");
  refuses(" {}", "must start with '{'");
  refuses("\xEF\xBB\xBF{}", "must start with '{'");
  refuses("[]", "must start with '{'");
  refuses("{", "not valid JSON");
  refuses("{}x", "not valid JSON");
  refuses(std::string("{}\0", 3), "not valid JSON");
  refuses(std::string("{}\0hidden", 9), "not valid JSON");
  refuses("{} {}", "not valid JSON");
  refuses("{/* no */}", "not valid JSON");
  refuses("{" + tensor("a\xff", "F32", "[4]", "[0,16]") + "}", "not valid JSON");
  refuses("{" + tensor("a\xc0\x80", "F32", "[4]", "[0,16]") + "}", "not valid JSON");
  refuses("{" + tensor("a\\ud800", "F32", "[4]", "[0,16]") + "}", "not valid JSON");
  refuses("{" + tensor("a", "F32", "[NaN]", "[0,16]") + "}", "not valid JSON");
}

TEST(SafetensorsHeader, AnotherStructure) {
  refuses(R"({"a":3})", "must be an object, found 3");
  refuses(R"({"a":null})", "must be an object, found null");
  refuses(R"({"a":[]})", "must be an object, found a list");
  refuses(R"({"a":{}})", "lacks the field dtype");
  refuses(R"({"a":{"dtype":"F32","data_offsets":[0,16]}})", "lacks the field shape");
  refuses(R"({"a":{"dtype":"F32","shape":[4]}})", "lacks the field data_offsets");
  refuses(R"({"a":{"dtype":5}})", "field dtype: text expected, found 5");
  refuses(R"({"a":{"dtype":{}}})", "field dtype: text expected, found an object");
  refuses(R"({"a":{"dtype":[]}})", "field dtype: text expected, found a list");
  refuses(R"({"a":{"type":"F32"}})", "unknown field \"type\"");
  refuses("{" + tensor("a", "F32", "4", "[0,16]") + "}", "field shape");
  refuses("{" + tensor("a", "F32", "\"4\"", "[0,16]") + "}", "field shape");
  refuses("{" + tensor("a", "F32", "[[4]]", "[0,16]") + "}", "found a list");
  refuses("{" + tensor("a", "F32", "[true]", "[0,16]") + "}", "found true or false");
  refuses("{" + tensor("a", "F32", "[4]", "[0]") + "}", "2 numbers are expected, found 1");
  refuses("{" + tensor("a", "F32", "[4]", "[0,16,16]") + "}", "found 16");
  refuses("{" + tensor("a", "F32", "[4]", "[0,16.0]") + "}", "found \"16.0\"");
  refuses("{" + tensor("a", "F32", "[4]", "[-1,16]") + "}", "found -1");
  refuses("{" + tensor("a", "F32", "[4]", "[0,18446744073709551616]") + "}", "field data_offsets");
}

TEST(SafetensorsHeader, DeepNesting) {
  const std::string deep(1'000'000, '[');
  refuses(R"({"a":)" + deep, "found a list");
  refuses(R"({"a":{"shape":[)" + deep, "found a list");
  std::string objects = "{";
  for (int i = 0; i < 100'000; ++i) objects += R"("a":{)";
  refuses(objects, "unknown field");
}

TEST(SafetensorsHeader, NamesTwice) {
  const std::string a = tensor("a", "F32", "[2]", "[0,8]"), b = tensor("a", "F32", "[2]", "[8,16]");
  refuses("{" + a + "," + b + "}", "names \"a\" twice");
  refuses("{" + a + "," + tensor("\\u0061", "F32", "[2]", "[8,16]") + "}", "names \"a\" twice");
  refuses(R"({"__metadata__":{},"__metadata__":{}})", "twice");
  refuses(R"({"__metadata__":{"k":"1","k":"2"}})", "\"k\" twice");
  refuses(R"({"a":{"dtype":"F32","dtype":"F32"}})", "field dtype twice");
}

TEST(SafetensorsHeader, MetadataIsText) {
  for (const char* value : {"1", "null", "true", "1.5", "-1", "{}", "[]"}) {
    refuses(std::string(R"({"__metadata__":{"k":)") + value + "}}", "metadata \"k\" must be text");
  }
  refuses(R"({"__metadata__":"k"})", "must be an object");
}

TEST(SafetensorsHeader, Dtypes) {
  for (const char* dtype : {"F33", "", "f32", "U64", "F8_E4M3", "F32 "}) {
    std::string json = "{";
    json.append(tensor("a", dtype, "[4]", "[0,16]")).append("}");
    refuses(json, "field dtype: one of F64, F32");
  }
}

TEST(SafetensorsHeader, SizesThatOverflow) {
  const auto shape = [](const std::string& text) {
    return "{" + tensor("a", "F32", text, "[0,16]") + "}";
  };
  refuses(shape("[9223372036854775808]"), "field shape");
  refuses(shape("[9223372036854775807]"), "larger than 2^63");
  refuses(shape("[4294967296,4294967296]"), "larger than 2^63");
  refuses(shape("[4611686018427387905,4]"), "larger than 2^63");  // 4 modulo 2^64
  refuses("{" + tensor("a", "F32", "[0,4294967296,4294967296]", "[0,0]") + "}", "larger than 2^63",
          0);
  std::string long_shape = "[1";
  for (int i = 0; i < 64; ++i) long_shape += ",1";
  refuses(shape(long_shape + "]"), "at most 64");
}

TEST(SafetensorsHeader, Offsets) {
  const auto two = [](const std::string& first, const std::string& second) {
    return "{" + tensor("a", "F32", "[2]", first) + "," + tensor("b", "F32", "[2]", second) + "}";
  };
  EXPECT_EQ(parse_header(two("[8,16]", "[0,8]"), 16, "x").tensors.size(), 2u);
  refuses(two("[0,8]", "[9,17]"), "expected to begin at 8", 17);
  refuses(two("[0,8]", "[4,12]"), "expected to begin at 8", 12);
  refuses(two("[0,8]", "[0,8]"), "expected to begin at 8", 8);
  refuses(two("[8,16]", "[16,24]"), "expected to begin at 0", 24);
  refuses(two("[0,8]", "[8,15]"), "takes 8 bytes, found [8, 15]", 15);
  refuses(two("[0,8]", "[8,0]"), "takes 8 bytes");
  refuses(two("[0,18446744073709551615]", "[8,16]"), "takes 8 bytes");
  refuses(two("[0,8]", "[8,16]"), "cut off", 15);
  refuses(two("[0,8]", "[8,16]"), "cut off", 17);
  refuses("{}", "cut off", 1);
}

TEST(SafetensorsHeader, TooManyTensors) {
  std::string json = "{";
  for (size_t i = 0; i <= kMaxTensors; ++i) {
    if (i > 0) json += ",";
    json += tensor(std::to_string(i), "U8", "[0]", "[0,0]");
  }
  refuses(json + "}", "more than 100000 tensors", 0);
}

TEST(SafetensorsHeader, Checksums) {
  SafetensorsHeader header;
  header.tensors.push_back({"a", "F32", {4}, 0, 16, checksum(std::string(16, '\0'))});
  header.metadata["k"] = "v";
  const std::string good = format_header(header);
  EXPECT_EQ(good.size() % 8, 0u);
  EXPECT_EQ(parse_header(good, 16, "x").tensors[0].checksum, header.tensors[0].checksum);
  EXPECT_EQ(parse_header(good, 16, "x").metadata, header.metadata);
  const auto edited = [&](const std::string& from, const std::string& to) {
    std::string json = good;
    return json.replace(json.find(from), from.size(), to);
  };
  refuses(edited("\"F32\"", "\"I32\""), "the header has the checksum");
  refuses(edited("[4]", "[2,2]"), "the header has the checksum");
  refuses(edited("\"v\"", "\"w\""), "the header has the checksum");
  refuses(edited("xxh3_128/a", "xxh3_128/b"), "lacks the checksum \"xxh3_128/a\"");
  refuses(edited("\"xxh3_128\"", "\"other\""), "lacks the checksum \"xxh3_128\"");
  refuses(edited("\"k\"", "\"xxh3_128/k\""), "a tensor that is not there");
}

TEST(SafetensorsHeader, KnownChecksum) {
  // The vector of the empty input in the XXH3 specification.
  EXPECT_EQ(checksum(""), "99aa06d3014798d86001c324468d497f");
}

TEST(SafetensorsHeader, NamesInMessagesAreShortAndOnOneLine) {
  EXPECT_EQ(in_quotes("a\nb"), "\"a\\nb\"");
  EXPECT_EQ(in_quotes("\xff"), "\"\\ufffd\"");
  EXPECT_LT(in_quotes(std::string(100000, 'a')).size(), 130u);
}

}  // namespace
}  // namespace heed
