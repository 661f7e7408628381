#include "heed/ops/map.h"

#include <sstream>

#include "heed/core/error.h"
#include "ops/call.h"

namespace heed {
namespace {

constexpr int64_t kBlockElements = int64_t{1} << 20;  // 4 MB of float32 weights at a time

template <class... Pieces>
[[noreturn]] void refuse(const Pieces&... pieces) {
  std::ostringstream text;
  text << "map: ";
  (text << ... << pieces);
  throw UsageError(text.str());
}

void check_index(const char* name, int64_t index, int64_t size) {
  if (index < 0 || index >= size) refuse(name, ": expected 0 to ", size - 1, ", given ", index);
}

void check_range(const char* name, Range range, int64_t size) {
  if (range.begin < 0 || range.begin > range.end || range.end > size)
    refuse(name, ": expected a range within [0, ", size, "), given [", range.begin, ", ", range.end,
           ")");
}

at::Tensor cut(const at::Tensor& t, int64_t dimension, Range range) {
  return t.narrow(dimension, range.begin, range.size());
}

}  // namespace

Map::Map(std::string name, at::Tensor q, at::Tensor k, at::Tensor row_stats, Attention how,
         AttendInputs inputs)
    : name_(std::move(name)),
      q_(q.detach()),
      k_(k.detach()),
      row_stats_(row_stats.detach()),
      how_(std::move(how)),
      inputs_(std::move(inputs)) {
  inputs_.training = false;
  for (auto& [name, tensor] : inputs_.parameters) tensor = tensor.detach().clone();
  const auto call = ops::checked(q_, k_, k_, how_, inputs_);
  if (inputs_.bias) inputs_.bias = inputs_.bias->detach().to(call.compute);
  if (inputs_.attn_mask && inputs_.attn_mask->scalar_type() != at::kBool)
    inputs_.attn_mask = inputs_.attn_mask->to(call.compute);
  const std::vector<int64_t> expected = {2, batch(), num_heads(), queries()};
  if (row_stats_.sizes() != at::IntArrayRef(expected))
    refuse("row_stats: expected shape (2, B, H, Lq) = ", at::IntArrayRef(expected),
           ", as attend_with_row_stats gives, given ", row_stats_.sizes());
  if (row_stats_.scalar_type() != call.compute)
    refuse("row_stats: expected dtype ", c10::toString(call.compute), ", given ",
           row_stats_.dtype());
}

at::Tensor Map::block(int64_t batch, int64_t head, Range rows, Range columns) const {
  if (ops::definition(how_.normalizer.name).whole_rows && columns.size() < keys())
    return cut(block(batch, head, rows, {0, keys()}), 1, columns);
  const auto call = ops::checked(q_, k_, k_, how_, inputs_);
  // Where heads mix, all of them are needed for one.
  const ops::Interval heads = ops::mixes_heads(call.how) ? ops::Interval{0, this->num_heads()}
                                                         : ops::Interval{head, head + 1};
  const auto of_heads = [&](const at::Tensor& t, Range range) {
    return cut(t.narrow(0, batch, 1).narrow(1, heads.begin, heads.size()), 2, range);
  };
  const auto q = of_heads(q_, rows).to(call.compute);  // (1, h, r, D)
  const auto k = of_heads(ops::for_each_head(k_, this->num_heads()), columns).to(call.compute);
  const auto context = ops::cut(ops::cut_to_heads(ops::expanded(call), batch, heads),
                                {rows.begin, rows.end}, {columns.begin, columns.end});
  const auto scores = ops::scores_of(call.how, context, q, k);  // (1, h, r, c)
  const auto& op = call.how.normalizer;
  const auto& normalizer = ops::definition(op.name);
  // Scores are summed here in another order than in the kernel. Where they reach 200 the two differ
  // by 2e-5, and so would weights by the kernel's numbers; of whole rows there are numbers that fit.
  const auto row_stats =
      columns.size() == keys()
          ? normalizer.row_stats(op, context, scores)
          : cut(row_stats_.narrow(1, batch, 1).narrow(2, heads.begin, heads.size()), 3,
                rows);  // (2, 1, h, r)
  const auto weights = normalizer.weights_from_row_stats(op, context, scores, row_stats);
  return ops::mixed_weights(call.how, context, weights)[0][head - heads.begin];
}

template <class Visit>
void Map::for_each_block(int64_t batch, Visit&& visit) const {
  const torch::NoGradGuard no_gradient;
  const int64_t most = std::max<int64_t>(1, kBlockElements / std::max<int64_t>(1, keys()));
  for (int64_t head = 0; head < num_heads(); ++head)
    for (int64_t i = 0; i < queries(); i += most) {
      const Range rows{i, std::min(i + most, queries())};
      visit(head, rows, block(batch, head, rows, {0, keys()}));
    }
}

at::Tensor Map::tile(Range rows, Range columns, int64_t batch, int64_t head) const {
  const torch::NoGradGuard no_gradient;
  check_index("batch", batch, this->batch());
  check_index("head", head, num_heads());
  check_range("rows", rows, queries());
  check_range("columns", columns, keys());
  return block(batch, head, rows, columns);
}

at::Tensor Map::dense(int64_t batch) const {
  check_index("batch", batch, this->batch());
  auto all = torch::empty({num_heads(), queries(), keys()}, row_stats_.options());
  for_each_block(batch, [&](int64_t head, Range rows, const at::Tensor& w) {
    cut(all[head], 0, rows).copy_(w);
  });
  return all;
}

at::Tensor Map::received(int64_t batch) const {
  check_index("batch", batch, this->batch());
  auto sum = torch::zeros({num_heads(), keys()}, row_stats_.options().dtype(at::kDouble));
  for_each_block(batch, [&](int64_t head, Range, const at::Tensor& w) { sum[head] += w.sum(0); });
  return (sum / std::max<int64_t>(1, queries())).to(row_stats_.scalar_type());
}

at::Tensor Map::entropy(int64_t batch) const {
  check_index("batch", batch, this->batch());
  auto all = torch::empty({num_heads(), queries()}, row_stats_.options());
  for_each_block(batch, [&](int64_t head, Range rows, const at::Tensor& w) {
    cut(all[head], 0, rows).copy_(torch::xlogy(w, w).sum(-1).neg());
  });
  return all;
}

std::pair<at::Tensor, at::Tensor> Map::top_k(int64_t row, int64_t k, int64_t batch,
                                             int64_t head) const {
  check_index("row", row, queries());
  if (k < 1 || k > keys()) refuse("k: expected 1 to ", keys(), " (the keys), given ", k);
  const auto weights = tile({row, row + 1}, {0, keys()}, batch, head)[0];
  const auto [sorted, order] =
      torch::sort(weights, /*stable=*/true, /*dim=*/0, /*descending=*/true);
  return {cut(sorted, 0, {0, k}), cut(order, 0, {0, k})};
}

at::Tensor Map::times(const at::Tensor& x) const {
  const bool fits = x.dim() == 4 && x.size(0) == batch() &&
                    (x.size(1) == num_heads() || x.size(1) == 1) && x.size(2) == keys();
  if (!fits)
    refuse("x: expected shape (B, H or 1, Lk, E) with B=", batch(), ", H=", num_heads(),
           ", Lk=", keys(), ", given ", x.sizes());
  const auto values = x.to(row_stats_.options());
  auto out = torch::empty({batch(), num_heads(), queries(), x.size(3)}, row_stats_.options());
  for (int64_t b = 0; b < batch(); ++b)
    for_each_block(b, [&](int64_t head, Range rows, const at::Tensor& w) {
      const auto of_head = values[b][x.size(1) == 1 ? 0 : head];  // (Lk, E)
      cut(out[b][head], 0, rows).copy_(torch::matmul(w, of_head));
    });
  return out;
}

}  // namespace heed
