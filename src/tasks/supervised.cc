#include "heed/tasks/supervised.h"

#include <ATen/record_function.h>

#include "heed/core/error.h"
#include "nn/checkpoint.h"
#include "nn/model_memory.h"
#include "nn/sequence_part.h"
#include "nn/shared_batch_norm.h"
#include "tasks/begun_from.h"
#include "tasks/cell.h"
#include "tasks/gap_term.h"
#include "tasks/learned_before.h"
#include "tasks/sequence_parts.h"
#include "tasks/tuning.h"
#include "tasks/unknown.h"
#include "train/size_keys.h"

namespace heed {
namespace {

constexpr int64_t kShownSamples = 3;

/// Of the bytes of a batch, in the order of the tensors' names.
std::string digest_of(const Batch& batch) {
  size_t digest = 0;
  for (const auto& [name, tensor] : batch.tensors) {
    const auto flat = tensor.contiguous();
    const std::string_view bytes(static_cast<const char*>(flat.data_ptr()), flat.nbytes());
    digest = 31 * digest + std::hash<std::string_view>()(bytes);
  }
  return std::to_string(digest);
}

class SupervisedTask : public Task {
 public:
  explicit SupervisedTask(Recipe recipe) : cell_(std::move(recipe)) {
    std::optional<BegunFrom> from;
    if (!cell_.recipe.model.from.empty()) from.emplace(cell_.recipe);
    open_data(from);
    at::manual_seed(seed());
    {
      const nn::ModelMemory memory(sizes_of(cell_.recipe.entries()));
      cell_.make_model();
    }
    for (const auto& [name, split] : splits())
      for (const auto& table : cell_.recipe.heads)
        if (split) table.get()->check_made(*split);
    if (from) {
      from->load_weights(cell_), kept_ = from->kept();
      tuning_.emplace(*cell_.module, cell_.recipe.model, from->takes());
      cell_.recipe.model.opened.reset();
    }
    entries_ = cell_.recipe.entries();
    Recipe::read_complete(RecipeFile::parse(to_toml(entries_), "the recipe as it is saved"));
    source_ = cell_.batches(train_, {.batch = cell_.recipe.train.batch,
                                     .training = true,
                                     .seed = seed(),
                                     .contiguous = main_head().is_stateful(),
                                     .mixed = any_head_compares()});
  }

  torch::nn::Module& model() override { return *cell_.module; }
  std::vector<RecipeEntry> recipe() const override { return entries_; }
  std::map<std::string, std::string> files() const override {
    auto files = cell_.files();
    files.insert(kept_.begin(), kept_.end());
    return files;
  }

  Metrics dataset_stats() const override {
    Metrics all;
    if (tuning_) all.emplace_back("weights that learn", static_cast<double>(tuning_->learning()));
    if (gap_)
      all.emplace_back("train texts with swapped words", static_cast<double>(gap_->swapped()));
    for (const auto& [name, split] : splits()) {
      if (!split) continue;
      all.emplace_back(name + " examples", static_cast<double>(split->size()));
      add_stats(all, name, *split);
      if (const auto found = unknown_.find(name); found != unknown_.end()) {
        for (const auto& [what, count] : found->second.counts()) {
          all.emplace_back(name + " " + what, static_cast<double>(count.pieces));
          all.emplace_back(name + " unknown " + (what == "pieces of text" ? "pieces" : what),
                           static_cast<double>(count.unknown));
        }
      }
    }
    return all;
  }

  std::vector<std::string> notes() const override { return notes_; }
  int64_t batches() const override { return source_->batches(); }
  data::Cursor cursor() const override { return source_->cursor(); }
  /// A stateful model begins anew there: its state came from weights that are gone.
  void seek(const data::Cursor& cursor) override {
    main_head().reset_state();
    source_->seek(cursor);
  }

  void share_with(Processes& processes) override {
    if (any_head_compares())
      throw ModelError(
          "head.kind: what an example learns is told by the others of its batch, and several "
          "processes have a part of "
          "the batch each; train this by one process");
    const int64_t parts = cell_.recipe.train.sequence_parallel;
    if (parts > 1) part_sequences(*processes.ring(parts));
    source_->take({processes.rank() / parts, processes.count() / parts});
    processes_ = &processes;
    if (parts > 1) return;  // the processes of a part have the same examples
    for (const auto& module : cell_.module->modules())
      if (auto norm = std::dynamic_pointer_cast<nn::SharedBatchNorm2dImpl>(module))
        norms_.push_back(std::move(norm));
    if (norms_.empty()) return;
    auto& ring = *processes.ring(processes.count());
    for (const auto& norm : norms_) norm->share_with(ring);
  }
  std::string data_digest() override {
    const auto before = source_->cursor();
    const auto digest = digest_of(next_batch());
    source_->seek(before);
    return digest;
  }

  BatchLoss next() override {
    const auto batch = next_batch();
    if (batch.size() == 0) {
      join_norms();
      return {};
    }
    const nn::GradientCheckpointing recompute(cell_.recipe.train.gradient_checkpointing);
    const auto tokens = [&] {
      const nn::PartedStacks parted(encoders_ring_);
      return cell_.encode(batch);
    }();
    const auto* first = batch.records.data_ptr<int64_t>();
    BatchLoss result{{}, 0, {first, first + batch.records.numel()}, {}};
    for (const auto& table : cell_.recipe.heads) {
      const auto found = table.get()->loss(tokens, batch);
      if (!result.loss.defined()) {
        result.loss = table.has_name ? found.mean * table.weight : found.mean;
        result.count = found.count;
        result.sizes = found.sizes;
      } else {
        result.loss = result.loss + found.mean * table.weight;
      }
    }
    // States of an encoder in parts are whole in all its processes, and so is the loss.
    if (encoders_ring_ && encoders_ring_->rank() != 0) result.count = 0;
    if (gap_) {
      const auto gap = gap_->loss(cell_, *train_, tokens, batch, draw_);
      if (gap.defined()) result.loss = result.loss + gap;
    }
    return result;
  }

  double rate_factor(const std::string& parameter) const override {
    return tuning_ ? tuning_->rate_factor(parameter) : 1;
  }
  const char* unit() const override { return cell_.input().unit(); }
  std::string record_name(int64_t record) const override { return train_->place(record); }

  SelectionMetric selection_metric() const override {
    auto metric = main_head().selection_metric();
    metric.metric = cell_.named(cell_.recipe.heads.front(), {{metric.metric, 0}}).front().first;
    return metric;
  }
  std::optional<Metrics> validate() override {
    if (!valid_) return std::nullopt;
    const auto score = score_split(cell_, valid_, true, *processes_);
    for (size_t i = 0; i < score.scorers.size(); ++i)
      cell_.recipe.heads[i].get()->validated(*score.scorers[i]);
    remember_samples(score);
    return score.metrics;
  }
  std::optional<Metrics> test() override {
    if (!test_) return std::nullopt;
    return score_split(cell_, test_, false, *processes_).metrics;
  }
  std::vector<Sample> samples() const override { return samples_; }

  Summary summary() {
    cell_.module->eval();
    return summarize(*cell_.module, [&] { cell_.run_example(); });
  }

 private:
  /// Of a process without examples: what the others ask it for in forward and backward.
  void join_norms() const {
    for (const auto& norm : norms_) norm->join_forward();
    for (size_t i = norms_.size(); i-- > 0;)
      if (norms_[i]->weight.requires_grad()) norms_[i]->join_backward();  // a frozen stem has none
  }
  Head& main_head() const { return *cell_.recipe.heads.front().get(); }
  void part_sequences(Ring& ring) {
    if (gap_)
      throw ModelError("train.sequence_parallel: expected no [gap]; remove it, or set it to 1");
    if (has_blocks(*cell_.encoder)) {
      check_parts(*cell_.encoder);
      encoders_ring_ = &ring;
      return;
    }
    if (cell_.recipe.heads.size() > 1)
      throw ModelError(
          "train.sequence_parallel: expected one head, each of which would ask for texts of its "
          "own; "
          "train several with sequence_parallel = 1");
    main_head().part_sequences(ring);
  }
  bool any_head_compares() const {
    const auto& heads = cell_.recipe.heads;
    return std::any_of(heads.begin(), heads.end(),
                       [](const auto& table) { return table.get()->compares_examples(); });
  }
  uint64_t seed() const { return static_cast<uint64_t>(cell_.recipe.seed); }

  std::vector<std::pair<std::string, SplitPtr>> splits() const {
    return {{"train", train_}, {"valid", valid_}, {"test", test_}};
  }

  void add_stats(Metrics& all, const std::string& name, const Split& split) const {
    const auto add = [&](const Metrics& stats) {
      for (const auto& [what, value] : stats) all.emplace_back(name + " " + what, value);
    };
    if (!cell_.has_several_inputs()) add(cell_.input().stats(split));
    for (const auto& table : cell_.recipe.heads) add(cell_.named(table, table.get()->stats(split)));
  }

  void open_data(const std::optional<BegunFrom>& from) {
    const auto& data = cell_.recipe.data;
    if (data.train.empty()) throw ModelError("data.train is missing: what is learned from");
    const auto learned = cell_.source("train", data.train);
    train_ = cell_.open(learned);
    if (data.folds > 0) std::tie(train_, test_) = cell_.fold(train_);
    if (data.holdout > 0) std::tie(train_, valid_) = cell_.hold_out(train_);
    if (from) {
      from->load_inputs(cell_);
      from->load_heads(cell_);
    } else {
      for (const auto& table : cell_.recipe.inputs) table.get()->learn(*train_, seed());
    }
    for (const auto& table : cell_.recipe.heads) table.get()->learn(*train_, cell_.input());
    const auto& valid = cell_.recipe.paths("valid");
    const auto& test = cell_.recipe.paths("test");
    if (!valid.empty()) valid_ = open_measured(cell_.source("valid", valid), learned);
    if (!test.empty()) test_ = open_measured(cell_.source("test", test), learned);
    check_targets();
    if (!cell_.recipe.gap.lists.empty()) gap_.emplace(cell_, learned);
  }

  SplitPtr open_measured(const Source& source, const Source& learned) {
    auto split = cell_.open(source);
    if (!cell_.input().parts_training_data() && is_learned(source, learned))
      notes_.push_back("data." + source.role + ": all of it is in data.train, too, so that its " +
                       "metrics say how well the data were learned by heart, not what the model " +
                       "makes of new ones");
    return split;
  }

  /// Targets that are none are found before training begins.
  void check_targets() {
    for (const auto& [name, split] : splits()) {
      if (!split) continue;
      for (const auto& table : cell_.recipe.heads) table.get()->check(*split, name == "train");
    }
    for (const auto& split : {valid_, test_}) {
      if (split && !cell_.has_several_inputs())
        cell_.input().check(split, {.batch = cell_.recipe.train.batch});
    }
    for (const auto& [name, split] : splits()) {
      if (!split || split == train_ || !cell_.recipe.data.has_pieces) continue;
      unknown_[name] = unknown_pieces(cell_, split);
      try {
        unknown_[name].check(cell_);
      } catch (const DataError& error) {
        throw DataError("data." + name + ": " + error.what());
      }
    }
  }

  Batch next_batch() {
    RECORD_USER_SCOPE("heed::data");
    auto batch = source_->next();
    if (!batch) {
      main_head().reset_state();  // rows that go on begin anew
      batch = source_->next();
    }
    // The epoch changes with the call that gives nothing, so this is the one of the batch.
    draw_ = {seed(), source_->cursor().epoch, true};
    if (batch->size() == 0) return std::move(*batch);
    return cell_.with_targets(*train_, std::move(*batch), draw_);
  }

  /// What each head has as lines of the first examples.
  void remember_samples(const SplitScore& score) {
    samples_.clear();
    const auto join = [](std::string& to, const std::string& text) {
      to += (to.empty() ? "" : "; ") + text;
    };
    for (size_t head = 0; head < score.scorers.size(); ++head) {
      const auto lines = score.scorers[head]->outputs();
      for (int64_t i = 0; i < std::min(kShownSamples, std::ssize(lines)); ++i) {
        if (i == std::ssize(samples_)) samples_.push_back({valid_->show(i).text, "", ""});
        auto& sample = samples_[static_cast<size_t>(i)];
        join(sample.expected, cell_.recipe.heads[head].get()->expected(*valid_, i));
        join(sample.output, lines[static_cast<size_t>(i)]);
      }
    }
  }

  Ring* encoders_ring_ = nullptr;  // that blocks of the encoder are parted among; null: none
  Processes alone_;
  Processes* processes_ = &alone_;                                 // that train together
  std::vector<std::shared_ptr<nn::SharedBatchNorm2dImpl>> norms_;  // where there are several
  Cell cell_;
  std::optional<Tuning> tuning_;  // of a model that training began with
  Files kept_;                    // of the folder that training began with
  std::vector<RecipeEntry> entries_;
  SplitPtr train_, valid_, test_;
  std::map<std::string, UnknownPieces> unknown_;  // of what is measured
  std::unique_ptr<BatchSource> source_;
  std::vector<Sample> samples_;
  std::vector<std::string> notes_;
  std::optional<GapTerm> gap_;
  Draw draw_;  // of the batch at hand
};

}  // namespace

std::unique_ptr<Task> make_task(Recipe recipe) {
  const auto file = recipe.file;
  return by_recipe(file, [&] { return std::make_unique<SupervisedTask>(std::move(recipe)); });
}

Summary summary_of_task(Recipe recipe) {
  const auto file = recipe.file;
  return by_recipe(file, [&] { return SupervisedTask(std::move(recipe)).summary(); });
}

}  // namespace heed
