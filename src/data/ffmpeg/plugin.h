// Between libheed.so and heed_ffmpeg.so, which alone is linked to FFmpeg: C functions and plain memory.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

/// Takes bytes that are valid during the call.
using HeedTakeReason = void (*)(void* to, const char* bytes, size_t count);

/// Takes the time stamp of a packet, kHeedNoTime where it has none, and whether decoding may begin there.
using HeedTakePacket = void (*)(void* to, int64_t time, int is_key);

inline constexpr int64_t kHeedNoTime = INT64_MIN;
/// The reason where memory ends, which is no fault of the file.
inline constexpr char kHeedVideoNoMemory[] = "not enough memory";

/// What the header says of the pictures, and how they are to be turned.
struct HeedVideoShape {
  int64_t height, width;
  double turn;  ///< degrees clockwise, from 0 to below 360
  double tick;  ///< of time stamps, in seconds
};

/// A function that returns int gives 0, or -1 and then hands its reason to `error`.
struct HeedFfmpeg {
  int version;  ///< kHeedFfmpegVersion
  /// Pictures of more than `most_pixels` are refused before memory is taken.
  int (*open)(const char* file, int64_t most_pixels, void** video, HeedTakeReason error,
              void* reason);
  void (*close)(void* video);
  void (*shape)(const void* video, HeedVideoShape* shape);
  /// Reads the whole file without decoding. One that holds less than its header says is an error.
  int (*packets)(void* video, HeedTakePacket take, void* to, HeedTakeReason error, void* reason);
  /// Goes to where decoding can begin, at that time or before it.
  int (*seek)(void* video, int64_t time, HeedTakeReason error, void* reason);
  /// The next picture in the order in which they are shown; 1 at the end.
  int (*next)(void* video, int64_t* time, HeedTakeReason error, void* reason);
  /// That picture's size, and its pixels: red, green, blue, alpha of each, row by row.
  void (*picture)(const void* video, int64_t* height, int64_t* width);
  int (*pixels)(void* video, uint8_t* rgba, HeedTakeReason error, void* reason);
};

inline constexpr int kHeedFfmpegVersion = 1;

/// The plug-in's only symbol.
using HeedFfmpegEntry = const HeedFfmpeg* (*)();
}
