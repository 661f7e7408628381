#include "train/size_keys.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

namespace heed {
namespace {

constexpr size_t kMostKeys = 6;

/// Last parts of keys that tensors are as large as.
constexpr std::array<std::string_view, 16> kSizes{
    "width",           "hidden",  "layers",          "levels",  "encoder_layers", "decoder_layers",
    "sentence_layers", "size",    "embedding_width", "shape",   "embedding",      "buckets",
    "vocabulary_size", "context", "ngrams",          "lookback"};

bool is_size(const RecipeEntry& entry) {
  const std::string_view path = entry.path;
  if (!path.starts_with("encoder.") && !path.starts_with("head") && !path.starts_with("input"))
    return false;
  const auto name = path.substr(path.rfind('.') + 1);
  return std::find(kSizes.begin(), kSizes.end(), name) != kSizes.end();
}

double number_in(const RecipeEntry& entry) {
  const size_t digit = entry.value.find_first_of("0123456789");
  return digit == std::string::npos ? 0 : std::strtod(entry.value.c_str() + digit, nullptr);
}

}  // namespace

std::string sizes_of(const std::vector<RecipeEntry>& recipe) {
  std::vector<const RecipeEntry*> sizes;
  for (const auto& entry : recipe)
    if (is_size(entry) && number_in(entry) > 0) sizes.push_back(&entry);
  std::stable_sort(sizes.begin(), sizes.end(),
                   [](const auto* a, const auto* b) { return number_in(*a) > number_in(*b); });
  if (sizes.size() > kMostKeys) sizes.resize(kMostKeys);
  std::string text;
  for (const auto* entry : sizes)
    text += (text.empty() ? "" : ", ") + entry->path + " = " + entry->value;
  return text;
}

}  // namespace heed
