// Explanations as JSON: what `heed explain --json` prints.
#pragma once

#include "heed/lens/doubt.h"
#include "heed/lens/edge.h"
#include "heed/lens/heads.h"
#include "output.h"

namespace heed::cli {

/// The prediction, what is explained, and which method by which formula.
Json json_of(const Question& question);
Json json_of(const lens::Attribution& attribution);
Json json_of(const lens::Doubt& doubt);
Json json_of(const lens::HeadScores& scores, const char* name);
Json json_of(const lens::Patched& patched);
Json json_of(const lens::Edge& edge);

}  // namespace heed::cli
