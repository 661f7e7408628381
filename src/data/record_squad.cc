#include <algorithm>
#include <nlohmann/json.hpp>

#include "data/record_readers.h"
#include "heed/core/error.h"
#include "heed/data/lines.h"

namespace heed::data {
namespace {

using SquadJson = nlohmann::json;

constexpr const char* kKnownKeys[] = {"id", "question", "answers", "is_impossible"};

constexpr const char* kHint =
    "; a file of an object a line is named .jsonl, or data.format says so";

/// A value of the file and where it stands: "data[0].paragraphs[2]".
struct SquadValue {
  const SquadJson& json;
  std::string place;  // with the file's name

  [[noreturn]] void refuse(const std::string& what) const { throw DataError(place + ": " + what); }

  [[noreturn]] void refuse_type(const std::string& key, const SquadJson& given,
                                const char* expected) const {
    refuse("'" + key + "': expected " + expected + ", given " + given.type_name());
  }

  const SquadJson* find(const std::string& key) const {
    if (!json.is_object()) refuse(std::string("expected an object, given ") + json.type_name());
    const auto found = json.find(key);
    return found == json.end() || found->is_null() ? nullptr : &*found;
  }
  SquadValue item(size_t i) const { return {json[i], place + "[" + std::to_string(i) + "]"}; }
  SquadValue array(const std::string& key) const {
    const auto* found = find(key);
    if (!found) refuse("no '" + key + "'; expected a list as in SQuAD's files");
    if (!found->is_array()) refuse_type(key, *found, "a list");
    return {*found, place + "." + key};
  }
  std::string text(const std::string& key, bool required) const {
    const auto* found = find(key);
    if (!found && required) refuse("no '" + key + "'; expected a text");
    if (!found) return {};
    if (!found->is_string()) refuse_type(key, *found, "a text");
    auto text = found->get<std::string>();
    if (text.find('\0') != std::string::npos) refuse("'" + key + "': a NUL in a text");
    return text;
  }
};

class SquadReader : public RecordReader {
 public:
  void read(const std::filesystem::path& file, RecordStore& store) override {
    if (store.columns().empty()) {
      for (const char* name : {"id", "title", "question", "context"}) store.add_column(name, false);
      for (const char* name : {"answers.text", "answers.answer_start"})
        store.add_column(name, true);
    }
    file_ = file == "-" ? "standard input" : file.string();
    number_ = 0;
    const auto json = parse(file);
    if (!json.is_object() || !json.contains("data") || !json["data"].is_array())
      throw DataError(file_ + ": expected an object with the list 'data', as SQuAD's files" +
                      kHint);
    const SquadValue articles{json["data"], file_ + ": data"};
    for (size_t a = 0; a < articles.json.size(); ++a) {
      const auto article = articles.item(a);
      const auto title = article.text("title", false);
      const auto paragraphs = article.array("paragraphs");
      for (size_t p = 0; p < paragraphs.json.size(); ++p)
        add_paragraph(title, paragraphs.item(p), store);
    }
  }

 private:
  SquadJson parse(const std::filesystem::path& file) const {
    std::string text;
    LineReader lines = lines_in(file);
    for (std::string line; lines.next(line);) text += line + '\n';
    try {
      return SquadJson::parse(text);
    } catch (const SquadJson::parse_error& error) {
      const auto end = text.begin() + static_cast<int64_t>(std::min(error.byte, text.size()));
      throw DataError(file_ + ":" + std::to_string(1 + std::count(text.begin(), end, '\n')) +
                      ": expected JSON; byte " + std::to_string(error.byte) +
                      " of the file is wrong" + kHint);
    } catch (const SquadJson::exception&) {
      throw DataError(file_ + ": expected JSON, given a number that is too large");
    }
  }

  void add_paragraph(const std::string& title, const SquadValue& paragraph, RecordStore& store) {
    const auto context = paragraph.text("context", true);
    const auto questions = paragraph.array("qas");
    for (size_t q = 0; q < questions.json.size(); ++q) {
      const auto question = questions.item(q);
      store.set_text(0, question.text("id", false));
      store.set_text(1, title);
      store.set_text(2, question.text("question", true));
      store.set_text(3, context);
      add_answers(question, store);
      store.end_record(++number_);
      for (const auto& [key, value] : question.json.items())
        if (std::find(std::begin(kKnownKeys), std::end(kKnownKeys), key) == std::end(kKnownKeys))
          store.pass_over("'" + key + "' of questions", question.place);
    }
  }

  static void add_answers(const SquadValue& question, RecordStore& store) {
    std::vector<std::string> texts, starts;
    if (question.find("answers")) {
      const auto answers = question.array("answers");
      for (size_t i = 0; i < answers.json.size(); ++i) {
        const auto answer = answers.item(i);
        texts.push_back(answer.text("text", true));
        const auto* start = answer.find("answer_start");
        if (!start || !start->is_number_integer())
          answer.refuse("expected 'answer_start', the number of a character");
        starts.push_back(start->dump());
      }
    }
    const auto* impossible = question.find("is_impossible");
    if (impossible && !impossible->is_boolean())
      question.refuse_type("is_impossible", *impossible, "true or false");
    if (impossible && impossible->get<bool>() != texts.empty())
      question.refuse(texts.empty() ? "'is_impossible' is false and there is no answer"
                                    : "'is_impossible' is true and there is an answer");
    store.set_list(4, std::vector<std::string_view>(texts.begin(), texts.end()));
    store.set_list(5, std::vector<std::string_view>(starts.begin(), starts.end()));
  }

  std::string file_;
  int64_t number_ = 0;  // of the question in its file
};

}  // namespace

std::unique_ptr<RecordReader> squad_reader() { return std::make_unique<SquadReader>(); }

}  // namespace heed::data
