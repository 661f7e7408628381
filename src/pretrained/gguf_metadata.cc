#include "pretrained/gguf_metadata.h"

#include "core/printable.h"
#include "heed/core/error.h"

namespace heed::pretrained {

void GgufMetadata::refuse(const std::string& key, const std::string& message) const {
  throw ModelError(file_ + ": " + printable(key) + ": " + message);
}

template <class T>
const T& GgufMetadata::at(const std::string& key, const char* type) {
  const auto found = gguf_.metadata.find(key);
  if (found == gguf_.metadata.end()) refuse(key, "the key is missing");
  used_.insert(key);
  const auto* value = std::get_if<T>(&found->second);
  if (!value) refuse(key, std::string("expected ") + type);
  return *value;
}

int64_t GgufMetadata::integer(const std::string& key) { return at<int64_t>(key, "an integer"); }
int64_t GgufMetadata::integer(const std::string& key, int64_t otherwise) {
  return has(key) ? integer(key) : otherwise;
}
double GgufMetadata::number(const std::string& key) { return at<double>(key, "a number"); }
double GgufMetadata::number(const std::string& key, double otherwise) {
  return has(key) ? number(key) : otherwise;
}
bool GgufMetadata::flag(const std::string& key, bool otherwise) {
  return has(key) ? at<bool>(key, "true or false") : otherwise;
}
std::string GgufMetadata::text(const std::string& key) { return at<std::string>(key, "a text"); }
std::string GgufMetadata::text(const std::string& key, const std::string& otherwise) {
  return has(key) ? text(key) : otherwise;
}
const std::vector<std::string>& GgufMetadata::texts(const std::string& key) {
  return at<std::vector<std::string>>(key, "a list of texts");
}
const std::vector<int64_t>& GgufMetadata::integers(const std::string& key) {
  return at<std::vector<int64_t>>(key, "a list of integers");
}
const std::vector<double>& GgufMetadata::numbers(const std::string& key) {
  return at<std::vector<double>>(key, "a list of numbers");
}

void GgufMetadata::end(const std::string& prefix) const {
  for (const auto& [key, value] : gguf_.metadata)
    if (key.starts_with(prefix) && !used_.contains(key))
      refuse(key, "this key is not known, and what it asks for would be left out");
}

}  // namespace heed::pretrained
