// The attention operator on plain tensors, and where each query looked.
#include "heed/ops/attend.h"

#include <iostream>

#include "heed/ops/map.h"

int main() {
  const auto how = heed::Attention::parse("scaled_dot; causal; window(64,0)");

  // (B, H, Lq, D), (B, G, Lk, D) and (B, G, Lk, E): four heads share the keys of one.
  const auto q = torch::randn({1, 8, 512, 64}, torch::requires_grad());
  const auto k = torch::randn({1, 2, 512, 64});
  const auto v = torch::randn({1, 2, 512, 64});

  // The 512 x 512 weights are never stored: `row_stats` holds two per query.
  const auto [out, row_stats] = heed::attend_with_row_stats(q, k, v, how);
  out.sum().backward();

  const heed::Map map("mine", q.detach(), k, row_stats, how, {});
  const auto [weights, keys] = map.top_k(/*row=*/300, /*k=*/3);
  std::cout << "query 300 looks at keys\n" << keys << "\nwith weights\n" << weights << '\n';
}
