#include "tasks/text_search.h"

namespace heed {

GenerateOptions search_options(GenerateOptions options, const data::Tokenizer& target) {
  options.begin(target.begin()).end(target.end());
  std::vector<int64_t> never;
  for (const int64_t id : {target.padding(), target.unknown()}) {
    if (id >= 0) never.push_back(id);
  }
  return options.suppressed(never);
}

}  // namespace heed
