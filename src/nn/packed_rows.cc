#include "nn/packed_rows.h"

#include <vector>

namespace heed::nn {
namespace {

thread_local const PackedRows* given_rows = nullptr;

std::vector<int64_t> sizes_behind(const at::Tensor& x, std::vector<int64_t> first) {
  for (int64_t i = 2; i < x.dim(); ++i) first.push_back(x.size(i));
  return first;
}

}  // namespace

std::optional<PackedRows> PackedRows::of(const at::Tensor& lengths, int64_t L) {
  const auto counts = lengths.cpu().contiguous();
  const auto* count = counts.data_ptr<int64_t>();
  const int64_t B = counts.numel();
  std::vector<int64_t> rows;
  for (int64_t b = 0; b < B; ++b)
    for (int64_t i = 0; i < count[b]; ++i) rows.push_back(b * L + i);
  if (rows.empty() || std::ssize(rows) == B * L) return {};
  PackedRows packed;
  packed.rows_ = at::tensor(rows, at::kLong);
  packed.lengths_ = counts;
  packed.B_ = B, packed.L_ = L;
  return packed;
}

at::Tensor PackedRows::pack(const at::Tensor& x) const {
  return x.flatten(0, 1).index_select(0, rows_).unsqueeze(0);
}

at::Tensor PackedRows::unpack(const at::Tensor& y) const {
  return at::zeros(sizes_behind(y, {B_ * L_}), y.options())
      .index_copy_(0, rows_, y.squeeze(0))
      .view(sizes_behind(y, {B_, L_}));
}

PackedRows::Scope::Scope(const PackedRows& rows) : outer_(given_rows) { given_rows = &rows; }
PackedRows::Scope::~Scope() { given_rows = outer_; }

const PackedRows* PackedRows::given() noexcept { return given_rows; }

}  // namespace heed::nn
