// Positions that act in the scores, by the distance of key j from query i, whose position among the
// keys is p = i + offset:
//
//   alibi           - slope_h |p - j|                                 (Press et al. 2022)
//   relative        table_h[bucket(j - p)]                            (Raffel et al. 2020, T5)
//   shaw            scale q_i . table_h[clip(j - p)]                  (Shaw et al. 2018)
//   transformer_xl  scale (u_h . k_j + (q_i + v_h) . W_h r(p - j))    (Dai et al. 2019)
#include "heed/core/error.h"
#include "kernels/blocks.h"
#include "kernels/distance.h"
#include "ops/by_rows.h"
#include "ops/op_definition.h"
#include "ops/product.h"
#include "ops/view.h"

namespace heed::ops {
namespace {

/// j - p for each pair of a block (r, c), for each that there is in it (r + c - 1) and where among
/// those each pair finds its own, and for each number of a distance in the kernels (R).
at::Tensor block_distances(const CallContext& context, const at::Tensor& scores) {
  return key_positions(context, scores) - query_positions(context, scores);
}
at::Tensor distances_within(const CallContext& context, const at::Tensor& scores) {
  const int64_t last = context.row + context.offset + scores.size(2) - 1,
                first = context.column - last;
  const int64_t count = std::max<int64_t>(scores.size(2) + scores.size(3) - 1, 0);
  return torch::arange(first, first + count, scores.options().dtype(at::kLong));
}
at::Tensor places_within(const CallContext& context, const at::Tensor& scores) {
  const int64_t last = context.row + context.offset + scores.size(2) - 1;
  return block_distances(context, scores) - (context.column - last);
}
at::Tensor all_distances(const Operands& operands) {
  const auto s = operands.sizes();
  const int64_t count = std::max<int64_t>(s.Lq + s.Lk - 1, 0);
  return s.Lk - 1 - operands.context.block_offset() -
         torch::arange(count, operands.q.options().dtype(at::kLong));
}

/// Slopes of heads head .. head + count - 1: 2^(-8 (h + 1) / H) where H is a power of two; else
/// those of the power below, and between them every other one of the power above.
at::Tensor slopes(const CallContext& context, int64_t count, const at::TensorOptions& options) {
  const int64_t H = context.sizes.H;
  int64_t power = 1;
  while (power * 2 <= H) power *= 2;
  auto all = torch::empty({count}, at::kDouble);
  for (int64_t x = 0; x < count; ++x) {
    const int64_t h = context.head + x;
    const double exponent = h < power ? 8.0 * static_cast<double>(h + 1) / power
                                      : 4.0 * static_cast<double>(2 * (h - power) + 1) / power;
    all[x] = std::exp2(-exponent);
  }
  return all.to(options);
}

/// bias (B, H, R) for the kernels from one per head (H, R).
void add_bias(Operands& operands, const at::Tensor& of_heads) {
  operands.add("distance.bias", for_each_batch(of_heads, operands.context.sizes.B));
}

at::Tensor place_alibi(const OpSpec&, const CallContext& context, const at::Tensor&,
                       const at::Tensor&, const at::Tensor& scores) {
  const auto slope = slopes(context, scores.size(1), scores.options()).view({-1, 1, 1});
  return scores - slope * block_distances(context, scores).abs();
}

void prepare_alibi(const OpSpec&, Operands& operands) {
  const auto slope =
      slopes(operands.context, operands.context.sizes.H, operands.q.options()).unsqueeze(1);
  add_bias(operands, -slope * all_distances(operands).abs());
}

/// The buckets of distances 0 .. most to one side: near ones alone, far ones by their logarithm, in
/// float32 as the published models compute it. One by one, because LibTorch's logarithm is another
/// in the last numbers of a tensor, and a whole number of buckets hangs on a rounding.
at::Tensor buckets_of_side(int64_t count, double distance, int64_t most) {
  const int64_t exact = count / 2;
  const auto ends = static_cast<float>(std::log(distance / static_cast<double>(exact)));
  auto all = torch::empty({most + 1}, at::kLong);
  auto* bucket = all.data_ptr<int64_t>();
  for (int64_t n = 0; n <= most; ++n) {
    bucket[n] = n;
    if (n < exact) continue;
    const float way = std::log(static_cast<float>(n) / static_cast<float>(exact)) / ends;
    bucket[n] =
        std::min(count - 1, exact + static_cast<int64_t>(way * static_cast<float>(count - exact)));
  }
  return all;
}

/// T5's bucket of each distance j - p.
at::Tensor buckets(const OpSpec& op, const CallContext& context, const at::Tensor& distance) {
  auto count = static_cast<int64_t>(op.at("buckets"));
  const double most = op.at("distance");
  auto bucket = torch::zeros_like(distance);
  auto n = distance;
  if (op.at("both") != 0) {
    count /= 2;
    bucket = bucket + (distance > 0).to(at::kLong) * count;
    n = distance.abs();
  } else {
    n = torch::clamp_min(-distance, 0);
  }
  // From `most` on all share one.
  const auto& s = context.sizes;
  const int64_t farthest =
      std::abs(context.offset) + context.row + s.Lq + context.column + n.size(-1);
  const auto last = std::min(static_cast<int64_t>(most), farthest + s.Lk);
  const auto of_side = buckets_of_side(count, most, last).to(n.device());
  return bucket + of_side.index_select(0, n.clamp_max(last).flatten()).view(n.sizes());
}

void check_relative(const OpSpec& op, const Attention&) {
  const double least = op.at("both") != 0 ? 4 : 2;
  if (op.at("buckets") < least)
    throw UsageError("attention: relative(buckets): expected at least " +
                     std::to_string(static_cast<int>(least)) + ", given " +
                     std::to_string(static_cast<int64_t>(op.at("buckets"))));
  const double exact = std::floor(op.at("buckets") / least);
  if (op.at("distance") <= exact)
    throw UsageError("attention: relative(distance): expected more than the " +
                     std::to_string(static_cast<int64_t>(exact)) +
                     " distances that have a bucket "
                     "each, given " +
                     std::to_string(static_cast<int64_t>(op.at("distance"))));
}

at::Tensor place_relative(const OpSpec& op, const CallContext& context, const at::Tensor&,
                          const at::Tensor&, const at::Tensor& scores) {
  const auto bucket = buckets(op, context, block_distances(context, scores));  // (r, c)
  const auto bias = context.parameter("relative.table").index_select(1, bucket.flatten());
  return scores + bias.view({bias.size(0), scores.size(2), scores.size(3)});
}

void prepare_relative(const OpSpec& op, Operands& operands) {
  const auto bucket = buckets(op, operands.context, all_distances(operands));
  add_bias(operands, operands.context.parameter("relative.table").index_select(1, bucket));
}

/// The kernels' operands of score += query . key[distance]: queries (B, H, Lq, D), keys (H, R, D).
void add_keys(Operands& operands, const at::Tensor& queries, const at::Tensor& keys) {
  const int64_t D = keys.size(2), width = kernels::round_up(D, kernels::kAlign);
  const auto wide = [&](const at::Tensor& x) {
    return torch::constant_pad_nd(x, {0, width - D}).contiguous();
  };
  const auto of_heads = wide(keys);  // (H, R, W)
  const auto transposed =
      torch::constant_pad_nd(of_heads.detach().transpose(1, 2), {0, kernels::kAlign});
  const int64_t B = operands.context.sizes.B;
  operands.add("distance.queries", wide(queries));
  operands.add("distance.keys", for_each_batch(of_heads, B));
  operands.add("distance.transposed", for_each_batch(transposed.contiguous(), B));
}

/// (b, h, r, c) from the queries (b, h, r, D) and the keys of distances_within (h, R, D).
at::Tensor by_distance(const CallContext& context, const at::Tensor& scores,
                       const at::Tensor& queries, const at::Tensor& keys) {
  const auto all = product(queries, keys.transpose(1, 2));  // (b, h, r, R)
  return all.gather(3, places_within(context, scores).expand(scores.sizes()));
}

at::Tensor clipped(const OpSpec& op, const at::Tensor& distance) {
  const auto most = static_cast<int64_t>(op.at("distance"));
  return torch::clamp(distance, -most, most) + most;
}

at::Tensor place_shaw(const OpSpec& op, const CallContext& context, const at::Tensor& q,
                      const at::Tensor&, const at::Tensor& scores) {
  const auto place = clipped(op, distances_within(context, scores));  // (R)
  const auto keys = context.parameter("shaw.table").index_select(1, place);
  return scores + by_distance(context, scores, q, keys) * context.scale;
}

bool has_values(const OpSpec& op) { return op.at("values") != 0; }

/// out + sum_j w_ij values[clip(j - p_i)] (Shaw et al. 2018, eq. 3).
at::Tensor accumulate_shaw(const OpSpec& op, const CallContext& context, const at::Tensor& weights,
                           const at::Tensor& out) {
  if (!has_values(op)) return out;
  const auto& values = context.parameter("shaw.values");              // (h, 2 distance + 1, E)
  const auto place = clipped(op, block_distances(context, weights));  // (r, c)
  auto shape = weights.sizes().vec();
  shape[3] = values.size(1);
  const auto of_distances =
      torch::zeros(shape, weights.options()).scatter_add(3, place.expand(weights.sizes()), weights);
  return out + product(of_distances, values);
}

void prepare_shaw_values(Operands& operands) {
  const auto& values = operands.context.parameter("shaw.values");  // (H, 2 distance + 1, E)
  const int64_t E = values.size(2), width = kernels::round_up(E, kernels::kAlign);
  operands.add("distance.values", torch::constant_pad_nd(values, {0, width - E}).contiguous());
}

template <class T>
void build_shaw(const OpSpec& op, const Operands& operands, Pipeline<T>& to) {
  if (!has_values(op)) return;
  const auto& values = *operands.find("distance.values");
  to.problem.distance_values = {values.value.template data_ptr<T>(),
                                static_cast<int64_t>(op.at("distance")),
                                operands.context.block_offset(), values.value.size(2)};
  if (values.grad.defined()) to.gradients.distance_values = values.grad.template data_ptr<T>();
}

/// The kernels keep a number a query and distance.
bool shaw_has_kernel(const OpSpec& op) { return !has_values(op) || op.at("distance") <= 1024; }

void prepare_shaw(const OpSpec& op, Operands& operands) {
  if (has_values(op)) prepare_shaw_values(operands);
  const auto place = clipped(op, all_distances(operands));
  add_keys(operands, operands.q * operands.context.scale,
           operands.context.parameter("shaw.table").index_select(1, place));
}

/// r(p - j) (..., n, M) of distances j - p (..., n, 1): sines, then cosines. Computed for whole
/// vectors of waves, so that no place in a tensor has other bits than another.
at::Tensor waves(int64_t M, const at::Tensor& distance, const at::TensorOptions& options) {
  const int64_t half = (M + 1) / 2, whole = kernels::round_up(half, kernels::kAlign);
  const auto powers =
      torch::arange(whole, options.dtype(at::kDouble).requires_grad(false)) * (2.0 / M);
  const auto angle = -distance.to(at::kDouble) * torch::pow(10000.0, -powers);
  return torch::cat({angle.sin().narrow(-1, 0, half), angle.cos().narrow(-1, 0, M - half)}, -1)
      .to(options.requires_grad(false));
}

/// W_h r (h, n, D) of distances (n), with the projection (h, D, M).
at::Tensor projected_waves(const at::Tensor& projection, const at::Tensor& distance) {
  const auto r = waves(projection.size(2), distance.unsqueeze(1), projection.options());  // (n, M)
  return product(r, projection.transpose(1, 2));
}

at::Tensor place_transformer_xl(const OpSpec&, const CallContext& context, const at::Tensor& q,
                                const at::Tensor& k, const at::Tensor& scores) {
  const auto u = context.parameter("transformer_xl.content_bias").unsqueeze(1);   // (h, 1, D)
  const auto v = context.parameter("transformer_xl.position_bias").unsqueeze(1);  // (h, 1, D)
  const auto r = projected_waves(context.parameter("transformer_xl.projection"),
                                 distances_within(context, scores));
  const auto content = product(u, k.transpose(2, 3));  // (b, h, 1, c)
  return scores + (content + by_distance(context, scores, q + v, r)) * context.scale;
}

void prepare_transformer_xl(const OpSpec&, Operands& operands) {
  const auto& context = operands.context;
  const auto& s = context.sizes;
  const auto distances = all_distances(operands);  // (R)
  const auto distance = distances.view({1, 1, distances.size(0), 1});
  const auto project = [](const at::Tensor& some, const auto& parameters) {
    return projected_waves(parameters[0], some.flatten()).unsqueeze(0);
  };
  const auto keys =
      by_rows(distance, {context.parameter("transformer_xl.projection")}, 2 * s.H * s.D,
              project);  // (1, H, R, D)
  const double scale = context.scale;
  const auto add = [](const at::Tensor& q, const auto& parameters) {
    return q + parameters[0].unsqueeze(1);
  };
  const auto& u = context.parameter("transformer_xl.content_bias");
  const auto& v = context.parameter("transformer_xl.position_bias");
  add_keys(operands, by_rows(operands.q, {v}, s.H * s.D, add) * scale, keys.squeeze(0));
  operands.q = by_rows(operands.q, {u}, s.H * s.D, add);
}

template <class T>
std::unique_ptr<kernels::Modifier<T>> make_distance(const OpSpec&, const Operands& operands) {
  const auto s = operands.sizes();
  if (const auto* bias = operands.find("distance.bias"))
    return std::make_unique<kernels::DistanceBias<T>>(
        view_of<const T>(bias->value.unsqueeze(2)),
        bias->grad.defined() ? view_of<T>(bias->grad.unsqueeze(2)) : kernels::View<T>{}, s);
  const auto &queries = *operands.find("distance.queries"), &keys = *operands.find("distance.keys");
  return std::make_unique<kernels::DistanceDot<T>>(kernels::DistanceKeys<T>{
      view_of<const T>(queries.value), view_of<const T>(keys.value),
      view_of<const T>(operands.find("distance.transposed")->value), view_of<T>(queries.grad),
      view_of<T>(keys.grad), queries.value.size(3), s.Lk});
}

void check_dot(const OpSpec& op, const Attention& how) {
  if (how.score.name == "dot" || how.score.name == "scaled_dot") return;
  throw UsageError("attention: position " + op.name +
                   " compares queries with places, so it "
                   "needs the score dot or scaled_dot, given '" +
                   how.score.name + "'");
}

double small_normal(const kernels::Sizes&) { return 0.02; }
double xavier(const kernels::Sizes& s) {
  return 1 / std::sqrt(std::max(1.0, static_cast<double>(s.H * s.D)));
}
std::vector<int64_t> buckets_shape(const OpSpec& op, const kernels::Sizes& s) {
  return {s.H, static_cast<int64_t>(op.at("buckets"))};
}
std::vector<int64_t> shaw_shape(const OpSpec& op, const kernels::Sizes& s) {
  return {s.H, 2 * static_cast<int64_t>(op.at("distance")) + 1, s.D};
}
std::vector<int64_t> shaw_values_shape(const OpSpec& op, const kernels::Sizes& s) {
  return {s.H, 2 * static_cast<int64_t>(op.at("distance")) + 1, s.E};
}
std::vector<int64_t> projection_shape(const OpSpec&, const kernels::Sizes& s) {
  return {s.H, s.D, s.H * s.D};
}

}  // namespace

OpDefinition op_alibi() {
  return {.kind = {OpKind::Role::position, "alibi", {}, "scores fall with the distance, by head"},
          .place = place_alibi,
          .prepare = prepare_alibi,
          .modifier = {make_distance<float>, make_distance<double>}};
}

OpDefinition op_relative() {
  return {
      .kind = {OpKind::Role::position,
               "relative",
               {{"buckets", 32, 2, 1 << 20, true, "of distances; half for each side if both"},
                {"distance", 128, 2, 1 << 30, true, "from which on all share a bucket"},
                {"both", 1, 0, 1, true, "0: keys after the query all count as near (decoders)"}},
               "a learned number a head and bucket of distances (Raffel et al. 2020)"},
      .check = check_relative,
      .learned = {{.name = "table", .shape = buckets_shape, .std = small_normal}},
      .place = place_relative,
      .prepare = prepare_relative,
      .modifier = {make_distance<float>, make_distance<double>}};
}

OpDefinition op_shaw() {
  return {.kind = {OpKind::Role::position,
                   "shaw",
                   {{"distance", 16, 0, 1 << 20, true, "from which on all share a vector"},
                    {"values", 0, 0, 1, true, "1: a learned value a distance, too"}},
                   "a learned key a head and distance (Shaw et al. 2018)"},
          .check = check_dot,
          .learned = {{.name = "table", .shape = shaw_shape, .std = small_normal},
                      {.name = "values",
                       .shape = shaw_values_shape,
                       .present = has_values,
                       .std = small_normal}},
          .place = place_shaw,
          .accumulate = accumulate_shaw,
          .has_kernel = shaw_has_kernel,
          .prepare = prepare_shaw,
          .build = {build_shaw<float>, build_shaw<double>},
          .modifier = {make_distance<float>, make_distance<double>}};
}

OpDefinition op_transformer_xl() {
  return {
      .kind = {OpKind::Role::position,
               "transformer_xl",
               {},
               "sines of the distance, projected and compared with the query (Dai et al. 2019)"},
      .check = check_dot,
      .learned = {{.name = "content_bias", .shape = vector_a_head},
                  {.name = "position_bias", .shape = vector_a_head},
                  {.name = "projection", .shape = projection_shape, .std = xavier}},
      .place = place_transformer_xl,
      .prepare = prepare_transformer_xl,
      .modifier = {make_distance<float>, make_distance<double>}};
}

}  // namespace heed::ops
