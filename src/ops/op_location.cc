// The score of a place, from the query alone: q . W_j (Luong et al. 2015, location), W a table of
// `length` places a head.
#include "heed/core/error.h"
#include "ops/by_rows.h"
#include "ops/op_definition.h"
#include "ops/product.h"

namespace heed::ops {
namespace {

int64_t places_of(const OpSpec& op) { return static_cast<int64_t>(op.at("length")); }

std::vector<int64_t> location_shape(const OpSpec& op, const kernels::Sizes& s) {
  return {s.H, places_of(op), s.D};
}

void check_length(const OpSpec& op, const CallContext& context) {
  if (context.sizes.Lk <= places_of(op)) return;
  throw UsageError("attend: k: expected at most location(length=" + std::to_string(places_of(op)) +
                   ") keys, given " + std::to_string(context.sizes.Lk) + "; raise the length");
}

at::Tensor location_scores(const OpSpec&, const CallContext& context, const at::Tensor& q,
                           const at::Tensor& k) {
  const auto& table = context.parameter("location.table");
  const int64_t count = std::min(k.size(2), table.size(1) - context.column);
  const auto places = table.narrow(1, context.column, count).transpose(1, 2);  // (h, D, count)
  const auto scores =
      product(q, torch::constant_pad_nd(places, {0, k.size(2) - count}));  // (b, h, r, c)
  return scores + no_score(q, k);
}

void prepare_location(const OpSpec&, Operands& operands) {
  const auto& context = operands.context;
  const auto table =
      context.parameter("location.table").narrow(1, context.column, operands.k.size(2));
  operands.k = for_each_batch(table, context.sizes.B);
}

template <class T>
void build_location(const OpSpec&, const Operands&, Pipeline<T>&) {}

}  // namespace

OpDefinition op_location() {
  return {.kind = {OpKind::Role::score,
                   "location",
                   {{"length", std::nullopt, 1, 1 << 24, true, "places in the table"}},
                   "q . W_j: the score of a place, whatever the key there"},
          .learned = {{.name = "table", .shape = location_shape, .std = one_over_root_width}},
          .check_sizes = check_length,
          .scores = location_scores,
          .prepare = prepare_location,
          .build = {build_location<float>, build_location<double>}};
}

}  // namespace heed::ops
