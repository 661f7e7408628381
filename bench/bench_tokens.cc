#include "bench_tokens.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "heed/core/error.h"
#include "heed/data/json_tokenizer.h"

namespace heed::cli {
namespace {

using Json = nlohmann::json;

/// -1 is null, as None is there.
Json with_nulls(const std::vector<int64_t>& numbers) {
  Json all = Json::array();
  for (const int64_t number : numbers) all.push_back(number < 0 ? Json(nullptr) : Json(number));
  return all;
}

Json tokens_of(const data::JsonTokenizer& tokenizer, const Json& text) {
  const auto encoding = text.is_array() ? tokenizer.encode_pair(text.at(0).get<std::string>(),
                                                                text.at(1).get<std::string>())
                                        : tokenizer.encode(text.get<std::string>());
  Json offsets = Json::array();
  for (const auto& [begin, end] : encoding.offsets) offsets.push_back({begin, end});
  return {{"ids", encoding.ids},
          {"tokens", encoding.tokens},
          {"type_ids", encoding.type_ids},
          {"offsets", std::move(offsets)},
          {"words", with_nulls(encoding.words)},
          {"special", encoding.special_tokens_mask},
          {"sequences", with_nulls(encoding.sequence_ids)},
          {"decoded", tokenizer.decode(encoding.ids)},
          {"decoded_all", tokenizer.decode(encoding.ids, false)}};
}

}  // namespace

void bench_tokens(const std::string& file) {
  const auto tokenizer = data::JsonTokenizer::open(file);
  for (std::string line; std::getline(std::cin, line);) {
    const auto text = Json::parse(line, nullptr, false);
    if (text.is_discarded()) throw DataError("expected a line of JSON, given " + line);
    Json found;
    try {
      found = tokens_of(*tokenizer, text);
    } catch (const Error& error) {
      found = {{"error", error.what()}};
    }
    std::cout << found.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
  }
}

}  // namespace heed::cli
