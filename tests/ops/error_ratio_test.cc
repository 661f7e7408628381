// The error of float32 attention beside that of LibTorch's own operators in float32 on the same
// work: the plain formula, forward and backward, both against it in float64. The table of
// docs/numerics.md is what this test prints.
#include <gtest/gtest.h>

#include <cstdio>

#include "heed/ops/attend.h"

namespace heed::test {
namespace {

/// q (B, H, Lq, D), k, v (B, H, Lk, .); bias, where there is one, (1, 1, Lq or 1, Lk).
struct Work {
  at::Tensor q, k, v, bias;

  std::vector<at::Tensor> leaves() const {
    return bias.defined() ? std::vector<at::Tensor>{q, k, v, bias}
                          : std::vector<at::Tensor>{q, k, v};
  }
  Work with(const std::vector<at::Tensor>& x) const {
    return {x[0], x[1], x[2], bias.defined() ? x[3] : at::Tensor()};
  }
};

at::Tensor products(const Work& w) {
  const auto s = torch::matmul(w.q, w.k.transpose(2, 3)) / std::sqrt(double(w.q.size(3)));
  return w.bias.defined() ? s + w.bias : s;
}

at::Tensor by_softmax(const Work& w) { return torch::matmul(torch::softmax(products(w), -1), w.v); }

at::Tensor by_sigmoid(const Work& w) { return torch::matmul(torch::sigmoid(products(w)), w.v); }

at::Tensor by_cosine(const Work& w) {
  const auto unit = [](const at::Tensor& x) { return x / x.norm(2, -1, true); };
  const auto s = torch::matmul(unit(w.q), unit(w.k).transpose(2, 3)) * 10;
  return torch::matmul(torch::softmax(s, -1), w.v);
}

/// The sum of tanh over 16 channels: its weights are 1 / 2.
at::Tensor by_tanh(const Work& w) {
  const auto s = torch::tanh(w.q.unsqueeze(3) + w.k.unsqueeze(2)).sum(-1) * 0.5;
  return torch::matmul(torch::softmax(s, -1), w.v);
}

at::Tensor by_softcap(const Work& w) {
  return torch::matmul(torch::softmax(torch::tanh(products(w) / 2) * 2, -1), w.v);
}

/// Weights of alpha-entmax from x = (alpha - 1) s and its threshold; the threshold's derivative is
/// that of the implicit function.
at::Tensor entmax_weights(const at::Tensor& x, const at::Tensor& threshold, bool squares) {
  const auto u = torch::relu(x.detach() - threshold);
  const auto g = squares ? u : (u > 0).to(u.dtype());
  const auto t = threshold + (g * (x - x.detach())).sum(-1, true) / g.sum(-1, true);
  const auto weights = torch::relu(x - t);
  return squares ? weights.square() : weights;
}

/// By sorting (Martins and Astudillo 2016, algorithm 1).
at::Tensor by_sparsemax(const Work& w) {
  auto x = products(w);
  x = x - std::get<0>(x.detach().max(-1, true));
  const auto sorted = std::get<0>(x.detach().sort(-1, /*descending=*/true));
  const auto count = torch::arange(1, x.size(-1) + 1, x.options().requires_grad(false));
  const auto t = (sorted.cumsum(-1) - 1) / count;
  const auto support = (sorted > t).sum(-1, true);
  return torch::matmul(entmax_weights(x, t.gather(-1, support - 1), false), w.v);
}

/// By sorting (Peters et al. 2019, algorithm 2).
at::Tensor by_entmax15(const Work& w) {
  auto x = products(w) / 2;
  x = x - std::get<0>(x.detach().max(-1, true));
  const auto sorted = std::get<0>(x.detach().sort(-1, /*descending=*/true));
  const auto count = torch::arange(1, x.size(-1) + 1, x.options().requires_grad(false));
  const auto mean = sorted.cumsum(-1) / count, square = sorted.square().cumsum(-1) / count;
  const auto rest = (1 - count * (square - mean.square())) / count;
  const auto t = mean - rest.clamp_min(0).sqrt();
  const auto support = (t <= sorted).sum(-1, true);
  return torch::matmul(entmax_weights(x, t.gather(-1, support - 1), true), w.v);
}

struct Plain {
  const char* how;
  at::Tensor (*formula)(const Work&);
};

std::vector<at::Tensor> results(const std::function<at::Tensor(const Work&)>& f, const Work& work,
                                const at::Tensor& grad_out) {
  std::vector<at::Tensor> leaves;
  for (const auto& x : work.leaves()) leaves.push_back(x.detach().requires_grad_());
  const auto out = f(work.with(leaves));
  auto all = torch::autograd::grad({out}, leaves, {grad_out.to(out.scalar_type())});
  all.insert(all.begin(), out.detach());
  return all;
}

at::Tensor by_heed(const Plain& plain, const Work& w) {
  const auto how = Attention::parse(plain.how);
  AttendInputs inputs;
  if (w.bias.defined()) inputs.bias = w.bias;
  if (how.score.name == "cosine")
    inputs.parameters["cosine.log_scale"] = torch::full({w.q.size(1)}, std::log(10.0f));
  if (how.score.name == "additive")
    inputs.parameters["additive.weight"] = torch::full({w.q.size(1), w.q.size(3)}, 0.5f);
  return attend(w.q, w.k, w.v, how, inputs);
}

/// Beside the largest number; 0 where all are zero but for the rounding of float64.
double error_of(const at::Tensor& given, const at::Tensor& exact) {
  const double size = exact.abs().max().item<double>();
  return size < 1e-12 ? 0 : (given.to(at::kDouble) - exact).abs().max().item<double>() / size;
}

/// Errors below two units of the last place are as good as none.
constexpr double kNothing = 2.4e-7;

/// Three draws of the work: the largest errors of both.
void expect_beside_libtorch(const char* name, const Plain& plain,
                            const std::function<Work()>& draw) {
  constexpr const char* kWhat[] = {"out", "dq", "dk", "dv", "dbias"};
  std::vector<double> heed(5, 0), libtorch(5, 0);
  size_t count = 0;
  for (int seed = 1; seed <= 3; ++seed) {
    torch::manual_seed(seed);
    const Work work = draw();
    const auto grad_out =
        torch::randn({work.q.size(0), work.q.size(1), work.q.size(2), work.v.size(3)});
    std::vector<at::Tensor> wide;
    for (const auto& x : work.leaves()) wide.push_back(x.to(at::kDouble));
    const auto exact = results(plain.formula, work.with(wide), grad_out);
    const auto theirs = results(plain.formula, work, grad_out);
    const auto ours = results([&](const Work& w) { return by_heed(plain, w); }, work, grad_out);
    count = exact.size();
    for (size_t i = 0; i < count; ++i) {
      heed[i] = std::max(heed[i], error_of(ours[i], exact[i]));
      libtorch[i] = std::max(libtorch[i], error_of(theirs[i], exact[i]));
    }
  }
  std::printf("| %s |", name);
  for (size_t i = 0; i < count; ++i) {
    std::printf(" %s %.1e / %.1e |", kWhat[i], heed[i], libtorch[i]);
    EXPECT_LE(heed[i], 3 * std::max(libtorch[i], kNothing)) << name << ": " << kWhat[i];
  }
  std::printf("\n");
}

Work random_work(int64_t Lq, int64_t Lk, double size = 1) {
  return {torch::randn({1, 2, Lq, 16}) * size, torch::randn({1, 2, Lk, 16}) * size,
          torch::randn({1, 2, Lk, 8}), at::Tensor()};
}

TEST(ErrorRatio, SoftmaxOfAnyNumberOfKeys) {
  const Plain softmax = {"scaled_dot", by_softmax};
  for (const int64_t length : {64, 512, 2048, 8192})
    expect_beside_libtorch(("softmax, " + std::to_string(length) + " keys").c_str(), softmax,
                           [&] { return random_work(64, length); });
  expect_beside_libtorch("softmax, 32768 equal keys and values", softmax, [] {
    return Work{torch::randn({1, 1, 1, 8}), torch::full({1, 1, 32768, 8}, 0.3f),
                torch::full({1, 1, 32768, 1}, 1.1f), at::Tensor()};
  });
  expect_beside_libtorch("softmax, 8192 values of 1 to 2", softmax, [] {
    auto work = random_work(16, 8192);
    work.v = torch::rand_like(work.v) + 1;
    return work;
  });
}

TEST(ErrorRatio, SoftmaxOfManyQueries) {
  const Plain softmax = {"scaled_dot", by_softmax};
  expect_beside_libtorch("softmax, 8192 queries", softmax, [] { return random_work(8192, 64); });
  expect_beside_libtorch("softmax, 32768 equal queries", softmax, [] {
    auto work = random_work(32768, 5);
    work.q = torch::full_like(work.q, 0.3f);
    return work;
  });
}

TEST(ErrorRatio, BiasOfManySequences) {
  const Plain bias = {"scaled_dot; bias", by_softmax};
  for (const int64_t rows : {1, 4})
    expect_beside_libtorch(
        rows == 1 ? "bias (1, 1, 1, 6), 4096 sequences" : "bias (1, 1, 4, 6), 4096 sequences", bias,
        [&] {
          return Work{torch::randn({1, 1, 4, 8}).repeat({4096, 1, 1, 1}),
                      torch::randn({1, 1, 6, 8}).repeat({4096, 1, 1, 1}),
                      torch::randn({1, 1, 6, 4}).repeat({4096, 1, 1, 1}),
                      torch::zeros({1, 1, rows, 6})};
        });
}

TEST(ErrorRatio, OtherScores) {
  expect_beside_libtorch("cosine", {"cosine", by_cosine}, [] { return random_work(64, 300); });
  expect_beside_libtorch("cosine of lengths 1e-20", {"cosine", by_cosine},
                         [] { return random_work(64, 300, 1e-20); });
  expect_beside_libtorch("additive", {"additive", by_tanh}, [] { return random_work(64, 300); });
  expect_beside_libtorch("additive, numbers of 8", {"additive", by_tanh},
                         [] { return random_work(64, 300, 8); });
  expect_beside_libtorch("softcap", {"softcap(2)", by_softcap},
                         [] { return random_work(64, 300, 2); });
}

TEST(ErrorRatio, OtherNormalizers) {
  for (const int64_t length : {300, 4096}) {
    const auto work = [&] { return random_work(64, length); };
    const auto named = [&](const char* name) {
      return std::string(name) + ", " + std::to_string(length) + " keys";
    };
    expect_beside_libtorch(named("sparsemax").c_str(), {"sparsemax", by_sparsemax}, work);
    expect_beside_libtorch(named("entmax15").c_str(), {"entmax15", by_entmax15}, work);
    expect_beside_libtorch(named("sigmoid").c_str(), {"sigmoid", by_sigmoid}, work);
  }
}

}  // namespace
}  // namespace heed::test
