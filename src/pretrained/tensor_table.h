// What tensors of others are called here, in both directions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "heed/formats/safetensors.h"

namespace heed::pretrained {

/// A tensor of theirs, as config.json says that it is.
struct TheirTensor {
  std::string name;
  std::vector<int64_t> shape;
};

/// Rows first .. end - 1.
struct RowRange {
  int64_t first, end;
};

/// A tensor of ours: those of theirs one below the other, or rows of one, transposed, plus a number.
/// What is calculated is undone when a folder is written.
struct TensorPair {
  std::string ours;
  std::vector<TheirTensor> theirs;
  std::optional<RowRange> rows = {};  ///< of one tensor, all of whose rows some pair takes
  bool transpose = false;             ///< theirs is (in, out)
  double add = 0;                     ///< Gemma stores norms less 1
  std::vector<int64_t> shape = {};    ///< of ours where theirs has other dimensions
};

/// The pairs of an architecture. A tensor of theirs may serve several of ours (layers that share
/// their weights); these must then be equal when a folder is written.
class TensorTable {
 public:
  void add(TensorPair pair) { pairs_.push_back(std::move(pair)); }
  /// One tensor of that shape.
  void add(const std::string& ours, const std::string& theirs, std::vector<int64_t> shape);
  /// weight (out, in) and, where there is one, bias (out).
  void linear(const std::string& ours, const std::string& theirs, int64_t out, int64_t in,
              bool bias = true);
  /// weight (width) and, where there is one, bias (width).
  void norm(const std::string& ours, const std::string& theirs, int64_t width, bool bias = true);
  struct Rows {
    std::string name;
    int64_t rows;
    bool bias = true;
    bool idle_bias = false;  ///< where it has none: whether one changes nothing, as a key's does
  };
  /// weight (rows, in) and bias (rows) of several layers of theirs as one of ours. A bias that some
  /// of them lack is zero, and not written: it must be zero still, unless it is idle. Where none has one, ours has none.
  void stacked(const std::string& ours, const std::vector<Rows>& theirs, int64_t in);

  /// The rows of a layer of theirs with `all` rows.
  void part(const std::string& ours, const std::string& theirs, RowRange rows, int64_t all,
            int64_t in, bool bias);

  /// A tensor that may be there and then equals another of theirs: one that is saved twice.
  void same(const std::string& name, const std::string& as) { same_.push_back({name, as}); }
  /// Tensors that the model does without: those with that name or, with a '*' at its begin or end, of
  /// names that go on there.
  void unused(const std::string& name) { unused_.push_back(name); }

  /// A tensor that the model does without and its class of theirs has, `prefix` before its name: it
  /// is kept for that.
  void kept(const std::string& prefix, const std::string& name, std::vector<int64_t> shape) {
    kept_.push_back({prefix, {name, std::move(shape)}});
  }

  /// Ours in float32. Throws ModelError (`file` stands in it) for a tensor of theirs that is missing,
  /// has another shape or dtype, is none of the table's, or should be the same as another.
  NamedTensors ours(const NamedTensors& theirs, const std::string& file) const;
  /// Those of theirs that are to be kept, as far as they are there, under names without prefix.
  NamedTensors kept_of(const NamedTensors& theirs) const;
  /// Theirs in float32, with those that were kept. Throws ModelError where ours are not those of the
  /// table or cannot be one, or one that is to be kept was not there.
  NamedTensors theirs(const NamedTensors& ours, const NamedTensors& kept = {}) const;
  /// The pair of a tensor of ours; null: there is none.
  const TensorPair* pair_of(const std::string& ours) const;
  const std::vector<TensorPair>& pairs() const { return pairs_; }

 private:
  struct Same {
    std::string name, as;
  };
  void check_shapes(const NamedTensors& theirs, const std::string& file) const;
  void check_all_known(const NamedTensors& theirs, const std::string& file) const;
  void check_same(const NamedTensors& theirs, const std::string& file) const;

  std::vector<TensorPair> pairs_;
  std::vector<Same> same_;
  struct Kept {
    std::string prefix;
    TheirTensor tensor;
  };
  std::vector<Kept> kept_;
  std::vector<std::string> unused_;
};

/// Whether there is such a tensor.
bool has_tensor(const NamedTensors& tensors, const std::string& name);

/// `prefix` ("bert.") where names begin so, which they do in folders of models with a head, or
/// nothing.
std::string prefix_of(const NamedTensors& tensors, const std::string& prefix);

}  // namespace heed::pretrained
