// What a run writes and reads to go on with the same bits.
#include <nlohmann/json.hpp>

#include "formats/json_object.h"
#include "heed/core/error.h"
#include "nn/generator_state.h"
#include "train/json_number.h"
#include "train/run_folder.h"
#include "train/trainer.h"

namespace heed {
namespace {

using Json = nlohmann::ordered_json;

Json metrics_json(const Metrics& metrics) {
  Json json = Json::object();
  for (const auto& [name, value] : metrics) json[name] = value;
  return json;
}

/// What a run may change when it goes on. The rest decides what the batches and the model are.
const std::vector<std::string> kMayChange{"out",
                                          "data.workers",
                                          "input.workers",
                                          "train.average_checkpoints",
                                          "train.clip_grad_norm",
                                          "train.early_stop",
                                          "train.epochs",
                                          "train.keep_checkpoints",
                                          "train.log_every",
                                          "train.max_steps",
                                          "train.optimizer.beta1",
                                          "train.optimizer.beta2",
                                          "train.optimizer.eps",
                                          "train.optimizer.lr",
                                          "train.optimizer.weight_decay",
                                          "train.save_every",
                                          "train.sequence_parallel",
                                          "train.shard_optimizer",
                                          "train.schedule."};

/// Takes the tensors whose names begin with `prefix` out of a list.
NamedTensors take(NamedTensors& tensors, const std::string& prefix) {
  const auto rest = std::stable_partition(tensors.begin(), tensors.end(), [&](const auto& tensor) {
    return !tensor.first.starts_with(prefix);
  });
  NamedTensors taken(rest, tensors.end());
  tensors.erase(rest, tensors.end());
  return taken;
}

/// What the first process read, for all.
ModelFiles files_of_first(Processes& processes, const ModelFiles& read) {
  const auto send = [&](const NamedTensors& tensors) {
    return parse_safetensors(
               processes.from_first(processes.is_first() ? safetensors_bytes(tensors) : ""),
               "the checkpoint of " + processes.name(0))
        .tensors;
  };
  ModelFiles files;
  files.recipe = processes.from_first(read.recipe);
  files.tensors = send(read.tensors);
  const auto state = read.state.value_or(TrainState{});
  files.state = TrainState{send(state.tensors), processes.from_first(state.values)};
  return files;
}

}  // namespace

void Trainer::remember_start() {
  state_.cursor = task_.cursor();
  generator_ = nn::generator_state();
}

/// The name of the first parameter or buffer with a NaN or infinite number, in any process; empty: none has any. All ask
/// together, since buffers may differ, and either all or none write what follows.
std::string Trainer::unfinite_weights() const {
  std::string own;
  for (const auto& [name, tensor] : named_tensors(task_.model())) {
    if (!own.empty()) break;
    if (tensor.is_floating_point() && !at::isfinite(tensor).all().item<bool>()) own = name;
  }
  for (const auto& name : processes_.gather(own))
    if (!name.empty()) return name;
  return "";
}

void Trainer::check_weights() const {
  const std::string name = unfinite_weights();
  if (name.empty()) return;
  throw DivergedError("the weights " + name + " are no longer finite after step " +
                      std::to_string(state_.step) +
                      "; lower train.optimizer.lr or set train.clip_grad_norm");
}

ModelFiles Trainer::model_files(const std::string& metrics) const {
  ModelFiles files;
  auto recipe = recipe_;  // without the folder's name, so that every folder gets the same bytes
  std::erase_if(recipe, [](const auto& entry) { return entry.path == "out"; });
  files.recipe = to_toml(recipe);
  files.tensors = named_tensors(task_.model());
  files.metrics = metrics;
  files.others = task_.files();
  return files;
}

void Trainer::save_checkpoint() {
  if (saved_step_ == state_.step) return;
  check_weights();
  auto state = optimizer_.state();
  if (!folder_) {
    saved_step_ = state_.step;
    return;
  }
  if (log_) log_->sync();
  const WeightAverage::Shown shown(average_);
  ModelFiles files = model_files(best_metrics(std::nullopt));
  files.state.emplace();
  files.state->values = state_.to_json();
  files.state->tensors = std::move(state);
  for (auto& tensor : average_.hidden()) files.state->tensors.push_back(std::move(tensor));
  files.state->tensors.emplace_back("generator", generator_);
  folder_->save_last(state_.step, files);
  saved_step_ = state_.step;
}

std::string Trainer::best_metrics(const std::optional<Metrics>& test) const {
  Json json = {{"epoch", state_.best_epoch}, {"train", {{"loss", state_.best_loss}}}};
  if (!state_.best.empty()) json["valid"] = metrics_json(state_.best);
  if (test) json["test"] = metrics_json(*test);
  return with_words(json).dump(2) + "\n";
}

/// Gives the model the mean of the newest checkpoints' weights (Junczys-Dowmunt et al. 2016); false
/// where the recipe asks for none.
bool Trainer::average_checkpoints() {
  if (options_.average_checkpoints < 2) return false;
  if (folder_) take_mean_of_checkpoints();
  take_model_of_first();
  return true;
}

void Trainer::take_mean_of_checkpoints() {
  auto folders = folder_->checkpoints();
  const auto n = std::min(folders.size(), static_cast<size_t>(options_.average_checkpoints));
  folders.erase(folders.begin(), folders.end() - static_cast<int64_t>(n));
  std::map<std::string, at::Tensor> sums;
  NamedTensors newest;
  for (const auto& folder : folders) {
    newest = load_model(folder).tensors;
    for (const auto& [name, tensor] : newest) {
      if (!tensor.is_floating_point()) continue;
      auto& sum = sums[name];
      sum = sum.defined() ? sum.add_(tensor) : tensor.to(at::kDouble);
    }
  }
  for (auto& [name, tensor] : newest) {
    if (tensor.is_floating_point()) tensor = (sums[name] / double(n)).to(tensor.scalar_type());
  }
  load_into(task_.model(), newest, folders.back() / "model.safetensors");
}

void Trainer::take_model_of_first() {
  if (!processes_.are_several()) return;
  const at::NoGradGuard no_grad;
  for (auto& [name, tensor] : named_tensors(task_.model())) processes_.from_first(tensor);
}

void Trainer::save_best() {
  check_weights();
  if (!folder_) return;
  const WeightAverage::Shown shown(average_);
  folder_->save_best(model_files(best_metrics(std::nullopt)));
}

/// From the newest checkpoint, which the first process reads.
void Trainer::resume() {
  std::optional<std::filesystem::path> newest;
  if (folder_) newest = folder_->newest();
  const auto checkpoint = processes_.from_first(newest ? newest->string() : "");
  if (checkpoint.empty()) return;
  ModelFiles files;
  if (folder_) files = load_model(checkpoint, WithState::yes);
  if (processes_.are_several()) files = files_of_first(processes_, files);
  resume_from(checkpoint, std::move(files));
  if (!processes_.are_several()) return;
  state_ = LoopState::from_json(processes_.from_first(state_.to_json()), checkpoint);
}

void Trainer::resume_from(const std::filesystem::path& checkpoint, ModelFiles files) {
  const auto recipe_file = checkpoint / "recipe.toml";
  changes_ = check_same_recipe(RecipeFile::parse(files.recipe, recipe_file.string()),
                               RecipeFile::parse(to_toml(recipe_), "the recipe"), kMayChange);
  std::erase_if(changes_, [](const auto& change) { return !change.path.starts_with("train."); });
  load_into(task_.model(), files.tensors, checkpoint / "model.safetensors");
  NamedTensors tensors = std::move(files.state->tensors);
  const NamedTensors generator = take(tensors, "generator");
  if (generator.size() != 1) {
    throw ModelError((checkpoint / "state.safetensors").string() +
                     ": the tensor generator is missing");
  }
  const at::NoGradGuard no_grad;
  try {
    average_.restore(take(tensors, "weights/"));
    optimizer_.restore(tensors);
  } catch (const ModelError& error) {
    throw ModelError((checkpoint / "state.safetensors").string() + ": " + error.what());
  }
  state_ = LoopState::from_json(files.state->values, (checkpoint / "state.json").string());
  go_further(checkpoint);
  try {
    task_.seek(state_.cursor);
  } catch (const UsageError& error) {
    throw ModelError((checkpoint / "state.json").string() + ": cursor: " + error.what());
  }
  generator_ = generator.front().second;
  nn::set_generator_state(generator_);
  saved_step_ = state_.step;
}

/// What best/ holds stays until an epoch is better: at a run's end that may be the mean of its
/// checkpoints, whose metrics no checkpoint has.
void Trainer::keep_best() {
  if (!folder_) return;
  const auto best = folder_->path() / "best";
  if (!is_model_folder(best)) return;
  const JsonObject json(load_model(best).metrics, (best / "metrics.json").string());
  if (!json.has("valid")) return;
  const Metrics kept = json.any_numbers("valid");
  if (state_.best.empty() || !is_better(kept)) return;
  state_.best = kept;
  is_mean_kept_ = true;
}

/// A run that ended goes on where the recipe now asks for more.
void Trainer::go_further(const std::filesystem::path& checkpoint) {
  const bool asks = std::any_of(changes_.begin(), changes_.end(), [](const auto& change) {
    return change.path == "train.epochs" || change.path == "train.max_steps" ||
           change.path == "train.early_stop";
  });
  if (state_.step > steps_ || (state_.step == steps_ && !state_.finished))
    throw UsageError("the recipe asks for " + std::to_string(steps_) + " steps, and " +
                     checkpoint.string() + " has done " + std::to_string(state_.step) +
                     "; ask for more by train.epochs or train.max_steps");
  if (asks && state_.step < steps_ && state_.finished) {
    keep_best();
    state_.finished = false;
  }
  was_finished_ = state_.finished;
}

}  // namespace heed
