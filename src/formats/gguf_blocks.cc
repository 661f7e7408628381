#include "formats/gguf_blocks.h"

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <cstring>

#include "heed/core/error.h"

namespace heed {
namespace {

float half_at(const uint8_t* from) {
  uint16_t bits;
  std::memcpy(&bits, from, sizeof bits);
  return c10::Half(bits, c10::Half::from_bits());
}

float bfloat_at(const uint8_t* from) {
  uint16_t bits;
  std::memcpy(&bits, from, sizeof bits);
  return c10::BFloat16(bits, c10::BFloat16::from_bits());
}

uint32_t word_at(const uint8_t* from) {
  uint32_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// A block of 32: half d, [half m], [32 fifth bits], 16 bytes whose low halves are the first 16
// numbers and whose high halves the others.

void q4_0(const uint8_t* from, float* to) {  // (q - 8) d
  const float d = half_at(from);
  for (int i = 0; i < 16; ++i) {
    const int q = from[2 + i];
    to[i] = static_cast<float>((q & 15) - 8) * d;
    to[i + 16] = static_cast<float>((q >> 4) - 8) * d;
  }
}

void q4_1(const uint8_t* from, float* to) {  // q d + m
  const float d = half_at(from), m = half_at(from + 2);
  for (int i = 0; i < 16; ++i) {
    const int q = from[4 + i];
    to[i] = static_cast<float>(q & 15) * d + m;
    to[i + 16] = static_cast<float>(q >> 4) * d + m;
  }
}

int fifth_bit(uint32_t word, int i) { return static_cast<int>(word >> i & 1) << 4; }

void q5_0(const uint8_t* from, float* to) {  // (q - 16) d
  const float d = half_at(from);
  const uint32_t high = word_at(from + 2);
  for (int i = 0; i < 16; ++i) {
    const int q = from[6 + i];
    to[i] = static_cast<float>(((q & 15) | fifth_bit(high, i)) - 16) * d;
    to[i + 16] = static_cast<float>(((q >> 4) | fifth_bit(high, i + 16)) - 16) * d;
  }
}

void q5_1(const uint8_t* from, float* to) {  // q d + m
  const float d = half_at(from), m = half_at(from + 2);
  const uint32_t high = word_at(from + 4);
  for (int i = 0; i < 16; ++i) {
    const int q = from[8 + i];
    to[i] = static_cast<float>((q & 15) | fifth_bit(high, i)) * d + m;
    to[i + 16] = static_cast<float>((q >> 4) | fifth_bit(high, i + 16)) * d + m;
  }
}

void q8_0(const uint8_t* from, float* to) {  // q d
  const float d = half_at(from);
  for (int i = 0; i < 32; ++i) to[i] = static_cast<float>(static_cast<int8_t>(from[2 + i])) * d;
}

// A block of 256 in eight parts of 32, each with a scale s and a least value m of six bits.

struct ScaleAndLeast {
  int scale, least;
};

/// The numbers of part j, packed into 12 bytes: those of the first four in the low six bits of
/// bytes j and j + 4, whose two high bits are the high ones of the last four.
ScaleAndLeast scale_and_least(const uint8_t* packed, int j) {
  if (j < 4) return {packed[j] & 63, packed[j + 4] & 63};
  return {(packed[j + 4] & 15) | (packed[j - 4] >> 6) << 4, packed[j + 4] >> 4 | (packed[j] >> 6)
                                                                                     << 4};
}

/// Half d, half least, 12 bytes of scales, [32 bytes of fifth bits], 128 bytes of two numbers each.
void q45_k(const uint8_t* from, float* to, const uint8_t* high, const uint8_t* low) {
  const float d = half_at(from), least = half_at(from + 2);
  for (int part = 0; part < 8; ++part) {
    const auto [s, m] = scale_and_least(from + 4, part);
    const float ds = d * static_cast<float>(s), dm = least * static_cast<float>(m);
    const int shift = part % 2 * 4;
    for (int i = 0; i < 32; ++i) {
      const int fifth = high ? (high[i] >> part & 1) << 4 : 0;
      const int q = (low[part / 2 * 32 + i] >> shift & 15) + fifth;
      to[part * 32 + i] = ds * static_cast<float>(q) - dm;  // s d q - m least
    }
  }
}

void q4_k(const uint8_t* from, float* to) { q45_k(from, to, nullptr, from + 16); }
void q5_k(const uint8_t* from, float* to) { q45_k(from, to, from + 16, from + 48); }

/// (q - 32) s d: 128 bytes of low halves, 64 of two high bits each, 16 scales of 8 bits, half d.
void q6_k(const uint8_t* from, float* to) {
  const float d = half_at(from + 208);
  for (int half = 0; half < 2; ++half) {
    const uint8_t *low = from + half * 64, *high = from + 128 + half * 32;
    for (int quarter = 0; quarter < 4; ++quarter) {
      for (int i = 0; i < 32; ++i) {
        const int four = low[quarter % 2 * 32 + i] >> (quarter / 2 * 4) & 15;
        const int q = (four | (high[i] >> (2 * quarter) & 3) << 4) - 32;
        const auto s = static_cast<int8_t>(from[192 + half * 8 + quarter * 2 + i / 16]);
        to[half * 128 + quarter * 32 + i] = d * static_cast<float>(s) * static_cast<float>(q);
      }
    }
  }
}

void f16(const uint8_t* from, float* to) { *to = half_at(from); }
void bf16(const uint8_t* from, float* to) { *to = bfloat_at(from); }

}  // namespace

void unpack_blocks(const GgufType& type, const uint8_t* from, size_t blocks, float* to) {
  const auto all = [&](auto unpack) {
    for (size_t i = 0; i < blocks; ++i) unpack(from + i * type.bytes, to + i * type.numbers);
  };
  switch (type.id) {
    case 1:
      return all(f16);
    case 2:
      return all(q4_0);
    case 3:
      return all(q4_1);
    case 6:
      return all(q5_0);
    case 7:
      return all(q5_1);
    case 8:
      return all(q8_0);
    case 12:
      return all(q4_k);
    case 13:
      return all(q5_k);
    case 14:
      return all(q6_k);
    case 30:
      return all(bf16);
    default:
      throw UsageError("unpack_blocks: not a type of blocks: " + std::string(type.name));
  }
}

}  // namespace heed
