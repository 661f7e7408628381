// A model that `heed serve` answers with: what it is given, and how many tokens that is.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "heed/tasks/predictor.h"
#include "models/continuous.h"
#include "output.h"
#include "tasks/heads/writes.h"
#include "tasks/inputs/prompts.h"

namespace heed::cli {

/// An example as it is asked for: texts of the model's columns in their order, a record, or a file.
struct ServedExample {
  std::vector<std::string> texts = {};
  Json record = {};  ///< an object by columns; null: there is none
  std::string file = {};
};

/// How many tokens an example has, and had before it was cut.
struct ServedLength {
  int64_t tokens = 1, whole = 1;
};

/// Opening and counting may be done by another thread than computing.
class ServedModel {
 public:
  /// `where`: the folder of a model; its name is that of the folder. Throws what Predictor::load does.
  explicit ServedModel(const std::string& where, const std::vector<std::string>& set);

  const std::string& name() const { return name_; }
  const std::string& where() const { return where_; }
  Predictor& predictor() { return predictor_; }
  std::string head() const { return predictor_.recipe().heads.front().kind; }
  bool embeds() const { return embeds_; }
  bool transcribes() const;          ///< reads sound and writes what is said
  int64_t max_length() const;        ///< tokens of an input; 0: any number
  int64_t texts_of_example() const;  ///< columns of text that it reads, 0: others
  bool reads_pairs() const { return texts_of_example() == 2; }
  /// What writes token by token: of one text, with prompts, or from a source, by its only head. Null: it is another.
  const TextWriter* writer() const { return writes_ ? &writes_->writer() : nullptr; }
  const Writes* writes() const { return writes_; }
  bool goes_on() const { return writes_ && !has_source(); }  ///< a model of one text
  bool has_source() const { return writes_ && sequence_model()->has_encoder(); }
  const Prompts* prompts() const { return prompts_; }
  SequenceModelPtr sequence_model() const { return writes_ ? writer()->models.front() : nullptr; }

  /// Examples as one part; all of one kind. Throws HttpError for what the model does not read, what opening does.
  SplitPtr open(const std::vector<ServedExample>& examples, bool cuts) const;
  /// Throws DataError for a text of more tokens than the model takes, unless it `cuts`.
  std::vector<ServedLength> lengths(const std::vector<ServedExample>& examples, bool cuts) const;
  /// Of texts, with places in them: pieces as text-embeddings-inference lists them.
  Json tokenized(const std::string& text, bool add_special_tokens) const;

 private:
  std::string where_, name_;
  Predictor predictor_;
  bool embeds_ = false;
  const Writes* writes_ = nullptr;
  const Prompts* prompts_ = nullptr;
};

}  // namespace heed::cli
