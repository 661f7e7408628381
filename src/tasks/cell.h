// One cell of the grid: inputs, an encoder and heads, with the module of the two.
#pragma once

#include <torch/nn/module.h>

#include <functional>

#include "heed/tasks/recipe.h"
#include "nn/linear.h"
#include "tasks/by_key.h"

namespace heed {

/// Weights: encoder.*, and head.* or, where there are several, heads.NAME.*.
class CellModule : public torch::nn::Module {
 public:
  CellModule() : torch::nn::Module("Model") {}
  using torch::nn::Module::register_module;
};

class Cell {
 public:
  explicit Cell(Recipe recipe);

  /// Of records that come from where no name says it: that of training.
  data::RecordFormat piped_format() const;
  /// The recipe's paths as a source, read as records where the inputs want that. `flag`: what named
  /// them instead of the recipe.
  Source source(const std::string& role, const std::vector<std::string>& paths,
                const std::string& flag = "") const;
  /// Opens a part for all inputs.
  SplitPtr open(const Source& source);
  /// {the rest, held out} of the training data; groups stay whole where the recipe names some.
  std::pair<SplitPtr, SplitPtr> hold_out(const SplitPtr& train) const;
  /// {the rest, the fold that is the test data} of the training data; likewise.
  std::pair<SplitPtr, SplitPtr> fold(const SplitPtr& all) const;
  /// Makes encoder and heads with new weights from LibTorch's generator.
  void make_model();

  /// The encoder's tokens; of an encoder of the kind "none" no states.
  Tokens encode(const Batch& batch);
  Batch with_targets(const Split& split, Batch batch, const Draw& draw) const;
  std::unique_ptr<BatchSource> batches(const SplitPtr& split, const BatchOptions& options) const;
  Sizes sizes() const;
  /// One pass of an example of typical size.
  void run_example();

  Files files() const;
  void load(const Files& files);
  void load_inputs(const Files& files);

  Input& input() const { return *recipe.inputs.front().get(); }
  /// The column that a line of plain text stands for; it cannot stand for several inputs.
  std::string line_column() const { return has_several_inputs() ? "" : input().line_column(); }
  /// The only input that answers depend on; null: there are several.
  const InputTable* answered() const;
  /// A split of that input as the encoder reads it.
  SplitPtr as_answered(SplitPtr split) const;
  bool has_several_inputs() const { return recipe.inputs.size() > 1; }
  bool has_several_heads() const { return recipe.heads.size() > 1; }
  /// "loss" of the only head, "mood.loss" of one among several.
  Metrics named(const HeadTable& head, const Metrics& metrics) const;

  Recipe recipe;
  std::shared_ptr<CellModule> module;
  EncoderPtr encoder;
  nn::PackedWeights packed;  ///< of linear layers, where a Predictor computes; empty in training
};

class Processes;
class UnknownPieces;

/// Metrics of a split, all heads; baselines behind the metrics of their head unless `quick`.
struct SplitScore {
  Metrics metrics;
  std::vector<std::unique_ptr<Scorer>> scorers;  ///< of each head
};
/// `unknown`: where pieces of text are counted; null: nowhere. `change`: of each batch with its
/// targets.
SplitScore score_split(Cell& cell, const SplitPtr& split, bool quick,
                       UnknownPieces* unknown = nullptr,
                       const std::function<void(Batch&)>& change = {});
/// The same by several processes, each of which measures a share where every head's scorer can be put together and rows
/// do not go on, and all examples elsewhere. Each has the result.
SplitScore score_split(Cell& cell, const SplitPtr& split, bool quick, Processes& processes);

/// Runs `use` and turns a UsageError, whose arguments the recipe gave, into a ModelError; both say
/// which recipe it was.
template <class Use>
auto by_recipe(const std::string& recipe, Use&& use) {
  const auto placed = [&](const std::string& message) {
    const bool said = recipe.empty() || message.find(recipe) != std::string::npos;
    return ModelError(said ? message : recipe + ": " + message);
  };
  try {
    return use();
  } catch (const UsageError& error) {
    throw placed(error.what());
  } catch (const ModelError& error) {
    if (error.what() == std::string(placed(error.what()).what())) throw;
    throw placed(error.what());
  }
}

/// What readers call the fields of [input] and [data].
std::vector<KeyName> keys_of_readers(const Source& source);

/// Runs `use`; messages name the keys of the recipe, and of a file the key or flag that named it.
template <class Use>
auto by_source(const Source& source, Use&& use) {
  try {
    return use();
  } catch (const ModelError& error) {
    throw ModelError(renamed(keys_of_readers(source), error.what()));
  } catch (const UsageError& error) {
    throw UsageError(renamed(keys_of_readers(source), error.what()));
  } catch (const FileError& error) {
    if (source.role == "input") throw;
    throw FileError(source.called() + ": " + error.what());
  }
}

}  // namespace heed
