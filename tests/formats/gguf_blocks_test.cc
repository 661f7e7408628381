// Blocks against what gguf 0.17.1 (the Python package of llama.cpp) makes of the same bytes.
#include "formats/gguf_blocks.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <string>
#include <vector>

namespace heed {
namespace {

struct Case {
  std::string type;
  std::vector<std::pair<size_t, uint16_t>> halves;  ///< place in a block, bits of a half
  std::vector<std::pair<size_t, float>> numbers;    ///< place in the two blocks, expected
  double sum;
};

constexpr uint16_t k037 = 0x35EC, kMinus15 = 0xBE00, kQuarter = 0x3400;  // 0.37, -1.5, 0.25

const GgufType& named(const std::string& name) {
  for (uint32_t id = 0; id < 64; ++id)
    if (const auto* type = find_gguf_type(id); type && type->name == name) return *type;
  throw std::runtime_error("no type " + name);
}

/// Two blocks of bytes 37 i + 11 + 101 b.
std::vector<float> numbers_of(const Case& given) {
  const auto& type = named(given.type);
  std::vector<uint8_t> bytes(2 * type.bytes);
  for (size_t b = 0; b < 2; ++b) {
    for (size_t i = 0; i < type.bytes; ++i)
      bytes[b * type.bytes + i] = static_cast<uint8_t>(i * 37 + 11 + b * 101);
    for (const auto& [place, half] : given.halves)
      std::memcpy(&bytes[b * type.bytes + place], &half, sizeof half);
  }
  std::vector<float> numbers(2 * type.numbers);
  unpack_blocks(type, bytes.data(), 2, numbers.data());
  return numbers;
}

TEST(GgufBlocks, AreWhatLlamaCppMakesOfThem) {
  const std::vector<std::pair<size_t, uint16_t>> d = {{0, k037}}, d_m = {{0, k037}, {2, kMinus15}};
  const std::vector<Case> cases = {
      {"Q4_0",
       d,
       {{0, -1.1103515625},
        {1, 0.740234375},
        {19, 1.48046875},
        {31, 0},
        {47, -1.1103515625},
        {63, 2.220703125}},
       -13.6943359375},
      {"Q4_1",
       d_m,
       {{0, 4.0517578125},
        {1, -0.01953125},
        {19, -1.5},
        {31, 2.94140625},
        {32, -0.01953125},
        {63, -0.759765625}},
       75.3642578125},
      {"Q5_0",
       d,
       {{0, 3.3310546875},
        {1, -0.740234375},
        {19, 1.8505859375},
        {31, 0.3701171875},
        {47, 3.3310546875},
        {63, -3.3310546875}},
       -4.8115234375},
      {"Q5_1",
       d_m,
       {{0, 5.5322265625},
        {1, 7.3828125},
        {19, 8.123046875},
        {31, 0.3505859375},
        {32, 1.4609375},
        {63, 2.94140625}},
       255.9814453125},
      {"Q8_0",
       d,
       {{0, 31.4599609375},
        {1, 45.154296875},
        {19, 7.40234375},
        {31, -17.765625},
        {32, -25.908203125},
        {63, 19.6162109375}},
       23.6875},
      {"Q4_K",
       d_m,
       {{0, 202.7099609375},
        {1, 76.5},
        {131, 162.345703125},
        {255, 76.927734375},
        {256, 36},
        {495, 133.41796875},
        {511, 23.4931640625}},
       62765.4140625},
      {"Q5_K",
       d_m,
       {{0, 386.2880859375},
        {1, 76.5},
        {131, 162.345703125},
        {255, 99.134765625},
        {256, 36},
        {495, 233.349609375},
        {511, 123.4248046875}},
       101192.4609375},
      {"Q6_K",
       {{208, kQuarter}},
       {{0, -357.75}, {1, 424}, {131, -32.5}, {255, -15}, {256, -384}, {495, 94.5}, {511, -455}},
       -237},
      {"F16", d, {{0, 0.3701171875}, {1, 0.3701171875}}, 0.740234375},
      {"BF16", {{0, 0x3DCC}}, {{0, 0.099609375}}, 0.19921875},
  };
  for (const auto& one : cases) {
    const auto numbers = numbers_of(one);
    for (const auto& [place, expected] : one.numbers)
      EXPECT_EQ(numbers[place], expected) << one.type << " " << place;
    EXPECT_EQ(std::accumulate(numbers.begin(), numbers.end(), 0.0), one.sum) << one.type;
  }
}

}  // namespace
}  // namespace heed
