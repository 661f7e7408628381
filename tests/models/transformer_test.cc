#include "heed/models/transformer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/ops/attend.h"
#include "models/sequences.h"

namespace heed {
namespace {

using testing::HasSubstr;

double distance(const at::Tensor& a, const at::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return a.numel() == 0 ? 0 : (a - b).abs().max().item<double>();
}

// The formula of Vaswani et al. 2017 in plain operators.
struct Plain {
  std::map<std::string, at::Tensor> at;
  bool pre;
  int64_t heads;
  std::vector<int64_t> lookback;

  explicit Plain(const TransformerImpl& model)
      : pre(model.options.norm() == nn::Norm::pre),
        heads(model.options.cross_attention().num_heads),
        lookback(model.options.lookback()) {
    for (const auto& p : model.named_parameters()) at[p.key()] = p.value();
  }

  at::Tensor norm(const std::string& name, const at::Tensor& x) const {
    const auto mean = x.mean(-1, true), centred = x - mean;
    const auto scaled = centred / (centred.square().mean(-1, true) + 1e-5).sqrt();
    return scaled * at.at(name + ".weight") + at.at(name + ".bias");
  }

  at::Tensor attention(const std::string& name, const at::Tensor& x, const at::Tensor& z,
                       const at::Tensor& visible) const {
    const int64_t M = x.size(1), D = M / heads;
    const auto w = at.at(name + ".qkv.weight").split(M, 0), b = at.at(name + ".qkv.bias").split(M);
    std::vector<at::Tensor> parts;
    for (int64_t h = 0; h < heads; ++h) {
      const auto cut = [&](const at::Tensor& t, int i) {
        return (t.matmul(w[i].t()) + b[i]).narrow(1, h * D, D);
      };
      auto scores = cut(x, 0).matmul(cut(z, 1).t()) / std::sqrt(double(D));
      scores = scores.masked_fill(~visible, -INFINITY);
      parts.push_back(scores.softmax(1).matmul(cut(z, 2)));
    }
    return torch::cat(parts, 1).matmul(at.at(name + ".output.weight").t()) +
           at.at(name + ".output.bias");
  }

  template <class F>
  at::Tensor branch(const std::string& name, const at::Tensor& x, const F& f) const {
    return pre ? x + f(norm(name, x)) : norm(name, x + f(x));
  }

  at::Tensor feed_forward(const std::string& name, const at::Tensor& x) const {
    const auto hidden =
        (x.matmul(at.at(name + ".up.weight").t()) + at.at(name + ".up.bias")).clamp_min(0);
    return hidden.matmul(at.at(name + ".down.weight").t()) + at.at(name + ".down.bias");
  }

  at::Tensor block(const std::string& name, const at::Tensor& x, const at::Tensor& z,
                   const at::Tensor& visible) const {
    auto y = branch(name + ".attention_norm", x, [&](const at::Tensor& t) {
      return attention(name + ".attention", t, t, visible);
    });
    if (z.defined())
      y = branch(name + ".cross_norm", y, [&](const at::Tensor& t) {
        return attention(name + ".cross", t, z, torch::ones({x.size(0), z.size(0)}, at::kBool));
      });
    return branch(name + ".feed_forward_norm", y,
                  [&](const at::Tensor& t) { return feed_forward(name + ".feed_forward", t); });
  }

  at::Tensor embed(const std::string& name, const at::Tensor& ids) const {
    const auto x = at.at(name).index_select(0, ids);
    const int64_t M = x.size(1);
    auto p = torch::empty({ids.size(0), M}, at::kDouble);
    for (int64_t i = 0; i < ids.size(0); ++i)
      for (int64_t c = 0; c < M; ++c) {
        const double a = double(i) / std::pow(10000.0, double(c / 2 * 2) / double(M));
        p[i][c] = c % 2 ? std::cos(a) : std::sin(a);
      }
    return x * std::sqrt(double(M)) + p;
  }

  /// What the tokens so many places before add to the embedding of each.
  at::Tensor looked_back(const at::Tensor& ids) const {
    auto sum = torch::zeros({ids.size(0), at.at("target_embedding").size(1)}, at::kDouble);
    for (const int64_t places : lookback)
      for (int64_t i = places; i < ids.size(0); ++i)
        sum[i] += at.at("lookback_embedding_" + std::to_string(places))[ids[i - places]] *
                  std::sqrt(double(sum.size(1)));
    return sum;
  }

  /// One sentence: ids (Ls), (Lt) -> (Lt, M).
  at::Tensor hidden(const at::Tensor& source, const at::Tensor& target, int layers) const {
    auto z = embed("source_embedding", source);
    auto y = embed("target_embedding", target) + looked_back(target);
    const auto all = torch::ones({source.size(0), source.size(0)}, at::kBool);
    for (int i = 0; i < layers; ++i) z = block("encoder." + std::to_string(i), z, {}, all);
    if (pre) z = norm("encoder_norm", z);
    const auto causal = torch::ones({target.size(0), target.size(0)}, at::kBool).tril();
    for (int i = 0; i < layers; ++i) y = block("decoder." + std::to_string(i), y, z, causal);
    return pre ? norm("decoder_norm", y) : y;
  }
};

TEST(Transformer, FollowsTheFormula) {
  const torch::NoGradGuard no_gradient;
  for (const auto norm : {nn::Norm::pre, nn::Norm::post}) {
    auto model = make(tiny().norm(norm).tied(nn::Tied::none).lookback({1, 4}));
    const auto source = source_of(*model);
    const auto target = targets(6);
    const auto hidden = model->hidden(source, target);
    const Plain plain(*model);
    for (const int64_t b : {0, 1, 3, 4}) {
      const auto tokens = source.tokens[b].narrow(0, 0, source.lengths[b].item<int64_t>());
      // Positions are rounded to float32.
      EXPECT_LE(distance(hidden[b], plain.hidden(tokens, target[b], 2)), 1e-5)
          << word_of(norm) << b;
    }
    EXPECT_LE(distance(model->project(hidden), hidden.matmul(plain.at.at("output").t())), 1e-12);
  }
}

TEST(Transformer, StepsGiveWhatHiddenGives) {
  const torch::NoGradGuard no_gradient;
  for (const auto& options : forms()) {
    SCOPED_TRACE(name_of(options));
    auto model = make(options);
    const auto source = source_of(*model);
    const auto target = targets(17);
    const auto whole = model->hidden(source, target);
    model->reset_state();
    for (const std::vector<int64_t>& cut :
         {std::vector<int64_t>(17, 1), std::vector<int64_t>{17}, {5, 1, 0, 11}}) {
      const auto state = model->start(source, 5);
      EXPECT_EQ(state->batch(), 5);
      std::vector<at::Tensor> parts;
      int64_t first = 0;
      for (const int64_t n : cut)
        parts.push_back(model->step(target.narrow(1, first, n), *state)), first += n;
      EXPECT_EQ(state->length(), 17);
      EXPECT_LE(distance(torch::cat(parts, 1), whole), 1e-10);
    }
  }
}

TEST(Transformer, Clones) {
  auto all = forms();
  all.push_back(tiny_writer("rope; num_heads=2").memory(12));
  for (const auto& options : all) {
    SCOPED_TRACE(name_of(options));
    auto model = make(options);
    expect_clones(*model, source_of(*model), targets(6));
  }
}

TEST(Transformer, CloneRefusesAnotherStructure) {
  auto small = make(tiny()), large = make(tiny().decoder_layers(3));
  try {
    nn::copy_values(*large, *small);
    ADD_FAILURE() << "accepted";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("the copy lacks the parameter 'decoder.2."));
  }
}

// Of the last layer's second product nothing is in a cache, so that steps with another one are
// those of a model that always had it.
TEST(Transformer, StepsMultiplyByWeightsAsTheyAre) {
  const torch::NoGradGuard no_gradient;
  for (const auto& options : forms()) {
    SCOPED_TRACE(name_of(options));
    auto model = make(options);
    const auto source = source_of(*model);
    const auto target = targets(2);
    const auto last = std::to_string(options.decoder_layers() - 1);
    const auto steps = [&](const auto& between) {
      const auto state = model->start(source, 5);
      model->step(target.narrow(1, 0, 1), *state);
      between();
      return model->step(target.narrow(1, 1, 1), *state);
    };
    const auto before = steps([] {});
    const auto after = steps([&] {
      model->named_parameters()["decoder." + last + ".feed_forward.down.weight"].mul_(3);
    });
    EXPECT_FALSE(after.equal(before));
    EXPECT_TRUE(after.equal(steps([] {})));
  }
}

TEST(Transformer, StepsPackAWeightOnce) {
  for (const auto& options : forms()) {
    SCOPED_TRACE(name_of(options));
    const auto usual = make(options);
    Counting<TransformerImpl> model(options, usual->vocabulary(), usual->source_vocabulary());
    expect_weights_packed_once(model, source_of(*usual), 5);
  }
}

TEST(Transformer, RowsComeAndGoBetweenSteps) {
  const torch::NoGradGuard no_gradient;
  for (const auto& options : forms()) {
    SCOPED_TRACE(name_of(options));
    auto model = make(options);
    const auto source = source_of(*model);
    const auto state = model->start(source, 5);
    const auto one = [](int64_t rows, int64_t id) { return torch::full({rows, 1}, id, at::kLong); };
    // Two beams of three lines, changed among each other; then a single row of each of two lines.
    const auto beams = torch::tensor({3, 3, 0, 0, 2, 2}),
               crossed = torch::tensor({1, 0, 2, 3, 5, 5});
    const auto few = torch::tensor({3, 1});
    state->reorder(beams);
    model->step(one(6, 1), *state);
    model->step(torch::tensor({2, 3, 4, 5, 6, 7}).unsqueeze(1), *state);
    state->reorder(crossed);
    model->step(one(6, 4), *state);
    state->reorder(few);
    const auto last = model->step(one(2, 5), *state).squeeze(1);
    SourceBatch chosen;
    const auto lines = torch::tensor({0, 3});
    if (model->has_encoder())
      chosen = {source.tokens.index_select(0, lines), source.lengths.index_select(0, lines)};
    const auto whole = model->hidden(chosen, torch::tensor({{1, 5, 4, 5}, {1, 2, 4, 5}}));
    EXPECT_LE(distance(last, whole.select(1, 3)), 1e-10);
  }
}

TEST(Transformer, ALimitOfPositionsThatHaveNoTable) {
  torch::manual_seed(3);
  auto options = TransformerOptions().encoder_layers(0).decoder_layers(1).width(8).hidden(8);
  options.decoder_attention(Attention::parse("rope; causal; num_heads=2")).max_positions(4);
  Transformer model(options, 10);
  EXPECT_EQ(model->max_positions(), 4);
  EXPECT_NO_THROW(model->hidden({}, torch::zeros({1, 4}, at::kLong)));
  try {
    model->hidden({}, torch::zeros({1, 5}, at::kLong));
    ADD_FAILURE() << "expected an error";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), testing::AllOf(HasSubstr("max_positions = 4"), HasSubstr("given 5")));
  }
}

TEST(Transformer, PaddingDoesNotMatter) {
  const torch::NoGradGuard no_gradient;
  for (const auto& options : forms()) {
    SCOPED_TRACE(name_of(options));
    auto model = make(options);
    const auto target = targets(4);
    auto wide = source_of(*model, -7);
    if (model->has_encoder())
      wide.tokens = torch::cat({wide.tokens, torch::full({5, 90}, 99, at::kLong)}, 1);
    const auto a = model->hidden(source_of(*model), target);
    model->reset_state();
    EXPECT_LE(distance(model->hidden(wide, target), a), 1e-12);
    model->reset_state();
    const auto longer = torch::cat({target, targets(3)}, 1);
    EXPECT_LE(distance(model->hidden(wide, longer).narrow(1, 0, 4), a), 1e-12);
  }
}

// Beside other rows, behind other padding, as one of several beams: the same bits.
TEST(Transformer, ARowHasItsBitsInAnyBatch) {
  const torch::NoGradGuard no_gradient;
  for (const auto type : {at::kFloat, at::kDouble})
    for (const auto& options : forms()) {
      SCOPED_TRACE(name_of(options));
      auto model = make(options, type);
      const auto source = source_of(*model);
      const auto target = targets(6);
      const auto logits = [&](const SourceBatch& batch, const at::Tensor& ids, int64_t beams) {
        const int64_t rows = ids.size(0);
        const auto state = model->start(batch, rows);
        if (beams > 1) state->reorder(torch::arange(rows).repeat_interleave(beams));
        const auto all = ids.repeat_interleave(beams, 0);
        std::vector<at::Tensor> parts;
        for (int64_t t = 0; t < ids.size(1); ++t)
          parts.push_back(model->project(model->step(all.narrow(1, t, 1), *state)));
        return torch::cat(parts, 1);
      };
      const auto together = logits(source, target, 1), beams = logits(source, target, 3);
      for (int64_t b = 0; b < 5; ++b) {
        SourceBatch one;
        if (model->has_encoder())
          one = {source.tokens.narrow(0, b, 1).narrow(1, 0, source.lengths[b].item<int64_t>()),
                 source.lengths.narrow(0, b, 1)};
        const auto alone = logits(one, target.narrow(0, b, 1), 1);
        EXPECT_TRUE(alone[0].equal(together[b])) << b;
        for (int64_t k = 0; k < 3; ++k) EXPECT_TRUE(alone[0].equal(beams[3 * b + k])) << b;
      }
    }
}

TEST(Transformer, GradientsReachEveryParameter) {
  for (const auto& options : forms()) {
    SCOPED_TRACE(name_of(options));
    auto model = make(TransformerOptions(options).dropout(0.1));
    model->train();
    const auto loss = [&] {
      return model->project(model->hidden(source_of(*model), targets(12)))
          .log_softmax(2)
          .select(2, 1)
          .sum();
    };
    if (model->is_stateful()) loss();
    loss().backward();
    for (const auto& p : model->named_parameters()) {
      ASSERT_TRUE(p.value().grad().defined()) << p.key();
      // A bias of keys shifts all scores of a query.
      EXPECT_GT(p.value().grad().abs().max().item<double>(), 0) << p.key();
    }
  }
}

TEST(Transformer, MemoryGoesOnWhereTheLastWindowEnded) {
  const torch::NoGradGuard no_gradient;
  for (const char* how :
       {"transformer_xl; num_heads=2", "rope; num_heads=2", "alibi; num_heads=2"}) {
    SCOPED_TRACE(how);
    auto model = make(tiny_writer(how).memory(12));
    EXPECT_TRUE(model->is_stateful());
    const auto text = targets(12);
    const auto whole = model->hidden({}, text);
    model->reset_state();
    const auto first = model->hidden({}, text.narrow(1, 0, 5));
    const auto second = model->hidden({}, text.narrow(1, 5, 7));
    EXPECT_LE(distance(torch::cat({first, second}, 1), whole), 1e-10);
    EXPECT_THROW(model->hidden({}, text.narrow(0, 0, 2)), UsageError);
    model->reset_state();
    EXPECT_NO_THROW(model->hidden({}, text.narrow(0, 0, 2)));
  }
}

TEST(Transformer, StartsAsTheFieldDoes) {
  torch::manual_seed(5);
  Transformer model(TransformerOptions().tied(nn::Tied::none).encoder_layers(1).decoder_layers(1),
                    3000, 2000);
  EXPECT_NEAR(model->source_embedding.std().item<double>(), std::pow(512, -0.5), 1e-3);
  EXPECT_NEAR(model->output.std().item<double>(), std::pow(512, -0.5), 1e-3);
  const auto& up = model->encoder.layers[0]->as<nn::TransformerBlockImpl>()->feed_forward->up;
  EXPECT_NEAR(up->weight.abs().max().item<double>(), std::sqrt(6.0 / (512 + 2048)), 1e-3);
  torch::manual_seed(5);
  Transformer again(TransformerOptions().tied(nn::Tied::none).encoder_layers(1).decoder_layers(1),
                    3000, 2000);
  for (const auto& p : again->named_parameters())
    EXPECT_TRUE(p.value().equal(model->named_parameters()[p.key()])) << p.key();
}

TEST(Transformer, PresetsSetTheFields) {
  EXPECT_EQ(TransformerOptions().preset(TransformerPreset::small).width(), 256);
  EXPECT_EQ(TransformerOptions().preset(TransformerPreset::gpt).encoder_layers(), 0);
  EXPECT_EQ(TransformerOptions().dropout(0.3).preset(TransformerPreset::base).dropout(), 0.3);
  Transformer small(TransformerOptions().preset(TransformerPreset::small), 50, 60);
  EXPECT_EQ(small->decoder->size(), 3u);
  Transformer gpt(TransformerOptions().preset(TransformerPreset::gpt), 50);
  EXPECT_EQ(gpt->max_positions(), 256);
  for (const auto& p : gpt->named_parameters())
    EXPECT_EQ(p.key().find("bias"), std::string::npos) << p.key();
}

TEST(Transformer, RefusesWhatDoesNotFit) {
  const auto of = [](const TransformerOptions& o, int64_t target, int64_t source) {
    return error_of([&] { Transformer(o, target, source); });
  };
  const auto how = [](const char* text) { return Attention::parse(text); };
  EXPECT_THAT(of(tiny().width(15), 5, 5), HasSubstr("width"));
  EXPECT_THAT(of(tiny().tied(nn::Tied::all), 5, 6), HasSubstr("tied"));
  EXPECT_THAT(of(tiny().tied(nn::Tied::embeddings), 5, 6), HasSubstr("tied: 'embeddings'"));
  EXPECT_THAT(of(tiny_local().local_layers({3}), 5, 0), HasSubstr("numbers from 0 to 2, given 3"));
  EXPECT_THAT(of(tiny_local().local_layers({1, 1}), 5, 0), HasSubstr("1 stands twice"));
  EXPECT_THAT(of(tiny_local().local_attention(how("sinusoidal; num_heads=2")), 5, 0),
              HasSubstr("local_attention.position"));
  EXPECT_THAT(of(tiny_local().local_attention(how("key_lengths; num_heads=2")), 5, 0),
              HasSubstr("local_attention.masks"));
  EXPECT_THAT(of(tiny_local().shared_position(true), 5, 0), HasSubstr("shared_position"));
  auto wrong = tiny();
  wrong.parts().biases = {"qvk"};
  EXPECT_THAT(of(wrong, 5, 5), HasSubstr("biases: unknown 'qvk'"));
  EXPECT_THAT(of(tiny(), 5, 0), HasSubstr("source_vocabulary"));
  EXPECT_THAT(of(tiny_writer(), 5, 5), HasSubstr("source_vocabulary"));
  EXPECT_THAT(of(tiny_writer().memory(3), 5, 0), HasSubstr("memory"));
  EXPECT_THAT(of(tiny().memory(3), 5, 5), HasSubstr("memory"));
  EXPECT_THAT(of(tiny_writer("rope; num_heads=2").memory(3).lookback({1}), 5, 0),
              HasSubstr("lookback"));
  EXPECT_THAT(of(tiny_writer().lookback({4, 1, 4}), 5, 0), HasSubstr("given 4 twice"));
  EXPECT_THAT(of(tiny_writer().lookback({0}), 5, 0), HasSubstr("lookback"));
  EXPECT_THAT(of(tiny().cross_attention(how("sinusoidal; num_heads=2")), 5, 5),
              HasSubstr("cross_attention"));
  EXPECT_THAT(of(tiny().decoder_attention(how("causal|prefix(3); num_heads=2")), 5, 5),
              HasSubstr("decoder_attention"));
  EXPECT_THAT(of(tiny().encoder_attention(how("attn_mask; num_heads=2")), 5, 5),
              HasSubstr("encoder_attention"));
}

TEST(Transformer, RefusesInputsThatDoNotFit) {
  auto model = make(tiny());
  const auto source = source_of(*model);
  const auto hidden = [&](const SourceBatch& batch, const at::Tensor& target) {
    return error_of([&] { model->hidden(batch, target); });
  };
  EXPECT_THAT(hidden({}, targets(3)), HasSubstr("source"));
  EXPECT_THAT(hidden(source, targets(3, 4)), HasSubstr("source.tokens: expected 4 rows"));
  EXPECT_THAT(hidden(source, targets(3) + kTargetTokens), HasSubstr("expected tokens 0 to 8"));
  EXPECT_THAT(hidden({source.tokens + 9, source.lengths}, targets(3)),
              HasSubstr("source.tokens: expected tokens 0 to 10"));
  EXPECT_THAT(hidden({source.tokens, source.lengths + 5}, targets(3)), HasSubstr("source.lengths"));
  EXPECT_THAT(hidden(source, targets(3).to(at::kDouble)), HasSubstr("target"));
  const auto state = model->start(source);
  EXPECT_THAT(error_of([&] { model->step(targets(1, 3), *state); }), HasSubstr("expected 5 rows"));
  auto writer = make(tiny_writer());
  EXPECT_THAT(error_of([&] { writer->step(targets(1), *state); }), HasSubstr("state"));
  EXPECT_THAT(error_of([&] { writer->hidden(source, targets(3)); }), HasSubstr("source"));
  EXPECT_THAT(error_of([&] { writer->hidden({}, targets(41)); }), HasSubstr("learned"));
}

}  // namespace
}  // namespace heed
