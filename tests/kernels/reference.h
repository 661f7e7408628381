// Attention as its formula reads, in float64, with the weights stored.
#pragma once

#include <functional>
#include <limits>

#include "array.h"
#include "kernels/dropout.h"

namespace heed::kernels::test {

/// What the reference is told instead of masks and modifiers: a number added to each score (its
/// gradient is collected where asked for), and who is hidden from whom.
struct Rules {
  std::function<bool(int64_t b, int64_t h, int64_t i, int64_t j)> hidden = [](auto...) {
    return false;
  };
  std::function<double(int64_t b, int64_t h, int64_t i, int64_t j)> added = [](auto...) {
    return 0.0;
  };
  std::function<void(int64_t b, int64_t h, int64_t i, int64_t j, double gradient)> collect =
      [](auto...) {};
};

template <class T>
struct Reference {
  Array<double> out, grad_q, grad_k, grad_v;
  std::vector<double> lse;
};

/// Forward, and backward from grad_out: dV = P^T dO, dP = dO V^T, dS = P (dP - rowsum(P dP)), dQ =
/// scale dS K, dK = scale dS^T Q, with P masked and scaled by dropout.
template <class T>
Reference<T> reference(const Sizes& n, const Array<T>& q, const Array<T>& k, const Array<T>& v,
                       const Array<T>& grad_out, double scale, const Rules& rules,
                       double dropout = 0, uint64_t seed = 0) {
  Reference<T> r;
  r.out = Array<double>(n.B, n.H, n.Lq, n.E);
  r.grad_q = Array<double>(n.B, n.H, n.Lq, n.D);
  r.grad_k = Array<double>(n.B, n.G, n.Lk, n.D);
  r.grad_v = Array<double>(n.B, n.G, n.Lk, n.E);
  std::vector<double> weight(n.Lk), kept(n.Lk), grad(n.Lk);
  std::vector<uint8_t> keep(n.Lk);
  constexpr double kNothing = -std::numeric_limits<double>::infinity();
  for (int64_t b = 0; b < n.B; ++b) {
    for (int64_t h = 0; h < n.H; ++h) {
      for (int64_t i = 0; i < n.Lq; ++i) {
        const int64_t g = h / (n.H / n.G);
        double largest = kNothing, sum = 0;
        for (int64_t j = 0; j < n.Lk; ++j) {
          weight[j] = kNothing;
          if (rules.hidden(b, h, i, j)) continue;
          weight[j] = rules.added(b, h, i, j);
          for (int64_t e = 0; e < n.D; ++e) {
            weight[j] += scale * static_cast<double>(q(b, h, i, e)) * k(b, g, j, e);
          }
          largest = std::max(largest, weight[j]);
        }
        if (largest == kNothing) {  // sees nothing
          r.lse.push_back(kNothing);
          continue;
        }
        for (double& w : weight) sum += std::exp(w - largest);
        r.lse.push_back(largest + std::log(sum));
        dropout_keep(dropout, seed, b, h, i, 0, n.Lk, keep.data());
        double mean = 0;
        for (int64_t j = 0; j < n.Lk; ++j) {
          weight[j] = std::exp(weight[j] - largest) / sum;
          kept[j] = dropout > 0 ? keep[j] * dropout_scale(dropout) : 1;
          grad[j] = 0;
          if (rules.hidden(b, h, i, j)) continue;
          for (int64_t e = 0; e < n.E; ++e) {
            r.out(b, h, i, e) += weight[j] * kept[j] * v(b, g, j, e);
            r.grad_v(b, g, j, e) += weight[j] * kept[j] * grad_out(b, h, i, e);
            grad[j] += kept[j] * static_cast<double>(grad_out(b, h, i, e)) * v(b, g, j, e);
          }
          mean += weight[j] * grad[j];
        }
        for (int64_t j = 0; j < n.Lk; ++j) {
          if (rules.hidden(b, h, i, j)) continue;
          const double ds = weight[j] * (grad[j] - mean);
          rules.collect(b, h, i, j, ds);
          for (int64_t e = 0; e < n.D; ++e) {
            r.grad_q(b, h, i, e) += scale * ds * k(b, g, j, e);
            r.grad_k(b, g, j, e) += scale * ds * q(b, h, i, e);
          }
        }
      }
    }
  }
  return r;
}

}  // namespace heed::kernels::test
