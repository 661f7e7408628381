#include "heed/tasks/quantize.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "core/list_folder.h"
#include "core/text.h"
#include "heed/core/fields.h"
#include "heed/core/files.h"
#include "heed/models/sequence_model.h"
#include "heed/nn/recording.h"
#include "heed/tasks/predictor.h"
#include "kernels/int8_linear.h"
#include "kernels/row_linear.h"
#include "nn/int8_weights.h"
#include "nn/linear.h"
#include "tasks/cell.h"
#include "tasks/int8_channels.h"
#include "tasks/opened_model.h"
#include "train/int8_tensors.h"

namespace heed {
namespace {

constexpr int64_t kLeastSide = 64;
constexpr int64_t kCompared = 64;
constexpr double kMostError = 0.015;  // of a layer's products, of themselves
constexpr const char* kReport = "quantize.json";

bool is_worth_it(const at::Tensor& weight) {
  return weight.dim() == 2 && weight.scalar_type() == at::kFloat && weight.size(0) >= kLeastSide &&
         weight.size(1) >= kLeastSide && weight.size(1) <= kernels::kMostInt8Depth;
}

struct Choice {
  std::set<std::string> weights, stay;
};

/// What layers multiply by, by its name among the parameters.
Choice choice_of(torch::nn::Module& module) {
  Choice choice;
  std::set<const void*> outputs;
  for (const auto& item : module.named_modules("", /*include_self=*/true)) {
    if (const auto* writes = dynamic_cast<const SequenceModel*>(item.value().get()))
      outputs.insert(writes->output_weight().data_ptr());
    const auto* linear = item.value()->as<torch::nn::Linear>();
    if (!linear) continue;
    const auto name = item.key() + (item.key().empty() ? "weight" : ".weight");
    (is_worth_it(linear->weight) ? choice.weights : choice.stay).insert(name);
  }
  for (const auto& item : module.named_parameters())
    if (outputs.contains(item.value().data_ptr()) && is_worth_it(item.value()))
      choice.weights.insert(item.key());
  return choice;
}

uint64_t bytes_of_all(const NamedTensors& tensors) {
  uint64_t bytes = 0;
  for (const auto& [name, tensor] : tensors) bytes += tensor.nbytes();
  return bytes;
}

struct Seen {
  at::Tensor output;
  std::vector<Map> maps;
};

Seen seen_by(Cell& cell, const Batch& batch) {
  const at::NoGradGuard no_grad;
  const nn::RowsAlone alone(cell.packed);
  Recording recording(*cell.module);
  const auto tokens = cell.encode(batch);
  auto output = cell.recipe.heads.front().get()->output(tokens, batch).to(at::kDouble);
  return {std::move(output), recording.maps()};
}

/// The mean of sum |p - p'| / 2 over the rows of two maps of the same.
double moved(const Map& a, const Map& b) {
  double sum = 0;
  for (int64_t batch = 0; batch < a.batch(); ++batch)
    sum += (a.dense(batch) - b.dense(batch)).abs().sum(-1).mean().item<double>() / 2;
  return sum / static_cast<double>(std::max<int64_t>(a.batch(), 1));
}

/// Sums over examples, which end() makes means of.
struct Differences {
  ModelDifference found = {.same_largest = 0, .cosine = 0};
  double squares = 0, of_outputs = 0, rows = 0;
  std::vector<double> maps;

  void add(const Seen& a, const Seen& b, int64_t examples, bool vectors) {
    found.examples += examples;
    squares += (a.output - b.output).square().sum().item<double>();
    of_outputs += a.output.square().sum().item<double>();
    const auto x = a.output.flatten(0, -2), y = b.output.flatten(0, -2);
    rows += static_cast<double>(x.size(0));
    if (vectors) {
      const auto cosine = at::cosine_similarity(x, y, -1);
      found.cosine += cosine.sum().item<double>();
      found.least_cosine = std::min(found.least_cosine, cosine.min().item<double>());
    } else if (x.size(-1) > 1) {
      found.same_largest +=
          static_cast<double>(x.argmax(-1).eq(y.argmax(-1)).sum().item<int64_t>());
    }
    maps.resize(std::max(maps.size(), a.maps.size()));
    for (size_t i = 0; i < std::min(a.maps.size(), b.maps.size()); ++i)
      maps[i] += moved(a.maps[i], b.maps[i]) * static_cast<double>(examples);
  }

  ModelDifference end(bool vectors) {
    const auto n = static_cast<double>(found.examples);
    if (n == 0) return {};
    found.outputs = of_outputs > 0 ? std::sqrt(squares / of_outputs) : 0;
    found.same_largest = vectors ? 1 : found.same_largest / rows;
    found.cosine = vectors ? found.cosine / rows : 1;
    found.has_vectors = vectors, found.has_maps = !maps.empty();
    for (const double sum : maps) {
      found.maps += sum / n / static_cast<double>(maps.size());
      found.most_maps = std::max(found.most_maps, sum / n);
    }
    return found;
  }
};

/// Of each weight its channels, by what it multiplies in the data. Weights whose products would be off too far stay.
std::map<std::string, at::Tensor> channels_of(Choice& choice, Predictor& model,
                                              const std::vector<std::string>& paths) {
  const at::NoGradGuard no_grad;
  const nn::InputSamples samples;
  if (!paths.empty()) model.difference(model, paths);
  std::map<std::string, at::Tensor> channels;
  for (const auto& item : model.module().named_parameters()) {
    if (!choice.weights.contains(item.key())) continue;
    const auto fit = int8_fit(item.value(), samples.of(item.value()));
    if (fit.error <= kMostError)
      channels.emplace(item.key(), fit.channels);
    else
      choice.weights.erase(item.key()), choice.stay.insert(item.key());
  }
  return channels;
}

std::string report_json(const Quantized& made, SmallWeights weights) {
  nlohmann::ordered_json json = {
      {"weights", made.weights}, {"numbers", made.numbers}, {"stay_float32", made.stay}};
  for (const auto& [name, value] : made.before) json["float32"][name] = value;
  for (const auto& [name, value] : made.behind) json[word_of(weights)][name] = value;
  const auto& d = made.difference;
  json["compared"] = d.examples;
  if (d.examples > 0) json["outputs"] = d.outputs;
  if (d.has_vectors) json["cosine"] = d.cosine, json["least_cosine"] = d.least_cosine;
  if (d.has_maps) json["maps"] = d.maps, json["most_maps"] = d.most_maps;
  return json.dump(2) + "\n";
}

/// Throws where the weights are so already.
void refuse_bfloat16(const Choice& choice, const torch::nn::Module& module,
                     const std::filesystem::path& model) {
  for (const auto& item : module.named_parameters()) {
    if (!choice.weights.contains(item.key())) continue;
    const auto weight = item.value().contiguous();
    if (!kernels::is_bfloat16(weight.data_ptr<float>(), weight.size(0), weight.size(1),
                              weight.stride(0)))
      return;
  }
  throw ModelError(
      model.string() +
      ": the weights' numbers are all bfloat16's already; every verb multiplies by them "
      "as such");
}

void check_new(const std::filesystem::path& folder) {
  if (kind_of(folder) == PathKind::absent) return;
  if (kind_of(folder) != PathKind::folder || !list_folder(folder).empty())
    throw UsageError("the folder " + folder.string() + " is not empty; name a new one");
}

}  // namespace

ModelDifference Predictor::difference(Predictor& other, const std::vector<std::string>& paths) {
  const bool vectors = cell_->recipe.heads.front().get()->gives_vectors();
  Differences sums;
  const auto compare = [&](const Batch& batch) {
    sums.add(seen_by(*cell_, batch), seen_by(*other.cell_, batch), batch.size(), vectors);
  };
  if (vectors) {
    const auto examples = stream(paths)->next(kCompared);
    for (int64_t i = 0; examples && i < examples->size(); ++i) compare(examples->batch({i}, {}));
    return sums.end(vectors);
  }
  const auto examples = measured(paths);
  BatchOptions options;
  options.batch = cell_->recipe.train.batch;
  options.contiguous = cell_->recipe.heads.front().get()->is_stateful();
  const auto batches = cell_->batches(examples, options);
  while (sums.found.examples < kCompared) {
    auto batch = batches->next();
    if (!batch) break;
    if (batch->size() > 0) compare(cell_->with_targets(*examples, std::move(*batch), {}));
  }
  return sums.end(vectors);
}

Quantized quantize_model(const std::filesystem::path& model, const std::filesystem::path& folder,
                         const std::vector<std::string>& given, SmallWeights weights) {
  check_new(folder);
  auto opened = open_model(model);
  if (!opened.int8.empty())
    throw ModelError(opened.folder.string() +
                     ": is of 8 bits already; quantize the folder that it was made of");
  auto before = Predictor::load(model);
  auto choice = choice_of(before.module());
  if (choice.weights.empty())
    throw ModelError(text_of(opened.folder.string(), ": no weight of a layer has ", kLeastSide,
                             " rows and columns, so that nothing would be faster"));
  if (weights == SmallWeights::bfloat16) refuse_bfloat16(choice, before.module(), opened.folder);
  Quantized made;
  auto files = std::move(opened.files);
  made.bytes = bytes_of_all(files.tensors);
  const auto& paths = given.empty() ? before.recipe().paths("valid") : given;
  std::map<std::string, at::Tensor> channels;
  if (weights == SmallWeights::int8) channels = channels_of(choice, before, paths);
  made.stay.assign(choice.stay.begin(), choice.stay.end());
  made.weights = std::ssize(choice.weights);
  for (const auto& [name, tensor] : files.tensors)
    if (choice.weights.contains(name)) made.numbers += tensor.numel();
  files.tensors = weights == SmallWeights::int8 ? to_int8(files.tensors, channels)
                                                : to_bfloat16(files.tensors, choice.weights);
  made.bytes_written = bytes_of_all(files.tensors);
  files.state.reset();
  save_model(folder, files);
  auto behind = Predictor::load(folder);
  if (!paths.empty()) {
    made.difference = before.difference(behind, paths);
    if (!made.difference.has_vectors)
      made.before = before.evaluate(paths).metrics, made.behind = behind.evaluate(paths).metrics;
  }
  files.others[kReport] = report_json(made, weights);
  save_model(folder, files);
  return made;
}

}  // namespace heed
