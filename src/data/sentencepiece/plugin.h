// Between libheed.so and heed_sentencepiece.so, which alone is linked to SentencePiece: C functions
// and plain memory, so that neither side's C++ library, protobuf or exceptions meet the other's.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

/// Takes bytes that are valid during the call.
using HeedTakeBytes = void (*)(void* to, const char* bytes, size_t count);

/// The next line: 1, or 0 where there is none.
using HeedNextLine = int (*)(void* from, const char** line, size_t* count);

/// A piece, and the bytes of the text that it stands for.
struct HeedPiece {
  int id;
  size_t begin, end;
};

struct HeedTrainArgument {
  const char *name, *value;
};

/// Reasons that are no fault of the text; the second is followed by the system's words.
inline constexpr char kHeedNoMemory[] = "not enough memory";
inline constexpr char kHeedNoThread[] = "cannot start a thread: ";

/// A function that returns int gives 0, or 1 and then hands its reason to `error`.
struct HeedSentencePiece {
  int version;  ///< kHeedSentencePieceVersion
  int (*train)(const HeedTrainArgument* arguments, size_t count, HeedNextLine next, void* from,
               HeedTakeBytes model, void* to, HeedTakeBytes error, void* reason);
  int (*load)(const char* bytes, size_t count, void** model, HeedTakeBytes error, void* reason);
  void (*free)(void* model);
  int64_t (*size)(const void* model);
  void (*specials)(const void* model, int64_t ids[4]);  ///< pad, unk, bos, eos; -1: none
  int (*encode)(const void* model, const char* text, size_t count,
                void (*take)(void* to, const int* ids, size_t count), void* to, HeedTakeBytes error,
                void* reason);
  int (*encode_with_offsets)(const void* model, const char* text, size_t count,
                             void (*take)(void* to, const HeedPiece* pieces, size_t count),
                             void* to, HeedTakeBytes error, void* reason);
  int (*decode)(const void* model, const int* ids, size_t count, HeedTakeBytes text, void* to,
                HeedTakeBytes error, void* reason);
  void (*piece)(const void* model, int id, HeedTakeBytes piece, void* to);
  int64_t (*id)(const void* model, const char* piece, size_t count);
};

constexpr int kHeedSentencePieceVersion = 2;

/// The plug-in's only symbol.
using HeedSentencePieceEntry = const HeedSentencePiece* (*)();
}
