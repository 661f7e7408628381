// A trained model that answers texts by texts.
#include "heed/tasks/translate.h"
#include "tasks/text_folder.h"
#include "tasks/text_search.h"
#include "tasks/translate_files.h"

namespace heed {

Translator Translator::load(const std::filesystem::path& where,
                            const std::vector<std::string>& set) {
  const auto folder = TextFolder::open(where);
  Translator translator;
  translator.recipe_ = folder.recipe<TranslateRecipe>(set);
  const auto& data = translator.recipe_.data;
  if (data.share_vocabulary) {
    translator.source_ = translator.target_ = folder.tokenizer(data.source, kSharedTokenizer);
  } else {
    translator.source_ = folder.tokenizer(data.source, kSourceTokenizer);
    translator.target_ = folder.tokenizer(data.target, kTargetTokenizer);
  }
  translator.model_ = make_text_model(translator.recipe_.model, translator.target_->size(),
                                      translator.source_->size());
  folder.load(*translator.model_);
  return translator;
}

std::vector<int64_t> Translator::encode(const std::string& line, const std::string& place) const {
  return encode_source(recipe_.data, *source_, line, place);
}

std::vector<int64_t> Translator::encode_target(const std::string& line,
                                               const std::string& place) const {
  try {
    return target_->encode(line);
  } catch (const DataError& error) {
    throw DataError(place + ": " + error.what());
  }
}

std::vector<std::vector<Hypothesis>> Translator::translate(
    const std::vector<std::vector<int64_t>>& sources,
    const std::vector<std::vector<int64_t>>& prefixes) const {
  return generate(models(), sources, search_options(recipe_.generate, *target_).prefixes(prefixes));
}

std::vector<std::vector<double>> Translator::score(
    const std::vector<std::vector<int64_t>>& sources,
    const std::vector<std::vector<int64_t>>& targets) const {
  return heed::score(models(), sources, targets, search_options(recipe_.generate, *target_));
}

TranslateEvaluation Translator::evaluate(const std::vector<std::string>& split) const {
  MeasuredPairs measured(recipe_, open_split(recipe_.data, split, "test"), source_, target_);
  auto result = evaluate_pairs(recipe_, models(), measured);
  if (!others_.empty()) return result;
  const auto losses = loss_metrics(*model_, measured.loader);
  result.metrics.insert(result.metrics.end(), losses.begin(), losses.end());
  return result;
}

void Translator::join(const Translator& other) {
  if (other.source_->file() != source_->file() || other.target_->file() != target_->file()) {
    throw ModelError("models that translate together need the same vocabularies");
  }
  others_.push_back(other.model_);
}

std::vector<SequenceModelPtr> Translator::models() const {
  std::vector<SequenceModelPtr> all{model_};
  all.insert(all.end(), others_.begin(), others_.end());
  return all;
}

}  // namespace heed
