// From a recipe's [generate] and a tokenizer to a search.
#pragma once

#include "heed/data/tokenizer.h"
#include "heed/models/generate.h"

namespace heed {

/// The options with what the tokenizer says: <s>, </s>, and what is never written.
GenerateOptions search_options(GenerateOptions options, const data::Tokenizer& target);

}  // namespace heed
