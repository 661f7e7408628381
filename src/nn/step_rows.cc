#include "nn/step_rows.h"

#include <cstring>

#include "nn/rotary_turns.h"

namespace heed::nn {
namespace {

thread_local StepRows* stepped_rows = nullptr;

/// `visit(to, from, bytes)` for each run of a head's tokens first .. first + count - 1: a part of a page.
template <class Visit>
void for_each_run(const PageTable& table, int64_t at, int64_t heads, int64_t width, int64_t first,
                  int64_t count, const Visit& visit) {
  const auto& pool = table.pool();
  const auto size = static_cast<int64_t>(c10::elementSize(pool.type()));
  for (int64_t j = 0; j < count;) {
    const int64_t row = (first + j) % kernels::kPageRows;
    const int64_t run = std::min(kernels::kPageRows - row, count - j);
    auto* page = pool.data(table.pages()[static_cast<size_t>((first + j) / kernels::kPageRows)]);
    for (int64_t g = 0; g < heads; ++g)
      visit(page + (at + (g * kernels::kPageRows + row) * width) * size,
            (g * count + j) * width * size, static_cast<size_t>(run * width * size));
    j += run;
  }
}

}  // namespace

StepRows::StepRows(std::vector<StepRow> rows) : rows_(std::move(rows)), outer_(stepped_rows) {
  for (const auto& row : rows_) tokens_ += row.tokens;
  stepped_rows = this;
}
StepRows::~StepRows() { stepped_rows = outer_; }

StepRows* StepRows::given() noexcept { return stepped_rows; }

KeyValues StepRows::gathered(const PageTable& table, int64_t tokens) const {
  const auto& layout = table.layout();
  const auto& [heads, key_width, value_width] = layout.layers[layer_];
  const auto part = [&](int64_t at, int64_t width) {
    auto all = torch::empty({1, heads, tokens, width}, table.pool().type());
    auto* data = static_cast<std::byte*>(all.data_ptr());
    for_each_run(table, at, heads, width, 0, tokens,
                 [&](const std::byte* page, int64_t offset, size_t bytes) {
                   std::memcpy(data + offset, page, bytes);
                 });
    return all;
  };
  return {part(layout.keys_at[layer_], key_width), part(layout.values_at[layer_], value_width)};
}

KeyValues StepRows::own(const StepRow& row, int64_t more) const {
  return gathered(*row.own, row.own->tokens() + more);
}

KeyValues StepRows::source(const StepRow& row) const {
  return gathered(*row.source, row.source->tokens());
}

void StepRows::write(const StepRow& row, const at::Tensor& k, const at::Tensor& v) const {
  write_tokens(*row.own, layer_, k, v);
}

void write_tokens(const PageTable& table, size_t layer, const at::Tensor& k, const at::Tensor& v) {
  const auto& layout = table.layout();
  const auto part = [&](const at::Tensor& given, int64_t at) {
    const auto from = given.contiguous();
    const auto* data = static_cast<const std::byte*>(from.data_ptr());
    for_each_run(table, at, from.size(1), from.size(3), table.tokens(), from.size(2),
                 [&](std::byte* page, int64_t offset, size_t bytes) {
                   std::memcpy(page, data + offset, bytes);
                 });
  };
  part(k, layout.keys_at[layer]), part(v, layout.values_at[layer]);
}

const StepRows::Turns& StepRows::turns(const OpSpec& rope, int64_t head_width) {
  for (const auto& [own, made] : turns_)
    if (own == rope) return made;
  std::vector<at::Tensor> cos, sin;
  for (const auto& row : rows_) {
    const auto own = rotary_turns(rope, row.own->tokens(), row.tokens, head_width);
    if (own.magnitude != 1) return turns_.emplace_back(rope, Turns()).second;
    cos.push_back(own.cos.to(at::kFloat)), sin.push_back(own.sin.to(at::kFloat));
  }
  return turns_.emplace_back(rope, Turns{at::cat(cos).contiguous(), at::cat(sin).contiguous()})
      .second;
}

}  // namespace heed::nn
