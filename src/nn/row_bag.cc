#include "nn/row_bag.h"

#include "heed/core/threads.h"

namespace heed::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kBags = 64;    // of a task of the forward pass
constexpr int64_t kOwners = 64;  // tasks of the gradient; each owns the rows with id % kOwners

template <class T>
void add_rows(const at::Tensor& table, const at::Tensor& ids, const at::Tensor& out) {
  const int64_t N = ids.size(0), F = ids.size(1), M = table.size(1);
  parallel_for((N + kBags - 1) / kBags, [&](int64_t task) {
    for (int64_t n = task * kBags; n < std::min(N, (task + 1) * kBags); ++n) {
      T* y = out.data_ptr<T>() + n * M;
      for (int64_t f = 0; f < F; ++f) {
        const int64_t id = ids.data_ptr<int64_t>()[n * F + f];
        if (id < 0) continue;
        const T* row = table.data_ptr<T>() + id * M;
        for (int64_t m = 0; m < M; ++m) y[m] += row[m];
      }
    }
  });
}

/// The places in ids of each owner's rows, in order: those of owner w are [first[w], first[w + 1]).
struct Places {
  std::vector<int64_t> at, first;
};

Places places_by_owner(const at::Tensor& ids) {
  const int64_t* id = ids.data_ptr<int64_t>();
  Places places;
  places.first.resize(kOwners + 1);
  for (int64_t i = 0; i < ids.numel(); ++i)
    if (id[i] >= 0) ++places.first[id[i] % kOwners + 1];
  for (int64_t w = 0; w < kOwners; ++w) places.first[w + 1] += places.first[w];
  places.at.resize(places.first.back());
  auto next = places.first;
  for (int64_t i = 0; i < ids.numel(); ++i)
    if (id[i] >= 0) places.at[next[id[i] % kOwners]++] = i;
  return places;
}

template <class T>
void scatter_rows(const at::Tensor& from, const at::Tensor& ids, const at::Tensor& table) {
  const int64_t F = ids.size(1), M = table.size(1);
  const auto places = places_by_owner(ids);
  parallel_for(kOwners, [&](int64_t owner) {
    for (int64_t k = places.first[owner]; k < places.first[owner + 1]; ++k) {
      const int64_t i = places.at[k];
      const T* row = from.data_ptr<T>() + i / F * M;
      T* to = table.data_ptr<T>() + ids.data_ptr<int64_t>()[i] * M;
      for (int64_t m = 0; m < M; ++m) to[m] += row[m];
    }
  });
}

/// y[n] = sum_f table[ids[n, f]], and its gradient, table[ids[n, f]] += y[n]: linear maps, each the
/// other's gradient.
template <bool kGather>
class RowMap : public torch::autograd::Function<RowMap<kGather>> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& from, const at::Tensor& ids,
                            int64_t rows) {
    ctx->save_for_backward({ids});
    ctx->saved_data["rows"] = from.size(0);
    const auto in = from.contiguous();
    auto out = at::zeros({rows, from.size(1)}, from.options());
    if (from.scalar_type() == at::kDouble)
      kGather ? add_rows<double>(in, ids, out) : scatter_rows<double>(in, ids, out);
    else
      kGather ? add_rows<float>(in, ids, out) : scatter_rows<float>(in, ids, out);
    return out;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grad) {
    const auto ids = ctx->get_saved_variables()[0];
    return {RowMap<!kGather>::apply(grad[0], ids, ctx->saved_data["rows"].toInt()), {}, {}};
  }
};

}  // namespace

at::Tensor row_bag(const at::Tensor& table, const at::Tensor& ids) {
  return RowMap<true>::apply(table, ids.contiguous(), ids.size(0));
}

}  // namespace heed::nn
