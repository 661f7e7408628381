#include "heed/data/parallel_text.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "heed/core/error.h"
#include "heed/core/nearest.h"
#include "heed/data/lines.h"

namespace heed::data {
namespace {

using std::filesystem::path;

/// Line n of one file and line n of another.
class LinesReader : public PairReader {
 public:
  LinesReader(const path& source, const path& target)
      : source_path_(source), target_path_(target), source_(source), target_(target) {}

  bool next(TextPair& pair) override {
    const bool left = source_.next(pair.source), right = target_.next(pair.target);
    if (left != right) fail(left ? source_ : target_);
    if (left) pair.place = source_.place() + ", " + target_.place();
    return left;
  }

 private:
  /// Counts what is left of the longer one.
  [[noreturn]] void fail(LineReader& longer) {
    std::string line;
    while (longer.next(line)) continue;
    throw DataError(source_path_.string() + " has " + std::to_string(source_.number()) +
                    " lines, but " + target_path_.string() + " has " +
                    std::to_string(target_.number()) +
                    "; expected as many, line n of one belonging to line n of the other");
  }

  path source_path_, target_path_;
  LineReader source_, target_;
};

class LinesPairs : public TextPairs {
 public:
  LinesPairs(path source, path target) : source_(std::move(source)), target_(std::move(target)) {}
  std::unique_ptr<PairReader> read() const override {
    return std::make_unique<LinesReader>(source_, target_);
  }
  std::string name() const override { return source_.string() + " and " + target_.string(); }

 private:
  path source_, target_;
};

/// Takes both texts out of a line; `place` stands in messages.
using Take = std::function<void(const std::string& line, const std::string& place, TextPair& pair)>;

class TableReader : public PairReader {
 public:
  TableReader(const path& file, Take take) : lines_(file), take_(std::move(take)) {}
  bool next(TextPair& pair) override {
    if (!lines_.next(line_)) return false;
    pair.place = lines_.place();
    take_(line_, pair.place, pair);
    return true;
  }

 private:
  LineReader lines_;
  Take take_;
  std::string line_;
};

class TablePairs : public TextPairs {
 public:
  TablePairs(path file, Take take) : file_(std::move(file)), take_(std::move(take)) {}
  std::unique_ptr<PairReader> read() const override {
    return std::make_unique<TableReader>(file_, take_);
  }
  std::string name() const override { return file_.string(); }

 private:
  path file_;
  Take take_;
};

Take take_columns(const std::vector<int64_t>& columns) {
  return [columns](const std::string& line, const std::string& place, TextPair& pair) {
    std::vector<std::string_view> cells;
    for (size_t from = 0; from <= line.size();) {
      const size_t end = std::min(line.find('\t', from), line.size());
      cells.emplace_back(line.data() + from, end - from);
      from = end + 1;
    }
    for (const int64_t column : columns) {
      if (column <= static_cast<int64_t>(cells.size())) continue;
      throw DataError(place + ": expected a column " + std::to_string(column) + ", given " +
                      std::to_string(cells.size()) + (cells.size() == 1 ? " column" : " columns") +
                      " parted by tabs");
    }
    pair.source = cells[static_cast<size_t>(columns[0] - 1)];
    pair.target = cells[static_cast<size_t>(columns[1] - 1)];
  };
}

/// The string at a key, or DataError.
std::string string_at(const nlohmann::json& object, const std::string& key,
                      const std::string& place) {
  const auto found = object.find(key);
  if (found == object.end()) {
    std::vector<std::string> known;
    for (const auto& [name, value] : object.items()) known.push_back(name);
    throw DataError(place + ": the object has no key '" + key + "'" + suggestion(key, known));
  }
  if (!found->is_string()) {
    throw DataError(place + ": expected a string at '" + key + "', given a " + found->type_name());
  }
  auto text = found->get<std::string>();
  if (text.find('\0') != std::string::npos) {
    throw DataError(place + ": the string at '" + key + "' holds a NUL; expected text");
  }
  return text;
}

Take take_keys(const std::vector<std::string>& keys) {
  return [keys](const std::string& line, const std::string& place, TextPair& pair) {
    nlohmann::json object;
    try {
      object = nlohmann::json::parse(line);
    } catch (const nlohmann::json::parse_error& error) {
      throw DataError(place + ": expected an object in JSON, byte " + std::to_string(error.byte) +
                      " is wrong");
    } catch (const nlohmann::json::exception& error) {  // a number that is too large
      throw DataError(place + ": expected an object in JSON: " + error.what());
    }
    if (!object.is_object()) {
      throw DataError(place + ": expected an object in JSON, given a " + object.type_name());
    }
    pair.source = string_at(object, keys[0], place);
    pair.target = string_at(object, keys[1], place);
  };
}

void check(const path& target, const PairOptions& options) {
  const bool table = options.format != PairFormat::lines;
  if (table != target.empty()) {
    throw UsageError(std::string("text pairs: format '") + word_of(options.format) + "' " +
                     (table ? "has both texts in one file; given a second, " + target.string()
                            : "needs a file of targets beside the file of sources"));
  }
  if (options.format == PairFormat::tsv) {
    if (options.columns.size() != 2) {
      throw UsageError("text pairs: columns: expected 2, source and target, given " +
                       std::to_string(options.columns.size()));
    }
    for (const int64_t column : options.columns) {
      if (column < 1) {
        throw UsageError("text pairs: columns: expected at least 1, given " +
                         std::to_string(column));
      }
    }
  }
  if (options.format == PairFormat::json && options.keys.size() != 2) {
    throw UsageError("text pairs: keys: expected 2, source and target, given " +
                     std::to_string(options.keys.size()));
  }
}

class MemoryPairs : public TextPairs {
 public:
  struct Data {
    std::vector<std::string> sources, targets;
    std::string name;
  };
  explicit MemoryPairs(Data data) : data_(std::make_shared<const Data>(std::move(data))) {}
  std::unique_ptr<PairReader> read() const override {
    class Reader : public PairReader {
     public:
      explicit Reader(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
      bool next(TextPair& pair) override {
        if (at_ == data_->sources.size()) return false;
        pair.source = data_->sources[at_], pair.target = data_->targets[at_];
        pair.place = data_->name + ":" + std::to_string(++at_);
        return true;
      }

     private:
      std::shared_ptr<const Data> data_;
      size_t at_ = 0;
    };
    return std::make_unique<Reader>(data_);
  }
  std::string name() const override { return data_->name; }

 private:
  std::shared_ptr<const Data> data_;
};

}  // namespace

TextPairsPtr open_text_pairs(const path& source, const path& target, const PairOptions& options) {
  check(target, options);
  if (options.format == PairFormat::lines) return std::make_shared<LinesPairs>(source, target);
  return std::make_shared<TablePairs>(source, options.format == PairFormat::tsv
                                                  ? take_columns(options.columns)
                                                  : take_keys(options.keys));
}

TextPairsPtr text_pairs(std::vector<std::string> sources, std::vector<std::string> targets,
                        const std::string& name) {
  if (sources.size() != targets.size()) {
    throw UsageError(name + ": expected as many sources as targets, given " +
                     std::to_string(sources.size()) + " and " + std::to_string(targets.size()));
  }
  return std::make_shared<MemoryPairs>(
      MemoryPairs::Data{std::move(sources), std::move(targets), name});
}

}  // namespace heed::data
