// Questions about stories, in the format of the bAbI tasks.
#include <mutex>
#include <nlohmann/json.hpp>

#include "formats/json_object.h"
#include "heed/core/error.h"
#include "heed/data/entity_permutation.h"
#include "heed/data/lines.h"
#include "heed/data/stories.h"
#include "tasks/inputs.h"

namespace heed {
namespace {

constexpr const char* kStoryFile = "words.json";
constexpr int64_t kStorySentences = 10, kStoryWords = 6;

struct StoryInputOptions {
  int64_t max_length = 0;
  std::vector<std::string> entity_permutation;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("max_length", max_length, "sentences before a question that are kept, the last ones; 0: all",
      between(0, kMostLength));
    v("entity_permutation", entity_permutation,
      "groups of words that change places while stories are learned, a text each");
  }
};

/// What splits share with their input, which learns after the first was opened.
struct StoryState {
  StoryInputOptions options;
  data::StoryVocabulary vocabulary;
  std::optional<data::EntityPermutation> permutation;
};

/// An example a question; its answer is the value "answer".
class StorySplit : public Split {
 public:
  StorySplit(data::Stories stories, std::shared_ptr<const StoryState> state)
      : stories_(std::move(stories)), state_(std::move(state)) {}

  int64_t size() const override { return std::ssize(stories_.questions); }
  std::string place(int64_t example) const override { return question(example).place; }

  Shown show(int64_t example) const override {
    Shown shown{question(example).text};
    const auto& asked = question(example);
    const auto& sentences = stories_.stories[static_cast<size_t>(asked.story)].sentences;
    const int64_t kept = state_->options.max_length;
    const int64_t first = kept > 0 ? std::max<int64_t>(0, asked.sentences - kept) : 0;
    for (int64_t i = first; i < asked.sentences; ++i)
      shown.tokens.push_back({sentences[static_cast<size_t>(i)]});
    return shown;
  }

  bool has(const std::string& column) const override {
    return column == "answer" || column == "question";
  }
  std::string value(int64_t example, const std::string& column, const Draw& draw) const override {
    if (!has(column))
      throw DataError(place(example) + ": stories have no column '" + column +
                      "'; known of a question are 'question' and 'answer'");
    const auto& asked = question(example);
    if (column == "question") return asked.text;
    const auto& vocabulary = state_->vocabulary;
    if (!permutes(draw)) return asked.answer;
    const auto number = vocabulary.answer(asked.answer);
    const auto renamed = renaming(example, draw).answer(number);
    return renamed < 0 ? asked.answer : vocabulary.answers[static_cast<size_t>(renamed)];
  }

  Batch batch(const std::vector<int64_t>& examples, const Draw& draw) const override {
    std::vector<data::Renaming> renamings;
    if (permutes(draw))
      for (const int64_t example : examples) renamings.push_back(renaming(example, draw));
    auto found = set().batch(examples, renamings);
    return {{{"sentences", found.sentences},
             {"story", found.story},
             {"lengths", found.lengths},
             {"questions", found.questions}},
            found.indices};
  }

  /// All stories, for the vocabulary.
  const data::Stories& stories() const { return stories_; }
  data::StoryStats stats() const { return set().stats(); }

 private:
  const data::Question& question(int64_t example) const {
    return stories_.questions.at(static_cast<size_t>(example));
  }
  bool permutes(const Draw& draw) const { return draw.training && state_->permutation; }
  data::Renaming renaming(int64_t example, const Draw& draw) const {
    return state_->permutation->draw(draw.seed, static_cast<uint32_t>(draw.epoch),
                                     static_cast<uint32_t>(example));
  }
  /// As numbers: made when the vocabulary is known.
  const data::StorySet& set() const {
    std::call_once(once_,
                   [&] { set_.emplace(stories_, state_->vocabulary, state_->options.max_length); });
    return *set_;
  }

  data::Stories stories_;
  std::shared_ptr<const StoryState> state_;
  mutable std::once_flag once_;
  mutable std::optional<data::StorySet> set_;
};

/// Files of stories and questions, one after another.
class StoryStream : public Stream {
 public:
  using Open = std::function<SplitPtr(const std::string&)>;
  StoryStream(std::vector<std::string> inputs, Open open)
      : inputs_(std::move(inputs)), open_(std::move(open)) {}

  SplitPtr next(int64_t most) override {
    while (!file_ || first_ == file_->size()) {
      if (next_ == inputs_.size()) return nullptr;
      file_ = open_(inputs_[next_++]);
      first_ = 0;
    }
    std::vector<int64_t> numbers;
    while (first_ < file_->size() && std::ssize(numbers) < most) numbers.push_back(first_++);
    return subset(file_, std::move(numbers));
  }

 private:
  std::vector<std::string> inputs_;
  Open open_;
  size_t next_ = 0;
  SplitPtr file_;
  int64_t first_ = 0;
};

class StoriesInput : public Input {
 public:
  void read(FieldReader& reader) override { reader.read(state_->options); }
  void list(FieldLister& lister) const override {
    StoryInputOptions(state_->options).fields(lister);
  }

  SplitPtr open(const Source& source) override {
    if (source.paths.size() != 1)
      throw ModelError(source.called() + ": expected one file of stories, given " +
                       std::to_string(source.paths.size()));
    auto stories = data::read_stories(source.paths.front());
    if (source.role == "train") state_->vocabulary = data::StoryVocabulary::of(stories);
    return std::make_shared<StorySplit>(std::move(stories), state_);
  }

  void learn(const Split&, uint64_t) override { make_permutation(); }

  /// Held out are the last questions, because those of one story stand together.
  std::pair<SplitPtr, SplitPtr> hold_out(const SplitPtr& train, double fraction,
                                         uint64_t) const override {
    const int64_t size = train->size();
    const auto held = std::max<int64_t>(1, std::llround(fraction * static_cast<double>(size)));
    if (held >= size)
      throw DataError("data.holdout: nothing is left of " + std::to_string(size) + " questions");
    std::vector<int64_t> rest, last;
    for (int64_t i = 0; i < size; ++i) (i < size - held ? rest : last).push_back(i);
    return {subset(train, std::move(rest)), subset(train, std::move(last))};
  }

  Files files() const override {
    return {{kStoryFile, nlohmann::ordered_json{{"words", state_->vocabulary.words},
                                                {"answers", state_->vocabulary.answers}}
                                 .dump(1, ' ', false, nlohmann::json::error_handler_t::replace) +
                             "\n"}};
  }
  void load(const Files& files) override {
    const auto found = files.find(kStoryFile);
    if (found == files.end())
      throw ModelError(std::string("the model folder lacks its words, the file ") + kStoryFile);
    const JsonObject json(found->second, kStoryFile);
    state_->vocabulary.words = json.texts("words");
    state_->vocabulary.answers = json.texts("answers");
    make_permutation();
  }

  std::unique_ptr<Stream> stream(const std::vector<std::string>& inputs) const override {
    return std::make_unique<StoryStream>(
        inputs, [this](const std::string& input) { return open_to_answer(input); });
  }

  /// FILE:N, the question of line N; without a number the first question.
  SplitPtr find(const std::string& input) const override {
    const size_t colon = input.rfind(':');
    const bool numbered = colon != std::string::npos && colon + 1 < input.size() &&
                          input.find_first_not_of("0123456789", colon + 1) == std::string::npos;
    const auto split = open_to_answer(numbered ? input.substr(0, colon) : input);
    if (!numbered) return subset(split, {0});
    for (int64_t i = 0; i < split->size(); ++i)
      if (split->place(i) == input) return subset(split, {i});
    throw UsageError(input.substr(0, colon) + ": line " + input.substr(colon + 1) +
                     " is no question");
  }

  Sizes sizes() const override { return {{"words", {state_->vocabulary.size()}}}; }
  Batch example() const override {
    return {{{"sentences", at::ones({kStorySentences, kStoryWords}, at::kLong)},
             {"story", at::arange(kStorySentences, at::kLong).unsqueeze(0)},
             {"lengths", at::full({1}, kStorySentences, at::kLong)},
             {"questions", at::ones({1, kStoryWords}, at::kLong)}},
            at::zeros({1}, at::kLong)};
  }
  bool has_pieces() const override { return true; }
  std::vector<PieceNumbers> pieces() const override {
    using Words = data::StoryVocabulary;
    return {{"questions", Words::kUnknown, {Words::kPadding}},
            {"sentences", Words::kUnknown, {Words::kPadding}}};
  }
  std::string default_encoder() const override { return "query_reduction"; }
  bool reads_records(const std::vector<std::string>&) const override { return false; }

 private:
  SplitPtr open_to_answer(const std::string& input) const {
    auto stories =
        data::read_stories(data::LineReader::once(input), input == "-" ? "standard input" : input,
                           data::Answers::optional);
    return std::make_shared<StorySplit>(std::move(stories), state_);
  }
  void make_permutation() {
    const auto& groups = state_->options.entity_permutation;
    if (!groups.empty()) state_->permutation.emplace(groups, state_->vocabulary);
  }

  std::shared_ptr<StoryState> state_ = std::make_shared<StoryState>();
};

}  // namespace

std::shared_ptr<Input> make_stories_input() { return std::make_shared<StoriesInput>(); }

}  // namespace heed
