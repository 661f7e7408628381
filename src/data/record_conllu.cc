#include <algorithm>
#include <charconv>
#include <optional>

#include "core/lower_case.h"
#include "data/record_readers.h"
#include "data/text.h"
#include "data/word_table.h"
#include "heed/core/error.h"
#include "heed/data/lines.h"

namespace heed::data {
namespace {

constexpr const char* kBlankCharacters = " \t";
constexpr size_t kOwnColumns = 10;  // of CoNLL-U; others are CoNLL-U Plus's
constexpr int64_t kWords = 2;       // the column of the first list: behind sent_id and text

std::optional<int64_t> whole_number(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) return {};
  return number;
}

std::string_view without_blanks(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlankCharacters);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlankCharacters) - first + 1);
}

std::vector<std::string_view> cells_at_tabs(std::string_view line) {
  std::vector<std::string_view> cells;
  for (size_t at = 0; at <= line.size();) {
    const size_t end = std::min(line.find('\t', at), line.size());
    cells.push_back(line.substr(at, end - at));
    at = end + 1;
  }
  return cells;
}

class ConlluReader : public RecordReader {
 public:
  explicit ConlluReader(const RecordOptions& options)
      : names_(options.columns), are_given_(!names_.empty()) {
    if (!are_given_) {
      names_ = {"id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc"};
    }
    use_names(names_, "records: columns");
  }

  void read(const std::filesystem::path& file, RecordStore& store) override {
    LineReader lines = lines_in(file);
    file_ = file.string();
    for (std::string line; lines.next(line);) {
      place_ = lines.place(), line_ = lines.number();
      if (line.empty()) {
        end_sentence(store);
      } else if (line[0] == '#') {
        comment(line, store);
      } else {
        add_line(cells_at_tabs(line), store);
      }
    }
    end_sentence(store);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const { throw DataError(place_ + ": " + what); }

  void use_names(const std::vector<std::string>& names, const std::string& place) {
    auto all = names;
    all.insert(all.begin(), {"sent_id", "text"});
    check_names(all, place);
    names_ = names;
    words_.name_columns(names, place);
  }

  void comment(std::string_view line, const RecordStore& store) {
    if (has_words()) refuse("a comment in a sentence; expected it before the first word");
    has_comments_ = true;
    line.remove_prefix(1);
    const size_t sign = line.find('=');
    if (sign == std::string_view::npos) return;
    const auto key = without_blanks(line.substr(0, sign)),
               value = without_blanks(line.substr(sign + 1));
    if (key == "sent_id") keep(sent_id_, value, "sent_id");
    if (key == "text") keep(text_, value, "text");
    if (key == "global.columns") name_columns(value, store);
  }

  void keep(std::string& to, std::string_view value, const char* key) const {
    if (!to.empty()) refuse(std::string("a second ") + key + " for one sentence");
    to = value;
  }

  void name_columns(std::string_view value, const RecordStore& store) {
    if (line_ != 1) refuse("global.columns: expected in the file's first line");
    if (are_given_) {
      refuse("global.columns names the columns; expected no names from elsewhere (columns)");
    }
    std::vector<std::string> names;
    for (const auto name : split_at_space(value)) names.push_back(lower_case(name));
    if (names.empty()) refuse("global.columns: expected names");
    if (!store.columns().empty() && names != names_) {
      refuse("global.columns: " + quoted(names) +
             ", expected the columns of the first file: " + quoted(names_));
    }
    use_names(names, place_);
    has_comments_ = false;  // the line may stand alone
    named_in_ = file_;
  }

  bool has_words() const { return !words_.empty() || range_end_ > 0 || has_empty_nodes_; }

  void add_line(std::vector<std::string_view> cells, RecordStore& store) {
    if (!are_given_ && !named_in_.empty() && named_in_ != file_) {
      refuse("the file names no columns (# global.columns), but " + named_in_ + " does");
    }
    const int64_t id = words_.find("id");
    const auto number =
        id >= 0 && id < static_cast<int64_t>(cells.size()) ? cells[static_cast<size_t>(id)] : "";
    for (size_t i = 0; i < cells.size(); ++i) {
      if (!cells[i].empty()) continue;
      if (i >= kOwnColumns) {  // the Universal Proposition Banks leave them so
        cells[i] = "_";
        continue;
      }
      refuse("column " + std::to_string(i + 1) + " is empty; expected _ where there is nothing");
    }
    if (number.find('-') != std::string_view::npos) {
      range(number, store);
    } else if (number.find('.') != std::string_view::npos) {
      empty_node(number, store);
    } else {
      const auto next = words_.size() + 1;
      if (id >= 0 && !number.empty() && whole_number(number) != static_cast<int64_t>(next)) {
        refuse("word number '" + std::string(number.substr(0, 20)) + "', expected " +
               std::to_string(next));
      }
      words_.add(cells, line_, place_);
    }
  }

  /// "3-4": one token that is words 3 and 4.
  void range(std::string_view text, RecordStore& store) {
    const size_t dash = text.find('-');
    const auto from = whole_number(text.substr(0, dash)), to = whole_number(text.substr(dash + 1));
    const auto next = static_cast<int64_t>(words_.size()) + 1;
    if (!from || !to || *from != next || *to < *from || *from <= range_end_) {
      refuse("multiword token '" + std::string(text.substr(0, 20)) + "', expected " +
             std::to_string(next) + "-M with M at least " + std::to_string(next) +
             ", outside other tokens");
    }
    range_end_ = *to, range_place_ = place_;
    store.pass_over("multiword tokens", place_);
  }

  /// "3.1": a word that is not in the text, behind word 3.
  void empty_node(std::string_view text, RecordStore& store) {
    const size_t point = text.find('.');
    const auto word = whole_number(text.substr(0, point)),
               part = whole_number(text.substr(point + 1));
    if (!word || !part || *word != static_cast<int64_t>(words_.size()) || *part < 1) {
      refuse("empty node '" + std::string(text.substr(0, 20)) + "', expected " +
             std::to_string(words_.size()) + ".N with N at least 1");
    }
    has_empty_nodes_ = true;
    store.pass_over("empty nodes", place_);
  }

  void end_sentence(RecordStore& store) {
    if (words_.empty()) {
      if (has_comments_ || has_words()) refuse("a sentence without words");
      return;
    }
    if (range_end_ > static_cast<int64_t>(words_.size())) {
      throw DataError(range_place_ + ": the multiword token ends at word " +
                      std::to_string(range_end_) + ", but the sentence has " +
                      std::to_string(words_.size()) + " words");
    }
    check_heads();
    if (store.columns().empty()) {
      store.add_column("sent_id", false), store.add_column("text", false);
      words_.add_columns(store);
    }
    store.set_text(0, sent_id_), store.set_text(1, text_);
    words_.put(store, kWords);
    sent_id_.clear(), text_.clear();
    has_comments_ = has_empty_nodes_ = false, range_end_ = 0;
  }

  void check_heads() const {
    const int64_t column = words_.find("head");
    if (column < 0) return;
    for (size_t i = 0; i < words_.size(); ++i) {
      const auto text = words_.cell(i, static_cast<size_t>(column));
      const auto head = whole_number(text);
      if (text == "_") continue;
      if (head && *head <= static_cast<int64_t>(words_.size()) &&
          *head != static_cast<int64_t>(i) + 1) {
        continue;
      }
      throw DataError(file_ + ":" + std::to_string(words_.line(i)) + ": head '" +
                      std::string(text.substr(0, 20)) + "', expected another word's number, 0 .. " +
                      std::to_string(words_.size()));
    }
  }

  std::vector<std::string> names_;
  bool are_given_;
  std::string named_in_;  // the file whose global.columns names_ are
  WordTable words_;
  std::string file_, place_;
  int64_t line_ = 0;
  std::string sent_id_, text_;  // of the sentence, as all that follows
  bool has_comments_ = false, has_empty_nodes_ = false;
  int64_t range_end_ = 0;  // the last multiword token's last word
  std::string range_place_;
};

}  // namespace

std::unique_ptr<RecordReader> conllu_reader(const RecordOptions& options) {
  return std::make_unique<ConlluReader>(options);
}

}  // namespace heed::data
