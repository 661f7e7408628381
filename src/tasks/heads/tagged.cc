#include "tasks/heads/tagged.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "formats/json_object.h"
#include "heed/core/error.h"

namespace heed {
namespace {

constexpr int64_t kFarthestRole = 6;  // words between it and the predicate that are told apart

/// The key of the largest count; of equal ones the first.
std::string most_frequent_tag(const std::map<std::string, int64_t>& counts) {
  return std::max_element(counts.begin(), counts.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

[[noreturn]] void refuse_count(const Split& split, int64_t example, const std::string& column,
                               size_t given, size_t words) {
  throw DataError(split.place(example) + ": the column '" + column + "' has " +
                  std::to_string(given) + (given == 1 ? " item" : " items") +
                  ", expected one for each of " + std::to_string(words) + " words");
}

}  // namespace

TaggedSentence tagged_sentence(const Split& split, int64_t example,
                               const TagsHeadOptions& options) {
  TaggedSentence sentence;
  auto shown = split.show(example);
  sentence.text = std::move(shown.text);
  sentence.words = std::move(shown.tokens);
  if (!options.has_roles()) return sentence;
  const auto marks = split.values(example, options.predicate);
  if (marks.size() != sentence.words.size())
    refuse_count(split, example, options.predicate, marks.size(), sentence.words.size());
  const auto mark = std::find_if(marks.begin(), marks.end(),
                                 [](const auto& item) { return !item.empty() && item != "_"; });
  if (mark != marks.end()) sentence.predicate = mark - marks.begin();
  if (options.part_of_speech.empty() || !split.has(options.part_of_speech)) return sentence;
  sentence.parts_of_speech = split.values(example, options.part_of_speech);
  if (sentence.parts_of_speech.size() != sentence.words.size())
    refuse_count(split, example, options.part_of_speech, sentence.parts_of_speech.size(),
                 sentence.words.size());
  return sentence;
}

std::vector<std::string> tags_of(const Split& split, int64_t example,
                                 const TagsHeadOptions& options, size_t words) {
  auto tags = split.values(example, options.column);
  if (tags.size() != words) refuse_count(split, example, options.column, tags.size(), words);
  if (options.has_roles()) std::replace(tags.begin(), tags.end(), std::string(), std::string("_"));
  return tags;
}

std::string text_of_words(const std::vector<TokenPlace>& words, int64_t begin, int64_t end) {
  std::string text;
  for (int64_t i = begin; i < end; ++i)
    text += (i > begin ? " " : "") + words[static_cast<size_t>(i)].text;
  return text;
}

std::string TagBaseline::key_of(const TaggedSentence& sentence, int64_t word) const {
  const auto i = static_cast<size_t>(word);
  if (!options_.has_roles()) return sentence.words[i].text;
  const auto part = sentence.parts_of_speech.empty() ? "" : sentence.parts_of_speech[i];
  return part + " " +
         std::to_string(std::clamp(word - sentence.predicate, -kFarthestRole, kFarthestRole));
}

void TagBaseline::learn(const TaggedSentence& sentence, const std::vector<std::string>& tags) {
  if (options_.has_spans()) {
    for (const auto& span : spans_of_tags(tags))
      ++counts_[text_of_words(sentence.words, span.begin, span.end)][span.type];
    return;
  }
  if (options_.has_roles() && sentence.predicate < 0) return;
  for (int64_t i = 0; i < std::ssize(tags); ++i)
    ++counts_[key_of(sentence, i)][tags[static_cast<size_t>(i)]];
}

void TagBaseline::finish() {
  std::map<std::string, int64_t> all;
  for (const auto& [key, counts] : counts_) {
    best_[key] = most_frequent_tag(counts);
    for (const auto& [tag, count] : counts) all[tag] += count;
  }
  if (!all.empty()) major_ = most_frequent_tag(all);
  counts_.clear();
  find_longest();
}

void TagBaseline::find_longest() {
  for (const auto& [key, type] : best_)
    longest_ = std::max<int64_t>(longest_, 1 + std::count(key.begin(), key.end(), ' '));
}

std::vector<std::string> TagBaseline::tags(const TaggedSentence& sentence) const {
  std::vector<std::string> tags;
  for (int64_t i = 0; i < std::ssize(sentence.words); ++i) {
    const auto found = best_.find(key_of(sentence, i));
    const bool none = options_.has_roles() && sentence.predicate < 0;
    tags.push_back(none ? "_" : found == best_.end() ? major_ : found->second);
  }
  return tags;
}

std::vector<Span> TagBaseline::spans(const TaggedSentence& sentence) const {
  std::vector<Span> spans;
  const auto L = std::ssize(sentence.words);
  for (int64_t begin = 0; begin < L;) {
    int64_t end = std::min(L, begin + longest_);
    auto found = best_.end();
    for (; end > begin; --end) {
      found = best_.find(text_of_words(sentence.words, begin, end));
      if (found != best_.end()) break;
    }
    if (found != best_.end()) spans.push_back({begin, end, found->second});
    begin = std::max(begin + 1, end);
  }
  return spans;
}

std::string TagBaseline::file() const {
  return nlohmann::ordered_json{{"most_frequent", major_}, {"of", best_}}.dump(
             0, ' ', false, nlohmann::json::error_handler_t::replace) +
         "\n";
}

TagBaseline TagBaseline::from_file(const Files& files, const std::string& name,
                                   const TagsHeadOptions& options) {
  const auto found = files.find(name);
  if (found == files.end())
    throw ModelError("the model folder lacks the tags of words in training, the file " + name);
  TagBaseline baseline(options);
  const JsonObject json(found->second, name);
  baseline.best_ = json.map_of_texts("of");
  baseline.major_ = json.text("most_frequent");
  baseline.find_longest();
  return baseline;
}

}  // namespace heed
