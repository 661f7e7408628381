// The texts of a column that a head writes from what an encoder gives.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "heed/data/tokenizer.h"
#include "tasks/heads/text_writer.h"

namespace heed {

struct WrittenOptions {
  std::string column = "text";
  data::TokenizerOptions tokenizer;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("column", column, "of the text that is written");
    v("tokenizer", tokenizer, "of that text");
  }
};

class WrittenColumn {
 public:
  /// The tokenizer from training's texts, or from a model's files.
  void learn(const WrittenOptions& options, const Split& train);
  void load(const WrittenOptions& options, const Files& files);
  Files files() const;
  const data::TokenizerPtr& tokenizer() const { return tokenizer_; }

  /// The pieces of an example's text. Throws DataError with its place for one that has no number.
  std::vector<int64_t> encoded(const Split& split, int64_t example, const Draw& draw = {}) const;

  /// Tokens and labels (B, L) as data::SequenceBatch has them, of what each text begins with, itself and its end;
  /// what it begins with is not learned. Throws DataError for a text that has more tokens than the model has positions.
  std::pair<at::Tensor, at::Tensor> targets(const Split& split,
                                            const std::vector<int64_t>& examples, const Draw& draw,
                                            const TextWriter& writer) const;
  /// Throws DataError for an example without a text.
  void check(const Split& split) const;

 private:
  std::vector<int64_t> target_of(const Split& split, int64_t example, const Draw& draw,
                                 const TextWriter& writer) const;

  std::string column_;
  data::TokenizerPtr tokenizer_;
  Files beside_;  // of a tokenizer.json, as they lay there
};

}  // namespace heed
