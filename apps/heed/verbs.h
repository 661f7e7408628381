// The bodies of the verbs, each in a file of its own, and what the small program `heed` calls.
#pragma once

#include "flags.h"

namespace heed::cli {

void run(const AuditFlags& flags);
void run(const CheckFlags& flags);
void run(const EmbedFlags& flags);
void run(const EnvFlags& flags);
void run(const EvalFlags& flags);
void run(const ExplainFlags& flags);
void run(const ExportFlags& flags);
void run(const ImportFlags& flags);
void run(const LookFlags& flags);
void run(const MapFlags& flags);
void run(const PredictFlags& flags);
void run(const QuantizeFlags& flags);
void run(const ScoreFlags& flags);
void run(const ServeFlags& flags);
void run(const SummaryFlags& flags);
void run(const TemplateFlags& flags);
void run(const TrainFlags& flags);

}  // namespace heed::cli
