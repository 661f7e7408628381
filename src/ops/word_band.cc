// Masks by the distance of key j from query i, whose position among the keys is p = i + offset:
// causal (j <= p) and window(left, right) (p - left <= j <= p + right).
#include <limits>

#include "heed/core/error.h"
#include "ops/word.h"

namespace heed::ops {
namespace {

constexpr int64_t kFar = int64_t{1} << 60;  // beyond any key, and no overflow when added

/// The keys that query position p sees: first(p) .. last(p).
struct Band {
  int64_t left, right;
  int64_t first(int64_t p) const noexcept { return left < 0 ? -kFar : p - left; }
  int64_t last(int64_t p) const noexcept { return right < 0 ? kFar : p + right; }
};

Band band_of(const Part& part) {
  if (part.name == "causal") return {-1, 0};
  return {static_cast<int64_t>(part.at("left")), static_cast<int64_t>(part.at("right"))};
}

at::Tensor hide(const Part& part, const Scene& scene, const at::Tensor& scores) {
  const Band band = band_of(part);
  const auto p = query_positions(scene, scores), j = key_positions(scene, scores);
  auto hidden = torch::zeros({}, j.options().dtype(at::kBool));
  if (band.left >= 0) hidden = hidden | (j < p - band.left);
  if (band.right >= 0) hidden = hidden | (j > p + band.right);
  return scores.masked_fill(hidden, -std::numeric_limits<double>::infinity());
}

template <class T>
class BandMask final : public kernels::Mask<T> {
 public:
  BandMask(Band band, int64_t offset) : band_(band), offset_(offset) {}

  kernels::Coverage coverage(int64_t, int64_t, int64_t row, int64_t rows, int64_t column,
                             int64_t columns) const noexcept override {
    const int64_t p0 = row + offset_, p1 = p0 + rows - 1, end = column + columns - 1;
    if (end < band_.first(p0) || column > band_.last(p1)) return kernels::Coverage::none;
    const bool all = column >= band_.first(p1) && end <= band_.last(p0);
    return all ? kernels::Coverage::all : kernels::Coverage::part;
  }

  void apply(const kernels::Tile<T>& scores) const noexcept override {
    for (int64_t i = 0; i < scores.rows; ++i) {
      const int64_t p = scores.row + i + offset_;
      const auto within = [&](int64_t j) {
        return std::clamp<int64_t>(j - scores.column, 0, scores.columns);
      };
      T* row = scores.data + i * scores.stride;
      std::fill(row, row + within(band_.first(p)), -std::numeric_limits<T>::infinity());
      std::fill(row + within(band_.last(p) + 1), row + scores.columns,
                -std::numeric_limits<T>::infinity());
    }
  }

 private:
  Band band_;
  int64_t offset_;
};

template <class T>
std::unique_ptr<kernels::Mask<T>> make(const Part& part, const Scene& scene) {
  return std::make_unique<BandMask<T>>(band_of(part), scene.offset);
}

void check_window(const Part& part, const Attention&) {
  if (part.at("left") < 0 && part.at("right") < 0)
    throw UsageError("attention: window(left=-1, right=-1) hides nothing: leave it out");
}

}  // namespace

Definition word_causal() {
  return {.word = {Word::Kind::mask, "causal", {}, "a query sees no key after its own position"},
          .change = hide,
          .mask = {make<float>, make<double>}};
}

Definition word_window() {
  constexpr double kMost = 1 << 30;
  return {.word = {Word::Kind::mask,
                   "window",
                   {{"left", std::nullopt, -1, kMost, true, "keys seen before the query; -1: all"},
                    {"right", std::nullopt, -1, kMost, true, "keys seen after it; -1: all"}},
                   "a query sees the keys near its own position"},
          .check = check_window,
          .change = hide,
          .mask = {make<float>, make<double>}};
}

}  // namespace heed::ops
