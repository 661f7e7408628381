#include "heed/lens/explain.h"

#include <gmock/gmock.h>
#include <torch/autograd.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "explained_models.h"
#include "heed/core/error.h"

namespace heed::lens {
namespace {

using test::Dense;
using test::Explained;
using testing::HasSubstr;

std::string complaint_about(const Question& question, const ExplainOptions& options) {
  try {
    explain(question, options);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "nothing";
}

void expect_alike(const at::Tensor& found, const at::Tensor& expected, double tolerance,
                  const std::string& what) {
  ASSERT_EQ(found.sizes(), expected.sizes()) << what;
  const double scale = expected.abs().max().item<double>();
  EXPECT_LE((found - expected).abs().max().item<double>(), tolerance * scale) << what << "\n"
                                                                              << found << "\n"
                                                                              << expected;
  EXPECT_GT(scale, 0) << what;
}

/// The pass of a question with whole maps, and r as one vector over all rows of the last states.
struct DensePass {
  Dense seen;
  at::Tensor reading;
  std::vector<at::Tensor> map_gradients;
};
void run_dense(const Question& question, DensePass& pass) {
  const nn::MapPaths paths(*question.model);
  const at::AutoGradMode on(true);
  const auto value = question.ask().value.sum();
  auto inputs = pass.seen.maps;
  inputs.push_back(pass.seen.states);
  auto found = torch::autograd::grad({value}, inputs, {}, false, false, true);
  const auto norms = found.back().norm(2, {-1});
  pass.reading = norms / norms.sum();
  found.pop_back();
  pass.map_gradients = found;
}

/// r through whole matrices of the layers, from the last to the first; C of a call (B, Lq, Lk).
at::Tensor through(const DensePass& pass, const std::vector<at::Tensor>& matrices, double kept,
                   double passed) {
  auto r = pass.reading, source = at::Tensor();
  const auto by = [](const at::Tensor& x, const at::Tensor& m) {
    return at::matmul(x.unsqueeze(1), m).squeeze(1);
  };
  const auto& calls = pass.seen.calls;
  const bool pair = std::any_of(calls.begin(), calls.end(), [](const auto& call) {
    return call.name.find("cross") != std::string::npos;
  });
  for (size_t i = calls.size(); i-- > 0;) {
    const auto& name = calls[i].name;
    if (name.find("cross") != std::string::npos) {
      const auto given = passed * by(r, matrices[i]);
      source = source.defined() ? source + given : given;
      r = r * kept;
    } else if (pair && name.find("encoder") == 0) {
      source = kept * source + passed * by(source, matrices[i]);
    } else {
      r = kept * r + passed * by(r, matrices[i]);
    }
  }
  if (!source.defined()) return r;
  return at::cat({source.flatten(), r.flatten()});
}

at::Tensor without_class_token(const Explained& explained, const at::Tensor& x) {
  if (explained.name == "image") return x.narrow(1, 1, x.size(1) - 1).flatten();
  return x.flatten();
}

TEST(Explain, RolloutIsTheProductOfWholeMatrices) {
  for (const auto& explained : test::explained_models()) {
    DensePass pass;
    run_dense(explained.question, pass);
    std::vector<at::Tensor> means;
    for (const auto& map : pass.seen.maps) means.push_back(map.detach().mean(1));
    expect_alike(explain(explained.question, {.method = Method::rollout}).values,
                 without_class_token(explained, through(pass, means, 0.5, 0.5)), 1e-5,
                 explained.name);
  }
}

TEST(Explain, RelevanceIsTheProductOfWholeMatricesAndTheirGradients) {
  for (const auto& explained : test::explained_models()) {
    DensePass pass;
    run_dense(explained.question, pass);
    std::vector<at::Tensor> kept;
    for (size_t i = 0; i < pass.seen.maps.size(); ++i)
      kept.push_back((pass.seen.maps[i].detach() * pass.map_gradients[i]).clamp_min(0).mean(1));
    expect_alike(explain(explained.question, {.method = Method::relevance}).values,
                 without_class_token(explained, through(pass, kept, 1, 1)), 1e-5, explained.name);
  }
}

TEST(Explain, RawAndAveragedAreRowsOfTheMaps) {
  const auto explained = test::explained_text("rope; num_heads=4/2", false);
  DensePass pass;
  run_dense(explained.question, pass);
  const auto of = [&](size_t layer) { return pass.seen.maps[layer].detach()[0]; };
  const auto r = pass.reading[0];
  expect_alike(explain(explained.question, {.method = Method::raw}).values,
               at::matmul(r, of(1).mean(0)), 1e-5, "last");
  expect_alike(explain(explained.question, {.method = Method::raw, .layer = 1, .head = 3}).values,
               at::matmul(r, of(0)[2]), 1e-5, "one head");
  expect_alike(explain(explained.question, {.method = Method::averaged}).values,
               at::matmul(r, (of(0) + of(1)).mean(0) / 2), 1e-5, "mean");
}

TEST(Explain, ValueNormsAreThoseOfWholeVectors) {
  for (const char* attention : {"num_heads=2", "rope; num_heads=4/2", "sum; num_heads=2"}) {
    const auto explained = test::explained_text(attention, false);
    DensePass pass;
    run_dense(explained.question, pass);
    const auto parameters = explained.model->named_parameters();
    at::Tensor mean;
    for (size_t i = 0; i < pass.seen.maps.size(); ++i) {
      const auto& call = pass.seen.calls[i];
      const auto weights = pass.seen.maps[i].detach()[0];  // (H, L, L)
      const auto v = call.v.detach()[0].repeat_interleave(call.q.size(1) / call.v.size(1), 0);
      const auto* output = parameters.find(call.name + ".output.weight");
      at::Tensor all = at::zeros({7, 7, 16}, at::kDouble);
      for (int64_t h = 0; h < weights.size(0); ++h) {
        auto f = v[h];
        if (output) f = at::matmul(f, output->detach().narrow(1, h * f.size(1), f.size(1)).t());
        all += weights[h].unsqueeze(2) * f.unsqueeze(0);
      }
      const auto norms = all.norm(2, {2});
      const auto shares = at::matmul(pass.reading[0], norms / norms.sum(1, true)) / 2;
      mean = mean.defined() ? mean + shares : shares;
    }
    expect_alike(explain(explained.question, {.method = Method::value_norms}).values, mean, 1e-5,
                 attention);
  }
}

/// Two passes of everything with the values of a token away in one layer.
TEST(Explain, ValueZeroingIsThatOfWholePasses) {
  class Away : public nn::Probe {
   public:
    Away(size_t layer, int64_t token) : layer_(layer), token_(token) {}
    void attending(nn::AttentionCall& call) override {
      if (calls_++ != layer_) return;
      call.v = call.v.clone();
      call.v.select(2, token_).zero_();
    }
    at::Tensor leaving(torch::nn::Module&, const at::Tensor& x) override {
      states.push_back(x[0]);
      return x;
    }
    std::vector<at::Tensor> states;

   private:
    size_t layer_, calls_ = 0;
    int64_t token_;
  };
  for (const char* attention : {"num_heads=2", "alibi; causal; num_heads=4/2"}) {
    const auto explained = test::explained_text(attention, false);
    DensePass pass;
    run_dense(explained.question, pass);
    const at::NoGradGuard no_grad;
    auto r = pass.reading[0];
    std::vector<at::Tensor> whole;
    {
      Away none(99, 0);
      explained.question.ask();
      whole = none.states;
    }
    for (size_t layer : {1, 0}) {
      auto c = at::zeros({7, 7}, at::kDouble);
      for (int64_t j = 0; j < 7; ++j) {
        Away away(layer, j);
        explained.question.ask();
        c.select(1, j).copy_(1 - at::cosine_similarity(away.states[layer], whole[layer], 1));
      }
      r = at::matmul(r, c / c.sum(1, true));
    }
    expect_alike(explain(explained.question, {.method = Method::value_zeroing}).values, r, 1e-5,
                 attention);
  }
}

/// By Simpson's rule, far finer than what is tested, from the mean vector on: at a vector of zeros a norm has a kink.
TEST(Explain, IntegratedGradientsAreTheIntegral) {
  for (const auto& explained : test::explained_models()) {
    class At : public nn::Probe {
     public:
      explicit At(double t) : t_(t) {}
      at::Tensor embedded(const at::Tensor& x) override {
        const auto b = x.detach().mean(at::IntArrayRef{0, 1}, true);
        whole.push_back(x.detach() - b),
            own.push_back((b + t_ * whole.back()).requires_grad_(true));
        return own.back();
      }
      std::vector<at::Tensor> own, whole;

     private:
      double t_;
    };
    const auto gradient_at = [&](double t) {
      const at::AutoGradMode on(true);
      At at_t(t);
      const auto value = explained.question.ask().value.sum();
      const auto found = torch::autograd::grad({value}, at_t.own);
      std::vector<at::Tensor> all;
      for (size_t i = 0; i < found.size(); ++i)
        all.push_back((found[i] * at_t.whole[i]).sum(2).flatten());
      return at::cat(all);
    };
    constexpr int kSteps = 100;
    auto sum = (gradient_at(0) + gradient_at(1)) / (6 * kSteps);
    for (int i = 0; i < kSteps; ++i)
      sum += (gradient_at((i + 0.5) / kSteps) * 4 +
              (i > 0 ? gradient_at(double(i) / kSteps) * 2 : sum * 0)) /
             (6 * kSteps);
    const auto found =
        explain(explained.question,
                {.method = Method::integrated_gradients, .baseline = Baseline::mean, .steps = 64});
    // entmax has kinks, where a key gets weight.
    const bool kinks = explained.name.find("entmax") != std::string::npos;
    expect_alike(found.values, sum, kinks ? 1e-2 : 1e-5, explained.name);
    EXPECT_LT(found.gap, kinks ? 1e-2 : 1e-6) << explained.name;
    expect_alike(
        explain(explained.question, {.method = Method::input_gradient, .baseline = Baseline::mean})
            .values,
        gradient_at(1), 1e-5, explained.name);
  }
}

TEST(Explain, GradientsOfAKinkDoNotAddUpAndSayIt) {
  const auto explained =
      test::explained_text("num_heads=2", true);  // its norms see vectors of zeros
  EXPECT_GT(explain(explained.question, {.method = Method::integrated_gradients}).gap, 0.05);
}

/// Every order of the parts.
TEST(Explain, ShapleyAndOwenAreMeansOverAllOrders) {
  const auto explained = test::explained_text("num_heads=2", true, 5);
  class Kept : public nn::Probe {
   public:
    explicit Kept(std::vector<bool> kept) : kept_(std::move(kept)) {}
    at::Tensor embedded(const at::Tensor& x) override {
      auto changed = x.clone();
      for (size_t i = 0; i < kept_.size(); ++i)
        if (!kept_[i]) changed.select(1, static_cast<int64_t>(i)).zero_();
      return changed;
    }

   private:
    std::vector<bool> kept_;
  };
  std::map<std::vector<bool>, double> known;
  const auto value = [&](const std::vector<bool>& kept) {
    if (const auto found = known.find(kept); found != known.end()) return found->second;
    const at::NoGradGuard no_grad;
    const Kept probe(kept);
    return known[kept] = explained.question.ask().value[0].item<double>();
  };
  const std::vector<int> sentence = {0, 0, 0, 1, 1};  // "aw bw cw! dw ew "
  for (const auto method : {Method::shapley, Method::owen}) {
    std::vector<int> order(5);
    std::iota(order.begin(), order.end(), 0);
    auto sum = at::zeros({5}, at::kDouble);
    double orders = 0;
    do {
      int changes = 0;
      for (size_t i = 1; i < 5; ++i) changes += sentence[order[i]] != sentence[order[i - 1]];
      if (method == Method::owen && changes > 1) continue;
      std::vector<bool> kept(5);
      double before = value(kept);
      for (const int part : order) {
        kept[part] = true;
        const double now = value(kept);
        sum[part] += now - before, before = now;
      }
      ++orders;
    } while (std::next_permutation(order.begin(), order.end()));
    const auto expected = sum / orders;
    const auto found = explain(explained.question,
                               {.method = method, .budget = method == Method::owen ? 20000 : 2000});
    if (method == Method::shapley) {
      expect_alike(found.values, expected, 1e-9, "exact");
      EXPECT_EQ(found.errors.max().item<double>(), 0);
    }
    EXPECT_LT(found.gap, 1e-9);
    const auto drawn = method == Method::owen
                           ? found
                           : explain(explained.question, {.method = method, .budget = 31});
    for (int64_t i = 0; i < 5; ++i)
      EXPECT_NEAR(drawn.values[i].item<double>(), expected[i].item<double>(),
                  5 * drawn.errors[i].item<double>() + 1e-9)
          << word_of(method) << " " << i;
    EXPECT_GT(drawn.errors.max().item<double>(), 0);
  }
}

TEST(Explain, WordsOfSeveralTokensAndSpecialTokensAreParts) {
  auto explained = test::explained_text("num_heads=2", true, 5);
  explained.question.shown.text = "abcd ef.";
  explained.question.shown.tokens = {
      {"<s>", -1, -1, true}, {"ab", 0, 2}, {"cd", 2, 4}, {" ef", 4, 7}, {"</s>", -1, -1, true}};
  const auto found = explain(explained.question, {.method = Method::shapley});
  EXPECT_EQ(found.group_of, (std::vector<int64_t>{-1, 0, 0, 1, -1}));
  EXPECT_EQ(found.values[0].item<double>(), 0);
  EXPECT_EQ(found.values[1].item<double>(), found.values[2].item<double>());
  EXPECT_NEAR(found.values.sum().item<double>(), found.whole - found.empty, 1e-9);
}

TEST(Explain, RefusesWhatItWouldIgnoreAndWhatIsNotThere) {
  const auto text = test::explained_text("num_heads=2", true);
  EXPECT_THAT(
      complaint_about(text.question, {.method = Method::rollout, .baseline = Baseline::mean}),
      HasSubstr("--baseline"));
  EXPECT_THAT(complaint_about(text.question, {.method = Method::rollout, .layer = 1}),
              HasSubstr("--layer"));
  EXPECT_THAT(complaint_about(text.question, {.method = Method::raw, .layer = 3}),
              HasSubstr("expected 1 to 2, given 3"));
  EXPECT_THAT(complaint_about(text.question, {.method = Method::raw, .head = 3}),
              HasSubstr("expected 1 to 2, given 3"));
  EXPECT_THAT(complaint_about(text.question, {.method = Method::shapley, .budget = 3}),
              HasSubstr("--budget"));
  EXPECT_THAT(complaint_about(text.question, {.steps = 0}), HasSubstr("--steps"));
  EXPECT_THAT(complaint_about(text.question, {.baseline = Baseline::padding}),
              HasSubstr("--baseline padding"));
  const auto image = test::explained_image();
  EXPECT_THAT(complaint_about(image.question, {.method = Method::owen}), HasSubstr("sentence"));
  const auto writer = test::explained_writer(true);
  EXPECT_THAT(complaint_about(writer.question, {.method = Method::value_zeroing}),
              HasSubstr("value_zeroing"));
}

}  // namespace
}  // namespace heed::lens
