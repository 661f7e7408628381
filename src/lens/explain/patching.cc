#include <algorithm>
#include <cmath>
#include <limits>

#include "core/text.h"
#include "heed/core/error.h"
#include "heed/lens/heads.h"
#include "lens/explain/activations.h"
#include "lens/explain/reader.h"

namespace heed::lens {
namespace {

/// One thing that is carried over: of a block a token, of a call a head.
struct Carried {
  size_t row;
  int64_t column;
};

/// Copy b of the batch has, at places[b], what the other input has there.
class Carrying : public nn::Probe {
 public:
  Carrying(const Activations& from, Patch what, std::vector<Carried> places)
      : from_(from), what_(what), places_(std::move(places)) {}

  at::Tensor leaving(torch::nn::Module&, const at::Tensor& x) override {
    const size_t number = blocks_++;
    if (what_ != Patch::stream) return x;
    const auto& given = from_.blocks[number].after;  // (R, L, M), R L tokens of an example
    const int64_t each = given.size(0), L = given.size(1);
    auto changed = x.clone();
    for (size_t b = 0; b < places_.size(); ++b) {
      if (places_[b].row != number) continue;
      const int64_t row = places_[b].column / L, token = places_[b].column % L;
      changed[static_cast<int64_t>(b) * each + row][token].copy_(given[row][token]);
    }
    return changed;
  }

  void attending(nn::AttentionCall& call) override {
    const auto& given = from_.calls[calls_].call;
    const bool both = what_ == Patch::patterns;
    if (both || what_ == Patch::queries) carry(call.q, given.q, call.q.size(1));
    if (both || what_ == Patch::keys) carry(call.k, given.k, call.q.size(1));
    if (what_ == Patch::values) carry(call.v, given.v, call.q.size(1));
  }

  at::Tensor attended(const nn::AttentionCall&, const at::Tensor& heads) override {
    auto changed = heads;
    if (what_ == Patch::heads) carry(changed, from_.calls[calls_].heads, heads.size(1));
    ++calls_;
    return changed;
  }

 private:
  /// Of `heads` query heads, of which several may share one of x.
  void carry(at::Tensor& x, const at::Tensor& given, int64_t heads) {
    bool own = false;
    const int64_t each = given.size(0), shared = heads / x.size(1);
    for (size_t b = 0; b < places_.size(); ++b) {
      if (places_[b].row != calls_) continue;
      if (!own) x = x.clone(), own = true;
      const int64_t head = places_[b].column / shared;
      x.narrow(0, static_cast<int64_t>(b) * each, each)
          .select(1, head)
          .copy_(given.select(1, head));
    }
  }

  const Activations& from_;
  Patch what_;
  std::vector<Carried> places_;
  size_t blocks_ = 0, calls_ = 0;
};

void check_same_shapes(const Activations& a, const Activations& b) {
  bool same = a.calls.size() == b.calls.size() && a.blocks.size() == b.blocks.size();
  for (size_t i = 0; same && i < a.calls.size(); ++i)
    same = a.calls[i].heads.sizes() == b.calls[i].heads.sizes() &&
           a.calls[i].call.k.sizes() == b.calls[i].call.k.sizes();
  for (size_t i = 0; same && i < a.blocks.size(); ++i)
    same = a.blocks[i].after.sizes() == b.blocks[i].after.sizes();
  if (!same)
    throw UsageError(
        "--against: expected an input of as many tokens, so that each stands for one of the "
        "other's");
}

std::vector<Carried> carried_places(const Activations& one, Patch what) {
  std::vector<Carried> places;
  if (what == Patch::stream) {
    for (size_t row = 0; row < one.blocks.size(); ++row)
      for (int64_t i = 0; i < one.blocks[row].after.size(0) * one.blocks[row].after.size(1); ++i)
        places.push_back({row, i});
    return places;
  }
  for (size_t row = 0; row < one.calls.size(); ++row)
    for (int64_t h = 0; h < one.calls[row].heads.size(1); ++h) places.push_back({row, h});
  return places;
}

}  // namespace

Patched patch(const Question& example, const Question& other, Patch what) {
  const at::NoGradGuard no_grad;
  const auto from = Activations::of(example), to = Activations::of(other);
  check_same_shapes(from, to);
  if (what == Patch::stream && from.blocks.empty())
    throw UsageError(
        "--patch stream: the model has no Transformer blocks, whose tokens could be carried over");
  Patched result;
  result.aim = example.aim;
  result.whole = example.ask().value[0].item<double>();
  // The other input is asked the same question.
  const auto asked = [&](int64_t copies) {
    return example.of(other.copies(copies)).value.to(at::kDouble);
  };
  result.other = asked(1)[0].item<double>();
  const double difference = result.whole - result.other;
  if (std::abs(difference) < 1e-9 * std::max(std::abs(result.whole), std::abs(result.other)))
    throw UsageError(text_of("--against: ", example.aim, " is the same for both inputs, ",
                             result.whole, ", so that nothing can be carried over"));
  const auto places = carried_places(from, what);
  int64_t columns = 0;
  for (const auto& place : places) columns = std::max(columns, place.column + 1);
  const auto rows = static_cast<int64_t>(places.back().row + 1);
  result.shares = at::full({rows, columns}, std::numeric_limits<double>::quiet_NaN(), at::kDouble);
  constexpr size_t kTogether = 64;
  for (size_t first = 0; first < places.size(); first += kTogether) {
    const auto last = std::min(places.size(), first + kTogether);
    const std::vector<Carried> part(places.begin() + static_cast<int64_t>(first),
                                    places.begin() + static_cast<int64_t>(last));
    const Carrying carrying(from, what, part);
    const auto values = (asked(std::ssize(part)) - result.other) / difference;
    for (size_t i = 0; i < part.size(); ++i)
      result.shares[static_cast<int64_t>(part[i].row)][part[i].column] =
          values[static_cast<int64_t>(i)];
  }
  for (int64_t row = 0; row < rows; ++row)
    result.rows.push_back(what == Patch::stream ? text_of("layer ", row + 1)
                                                : from.calls[static_cast<size_t>(row)].call.name);
  const Reader reader(other, Baseline::zero);
  for (int64_t i = 0; i < columns; ++i)
    result.columns.push_back(what != Patch::stream ? text_of("head ", i + 1)
                             : columns == reader.size()
                                 ? reader.tokens()[static_cast<size_t>(i)].text
                                 : text_of("token ", i + 1));
  return result;
}

}  // namespace heed::lens
