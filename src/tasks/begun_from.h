// The encoder and the input of a trained model, with which another begins.
#pragma once

#include "heed/train/model_folder.h"
#include "tasks/cell.h"

namespace heed {

class BegunFrom {
 public:
  /// Reads the model that the recipe's encoder.from names. Throws ModelError, also where its input
  /// cuts texts otherwise than the recipe's, FileError.
  explicit BegunFrom(Recipe& recipe);

  /// Its tokenizers and the like.
  void load_inputs(Cell& cell) const { cell.load_inputs(files_.others); }
  /// Its weights encoder.*; which of two texts a token is in begins anew where it read one alone.
  /// Throws ModelError that names a tensor that does not fit.
  void load_encoder(Cell& cell) const;
  /// What a folder that others trained has beside them, so that the model can become one again.
  Files kept() const;

 private:
  void check_input(Recipe& recipe) const;

  std::filesystem::path folder_;
  std::string recipe_name_;
  ModelFiles files_;
};

}  // namespace heed
