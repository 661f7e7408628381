// The vocabulary of an attention: every word that `heed::Attention` knows, with its arguments.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace heed {

/// A declared word: what a recipe may say, shown by help and documentation.
struct OpKind {
  enum class Role { score, position, modifier, mask, normalizer, merge };

  struct Argument {
    std::string name;
    std::optional<double> initial;  ///< the value when it is left out; unset: it must be given
    double low = 0, high = 0;       ///< both ends are allowed
    bool whole = false;             ///< a whole number
    std::string help;
    std::vector<std::string> choices = {};  ///< names of the values 0, 1, ... in the text form
  };

  Role role;
  std::string name;
  std::vector<Argument> arguments;  ///< in the order in which they may be given without a name
  std::string help;
};

/// Every word, by role, in the order of declaration; last those that the program registered
/// (heed/ops/score_mod.h).
const std::vector<OpKind>& op_kinds();

/// The word of that name, or null.
const OpKind* find_op_kind(std::string_view name) noexcept;

/// "score", "position", ...
const char* to_text(OpKind::Role role) noexcept;

}  // namespace heed
