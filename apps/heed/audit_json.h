// What an audit found, as JSON.
#pragma once

#include "heed/lens/audit.h"
#include "output.h"

namespace heed::cli {

Json json_of(const lens::GroupAudit& group);
Json json_of(const lens::PairsAudit& pairs);
/// A line of JSON for each changed example.
std::string lines_of(const lens::GroupAudit& group, const std::vector<std::string>& rules);
std::string lines_of(const lens::PairsAudit& pairs);

}  // namespace heed::cli
