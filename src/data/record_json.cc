#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>

#include "data/record_readers.h"
#include "heed/core/error.h"
#include "heed/data/lines.h"

namespace heed::data {
namespace {

constexpr size_t kDeepest = 64;           // objects in objects
constexpr size_t kMostColumns = 1 << 14;  // keys that differ from line to line are values

/// A key, and its cell in the record that is being read.
struct KeyCell {
  enum class Kind { unknown, text, list };  // unknown: only null so far, or empty lists
  std::string name;
  Kind kind = Kind::unknown;
  std::string place = {};  // where the kind was seen first
  bool had_empty_list = false;
  bool is_set = false;  // in this record
  std::vector<std::string> items = {};
  int64_t column = -1;  // in the store
};

/// Flattens an object a line, as open_records says. Throws DataError.
class LineParser : public nlohmann::json_sax<nlohmann::json> {
 public:
  void parse(const std::string& line, const std::string& place) {
    place_ = place;
    frames_.clear(), array_.reset();
    for (auto& cell : cells_) cell.is_set = false, cell.items.clear();
    nlohmann::json::sax_parse(line, this);
  }

  std::vector<KeyCell>& cells() { return cells_; }

  bool null() override { return value({}, true); }
  bool boolean(bool x) override { return value(x ? "true" : "false"); }
  bool number_integer(number_integer_t x) override { return value(std::to_string(x)); }
  bool number_unsigned(number_unsigned_t x) override { return value(std::to_string(x)); }
  bool number_float(number_float_t, const std::string& text) override { return value(text); }
  bool string(std::string& text) override { return value(text); }
  bool binary(nlohmann::json::binary_t&) override { return true; }  // text has none

  bool start_object(size_t) override {
    if (frames_.size() == kDeepest) {
      refuse("objects in objects, deeper than " + std::to_string(kDeepest));
    }
    if (!frames_.empty() && frames_.back().is_array) begin_item(Of::objects);
    frames_.push_back({.path = path()});
    return true;
  }

  bool end_object() override {
    frames_.pop_back();
    if (!frames_.empty() && frames_.back().is_array) {
      for (const size_t cell : array_->cells) cells_[cell].items.resize(array_->count);
    }
    return true;
  }

  bool key(std::string& key) override {
    check_text(key);
    frames_.back().key = key;
    return true;
  }

  bool start_array(size_t) override {
    if (frames_.empty()) refuse("expected an object in JSON, given an array");
    if (array_) refuse("'" + path() + "': a list in a list; expected texts, numbers or objects");
    frames_.push_back({.path = path(), .is_array = true});
    array_.emplace();
    return true;
  }

  bool end_array() override {
    if (array_->of == Of::nothing) {
      auto& cell = set(frames_.back().path);
      if (cell.kind == KeyCell::Kind::text) be(cell, KeyCell::Kind::list);
      if (cell.kind == KeyCell::Kind::unknown) cell.had_empty_list = true, cell.place = place_;
    }
    frames_.pop_back(), array_.reset();
    return true;
  }

  bool parse_error(size_t byte, const std::string&,
                   const nlohmann::detail::exception& error) override {
    const bool range = dynamic_cast<const nlohmann::json::out_of_range*>(&error);
    refuse("expected an object in JSON, byte " + std::to_string(byte) +
           (range ? " ends a number that is too large" : " is wrong"));
  }

 private:
  enum class Of { nothing, texts, objects };
  struct Frame {
    std::string path;
    std::string key = {};  // the last, of an object
    bool is_array = false;
  };
  struct Array {
    // Written out: members' defaults are known to clang from the end of LineParser on only, too
    // late for the optional below.
    Array() : of(Of::nothing), count(0) {}
    Of of;
    size_t count;
    std::vector<size_t> cells;  // of the objects in it
  };

  [[noreturn]] void refuse(const std::string& what) const { throw DataError(place_ + ": " + what); }

  /// Of the value that comes next.
  std::string path() const {
    if (frames_.empty()) return {};
    const auto& top = frames_.back();
    if (top.is_array) return top.path;
    return frames_.size() == 1 ? top.key : top.path + "." + top.key;
  }

  void check_text(std::string_view text) const {
    if (text.find('\0') != std::string_view::npos) {
      refuse("'" + path() + "': a NUL in a string; expected text");
    }
  }

  void begin_item(Of of) {
    if (array_->of != Of::nothing && array_->of != of) {
      refuse("'" + path() +
             "': objects beside texts, numbers or null in a list; expected one kind");
    }
    array_->of = of;
    ++array_->count;
  }

  size_t find(const std::string& name) {
    const auto [at, is_new] = numbers_.emplace(name, cells_.size());
    if (is_new) {
      if (cells_.size() == kMostColumns) {
        refuse("more than " + std::to_string(kMostColumns) +
               " different keys; expected the same keys in every line");
      }
      cells_.push_back({.name = name});
    }
    return at->second;
  }

  /// The cell of a key that stands once.
  KeyCell& set(const std::string& name) {
    auto& cell = cells_[find(name)];
    if (cell.is_set) refuse("the key '" + name + "' twice");
    cell.is_set = true;
    return cell;
  }

  void be(KeyCell& cell, KeyCell::Kind kind) const {
    const bool was_list = cell.kind == KeyCell::Kind::list || cell.had_empty_list;
    const bool is_known = cell.kind != KeyCell::Kind::unknown || cell.had_empty_list;
    if (is_known && was_list != (kind == KeyCell::Kind::list)) {
      refuse("'" + cell.name + "' is a " + (was_list ? "text" : "list") + " here and a " +
             (was_list ? "list" : "text") + " at " + cell.place + "; expected one of them");
    }
    if (cell.kind == KeyCell::Kind::unknown) cell.kind = kind, cell.place = place_;
  }

  bool value(std::string_view text, bool is_null = false) {
    if (frames_.empty()) refuse("expected an object in JSON, given a value");
    check_text(text);
    if (array_) {
      add_item(text);
    } else {
      auto& cell = set(path());
      if (is_null) return true;
      be(cell, KeyCell::Kind::text);
      cell.items.emplace_back(text);
    }
    return true;
  }

  /// To the list of the array, or of a key of the objects in it.
  void add_item(std::string_view text) {
    if (frames_.back().is_array) begin_item(Of::texts);
    const size_t number = find(path());
    auto& cell = cells_[number];
    be(cell, KeyCell::Kind::list);
    const auto& mine = array_->cells;
    const bool is_mine = std::find(mine.begin(), mine.end(), number) != mine.end();
    if (cell.is_set && (!is_mine || cell.items.size() == array_->count)) {
      refuse("the key '" + cell.name + "' twice");
    }
    if (!cell.is_set) array_->cells.push_back(number);
    cell.is_set = true;
    cell.items.resize(array_->count - 1);
    cell.items.emplace_back(text);
  }

  std::string place_;
  std::vector<Frame> frames_;
  std::optional<Array> array_;
  std::vector<KeyCell> cells_;
  std::unordered_map<std::string, size_t> numbers_;
};

class JsonReader : public RecordReader {
 public:
  void read(const std::filesystem::path& file, RecordStore& store) override {
    LineReader lines = lines_in(file);
    for (std::string line; lines.next(line);) {
      parser_.parse(line, lines.place());
      for (auto& cell : parser_.cells()) put(cell, store);
      store.end_record(lines.number());
    }
  }

  /// Keys that never had a value are columns, too, unless they are the front of others: of
  /// {"a": null} and {"a": {"b": 1}}, "a.b" is one.
  void finish(RecordStore& store) override {
    const auto& cells = parser_.cells();
    for (const auto& cell : cells) {
      if (cell.column >= 0) continue;
      const bool is_front = std::any_of(cells.begin(), cells.end(), [&](const KeyCell& other) {
        return other.column >= 0 && other.name.starts_with(cell.name + ".");
      });
      if (!is_front) store.add_column(cell.name, cell.had_empty_list);
    }
  }

 private:
  static void put(KeyCell& cell, RecordStore& store) {
    if (!cell.is_set || cell.kind == KeyCell::Kind::unknown) return;
    const bool is_list = cell.kind == KeyCell::Kind::list;
    if (cell.column < 0) cell.column = store.add_column(cell.name, is_list);
    if (is_list) {
      const std::vector<std::string_view> items(cell.items.begin(), cell.items.end());
      store.set_list(cell.column, items);
    } else if (!cell.items.empty()) {
      store.set_text(cell.column, cell.items[0]);
    }
  }

  LineParser parser_;
};

}  // namespace

std::unique_ptr<RecordReader> json_reader() { return std::make_unique<JsonReader>(); }

}  // namespace heed::data
