#include "heed/data/stories.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "heed/core/error.h"
#include "heed/data/lines.h"

namespace heed::data {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\v\f";

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  for (size_t end = 0; end != std::string_view::npos; text.remove_prefix(end + 1)) {
    end = text.find(at);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
  }
  return parts;
}

/// Puts a line after another into stories; throws DataError with the line's place.
class StoryParser {
 public:
  explicit StoryParser(Answers answers) : answers_(answers) {}

  void add(std::string_view line, const std::string& place) {
    place_ = place;
    if (trimmed(line).empty()) refuse("an empty line; expected a number, a blank and a sentence");
    const auto text = after_number(line);
    const auto fields = split(text, '\t');
    const bool asks =
        fields.size() > 1 || (answers_ == Answers::optional && trimmed(text).ends_with('?'));
    if (words_of(fields[0]).empty()) {
      refuse(asks ? "the question has no words" : "the sentence has no words");
    }
    if (asks) {
      add_question(fields);
    } else {
      auto& story = stories_.stories.back();
      story.sentences.emplace_back(trimmed(text));
      story.numbers.push_back(number_);
    }
  }

  Stories finish(const std::string& file) {
    if (stories_.questions.empty()) {
      throw DataError(file + ": no question; expected a line 'NUMBER QUESTION<tab>ANSWER'");
    }
    return std::move(stories_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const { throw DataError(place_ + ": " + what); }

  std::optional<int64_t> number_in(std::string_view text) const {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < 1) return {};
    return number;
  }

  /// Reads the line's number, begins a story at 1, and returns the text behind it.
  std::string_view after_number(std::string_view line) {
    const size_t blank = line.find(' ');
    const auto number = number_in(line.substr(0, blank));
    if (!number) {
      refuse("expected a number from 1, a blank and a sentence, given '" +
             std::string(line.substr(0, 40)) + "'");
    }
    const bool begins = *number == 1;
    if (!begins && (stories_.stories.empty() || *number != number_ + 1)) {
      refuse("line number " + std::to_string(*number) + ", expected 1" +
             (stories_.stories.empty() ? "" : " or " + std::to_string(number_ + 1)) +
             ": a story's lines are numbered from 1");
    }
    if (begins) stories_.stories.emplace_back();
    number_ = *number;
    return blank == std::string_view::npos ? std::string_view() : line.substr(blank + 1);
  }

  void add_question(const std::vector<std::string_view>& fields) {
    if (fields.size() > 3) {
      refuse("expected question, answer and supporting numbers, given " +
             std::to_string(fields.size()) + " fields");
    }
    const auto& story = stories_.stories.back();
    Question question;
    question.story = static_cast<int64_t>(stories_.stories.size()) - 1;
    question.sentences = static_cast<int64_t>(story.sentences.size());
    question.text = trimmed(fields[0]);
    if (fields.size() > 1) question.answer = trimmed(fields[1]);
    if (question.answer.empty() && answers_ == Answers::required) {
      refuse("the question has no answer; expected NUMBER QUESTION<tab>ANSWER");
    }
    if (fields.size() > 2) question.supporting = supporting(fields[2], story);
    question.place = place_;
    stories_.questions.push_back(std::move(question));
  }

  std::vector<int64_t> supporting(std::string_view field, const Story& story) const {
    std::vector<int64_t> found;
    for (const auto text : split(field, ' ')) {
      if (trimmed(text).empty()) continue;
      const auto number = number_in(trimmed(text));
      const auto at = std::find(story.numbers.begin(), story.numbers.end(), number.value_or(0));
      if (at == story.numbers.end()) {
        refuse("'" + std::string(text) + "' supports the answer, but no sentence above has that" +
               " number");
      }
      found.push_back(at - story.numbers.begin());
    }
    return found;
  }

  Answers answers_;
  Stories stories_;
  std::string place_;
  int64_t number_ = 0;
};

bool parts_words(unsigned char c) {
  if (c <= ' ' || c == 0x7f) return true;
  const bool letter = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return !letter && c < 0x80 && c != '\'' && c != '-';
}

}  // namespace

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
  };
  for (const char c : text) {
    if (parts_words(static_cast<unsigned char>(c))) {
      end_word();
    } else {
      word += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  end_word();
  return words;
}

Stories read_stories(const std::filesystem::path& file, Answers answers) {
  return read_stories(LineReader(file), file.string(), answers);
}

Stories read_stories(LineReader lines, const std::string& name, Answers answers) {
  StoryParser parser(answers);
  for (std::string line; lines.next(line);) parser.add(line, lines.place());
  return parser.finish(name);
}

}  // namespace heed::data
