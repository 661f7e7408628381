// Tokens of texts by a tokenizer.json.
#pragma once

#include <string>

namespace heed::cli {

/// For each line of standard input, a text or a pair of texts as JSON, prints what JsonTokenizer makes of it as a line of
/// JSON: ids, tokens, type_ids, offsets, words, special, sequences, decoded, decoded_all; {"error": ...} where it throws.
/// bench/peers/tokenizer_texts.py compares.
void bench_tokens(const std::string& tokenizer);

}  // namespace heed::cli
