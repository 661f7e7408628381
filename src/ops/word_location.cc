// The score of a place, from the query alone: q . W_j (Luong et al. 2015, location), W a table of
// `length` places a head.
#include "heed/core/error.h"
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
  const auto table = scene.parameter("location.table").narrow(1, scene.column, k.size(2));
  return torch::einsum("bhid,hjd->bhij", {q, table});
}

void lower_location(const Part&, Terms& terms) {
  const auto& s = terms.scene.sizes;
  const auto table = terms.scene.parameter("location.table").narrow(1, 0, s.Lk);
  terms.k = table.unsqueeze(0).expand({s.B, s.H, s.Lk, s.D});
}

template <class T>
void build_location(const Part&, const Terms&, Pipeline<T>&) {}

}  // namespace

Definition word_location() {
  return {.word = {Word::Kind::score,
                   "location",
                   {{"length", std::nullopt, 1, 1 << 24, true, "places in the table"}},
                   "q . W_j: the score of a place, whatever the key there"},
          .learned = {{.name = "table", .shape = location_shape, .deviation = one_over_root_width}},
          .check_sizes = check_length,
          .scores = location_scores,
          .lower = lower_location,
          .build = {build_location<float>, build_location<double>}};
}

}  // namespace heed::ops
