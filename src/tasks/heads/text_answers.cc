#include "tasks/heads/text_answers.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "data/text.h"
#include "heed/core/error.h"
#include "heed/nn/recording.h"
#include "heed/tasks/predictor.h"

namespace heed {
namespace {

void take_off_first(Hypothesis& found, int64_t count) {
  const auto cut = [&](auto& list) {
    list.erase(list.begin(), list.begin() + std::min<int64_t>(count, std::ssize(list)));
  };
  cut(found.tokens), cut(found.log_probabilities), cut(found.seconds);
}

}  // namespace

void TextAnswers::answer_by(const AnswerOptions& answer) {
  if (answer.top)
    throw UsageError(
        "--top is for heads that choose among classes or items; for more texts an input: --set "
        "head.generate.beam_size=5 --set head.generate.num_hypotheses=5");
  const bool given = !answer.prefix.empty() || !answer.target.empty() || !answer.with.empty();
  if (given && !model().has_encoder())
    throw UsageError(
        "--prefix, --target and --with are for models that write text from text; what a model of "
        "one text goes on from is its input");
  if (!answer.prefix.empty() && !answer.target.empty())
    throw UsageError("--prefix and --target exclude each other: a given text has no choice");
  if (!answer.with.empty() && model().source_vocabulary() == 0)
    throw UsageError(
        "--with is for models that read their source by themselves, and this one writes from what "
        "its [encoder] gives");
  prefix_ = LinesBeside("--prefix", answer.prefix);
  target_ = LinesBeside("--target", answer.target);
  answered_ = 0;
  writer_.models.resize(1);
  for (const auto& folder : answer.with) join(folder);
}

/// From now on both models write together.
void TextAnswers::join(const std::string& folder) {
  auto other = Predictor::load(folder);
  const auto children = other.module().named_children();
  const auto* head = children.find("head");
  const auto model = head ? std::dynamic_pointer_cast<SequenceModel>(*head) : nullptr;
  if (!model) throw ModelError("--with " + folder + ": not a model that writes text");
  if (other.recipe().inputs.front()->files() != vocabularies_)
    throw ModelError("--with " + folder +
                     ": models that write together need the same vocabularies");
  writer_.models.push_back(model);
}

std::vector<int64_t> TextAnswers::encode(const std::string& text, const std::string& place) const {
  try {
    return tokenizer().encode(text);
  } catch (const DataError& error) {
    throw DataError(place + ": " + error.what());
  }
}

std::vector<Prediction> TextAnswers::predict(const SourceBatch& states, const Batch& batch,
                                             const Split& split) {
  if (states.defined()) return answer_from(states, batch, split);
  if (!batch.has("source")) return go_on(batch);
  return target_.is_given() ? score(batch, split) : write(batch, split);
}

/// A source that is empty or blank says nothing, and so does its text; the model is not asked.
std::vector<Prediction> TextAnswers::write(const Batch& batch, const Split& split) {
  auto all = rows_of(batch.at("source"), batch.at("source_lengths"));
  const auto* records = batch.records.data_ptr<int64_t>();
  std::vector<bool> empty;
  TokenLists sources, prefixes;
  for (size_t i = 0; i < all.size(); ++i) {
    auto prefix = encode(prefix_.next(split.place(records[i])), prefix_.place());
    empty.push_back(data::split_at_space(split.value(records[i], "source")).empty());
    if (empty.back()) continue;
    sources.push_back(std::move(all[i])), prefixes.push_back(std::move(prefix));
  }
  const auto found = writer_.write(sources, prefixes);
  auto next = found.begin();
  std::vector<Prediction> predictions;
  for (const bool skipped : empty)
    predictions.push_back(
        writer_.predicted(skipped ? std::vector<Hypothesis>(1) : *next++, answered_++));
  return predictions;
}

std::vector<TextToWrite> TextAnswers::to_write(const SourceBatch& states, const Batch& batch,
                                               const Split& split) const {
  const auto all = states.defined() ? states : source_of(batch);
  const auto options = writer_.options_of(states, batch.size());
  const auto lengths = all.lengths.contiguous();
  const auto* records = batch.records.data_ptr<int64_t>();
  std::vector<TextToWrite> texts;
  for (int64_t i = 0; i < batch.size(); ++i) {
    const int64_t length = lengths[i].item<int64_t>();
    const auto own = [&](const at::Tensor& part) {
      return part.defined() ? part.narrow(0, i, 1).narrow(1, 0, length) : part;
    };
    const bool is_blank =
        !states.defined() && data::split_at_space(split.value(records[i], "source")).empty();
    texts.push_back({{own(all.tokens), lengths.narrow(0, i, 1), own(all.states)},
                     options[static_cast<size_t>(i)],
                     is_blank});
  }
  return texts;
}

std::vector<Prediction> TextAnswers::answer_from(const SourceBatch& states, const Batch& batch,
                                                 const Split& split) {
  auto& given = target_.is_given() ? target_ : prefix_;
  const auto* records = batch.records.data_ptr<int64_t>();
  TokenLists texts;
  for (int64_t i = 0; i < batch.size(); ++i)
    texts.push_back(encode(given.next(split.place(records[i])), given.place()));
  std::vector<Prediction> predictions;
  if (target_.is_given()) {
    const auto scores = writer_.score_from(states, texts);
    for (size_t i = 0; i < scores.size(); ++i)
      predictions.push_back(writer_.scored(texts[i], scores[i]));
    answered_ += batch.size();
  } else {
    for (const auto& found : writer_.write_from(states, texts))
      predictions.push_back(writer_.predicted(found, answered_++));
  }
  return predictions;
}

std::vector<Prediction> TextAnswers::score(const Batch& batch, const Split& split) {
  const auto* records = batch.records.data_ptr<int64_t>();
  TokenLists targets;
  for (int64_t i = 0; i < batch.size(); ++i)
    targets.push_back(encode(target_.next(split.place(records[i])), target_.place()));
  const auto scores =
      writer_.score(rows_of(batch.at("source"), batch.at("source_lengths")), targets);
  std::vector<Prediction> predictions;
  for (size_t i = 0; i < scores.size(); ++i)
    predictions.push_back(writer_.scored(targets[i], scores[i]));
  answered_ += batch.size();
  return predictions;
}

std::vector<Prediction> TextAnswers::go_on(const Batch& batch) {
  std::vector<Prediction> predictions;
  const auto* unshown = batch.at("unshown").data_ptr<int64_t>();
  for (const auto& beginning : rows_of(batch.at("target"), batch.at("target_lengths"))) {
    auto found = writer_.go_on(beginning);
    for (auto& each : found) take_off_first(each, *unshown);
    ++unshown;
    predictions.push_back(writer_.predicted(found, answered_++));
  }
  return predictions;
}

std::vector<TokenPlace> TextAnswers::pieces(const std::vector<int64_t>& tokens) const {
  std::vector<TokenPlace> places;
  const auto begin = writer_.beginning();
  for (const int64_t token : tokens) {
    places.push_back({writer_.piece(token)});
    places.back().special = token == tokenizer().padding() || token == writer_.begin ||
                            token == tokenizer().end() ||
                            std::find(begin.begin(), begin.end(), token) != begin.end();
  }
  return places;
}

void TextAnswers::check_length(int64_t tokens, const std::string& place) const {
  const int64_t most = model().max_positions();
  if (most == 0 || tokens <= most) return;
  throw DataError(place + ": a text of " + std::to_string(tokens) +
                  " tokens, and the model has positions for " + std::to_string(most) +
                  "; give less text");
}

Looked TextAnswers::explain(const SourceBatch& states, const Batch& batch, const std::string& place,
                            const std::string& target) {
  if (!states.defined() && !batch.has("source")) {
    const auto beginning = rows_of(batch.at("target"), batch.at("target_lengths")).front();
    const auto written = target.empty() ? std::vector<int64_t>() : encode(target, "--target");
    check_length(std::ssize(beginning) + std::ssize(written), place);
    return look_on(beginning, written);
  }
  std::vector<int64_t> written;
  if (target.empty()) {
    const Recording aside(model());  // what is looked at is the whole text, not its search
    if (states.defined())
      written = writer_.write_from(states).front().front().tokens;
    else
      written = writer_.write({rows_of(batch.at("source"), batch.at("source_lengths")).front()})
                    .front()
                    .front()
                    .tokens;
  } else {
    written = encode(target, "--target");
    if (states.defined()) written = writer_.begun_from(states, {written}).front();
    check_length(std::ssize(written) + 1, "--target");
  }
  return look_at(states.defined() ? states : source_of(batch), written);
}

Looked TextAnswers::look_at(const SourceBatch& source, const std::vector<int64_t>& written) {
  auto read = written, predicted = written;
  read.insert(read.begin(), writer_.beginning().front());
  predicted.push_back(writer_.end());
  const nn::MapPaths paths(model());  // "encoder.0.attention", as its maps are sorted
  model().hidden(source, at::tensor(read, at::kLong).unsqueeze(0));
  const auto output = writer_.decoded(written);
  const nlohmann::ordered_json json = {{"output", output}};
  return {{output, json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)},
          pieces(read),
          pieces(predicted),
          read,
          predicted,
          tokenizer_kind_};
}

/// A model of one text looks at what it goes on from; its prediction is the likeliest next token. With a text behind it,
/// it reads all of that but the last token.
Looked TextAnswers::look_on(const std::vector<int64_t>& beginning,
                            const std::vector<int64_t>& written) {
  auto read = beginning;
  if (!written.empty()) read.insert(read.end(), written.begin(), written.end() - 1);
  const nn::MapPaths paths(model());
  model().reset_state();
  const auto hidden = model().hidden({}, at::tensor(read, at::kLong).unsqueeze(0));
  model().reset_state();
  const auto scores = model().project(hidden[0][-1]).to(at::kDouble).log_softmax(0);  // (V)
  const auto best = scores.argmax().item<int64_t>();
  const nlohmann::ordered_json json = {{"next", tokenizer().piece(best)},
                                       {"log_probability", scores[best].item<double>()}};
  return {{tokenizer().piece(best),
           json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)},
          pieces(read),
          {},
          read,
          written.empty() ? std::vector{best} : written,
          tokenizer_kind_};
}

std::vector<std::vector<TokenLikelihood>> TextAnswers::likelihoods(const Batch& batch) {
  std::vector<std::vector<TokenLikelihood>> all;
  for (const auto& text : rows_of(batch.at("target"), batch.at("target_lengths"))) {
    check_length(std::ssize(text), "a text");
    auto& tokens = all.emplace_back();
    if (text.size() < 2) continue;
    model().reset_state();
    const auto read = at::tensor(text, at::kLong).unsqueeze(0);  // (1, L)
    const auto log_p = model()
                           .project(model().hidden({}, read.narrow(1, 0, read.size(1) - 1)))
                           .to(at::kDouble)
                           .log_softmax(2)
                           .gather(2, read.narrow(1, 1, read.size(1) - 1).unsqueeze(2));
    model().reset_state();
    for (size_t i = 1; i < text.size(); ++i)
      tokens.push_back({text[i], log_p[0][static_cast<int64_t>(i) - 1][0].item<double>()});
  }
  return all;
}

Aim TextAnswers::aim(const AimOptions& options, const Looked& looked,
                     std::function<SourceBatch(const Tokens&, const Batch&)> source) {
  const int64_t count = std::ssize(looked.written_ids), read = std::ssize(looked.read_ids);
  if (options.first < 0 || options.last < options.first || options.last > count ||
      (options.first == 0 && options.last != 0))
    throw UsageError("--tokens: expected two numbers of the " + std::to_string(count) +
                     " tokens that are written, the first one not behind the last, given " +
                     std::to_string(options.first) + ":" + std::to_string(options.last));
  const int64_t first = options.first == 0 ? 0 : options.first - 1;
  const int64_t length = options.first == 0 ? count : options.last - first;
  const auto target = at::tensor(looked.read_ids, at::kLong).unsqueeze(0);
  const auto wanted =
      at::tensor(looked.written_ids, at::kLong).narrow(0, first, length).view({1, -1, 1});
  const auto what = length == count ? std::string("what is written")
                                    : "tokens " + std::to_string(first + 1) + " to " +
                                          std::to_string(first + length) + " of what is written";
  return {"log p of " + what, "p of " + what + ", the geometric mean a token",
          [this, source, target, wanted, from = read - count + first](const Tokens& tokens,
                                                                      const Batch& batch) {
            const int64_t B = batch.size();
            const nn::MapPaths paths(model());
            model().reset_state();
            const auto hidden = model().hidden(source(tokens, batch), target.expand({B, -1}));
            model().reset_state();
            const auto log_p = model()
                                   .project(hidden.narrow(1, from, wanted.size(1)))
                                   .log_softmax(2)
                                   .gather(2, wanted.expand({B, -1, -1}))
                                   .squeeze(2);  // (B, length)
            return Aimed{log_p.sum(1), log_p.mean(1).exp()};
          }};
}

}  // namespace heed
