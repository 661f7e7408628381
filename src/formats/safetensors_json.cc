#include "formats/safetensors_json.h"

#include <nlohmann/json.hpp>
#include <unordered_set>

#include "heed/core/error.h"

namespace heed {
namespace {

using nlohmann::json;

/// Called by the JSON reader event by event: a document object would keep the last of two equal
/// keys and say nothing, and take many times the memory. At most three levels are entered, so depth
/// needs no other limit.
class HeaderHandler : public nlohmann::json_sax<json> {
 public:
  explicit HeaderHandler(const std::string& file) : file_(file) {}
  SafetensorsHeader take() { return std::move(header_); }

  bool start_object(size_t) override {
    if (place_ == Place::outside) {
      place_ = Place::top;
    } else if (place_ == Place::top && name_ == "__metadata__") {
      place_ = Place::metadata;
    } else if (place_ == Place::top) {
      if (header_.tensors.size() == kMaxTensors) {
        throw ModelError(file_ + ": the header names more than " + std::to_string(kMaxTensors) +
                         " tensors, the most that is read");
      }
      header_.tensors.emplace_back().name = name_;
      fields_.clear(), offsets_.clear();
      place_ = Place::tensor;
    } else {
      wrong("an object");
    }
    return true;
  }

  bool end_object() override {
    if (place_ == Place::tensor) finish_tensor();
    place_ = place_ == Place::top ? Place::outside : Place::top;
    return true;
  }

  bool key(string_t& key) override {
    if (place_ == Place::top) {
      name_ = key;
      if (!names_.insert(key).second) {
        throw ModelError(file_ + ": the header names " + in_quotes(key) + " twice");
      }
    } else {
      field_ = key;
      if (place_ == Place::tensor) check_field();
    }
    return true;
  }

  bool start_array(size_t) override {
    if (place_ != Place::tensor || field_ == "dtype") wrong("a list");
    place_ = field_ == "shape" ? Place::shape : Place::offsets;
    return true;
  }

  bool end_array() override {
    place_ = Place::tensor;
    return true;
  }

  bool string(string_t& text) override {
    if (place_ == Place::tensor && field_ == "dtype") {
      header_.tensors.back().dtype = text;
    } else if (place_ != Place::metadata) {
      wrong("text");
    } else if (!header_.metadata.emplace(field_, text).second) {
      throw ModelError(file_ + ": the header's metadata names " + in_quotes(field_) + " twice");
    }
    return true;
  }

  bool number_unsigned(number_unsigned_t number) override {
    if (place_ == Place::offsets && offsets_.size() < 2) {
      offsets_.push_back(number);
    } else if (place_ == Place::shape && number <= INT64_MAX) {
      auto& shape = header_.tensors.back().shape;
      if (shape.size() == kMaxDimensions) wrong("more dimensions");
      shape.push_back(static_cast<int64_t>(number));
    } else {
      wrong(std::to_string(number));
    }
    return true;
  }

  bool null() override { return wrong("null"); }
  bool boolean(bool) override { return wrong("true or false"); }
  bool number_integer(number_integer_t number) override { return wrong(std::to_string(number)); }
  bool number_float(number_float_t, const string_t& text) override {
    return wrong(in_quotes(text));
  }
  bool binary(binary_t&) override { return wrong("bytes"); }

  bool parse_error(size_t position, const std::string&, const json::exception&) override {
    throw ModelError(file_ + ": the header is not valid JSON in UTF-8 at its byte " +
                     std::to_string(position));
  }

 private:
  enum class Place { outside, top, tensor, shape, offsets, metadata };

  void check_field() {
    if (field_ != "dtype" && field_ != "shape" && field_ != "data_offsets") {
      throw ModelError(file_ + ": tensor " + in_quotes(name_) + " has the unknown field " +
                       in_quotes(field_) + "; known: dtype, shape, data_offsets");
    }
    if (!fields_.insert(field_).second) {
      throw ModelError(file_ + ": tensor " + in_quotes(name_) + " has the field " + field_ +
                       " twice");
    }
  }

  void finish_tensor() {
    for (const char* field : {"dtype", "shape", "data_offsets"}) {
      if (!fields_.contains(field)) {
        throw ModelError(file_ + ": tensor " + in_quotes(name_) + " lacks the field " + field);
      }
    }
    if (offsets_.size() != 2) {
      throw ModelError(file_ + ": tensor " + in_quotes(name_) +
                       ", field data_offsets: 2 numbers are expected, found " +
                       std::to_string(offsets_.size()));
    }
    header_.tensors.back().begin = offsets_[0], header_.tensors.back().end = offsets_[1];
  }

  [[noreturn]] bool wrong(const std::string& found) const {
    if (place_ == Place::outside) {
      throw ModelError(file_ + ": the header must be a JSON object, found " + found);
    }
    if (place_ == Place::metadata) {
      throw ModelError(file_ + ": the header's metadata " + in_quotes(field_) +
                       " must be text, found " + found);
    }
    if (place_ == Place::top) {
      throw ModelError(file_ + ": " + in_quotes(name_) +
                       " in the header must be an object, found " + found);
    }
    const char* expected = field_ == "dtype"   ? "text"
                           : field_ == "shape" ? "at most 64 whole numbers under 2^63"
                                               : "2 whole numbers under 2^64";
    throw ModelError(file_ + ": tensor " + in_quotes(name_) + ", field " + field_ + ": " +
                     expected + " expected, found " + found);
  }

  const std::string& file_;
  SafetensorsHeader header_;
  Place place_ = Place::outside;
  std::string name_, field_;
  std::unordered_set<std::string> names_, fields_;
  std::vector<uint64_t> offsets_;
};

}  // namespace

SafetensorsHeader parse_header_json(std::string_view text, const std::string& file) {
  HeaderHandler handler(file);
  json::sax_parse(text, &handler);
  return handler.take();
}

}  // namespace heed
