// heed quantize: a model with smaller weights, and what that changes.
#include "heed/tasks/quantize.h"

#include "core/printable.h"
#include "frame/twice.h"
#include "heed/core/fields.h"
#include "output.h"
#include "verbs.h"

namespace heed::cli {
namespace {

Json quantized_json(const QuantizeFlags& flags, const Quantized& made) {
  Json json = {{"model", flags.model},
               {"folder", flags.folder},
               {"format", flags.weights},
               {"weights", made.weights},
               {"numbers", made.numbers},
               {"bytes", made.bytes},
               {"bytes_written", made.bytes_written},
               {"compared", made.difference.examples}};
  const auto& d = made.difference;
  if (d.has_vectors) json["cosine"] = d.cosine, json["least_cosine"] = d.least_cosine;
  if (d.examples > 0 && !d.has_vectors)
    json["outputs"] = d.outputs, json["same_largest"] = d.same_largest;
  if (d.has_maps) json["maps"] = d.maps, json["most_maps"] = d.most_maps;
  for (const auto& [name, value] : made.before)
    if (name.find("baseline_") == std::string::npos) json[name] = value;
  for (const auto& [name, value] : made.behind)
    if (name.find("baseline_") == std::string::npos) json[name + "_" + flags.weights] = value;
  return json;
}

}  // namespace

void run(const QuantizeFlags& flags) {
  refuse_twice("--data", flags.data);
  check_outputs({flags.folder}, flags.model, flags.data);
  const auto made = quantize_model(flags.model, flags.folder, flags.data,
                                   from_word<SmallWeights>(flags.weights).value());
  if (made.difference.examples == 0)
    std::cerr << "heed: note: nothing was measured, as the model names no data.valid; name data by "
                 "--data\n";
  print_values(quantized_json(flags, made), flags.json);
  std::cerr << "heed: wrote " << printable(flags.folder) << '\n';
}

}  // namespace heed::cli
