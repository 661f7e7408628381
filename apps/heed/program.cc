// The one symbol that the small program `heed` asks libheed_verbs.so for.
#include <stdexcept>
#include <string_view>

#include "frame/torch.h"
#include "verbs.h"

namespace heed::cli {
namespace {

template <class Flags>
bool runs(std::string_view verb, const void* flags) {
  if (verb != Flags::kVerb) return false;
  with_torch([flags] { run(*static_cast<const Flags*>(flags)); });
  return true;
}

template <class... Flags>
bool one_runs(std::string_view verb, const void* flags) {
  return (runs<Flags>(verb, flags) || ...);
}

}  // namespace
}  // namespace heed::cli

/// Runs the verb with its flags, a struct of flags.h. Throws as frame/frame.h says.
extern "C" void heed_run_verb(const char* verb, const void* flags) {
  using namespace heed::cli;
  if (!one_runs<AuditFlags, CheckFlags, EmbedFlags, EnvFlags, EvalFlags, ExplainFlags, ExportFlags,
                ImportFlags, LookFlags, MapFlags, PredictFlags, QuantizeFlags, ScoreFlags,
                ServeFlags, SummaryFlags, TemplateFlags, TrainFlags>(verb, flags))
    throw std::logic_error(std::string("no such verb: ") + verb);
}
