#include "tasks/heads/transcript_scorer.h"

#include <map>
#include <nlohmann/json.hpp>

#include "core/as_line.h"
#include "core/text.h"
#include "heed/metrics/wer.h"
#include "tasks/collected.h"

namespace heed {
namespace {

nlohmann::ordered_json as_json(const EditCounts& counts) {
  return {{"expected", counts.expected()},
          {"hits", counts.hits},
          {"substitutions", counts.substitutions},
          {"deletions", counts.deletions},
          {"insertions", counts.insertions}};
}

class TranscriptScorer : public Scorer {
 public:
  TranscriptScorer(SplitPtr split, std::string column, std::string frequent,
                   TranscriptOutputOf output)
      : split_(std::move(split)),
        column_(std::move(column)),
        frequent_(std::move(frequent)),
        output_(std::move(output)) {}

  void add(const Tokens& tokens, const Batch& batch) override {
    auto found = output_(tokens, batch);
    loss_ += found.loss, tokens_ += found.tokens;
    const auto* records = batch.records.data_ptr<int64_t>();
    for (auto& text : found.texts) written_[*records++] = std::move(text);
  }

  bool collected(Collected& state) override {
    state(loss_), state(tokens_), state(written_);
    return true;
  }

  Metrics metrics() override {
    const auto found = lines(), right = expected();
    words_ = corpus_word_edits(found, right), characters_ = corpus_character_edits(found, right);
    int64_t equal = 0;
    for (size_t i = 0; i < found.size(); ++i) equal += found[i] == right[i];
    Metrics all{{"wer", words_.rate()},
                {"cer", characters_.rate()},
                {"exact", static_cast<double>(equal) / static_cast<double>(found.size())}};
    if (tokens_ > 0) all.emplace_back("loss", loss_ / static_cast<double>(tokens_));
    return all;
  }

  Metrics baseline() const override {
    const auto right = expected();
    const std::vector<std::string> same(right.size(), frequent_);
    return {{"baseline_wer", corpus_word_edits(same, right).rate()},
            {"baseline_cer", corpus_character_edits(same, right).rate()}};
  }

  std::vector<std::string> outputs() const override {
    std::vector<std::string> all;
    for (const auto& [record, text] : written_) all.push_back(as_line(text));
    return all;
  }
  std::string details() const override {
    return nlohmann::ordered_json{{"words", as_json(words_)}, {"characters", as_json(characters_)}}
        .dump();
  }
  std::string report() const override {
    std::string text = "\nexpected      hits  replaced   missing     added\n";
    for (const auto& [counts, what] :
         {std::pair(words_, "words"), std::pair(characters_, "characters")}) {
      for (const int64_t count : {counts.expected(), counts.hits, counts.substitutions,
                                  counts.deletions, counts.insertions}) {
        const auto digits = std::to_string(count);
        text += std::string(digits.size() < 8 ? 8 - digits.size() : 0, ' ') + digits + "  ";
      }
      text.append(what).append("\n");
    }
    return text;
  }

 private:
  std::vector<std::string> lines() const {
    std::vector<std::string> all;
    for (const auto& [record, text] : written_) all.push_back(text);
    return all;
  }
  std::vector<std::string> expected() const {
    std::vector<std::string> all;
    for (const auto& [record, text] : written_) all.push_back(split_->value(record, column_));
    return all;
  }

  SplitPtr split_;
  std::string column_, frequent_;
  TranscriptOutputOf output_;
  double loss_ = 0;
  int64_t tokens_ = 0;
  std::map<int64_t, std::string> written_;  // of each record
  EditCounts words_, characters_;
};

}  // namespace

std::unique_ptr<Scorer> make_transcript_scorer(SplitPtr split, std::string column,
                                               std::string frequent, TranscriptOutputOf output) {
  return std::make_unique<TranscriptScorer>(std::move(split), std::move(column),
                                            std::move(frequent), std::move(output));
}

}  // namespace heed
