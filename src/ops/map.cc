#include "heed/ops/map.h"

#include <algorithm>
#include <sstream>

#include "heed/core/error.h"
#include "kernels/blocks.h"
#include "ops/map_call.h"

namespace heed {
namespace {

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

void check_block(const char* name, int64_t block) {
  if (block < 1) refuse(name, ": expected at least 1, given ", block);
}

/// The inputs outside training, with parameters of their own.
AttendInputs of_copies(AttendInputs inputs) {
  inputs.training = false;
  for (auto& [name, tensor] : inputs.parameters) tensor = tensor.detach().clone();
  if (inputs.bias) inputs.bias = inputs.bias->detach();
  return inputs;
}

/// Attention and inputs of the weights alone: without values that belong to distances.
std::pair<Attention, AttendInputs> of_weights(Attention how, AttendInputs inputs) {
  std::erase_if(how.position.arguments, [](const auto& given) { return given.name == "values"; });
  inputs.parameters.erase("shaw.values");
  return {std::move(how), std::move(inputs)};
}

/// Writes cells of a picture (rows, columns), which is contiguous.
TakeCells copy_to(const at::Tensor& picture) {
  return [picture](int64_t row, std::span<const double> cells) {
    const auto copy = [&](auto* first) {
      using T = std::remove_pointer_t<decltype(first)>;
      auto* to = first + row * picture.size(1);
      std::transform(cells.begin(), cells.end(), to, [](double x) { return static_cast<T>(x); });
    };
    picture.scalar_type() == at::kDouble ? copy(picture.data_ptr<double>())
                                         : copy(picture.data_ptr<float>());
  };
}

}  // namespace

Map::Map(std::string name, at::Tensor q, at::Tensor k, at::Tensor row_stats, Attention how,
         AttendInputs inputs)
    : name_(std::move(name)),
      q_(q.detach()),
      k_(k.detach()),
      row_stats_(row_stats.detach()),
      how_(std::move(how)),
      inputs_(of_copies(std::move(inputs))) {
  const auto [own, given] = of_weights(how_, inputs_);
  auto call = ops::checked(q_, k_, k_.narrow(3, 0, 0), own, given);
  const std::vector<int64_t> expected = {2, batch(), num_heads(), queries()};
  if (row_stats.sizes() != at::IntArrayRef(expected))
    refuse("row_stats: expected shape (2, B, H, Lq) = ", at::IntArrayRef(expected),
           ", as attend_with_row_stats gives, given ", row_stats.sizes());
  if (row_stats.scalar_type() != call.compute)
    refuse("row_stats: expected dtype ", c10::toString(call.compute), ", given ",
           row_stats.dtype());
  call_ = std::make_shared<const ops::MapCall>(std::move(call), row_stats_);
}

at::Tensor Map::tile(Range rows, Range columns, int64_t batch, int64_t head) const {
  return tile(rows, columns, 1, MapPool::max, batch, head);
}

at::Tensor Map::tile(Range rows, Range columns, int64_t block, MapPool pool, int64_t batch,
                     int64_t head) const {
  check_index("batch", batch, this->batch());
  check_index("head", head, num_heads());
  check_range("rows", rows, queries());
  check_range("columns", columns, keys());
  check_block("block", block);
  const auto cells = [&](Range range) { return kernels::divide_up(range.size(), block); };
  const auto picture = torch::empty({cells(rows), cells(columns)}, on_cpu());
  call_->look({.batch = batch,
               .head = head,
               .rows = {rows.begin, rows.end},
               .columns = {columns.begin, columns.end},
               .block_rows = block,
               .block_columns = block,
               .pool = pool,
               .take = copy_to(picture)});
  return picture.to(q_.device());
}

MapOverview Map::overview(const OverviewOptions& options) const {
  check_index("batch", options.batch, batch());
  if (options.head) check_index("head", *options.head, num_heads());
  check_block("rows", options.rows), check_block("columns", options.columns);
  const int64_t first = options.head.value_or(0), heads = options.head ? 1 : num_heads();
  MapOverview all;
  const auto block = [](int64_t size, int64_t cells) {
    return std::max<int64_t>(1, kernels::divide_up(size, cells));
  };
  all.block_rows = block(queries(), options.rows);
  all.block_columns = block(keys(), options.columns);
  all.cells = torch::empty({heads, kernels::divide_up(queries(), all.block_rows),
                            kernels::divide_up(keys(), all.block_columns)},
                           on_cpu());
  at::Tensor sums;
  if (options.received) sums = torch::empty({heads, keys()}, q_.options().dtype(at::kDouble));
  if (options.entropy) all.entropy = torch::empty({heads, queries()}, call_->options());
  for (int64_t h = 0; h < heads; ++h)
    all.greatest.push_back(
        call_->look({.batch = options.batch,
                     .head = first + h,
                     .rows = {0, queries()},
                     .columns = {0, keys()},
                     .block_rows = all.block_rows,
                     .block_columns = all.block_columns,
                     .pool = options.pool,
                     .take = copy_to(all.cells[h]),
                     .column_sums = sums.defined() ? sums[h] : sums,
                     .entropy = options.entropy ? all.entropy[h] : all.entropy}));
  if (options.received) all.received = mean_of(sums);
  all.cells = all.cells.to(q_.device());
  return all;
}

double Map::each_cell_row(int64_t block, MapPool pool, const TakeCells& take, int64_t batch,
                          int64_t head) const {
  check_index("batch", batch, this->batch());
  check_index("head", head, num_heads());
  check_block("block", block);
  return call_->look({.batch = batch,
                      .head = head,
                      .rows = {0, queries()},
                      .columns = {0, keys()},
                      .block_rows = block,
                      .block_columns = block,
                      .pool = pool,
                      .take = take});
}

at::Tensor Map::row(int64_t row, int64_t batch, int64_t head) const {
  check_index("row", row, queries());
  return tile({row, row + 1}, {0, keys()}, batch, head)[0];
}

at::Tensor Map::dense(int64_t batch) const {
  check_index("batch", batch, this->batch());
  auto all = torch::empty({num_heads(), queries(), keys()}, call_->options());
  for (int64_t h = 0; h < num_heads(); ++h)
    all[h].copy_(tile({0, queries()}, {0, keys()}, batch, h));
  return all;
}

at::Tensor Map::received(int64_t batch) const {
  check_index("batch", batch, this->batch());
  const auto sums = torch::empty({num_heads(), keys()}, q_.options().dtype(at::kDouble));
  for (int64_t h = 0; h < num_heads(); ++h)
    call_->look({.batch = batch,
                 .head = h,
                 .rows = {0, queries()},
                 .columns = {0, keys()},
                 .column_sums = sums[h]});
  return mean_of(sums);
}

at::Tensor Map::entropy(int64_t batch) const {
  check_index("batch", batch, this->batch());
  const auto all = torch::empty({num_heads(), queries()}, call_->options());
  for (int64_t h = 0; h < num_heads(); ++h)
    call_->look({.batch = batch,
                 .head = h,
                 .rows = {0, queries()},
                 .columns = {0, keys()},
                 .entropy = all[h]});
  return all;
}

std::pair<at::Tensor, at::Tensor> Map::top_k(int64_t row, int64_t k, int64_t batch,
                                             int64_t head) const {
  check_index("row", row, queries());
  if (k < 1 || k > keys()) refuse("k: expected 1 to ", keys(), " (the keys), given ", k);
  const auto [sorted, order] = torch::sort(this->row(row, batch, head), /*stable=*/true,
                                           /*dim=*/0, /*descending=*/true);
  return {sorted.narrow(0, 0, k), order.narrow(0, 0, k)};
}

at::Tensor Map::times(const at::Tensor& x) const {
  check_factor(x, keys(), "Lk");
  return call_->times(x);
}

at::Tensor Map::transposed_times(const at::Tensor& x) const {
  check_factor(x, queries(), "Lq");
  return call_->transposed_times(x);
}

void Map::check_factor(const at::Tensor& x, int64_t length, const char* name) const {
  const bool fits = x.dim() == 4 && x.size(0) == batch() &&
                    (x.size(1) == num_heads() || x.size(1) == 1) && x.size(2) == length;
  if (!fits)
    refuse("x: expected shape (B, H or 1, ", name, ", E) with B=", batch(), ", H=", num_heads(),
           ", ", name, "=", length, ", given ", x.sizes());
}

at::Tensor Map::mean_of(const at::Tensor& sums) const {
  return (sums / static_cast<double>(std::max<int64_t>(1, queries()))).to(call_->options().dtype());
}

at::TensorOptions Map::on_cpu() const { return call_->options().device(at::kCPU); }

}  // namespace heed
