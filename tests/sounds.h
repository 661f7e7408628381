// Recordings of tests: WAV files that are made, byte by byte.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <numbers>
#include <string>
#include <vector>

namespace heed::test {

/// A WAV of float32 samples, interleaved where there are several channels.
inline std::string float_wav(const std::vector<float>& samples, uint32_t rate,
                             uint16_t channels = 1) {
  std::string bytes;
  const auto put = [&](uint64_t value, int count) {
    for (int i = 0; i < count; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFF);
  };
  const auto size = static_cast<uint32_t>(4 * samples.size());
  bytes += "RIFF";
  put(36 + size, 4);
  bytes += "WAVEfmt ";
  put(16, 4), put(3, 2), put(channels, 2), put(rate, 4);
  put(uint64_t{rate} * channels * 4, 4), put(channels * 4u, 2), put(32, 2);
  bytes += "data";
  put(size, 4);
  const auto begin = bytes.size();
  bytes.resize(begin + size);
  std::memcpy(bytes.data() + begin, samples.data(), size);
  return bytes;
}

/// A tone of that many Hz.
inline std::vector<float> tone(double hz, double seconds, uint32_t rate, double height = 0.5) {
  std::vector<float> samples(static_cast<size_t>(std::lround(seconds * rate)));
  for (size_t i = 0; i < samples.size(); ++i)
    samples[i] =
        static_cast<float>(height * std::sin(2 * std::numbers::pi * hz * double(i) / double(rate)));
  return samples;
}

}  // namespace heed::test
