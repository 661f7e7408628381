// What a verb does depends on the task that a model was trained for.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "heed/tasks/recipes.h"

namespace heed::cli {

template <class Flags>
using ByTask = std::map<std::string, std::function<void(const Flags&)>>;

/// Throws UsageError where the verb has nothing for that task.
template <class Flags>
void run_by_task(const char* verb, const std::string& task, const ByTask<Flags>& verbs,
                 const Flags& flags) {
  const auto found = verbs.find(task);
  if (found != verbs.end()) return found->second(flags);
  std::string known;
  for (const auto& [name, run] : verbs) known += (known.empty() ? "" : ", ") + name;
  throw UsageError(std::string("'heed ") + verb + "' has nothing for a model of the task '" + task +
                   "'; it has for: " + known);
}

}  // namespace heed::cli
