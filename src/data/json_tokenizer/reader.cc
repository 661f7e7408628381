#include "data/json_tokenizer/reader.h"

#include "data/json_tokenizer/unicode.h"
#include "heed/core/error.h"
#include "heed/core/nearest.h"

namespace heed::data::json_tokenizer {

void refuse_at(const std::string& file, const std::string& path, const std::string& what) {
  throw ModelError(file + ": " + path + ": " + what);
}

std::string described(const Json& value) {
  if (value.is_null()) return "null";
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  if (value.is_string()) return "the text '" + value.get<std::string>().substr(0, 60) + "'";
  return value.dump();
}

std::string type_of(const Json& value, const std::string& path, const std::string& file) {
  if (!value.is_object()) refuse_at(file, path, "expected an object, given " + described(value));
  const auto type = value.find("type");
  if (type == value.end() || !type->is_string())
    refuse_at(file, path + ".type", "expected the name of a component");
  return type->get<std::string>();
}

void refuse_type(const std::string& type, const std::string& path, const std::string& file,
                 const std::vector<std::string>& known) {
  std::string all;
  for (const auto& name : known) all += (all.empty() ? "" : ", ") + name;
  refuse_at(file, path + ".type", "'" + type + "' is not known; known: " + all);
}

Reader::Reader(const Json& object, std::string path, const std::string& file,
               std::initializer_list<const char*> known)
    : object_(object), path_(std::move(path)), file_(file) {
  if (!object.is_object()) refuse_at(file, path_, "expected an object, given " + described(object));
  const std::vector<std::string> names(known.begin(), known.end());
  for (const auto& [key, value] : object.items())
    if (std::find(names.begin(), names.end(), key) == names.end())
      refuse_at(file, path_, "unknown key '" + key + "'" + suggestion(key, names));
}

void Reader::refuse(const std::string& key, const std::string& what) const {
  refuse_at(file_, path_ + "." + key, what);
}

bool Reader::has(const char* key) const {
  const auto found = object_.find(key);
  return found != object_.end() && !found->is_null();
}

const Json& Reader::at(const char* key) const {
  const auto found = object_.find(key);
  if (found == object_.end()) refuse(key, "is missing");
  return *found;
}

std::string Reader::text(const char* key) const {
  const auto& value = at(key);
  if (!value.is_string()) refuse(key, "expected a text, given " + described(value));
  return value.get<std::string>();
}

bool Reader::flag(const char* key) const {
  const auto& value = at(key);
  if (!value.is_boolean()) refuse(key, "expected true or false, given " + described(value));
  return value.get<bool>();
}

int64_t Reader::number(const char* key, int64_t least, int64_t most) const {
  const auto& value = at(key);
  const bool large = value.is_number_unsigned() &&
                     value.get<uint64_t>() > static_cast<uint64_t>(std::max<int64_t>(most, 0));
  if (!value.is_number_integer() || large || value.get<int64_t>() < least ||
      value.get<int64_t>() > most)
    refuse(key, "expected a whole number, " + std::to_string(least) + " .. " +
                    std::to_string(most) + ", given " + described(value));
  return value.get<int64_t>();
}

const Json& Reader::list(const char* key) const {
  const auto& value = at(key);
  if (!value.is_array()) refuse(key, "expected a list, given " + described(value));
  return value;
}

uint32_t Reader::character(const char* key) const {
  const std::string value = text(key);
  size_t end = 0;
  const uint32_t code = value.empty() ? 0 : next_character(value, end);
  if (value.empty() || end != value.size())
    refuse(key, "expected one character, given '" + value + "'");
  return code;
}

size_t Reader::word(const char* key, const std::vector<std::string>& words) const {
  const std::string given = text(key);
  const auto found = std::find(words.begin(), words.end(), given);
  if (found == words.end()) refuse(key, "unknown '" + given + "'" + suggestion(given, words));
  return static_cast<size_t>(found - words.begin());
}

}  // namespace heed::data::json_tokenizer
