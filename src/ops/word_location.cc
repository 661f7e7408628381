// The score of a place, from the query alone: q . W_j (Luong et al. 2015, location), W a table of
// `length` places a head.
#include "heed/core/error.h"
#include "ops/by_rows.h"
#include "ops/product.h"
#include "ops/word.h"

namespace heed::ops {
namespace {

int64_t places_of(const Part& part) { return static_cast<int64_t>(part.at("length")); }

std::vector<int64_t> location_shape(const Part& part, const kernels::Sizes& s) {
  return {s.H, places_of(part), s.D};
}

void check_length(const Part& part, const Scene& scene) {
  if (scene.sizes.Lk <= places_of(part)) return;
  throw UsageError(
      "attend: k: expected at most location(length=" + std::to_string(places_of(part)) +
      ") keys, given " + std::to_string(scene.sizes.Lk) + "; raise the length");
}

at::Tensor location_scores(const Part&, const Scene& scene, const at::Tensor& q,
                           const at::Tensor& k) {
  const auto& table = scene.parameter("location.table");
  const int64_t count = std::min(k.size(2), table.size(1) - scene.column);
  const auto places = table.narrow(1, scene.column, count).transpose(1, 2);  // (h, D, count)
  const auto scores =
      product(q, torch::constant_pad_nd(places, {0, k.size(2) - count}));  // (b, h, r, c)
  return scores + no_score(q, k);
}

void lower_location(const Part&, Terms& terms) {
  const auto& s = terms.scene.sizes;
  const auto table = terms.scene.parameter("location.table").narrow(1, 0, s.Lk);
  terms.k = for_each_batch(table, s.B);
}

template <class T>
void build_location(const Part&, const Terms&, Pipeline<T>&) {}

}  // namespace

Definition word_location() {
  return {.word = {Word::Kind::score,
                   "location",
                   {{"length", std::nullopt, 1, 1 << 24, true, "places in the table"}},
                   "q . W_j: the score of a place, whatever the key there"},
          .learned = {{.name = "table", .shape = location_shape, .std = one_over_root_width}},
          .check_sizes = check_length,
          .scores = location_scores,
          .lower = lower_location,
          .build = {build_location<float>, build_location<double>}};
}

}  // namespace heed::ops
