#include "heed/lens/heads.h"

#include <gmock/gmock.h>
#include <torch/autograd.h>

#include "explained_models.h"
#include "heed/core/error.h"
#include "heed/lens/edge.h"

namespace heed::lens {
namespace {

using test::Dense;
using testing::HasSubstr;

/// One head of one call becomes something else.
class Other : public nn::Probe {
 public:
  using Change = std::function<at::Tensor(const at::Tensor&)>;
  Other(size_t call, int64_t head, Change change) : call_(call), head_(head), change_(change) {}
  at::Tensor attended(const nn::AttentionCall&, const at::Tensor& heads) override {
    if (calls_++ != call_) return heads;
    auto changed = heads.clone();
    changed.select(1, head_).copy_(change_(heads.select(1, head_)));
    return changed;
  }

 private:
  size_t call_, calls_ = 0;
  int64_t head_;
  Change change_;
};

double value_with(const Question& question, size_t call, int64_t head, Other::Change change) {
  const at::NoGradGuard no_grad;
  const Other other(call, head, std::move(change));
  return question.ask().value[0].item<double>();
}

double value_of_question(const Question& question) {
  const at::NoGradGuard no_grad;
  return question.ask().value[0].item<double>();
}

TEST(HeadImportance, IsTheSlopeOfAGateOnTheHead) {
  for (const auto& explained : test::explained_models()) {
    const auto found = head_importance({explained.question});
    constexpr double kStep = 1e-4;
    for (size_t call = 0; call < found.values.size(); ++call)
      for (int64_t h = 0; h < found.values[call].numel(); ++h) {
        const auto at_gate = [&](double gate) {
          return value_with(explained.question, call, h,
                            [&](const at::Tensor& x) { return x * gate; });
        };
        const double slope = (at_gate(1 + kStep) - at_gate(1 - kStep)) / (2 * kStep);
        EXPECT_NEAR(found.values[call][h].item<double>(), std::abs(slope),
                    1e-5 * std::max(1.0, std::abs(slope)))
            << explained.name << " " << found.layers[call] << " " << h;
      }
  }
}

TEST(Ablation, OfHeadsIsTheChangeWithoutThem) {
  for (const auto& explained : test::explained_models()) {
    const auto& question = explained.question;
    const double whole = value_of_question(question);
    const auto zero = ablate_heads({question});
    const auto mean = ablate_heads({question}, {.by = Ablation::mean});
    EXPECT_EQ(zero.whole, whole);
    bool moved = false;
    for (size_t call = 0; call < zero.values.size(); ++call)
      for (int64_t h = 0; h < zero.values[call].numel(); ++h) {
        const auto change = [&](Other::Change how) {
          return value_with(question, call, h, std::move(how)) - whole;
        };
        const double without = change([](const at::Tensor& x) { return at::zeros_like(x); });
        EXPECT_NEAR(zero.values[call][h].item<double>(), without, 1e-9) << explained.name;
        EXPECT_NEAR(mean.values[call][h].item<double>(), change([](const at::Tensor& x) {
                      return x.mean(at::IntArrayRef{0, 1}, true).expand_as(x);
                    }),
                    1e-9)
            << explained.name;
        moved = moved || std::abs(without) > 1e-6;
      }
    EXPECT_TRUE(moved) << explained.name;
  }
}

TEST(Ablation, ResamplesFromAllExamplesByTheSeed) {
  const auto a = test::explained_text("num_heads=2", true),
             b = test::explained_text("num_heads=2", true, 4);
  const std::vector<Question> both = {a.question, b.question};
  const auto one = ablate_heads(both, {.by = Ablation::resample}),
             same = ablate_heads(both, {.by = Ablation::resample});
  const auto other = ablate_heads(both, {.by = Ablation::resample, .seed = 2});
  EXPECT_TRUE(one.values[0].equal(same.values[0]));
  EXPECT_FALSE(one.values[0].equal(other.values[0]));
}

TEST(Ablation, OfLayersPassesOnWhatTheyGot) {
  class Skip : public nn::Probe {
   public:
    explicit Skip(size_t block) : block_(block) {}
    at::Tensor entering(torch::nn::Module&, const at::Tensor& x, const AttendInputs&) override {
      return before_ = x;
    }
    at::Tensor leaving(torch::nn::Module&, const at::Tensor& x) override {
      return blocks_++ == block_ ? before_ : x;
    }

   private:
    size_t block_, blocks_ = 0;
    at::Tensor before_;
  };
  for (const auto& explained : test::explained_models()) {
    const auto found = ablate_layers({explained.question});
    const double whole = value_of_question(explained.question);
    for (size_t block = 0; block < found.values.size(); ++block) {
      const Skip skip(block);
      EXPECT_NEAR(found.values[block].item<double>(), value_of_question(explained.question) - whole,
                  1e-9)
          << explained.name;
    }
  }
}

TEST(AblatedHeads, AreAwayWhileOneLives) {
  using Heads = std::map<std::string, std::vector<int64_t>>;
  const auto explained = test::explained_text("num_heads=2", true);
  const auto scores = ablate_heads({explained.question});
  const double whole = value_of_question(explained.question);
  {
    const AblatedHeads away(*explained.model, Heads{{scores.layers[1], {1}}});
    EXPECT_NEAR(value_of_question(explained.question) - whole, scores.values[1][1].item<double>(),
                1e-9);
  }
  EXPECT_EQ(value_of_question(explained.question), whole);
  const AblatedHeads none(*explained.model, Heads{{scores.layers[1], {2}}});
  EXPECT_THROW(value_of_question(explained.question), UsageError);
}

Question other_text(const Question& question) {
  auto other = question;
  other.batch.tensors["tokens"] = other.batch.at("tokens") + 11;
  return other;
}

TEST(Patching, CarriesOneThingOver) {
  const auto explained = test::explained_text("rope; num_heads=4/2", true);
  const auto& question = explained.question;
  const auto other = other_text(question);
  const double whole = value_of_question(question), from = value_of_question(other);
  Dense seen;
  question.ask();
  for (const auto what : {Patch::heads, Patch::values}) {
    const auto patched = patch(question, other, what);
    EXPECT_NEAR(patched.whole, whole, 1e-9);
    EXPECT_NEAR(patched.other, from, 1e-9);
    for (size_t call = 0; call < 2; ++call)
      for (int64_t h = 0; h < 4; ++h) {
        class Values : public nn::Probe {
         public:
          Values(size_t call, int64_t head, at::Tensor v) : call_(call), head_(head), v_(v) {}
          void attending(nn::AttentionCall& call) override {
            if (calls_++ != call_) return;
            call.v = call.v.clone(), call.v.select(1, head_).copy_(v_.select(1, head_));
          }
          size_t call_, calls_ = 0;
          int64_t head_;
          at::Tensor v_;
        };
        const at::NoGradGuard no_grad;
        double value = 0;
        if (what == Patch::values) {
          const Values probe(call, h / 2, seen.calls[call].v.detach());
          value = value_of_question(other);
        } else {
          const auto v = seen.calls[call].v.detach().repeat_interleave(2, 1);
          const auto heads = at::matmul(seen.maps[call].detach(), v);
          value = value_with(other, call, h, [&](const at::Tensor&) { return heads.select(1, h); });
        }
        EXPECT_NEAR(patched.shares[int64_t(call)][h].item<double>(),
                    (value - from) / (whole - from), 1e-9)
            << word_of(what);
      }
  }
}

TEST(Patching, OfTheStreamGivesAllBackAtTheTokenThatIsRead) {
  const auto explained = test::explained_text("num_heads=2", true);
  const auto patched = patch(explained.question, other_text(explained.question), Patch::stream);
  ASSERT_EQ(patched.shares.sizes(), (std::vector<int64_t>{2, 7}));
  EXPECT_NEAR(patched.shares[1][0].item<double>(), 1, 1e-9);  // the head reads the first token
  for (int64_t i = 1; i < 7; ++i) EXPECT_NEAR(patched.shares[1][i].item<double>(), 0, 1e-9);
  EXPECT_EQ(patched.columns[2], "cw");
}

TEST(Patching, PatternsAreQueriesAndKeysTogether) {
  const auto explained = test::explained_text("num_heads=2", false);
  const auto other = other_text(explained.question);
  Dense theirs;
  explained.question.ask();
  const auto maps = theirs.maps;
  class Weights : public nn::Probe {
   public:
    Weights(at::Tensor weights, int64_t head) : weights_(weights), head_(head) {}
    at::Tensor attended(const nn::AttentionCall& call, const at::Tensor& heads) override {
      if (calls_++ != 0) return heads;
      auto changed = heads.clone();
      changed.select(1, head_).copy_(
          at::matmul(weights_.select(1, head_), call.v.select(1, head_)));
      return changed;
    }
    at::Tensor weights_;
    int64_t head_;
    size_t calls_ = 0;
  };
  const auto patched = patch(explained.question, other, Patch::patterns);
  const at::NoGradGuard no_grad;
  for (int64_t h = 0; h < 2; ++h) {
    const Weights probe(maps[0].detach(), h);
    const double value = value_of_question(other);
    EXPECT_NEAR(patched.shares[0][h].item<double>(),
                (value - patched.other) / (patched.whole - patched.other), 1e-6);
  }
}

TEST(Patching, RefusesOtherLengths) {
  const auto a = test::explained_text("num_heads=2", true),
             b = test::explained_text("num_heads=2", true, 4);
  try {
    patch(a.question, b.question, Patch::stream);
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("as many tokens"));
  }
}

TEST(Edge, PartsAddUpToTheScore) {
  for (const char* attention :
       {"num_heads=2", "rope; num_heads=4/2", "rope; causal; softcap(5); num_heads=2"}) {
    const auto explained = test::explained_text(attention, true);
    {  // biases begin at 0
      const at::NoGradGuard no_grad;
      for (auto& parameter : explained.model->named_parameters())
        if (parameter.key().ends_with("bias")) parameter.value().normal_();
    }
    Dense seen;
    explained.question.ask();
    const at::NoGradGuard no_grad;
    const auto edge = explain_edge(explained.question, 2, 2, 6, 3);
    const auto& call = seen.calls[1];
    const int64_t group = 1 / (call.q.size(1) / call.k.size(1)), D = call.q.size(3);
    const double score =
        (call.q[0][1][5] * call.k[0][group][2]).sum().item<double>() / std::sqrt(double(D));
    EXPECT_NEAR(edge.score, score, 1e-9) << attention;
    EXPECT_NEAR(edge.channels.sum().item<double>(), score, 1e-9) << attention;
    ASSERT_TRUE(edge.directions.defined());
    EXPECT_GT(std::abs(edge.biases), 1e-3) << attention;
    EXPECT_NEAR(edge.directions.sum().item<double>() + edge.biases, score, 1e-9) << attention;
    EXPECT_NEAR(edge.weight, seen.maps[1][0][1][5][2].item<double>(), 1e-9) << attention;
    EXPECT_EQ(edge.query, "fw");
    EXPECT_EQ(edge.key, "cw");
    EXPECT_EQ(edge.beside.empty(), std::string(attention).find("softcap") == std::string::npos);
  }
}

TEST(Edge, RefusesWhatIsNotThere) {
  const auto explained = test::explained_text("num_heads=2", true);
  EXPECT_THROW(explain_edge(explained.question, 3, 1, 1, 1), UsageError);
  EXPECT_THROW(explain_edge(explained.question, 1, 3, 1, 1), UsageError);
  EXPECT_THROW(explain_edge(explained.question, 1, 1, 8, 1), UsageError);
  EXPECT_THROW(explain_edge(explained.question, 1, 1, 1, 0), UsageError);
  const auto additive = test::explained_text("additive; num_heads=2", true);
  EXPECT_THROW(explain_edge(additive.question, 1, 1, 1, 1), UsageError);
}

}  // namespace
}  // namespace heed::lens
