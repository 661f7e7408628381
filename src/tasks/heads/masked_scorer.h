// How well hidden tokens are told.
#pragma once

#include <memory>
#include <string>

#include "tasks/heads/masked_module.h"
#include "tasks/heads/token_counts.h"

namespace heed {

/// loss and perplexity (nats a hidden token) and accuracy; beside them those of the training
/// data's frequencies, each count one more, and of its most frequent token.
std::unique_ptr<Scorer> make_masked_scorer(MaskedModule& module, const TokenTally& counts,
                                           std::string labels);

}  // namespace heed
