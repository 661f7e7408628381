// Texts as the tokens that they hold, without their order: what baselines compare.
#pragma once

#include <map>
#include <vector>

#include "heed/tasks/input.h"

namespace heed {

/// tokens (B, L), lengths (B) of a batch: the tokens of each text.
std::vector<std::vector<int64_t>> token_lists(const Batch& texts);

/// How often each token stands in a text, as a vector of length 1.
using TokenBag = std::map<int64_t, double>;
TokenBag token_bag(const std::vector<int64_t>& tokens);

/// Of two bags, 0 .. 1.
double cosine(const TokenBag& a, const TokenBag& b);

}  // namespace heed
