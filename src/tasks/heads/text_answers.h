// What a trained model that writes text answers: predictions, and what it looks at.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tasks/heads/lines_beside.h"
#include "tasks/heads/text_writer.h"
#include "tasks/heads/writes.h"

namespace heed {

class TextAnswers {
 public:
  TextAnswers() = default;
  /// A writer of one model; the kind of its tokenizer; the vocabularies of its input, as files.
  TextAnswers(TextWriter writer, std::string tokenizer_kind, Files vocabularies)
      : writer_(std::move(writer)),
        tokenizer_kind_(std::move(tokenizer_kind)),
        vocabularies_(std::move(vocabularies)) {}

  const TextWriter& writer() const { return writer_; }

  /// See Head, of which these are.
  void answer_by(const AnswerOptions& answer);
  /// `states`: what an encoder gave, of a model that writes from that; otherwise undefined.
  std::vector<Prediction> predict(const SourceBatch& states, const Batch& batch,
                                  const Split& split);
  /// See Writes.
  std::vector<TextToWrite> to_write(const SourceBatch& states, const Batch& batch,
                                    const Split& split) const;
  /// `place`: of the example. A text of more tokens than the model has positions for: DataError.
  Looked explain(const SourceBatch& states, const Batch& batch, const std::string& place,
                 const std::string& target);
  /// log p of what was written behind what was read, all of it or some tokens; `source`: of a batch.
  Aim aim(const AimOptions& options, const Looked& looked,
          std::function<SourceBatch(const Tokens&, const Batch&)> source);
  /// See Head::likelihoods; of a model of one text.
  std::vector<std::vector<TokenLikelihood>> likelihoods(const Batch& batch);
  void finish() { prefix_.check_end(answered_), target_.check_end(answered_); }

 private:
  SequenceModel& model() const { return *writer_.models.front(); }
  const data::Tokenizer& tokenizer() const { return *writer_.tokenizer; }
  void join(const std::string& folder);
  std::vector<Prediction> write(const Batch& batch, const Split& split);
  std::vector<Prediction> score(const Batch& batch, const Split& split);
  std::vector<Prediction> answer_from(const SourceBatch& states, const Batch& batch,
                                      const Split& split);
  std::vector<Prediction> go_on(const Batch& batch);
  void check_length(int64_t tokens, const std::string& place) const;
  std::vector<int64_t> encode(const std::string& text, const std::string& place) const;
  std::vector<TokenPlace> pieces(const std::vector<int64_t>& tokens) const;
  Looked look_at(const SourceBatch& source, const std::vector<int64_t>& written);
  Looked look_on(const std::vector<int64_t>& beginning, const std::vector<int64_t>& written);

  TextWriter writer_;
  std::string tokenizer_kind_;
  Files vocabularies_;
  LinesBeside prefix_, target_;
  int64_t answered_ = 0;
};

}  // namespace heed
