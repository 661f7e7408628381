// A recipe: input x encoder x head, the data and the training.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "heed/data/record_files.h"
#include "heed/nn/lora.h"
#include "heed/tasks/encoder_part.h"
#include "heed/tasks/head.h"
#include "heed/tasks/input.h"

namespace heed {

struct OpenedModel;

/// [input]; [[input]] where there are several, each with a name.
struct InputTable : Chosen<Input> {
  std::string name;
  bool has_name = false;  ///< whether the recipe has several

  template <class Visitor>
  void fields(Visitor&& v) {
    if (has_name) v("name", name, "of this input among the others; its tensors begin with it");
    Chosen::fields(v);
  }
};

/// What keeps the weights of the model that training begins with.
enum class Frozen { none, encoder, layers };
constexpr std::array<const char*, 3> words(Frozen) { return {"none", "encoder", "layers"}; }

/// [model]: what training begins with, and what of it learns.
struct ModelTable {
  std::string from;
  nn::LoraOptions lora;
  Frozen frozen = Frozen::none;
  int64_t frozen_layers = 0;
  double layer_decay = 1;
  /// What `from` names, once the recipe was read; null without it.
  std::shared_ptr<const OpenedModel> opened;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("from", from,
      "model that training begins with: a folder of Heed's or of transformers, a GGUF file; its "
      "tokenizer and its encoder (of a head that writes, all of it) are taken, with their keys; "
      "empty: new weights");
    if (from.empty()) return;
    v("lora", lora, "");
    if (lora.rank == 0)
      v("frozen", frozen,
        "what keeps its weights. encoder: all but the head; layers: embeddings and the first "
        "`frozen_layers`");
    if (frozen == Frozen::layers)
      v("frozen_layers", frozen_layers, "blocks, from the embeddings on", between(0, kMostLayers));
    v("layer_decay", layer_decay,
      "what the learning rate is multiplied by from a block to the one below it; 1: one rate",
      above(0, 1));
  }
};

/// [gap]: words that are swapped in texts, and what it costs that answers change with them.
struct GapTable {
  std::string lists, group, digest;
  double weight = 1;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("lists", lists,
      "file of lists of words, as heed audit --swap takes it: the loss grows by how far answers "
      "change where words of a text are swapped (counterfactual logit pairing; Garg et al. 2019); "
      "of texts, with heads class, labels and number; empty: it does not");
    if (lists.empty()) return;
    v("group", group, "which of its groups; empty: the only one");
    v("weight", weight, "of the mean change, in logits or deviations, beside the loss",
      above(0, 1e6));
    v("digest", digest,
      "of the group's words, by which training knows them again; it fills that in");
  }
};

/// [head]; [[head]] where there are several, each with a name.
struct HeadTable : Chosen<Head> {
  std::string name;
  bool has_name = false;
  double weight = 1;

  template <class Visitor>
  void fields(Visitor&& v) {
    if (has_name) {
      v("name", name, "of this head among the others; its metrics begin with it");
      v("weight", weight, "of its loss in the sum", between(1e-6, 1e6));
    }
    Chosen::fields(v);
  }
};

/// [data]. Relative paths start at the current folder.
struct DataTable {
  std::vector<std::string> train, valid, test;
  double holdout = 0;
  int64_t folds = 0, fold = 0;
  double max_unknown = 0.5;
  std::string group;
  data::RecordOptions records;
  std::shared_ptr<const Input> input;  ///< the first, where it is known
  bool reads_records = true;  ///< whether the input leaves the reading of `train` to `records`
  bool has_pieces = false;    ///< whether an input cuts texts into pieces

  template <class Visitor>
  void fields(Visitor&& v) {
    v("train", train, "what is learned from: a path, or several", MayRepeat{});
    if (input) reads_records = input->reads_records(train);
    v("valid", valid, "what chooses the best model; instead of holdout", MayRepeat{});
    v("test", test, "what is only used at the end", MayRepeat{});
    v("holdout", holdout, "share of train that is held out to choose the best model",
      from_to_below(0, 1));
    if (has_pieces)
      v("max_unknown", max_unknown,
        "share of unknown pieces in what is measured or answered above which it is refused; 1: "
        "whatever it is",
        between(0, 1));
    if (!reads_records) return;
    v("folds", folds,
      "parts of train, one of which is the test data: records fold, fold + folds, ..; 0: none",
      between(0, kMostCount));
    if (folds > 0)
      v("fold", fold, "which of them, from 0 on", from_to_below(0, static_cast<double>(folds)));
    v("group", group,
      "column whose equal values stay together when a part is held out or is a fold; empty: each "
      "record by itself");
    records.fields(v);
  }
  void check() const;
};

struct Recipe {
  std::string file;  ///< where it was read; empty: nowhere
  std::string out;
  int64_t seed = 0;
  std::vector<InputTable> inputs = std::vector<InputTable>(1);
  DataTable data;
  ModelTable model;
  Chosen<EncoderPart> encoder;
  std::vector<HeadTable> heads = std::vector<HeadTable>(1);
  GapTable gap;
  TrainOptions train;

  template <class Visitor>
  void fields(Visitor&& v) {
    constexpr bool reads = std::is_same_v<std::remove_cvref_t<Visitor>, FieldReader>;
    v("out", out, "folder of the run");
    v("seed", seed, "of everything random", between(0, kMostSeed));
    v("input", inputs, "");
    if constexpr (reads) follow_inputs();
    v("data", data, "");
    v("model", model, "");
    v("encoder", encoder, "");
    v("head", heads, "");
    v("gap", gap, "");
    v("train", train, "");
  }
  void check() const;

  /// The files of "train", "valid" or "test"; of an input that parts its training data, always
  /// data.train.
  const std::vector<std::string>& paths(const std::string& role) const;

  /// Reads a recipe. Throws ModelError with all problems, by file and line. What model.from names is
  /// opened: [encoder] (of a head that writes texts [head]) and [input] take over what the recipe
  /// leaves out, and a key that contradicts it is an error; dropout, columns and how texts are cut to
  /// a length may differ. Throws FileError, too.
  static Recipe read(const RecipeFile& file);
  /// The same of a recipe that is complete, as a model's folder has it: model.from is not opened.
  static Recipe read_complete(const RecipeFile& file);
  std::vector<RecipeEntry> entries();

  /// Columns that heads answer, and those of them that hold labels.
  std::vector<std::string> target_columns() const;
  std::vector<std::string> label_columns() const;

 private:
  void check_gap() const;
  void check_joining() const;
  void follow_inputs();  ///< what the input decides where the recipe is silent
};

}  // namespace heed
