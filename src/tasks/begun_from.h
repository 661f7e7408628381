// The model that training begins with: its keys for the recipe, its tokenizer, its weights.
#pragma once

#include <functional>

#include "tasks/cell.h"
#include "tasks/opened_model.h"

namespace heed {

/// A string of a recipe, "" where there is none.
std::string text_in(const RecipeFile& file, const std::string& key);

/// Opens what model.from names. Throws ModelError and FileError that name the key.
std::shared_ptr<const OpenedModel> open_begin(const std::string& from);

/// The recipe with what it leaves out of the parts that are taken: [encoder] and [input], where the
/// model writes texts [head] and [input].
RecipeFile with_keys_of(RecipeFile file, const OpenedModel& opened);
/// Throws ModelError where a key of these parts contradicts the model's.
void check_keys_of(Recipe& recipe, const OpenedModel& opened);

class BegunFrom {
 public:
  /// Of a recipe that was read with model.from.
  explicit BegunFrom(const Recipe& recipe);

  /// Its tokenizers and the like.
  void load_inputs(Cell& cell) const { cell.load_inputs(opened_->files.others); }
  /// Of a head that writes texts, and goes on: its vocabulary.
  void load_heads(Cell& cell) const;
  /// Its weights, as far as they are taken; which of two texts a token is in begins anew where it
  /// read one alone. Throws ModelError that names a tensor that does not fit.
  void load_weights(Cell& cell) const;
  /// What a folder that others trained has beside them, so that the model can become one again.
  Files kept() const;
  /// Whether a weight of the cell is the model's, and not of a new head. Keeps nothing of the model.
  std::function<bool(const std::string&)> takes() const;

 private:
  std::shared_ptr<const OpenedModel> opened_;
  std::vector<std::string> taken_;  // what the names of weights begin with
};

}  // namespace heed
