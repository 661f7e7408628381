// Tokenizers as files of a model folder.
#pragma once

#include <string>

#include "heed/core/error.h"
#include "heed/data/json_tokenizer.h"
#include "heed/tasks/input.h"

namespace heed {

/// The tokenizer in the file `name` of a model folder; of a tokenizer.json with the roles that the files
/// beside it give to tokens. Throws ModelError where there is none or a
/// damaged one.
inline data::TokenizerPtr tokenizer_file(const Files& files, const std::string& name,
                                         const data::TokenizerOptions& options) {
  const auto found = files.find(name);
  if (found == files.end())
    throw ModelError("the model folder lacks its tokenizer, the file " + name);
  try {
    if (options.kind == data::TokenizerKind::json)
      return data::as_tokenizer(data::JsonTokenizer::parse(
          found->second, name + " (tokenizer.json)", files, options.rows));
    return data::load_tokenizer(options, found->second, name);
  } catch (const DataError& error) {
    throw ModelError(error.what());
  }
}

/// Where a batch has its pieces. What separates words in SentencePiece, U+2581 alone, is none: of a
/// text without a known character it would be half.
inline PieceNumbers piece_numbers(std::string tensor, const data::Tokenizer& tokenizer) {
  PieceNumbers found{std::move(tensor),
                     tokenizer.unknown(),
                     {tokenizer.padding(), tokenizer.begin(), tokenizer.end()}};
  const int64_t blank = tokenizer.id("\u2581");
  if (blank != tokenizer.unknown()) found.none.push_back(blank);
  return found;
}

}  // namespace heed
