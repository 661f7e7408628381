#include <optional>

#include "data/json_tokenizer/reader.h"
#include "heed/core/error.h"

namespace heed::data::json_tokenizer {
namespace {

constexpr size_t kDeepestValue = 64;

/// Fills a table from the events of one value.
class TableFiller {
 public:
  TableFiller(ItemTable& table, bool is_vocab, std::string path, const std::string& file)
      : table_(table), is_vocab_(is_vocab), path_(std::move(path)), file_(file) {}

  /// Each takes one event; true when the value has ended.
  bool open(bool object) {
    if (depth_ == 0) {
      if (object && !is_vocab_) wrong();
      table_.shape = object ? Shape::numbers : is_vocab_ ? Shape::scores : Shape::texts;
    } else if (depth_ == 1 && !object && table_.shape != Shape::numbers) {
      if (table_.shape == Shape::texts && table_.texts() > 0) wrong();
      if (!is_vocab_) table_.shape = Shape::pairs;
      parts_ = 0;
    } else {
      wrong();
    }
    ++depth_;
    return false;
  }
  bool close() {
    if (depth_ == 2 && parts_ != 2) wrong();
    return --depth_ == 0;
  }
  bool text(std::string_view value) {
    const bool texts = depth_ == 1 && table_.shape == Shape::texts;
    const bool pair = depth_ == 2 && (parts_ == 0 || (parts_ == 1 && !is_vocab_));
    if (!texts && !pair) wrong();
    ++parts_;
    add(value);
    return false;
  }
  bool key(std::string_view value) {
    add(value);
    return false;
  }
  bool number(double value) {
    const bool numbers = depth_ == 1 && table_.shape == Shape::numbers;
    if (!numbers && !(depth_ == 2 && is_vocab_ && parts_ == 1)) wrong();
    ++parts_;
    table_.numbers.push_back(value);
    return false;
  }
  [[noreturn]] void wrong() const {
    const std::string item =
        table_.texts() == 0 ? ""
                            : ", behind '" + std::string(table_.text(table_.texts() - 1)) + "'";
    refuse_at(file_, path_,
              is_vocab_ ? "expected {\"token\": number, ...} or [[\"token\", score], ...]" + item
                        : "expected [\"a b\", ...] or [[\"a\", \"b\"], ...]" + item);
  }

 private:
  using Shape = ItemTable::Shape;
  void add(std::string_view value) {
    table_.bytes += value;
    table_.ends.push_back(table_.bytes.size());
  }

  ItemTable& table_;
  bool is_vocab_;
  std::string path_;
  const std::string& file_;
  size_t depth_ = 0, parts_ = 0;
};

/// Makes a tree of all but model.vocab and model.merges.
class FileParser : public nlohmann::json_sax<Json> {
 public:
  FileParser(ParsedFile& to, const std::string& file) : to_(to), file_(file) {}

  bool null() override { return value(nullptr); }
  bool boolean(bool x) override { return value(x); }
  bool number_integer(number_integer_t x) override { return number(x); }
  bool number_unsigned(number_unsigned_t x) override { return number(x); }
  bool number_float(number_float_t x, const std::string&) override { return number(x); }
  bool string(std::string& x) override {
    return filler_ ? event(filler_->text(x)) : value(std::move(x));
  }
  bool binary(Json::binary_t&) override { return true; }  // text has none

  bool start_object(size_t) override { return open(Json::object()); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(std::string& name) override {
    if (filler_) return event(filler_->key(name));
    if (open_.back()->contains(name)) refuse_at(file_, path() + "." + name, "stands there twice");
    keys_.back() = name;
    if (path() == "model" && (name == "vocab" || name == "merges")) {
      open_.back()->emplace(name, nullptr);
      const bool vocab = name == "vocab";
      filler_.emplace(vocab ? to_.vocab : to_.merges, vocab, "model." + name, file_);
    }
    return true;
  }

  bool parse_error(size_t byte, const std::string&,
                   const nlohmann::detail::exception& error) override {
    const bool range = dynamic_cast<const Json::out_of_range*>(&error) != nullptr;
    throw ModelError(file_ + ": expected JSON, byte " + std::to_string(byte) +
                     (range ? " ends a number that is too large" : " is wrong"));
  }

 private:
  template <class Number>
  bool number(Number x) {
    return filler_ ? event(filler_->number(static_cast<double>(x))) : value(x);
  }
  bool event(bool ended) {
    if (ended) filler_.reset();
    return true;
  }

  Json* put(Json x) {
    if (open_.empty()) {
      to_.root = std::move(x);
      return &to_.root;
    }
    auto& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(x));
      return &parent.back();
    }
    return &(parent[keys_.back()] = std::move(x));
  }
  bool value(Json x) {
    if (filler_) filler_->wrong();
    put(std::move(x));
    return true;
  }
  bool open(Json x) {
    if (filler_) return event(filler_->open(x.is_object()));
    if (open_.size() == kDeepestValue)
      refuse_at(file_, path(), "values in values, deeper than " + std::to_string(kDeepestValue));
    open_.push_back(put(std::move(x)));
    keys_.emplace_back();
    return true;
  }
  bool close() {
    if (filler_) return event(filler_->close());
    open_.pop_back(), keys_.pop_back();
    return true;
  }

  /// Of the innermost open object or list.
  std::string path() const {
    std::string path;
    for (size_t i = 0; i + 1 < open_.size(); ++i) {
      if (open_[i]->is_array())
        path.append("[").append(std::to_string(open_[i]->size() - 1)).append("]");
      else
        path.append(path.empty() ? "" : ".").append(keys_[i]);
    }
    return path;
  }

  ParsedFile& to_;
  const std::string& file_;
  std::vector<Json*> open_;
  std::vector<std::string> keys_;  // of each, the last
  std::optional<TableFiller> filler_;
};

}  // namespace

ParsedFile parse_file(std::string_view bytes, const std::string& file) {
  ParsedFile parsed;
  FileParser parser(parsed, file);
  Json::sax_parse(bytes, &parser);
  if (!parsed.root.is_object())
    throw ModelError(file + ": expected an object in JSON, given " + described(parsed.root));
  return parsed;
}

}  // namespace heed::data::json_tokenizer
