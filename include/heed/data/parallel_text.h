// Pairs of texts, one after another: a corpus for translation and whatever else answers a text by a
// text.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "heed/core/fields.h"

namespace heed::data {

struct TextPair {
  std::string source, target;
  std::string place;  ///< for messages: "train.de:17, train.en:17" or "pairs.tsv:17"
};

/// Reads a corpus from its beginning to its end, in constant memory.
class PairReader {
 public:
  virtual ~PairReader() = default;
  /// Puts the next pair into `pair`; false at the end.
  virtual bool next(TextPair& pair) = 0;
};

/// A corpus that can be read again and again. Const functions may be called by several threads.
class TextPairs {
 public:
  virtual ~TextPairs() = default;
  virtual std::unique_ptr<PairReader> read() const = 0;
  virtual std::string name() const = 0;  ///< for messages: its files
};

using TextPairsPtr = std::shared_ptr<const TextPairs>;

enum class PairFormat { lines, tsv, json };
constexpr std::array<const char*, 3> words(PairFormat) { return {"lines", "tsv", "json"}; }

/// Where the two texts of a pair stand; part of a recipe's [data].
struct PairOptions {
  PairFormat format = PairFormat::lines;
  std::vector<int64_t> columns = {1, 2};                 ///< tsv: of source and target, from 1
  std::vector<std::string> keys = {"source", "target"};  ///< json: of source and target

  template <class Visitor>
  void fields(Visitor&& v) {
    v("format", format,
      "lines (a file of sources and one of targets, line by line), tsv (columns parted by tabs), "
      "json (an object per line)");
    if (format == PairFormat::tsv)
      v("columns", columns, "[source, target], columns counted from 1", between(1, kMostCount));
    if (format == PairFormat::json) v("keys", keys, "[source, target], keys of a line's object");
  }
};

/// Opens a corpus; files are read as LineReader does (lines.h), which also throws.
/// - lines: line n of `source` belongs to line n of `target`; DataError with both numbers of lines
///   where the files differ.
/// - tsv, json: both texts stand in a line of `source`, and `target` is empty. A column has no
///   quotes and no escapes; a line with too few columns is a DataError. A line of JSON is an object
///   in which both keys are strings (DataError names the line and the key); other keys may be
///   there, and a line of white space alone is an error like any other that is no object. A line
///   feed in a JSON string is text.
/// Throws UsageError: a column below 1, not two columns or keys, a target where there is none to
/// be, or none where there must be one.
TextPairsPtr open_text_pairs(const std::filesystem::path& source,
                             const std::filesystem::path& target, const PairOptions& options = {});

/// Pairs in memory, for what a program makes itself; `name` stands in messages, with the pair's
/// number from 1.
TextPairsPtr text_pairs(std::vector<std::string> sources, std::vector<std::string> targets,
                        const std::string& name);

}  // namespace heed::data
