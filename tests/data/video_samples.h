// Clips made by the tests.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "data/samples.h"

namespace heed::test {

/// A YUV4MPEG2 file of grey frames, each of one brightness (16 black, 235 white), 25 a second.
inline Bytes y4m(int64_t height, int64_t width, const std::vector<uint8_t>& frames) {
  const std::string head = "YUV4MPEG2 W" + std::to_string(width) + " H" + std::to_string(height) +
                           " F25:1 Ip A1:1 C444\n";
  Bytes bytes(head.begin(), head.end());
  const auto pixels = static_cast<size_t>(height * width);
  for (const uint8_t frame : frames) {
    const std::string begin = "FRAME\n";
    bytes.insert(bytes.end(), begin.begin(), begin.end());
    bytes.insert(bytes.end(), pixels, frame);
    bytes.insert(bytes.end(), 2 * pixels, 128);
  }
  return bytes;
}

inline bool has_ffmpeg() { return std::system("ffmpeg -version > /dev/null 2>&1") == 0; }

/// Runs FFmpeg's program.
inline void ffmpeg(const std::string& arguments) {
  const auto command = "ffmpeg -nostdin -v error -y " + arguments + " > /dev/null 2>&1";
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

}  // namespace heed::test

#define HEED_NEEDS_FFMPEG()      \
  if (!heed::test::has_ffmpeg()) \
  GTEST_SKIP() << "needs the program ffmpeg: install Debian's package ffmpeg"
