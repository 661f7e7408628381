// A modifier of one's own: a change to the scores, written a tile at a time, that becomes a word of
// every attention.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "heed/ops/attention.h"
#include "heed/ops/op_kinds.h"

namespace heed {

/// A block of scores of one batch and head, in memory that the kernel owns: element (i, j) is the
/// score of query row + i and key column + j. Keys lie one after the other, so loops that have i
/// inside run along the memory.
template <class T>
struct ScoreTile {
  T* data;
  int64_t stride;
  int64_t batch, head;
  int64_t row, rows;
  int64_t column, columns;
  int64_t offset;  ///< position of query 0 among the keys

  T& operator()(int64_t i, int64_t j) const noexcept { return data[j * stride + i]; }
  /// How far before the query the key stands.
  int64_t distance(int64_t i, int64_t j) const noexcept { return row + i + offset - column - j; }
};

/// Where a block of scores in tensors stands: its first query, key and head of a call.
struct ScorePlace {
  int64_t batch, head, row, column;
  int64_t offset;  ///< position of query 0 among the keys
};

/// What a modifier may ask of the call: the numbers that its op was given, and what it learns of
/// the tile's head, in the order of ScoreMod::learns().
template <class T>
struct ScoreModInputs {
  const OpSpec& op;
  std::span<const T* const> parameters;  ///< each contiguous
};

/// s -> f(s), a tile at a time. One object serves all calls and threads: it has no state, and what
/// it needs stands in the tile, in the op's numbers and in what it learns.
///
/// `forward` changes the scores of a tile in place. Those that a mask will hide are among them and
/// may be anything. `backward` is given the scores as forward found them and the gradient of what
/// forward made of them, turns it into the gradient of the scores in place, and adds to the
/// gradients of the parameters: one of `gradients` is null where nobody asks for it. Where a mask
/// hides, scores and gradient are 0. The kernel gives each of its tasks gradients of its own and
/// adds them in an order that depends on the shapes alone: so the sums have the same bits for any
/// number of threads.
///
/// Both must be noexcept. Write them once for all T by deriving from ScoreModOf.
class ScoreMod {
 public:
  /// A learned tensor: its shape (H, shape...), and the normal distribution it starts from.
  struct Learned {
    std::string name;
    std::vector<int64_t> shape = {};
    double mean = 0, std = 0;
  };
  static constexpr size_t kMostLearned = 8;

  virtual ~ScoreMod() = default;
  /// What the op learns with queries and keys of width D: at most kMostLearned tensors.
  virtual std::vector<Learned> learns(const OpSpec& op, int64_t D) const {
    (void)op, (void)D;
    return {};
  }
  virtual void forward(const ScoreTile<float>& scores,
                       const ScoreModInputs<float>& given) const noexcept = 0;
  virtual void forward(const ScoreTile<double>& scores,
                       const ScoreModInputs<double>& given) const noexcept = 0;
  virtual void backward(const ScoreTile<float>& scores, const ScoreTile<float>& gradient,
                        const ScoreModInputs<float>& given,
                        std::span<float* const> gradients) const noexcept = 0;
  virtual void backward(const ScoreTile<double>& scores, const ScoreTile<double>& gradient,
                        const ScoreModInputs<double>& given,
                        std::span<double* const> gradients) const noexcept = 0;

  /// The same in differentiable operations, on any device: scores (b, h, r, c) -> the same shape,
  /// parameters (h, ...). It serves second derivatives, CUDA tensors and attend_reference. Without
  /// it (an undefined tensor) the first two are refused and the third goes through the tiles.
  virtual at::Tensor formula(const OpSpec& op, const ScorePlace& place, const at::Tensor& scores,
                             const std::vector<at::Tensor>& parameters) const {
    (void)op, (void)place, (void)scores, (void)parameters;
    return {};
  }
};

/// A modifier whose `forward_tile(scores, given)` and `backward_tile(scores, gradient, given,
/// gradients)` are templates of the number:
///
///     struct Temperature final : heed::ScoreModOf<Temperature> {
///       template <class T>
///       void forward_tile(const heed::ScoreTile<T>& s,
///                         const heed::ScoreModInputs<T>& given) const;
///       ...
///     };
template <class Own>
class ScoreModOf : public ScoreMod {
 public:
  void forward(const ScoreTile<float>& s, const ScoreModInputs<float>& x) const noexcept final {
    own().template forward_tile<float>(s, x);
  }
  void forward(const ScoreTile<double>& s, const ScoreModInputs<double>& x) const noexcept final {
    own().template forward_tile<double>(s, x);
  }
  void backward(const ScoreTile<float>& s, const ScoreTile<float>& g,
                const ScoreModInputs<float>& x, std::span<float* const> to) const noexcept final {
    own().template backward_tile<float>(s, g, x, to);
  }
  void backward(const ScoreTile<double>& s, const ScoreTile<double>& g,
                const ScoreModInputs<double>& x, std::span<double* const> to) const noexcept final {
    own().template backward_tile<double>(s, g, x, to);
  }

 private:
  const Own& own() const { return static_cast<const Own&>(*this); }
};

/// Makes `name` a word: `Attention::parse(name)` knows it from then on, modules make and train what
/// it learns ("name.parameter"), checkpoints and maps hold it like any other. `arguments` are the
/// numbers that may stand in parentheses. A program registers its words when it starts, under the
/// same names every time.
///
/// Throws UsageError where the name is taken or is not of small letters, digits and '_', or where
/// the modifier is null. May be called while other threads attend.
void register_score_mod(std::string name, std::shared_ptr<const ScoreMod> modifier,
                        std::vector<OpKind::Argument> arguments = {}, std::string help = "");

}  // namespace heed
