#include <algorithm>

#include "data/record_readers.h"
#include "data/word_table.h"
#include "heed/core/error.h"
#include "heed/data/lines.h"

namespace heed::data {
namespace {

constexpr const char* kBlankOrTab = " \t";

/// Cells parted by tabs where there is one, else by runs of blanks.
std::vector<std::string_view> cells_of_word(std::string_view line) {
  const bool tabs = line.find('\t') != std::string_view::npos;
  std::vector<std::string_view> cells;
  for (size_t at = 0; at <= line.size();) {
    const size_t end = std::min(line.find(tabs ? '\t' : ' ', at), line.size());
    if (tabs || end > at) cells.push_back(line.substr(at, end - at));
    at = end + 1;
  }
  return cells;
}

class ConllReader : public RecordReader {
 public:
  explicit ConllReader(const RecordOptions& options) : comments_(options.comments) {
    if (!options.columns.empty()) words_.name_columns(options.columns, "records: columns");
  }

  void read(const std::filesystem::path& file, RecordStore& store) override {
    LineReader lines = lines_in(file);
    for (std::string line; lines.next(line);) {
      if (line.find_first_not_of(kBlankOrTab) == std::string::npos) {
        end_sentence(store);
      } else if (comments_ && line.starts_with("# ")) {
        continue;
      } else if (line.starts_with("-DOCSTART-")) {
        end_sentence(store);
        store.pass_over("lines -DOCSTART-", lines.place());
      } else {
        add(cells_of_word(line), lines);
      }
    }
    end_sentence(store);
  }

 private:
  void add(const std::vector<std::string_view>& cells, const LineReader& lines) {
    if (!words_.has_names()) {
      std::vector<std::string> names;
      for (size_t i = 1; i <= cells.size(); ++i) names.push_back(std::to_string(i));
      words_.name_columns(names, lines.place());
    }
    for (size_t i = 0; i < cells.size(); ++i) {
      if (!cells[i].empty()) continue;
      throw DataError(lines.place() + ": column " + std::to_string(i + 1) +
                      " is empty; expected a word and what is said of it");
    }
    words_.add(cells, lines.number(), lines.place());
  }

  void end_sentence(RecordStore& store) {
    if (words_.empty()) return;
    if (store.columns().empty()) words_.add_columns(store);
    words_.put(store, 0);
  }

  bool comments_;
  WordTable words_;
};

}  // namespace

std::unique_ptr<RecordReader> conll_reader(const RecordOptions& options) {
  return std::make_unique<ConllReader>(options);
}

}  // namespace heed::data
