// Sentences to vectors by a folder that others trained, timed by whoever asks.
#pragma once

#include <cstdint>
#include <string>

namespace heed::cli {

struct SentencesBench {
  std::string model, file;  ///< a text a line
  int threads = 1;
};

/// For each line of standard input, how many sentences are given at once (0: all, of which like lengths are
/// batched), embeds all of the file and prints the seconds that it took. bench/peers/embed.py asks in turns.
void bench_sentences(const SentencesBench& options);

}  // namespace heed::cli
