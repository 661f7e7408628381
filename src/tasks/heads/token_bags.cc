#include "tasks/heads/token_bags.h"

#include <cmath>

namespace heed {

std::vector<std::vector<int64_t>> token_lists(const Batch& texts) {
  std::vector<std::vector<int64_t>> rows;
  const auto tokens = texts.at("tokens").contiguous(), lengths = texts.at("lengths").contiguous();
  for (int64_t row = 0; row < tokens.size(0); ++row) {
    const auto* first = tokens.data_ptr<int64_t>() + row * tokens.size(1);
    rows.emplace_back(first, first + lengths.data_ptr<int64_t>()[row]);
  }
  return rows;
}

TokenBag token_bag(const std::vector<int64_t>& tokens) {
  TokenBag bag;
  for (const int64_t token : tokens) bag[token] += 1;
  double sum = 0;
  for (const auto& [token, count] : bag) sum += count * count;
  for (auto& [token, count] : bag) count /= std::sqrt(sum);
  return bag;
}

double cosine(const TokenBag& a, const TokenBag& b) {
  double sum = 0;
  for (const auto& [token, weight] : a)
    if (const auto found = b.find(token); found != b.end()) sum += weight * found->second;
  return sum;
}

}  // namespace heed
