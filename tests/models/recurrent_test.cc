// Recurrent models against LibTorch's own cells in float64, and their promises.
#include "heed/models/recurrent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/optim/adam.h>

#include "heed/core/error.h"
#include "heed/nn/recording.h"
#include "heed/ops/cross_entropy.h"
#include "learning.h"
#include "models/sequences.h"
#include "words.h"

namespace heed {
namespace {

constexpr int64_t kTokens = 9;

RecurrentOptions tiny_recurrent(const char* form, const char* cell, int64_t layers = 1) {
  return RecurrentOptions()
      .attention_type(test::Word{form})
      .cell(test::Word{cell})
      .width(8)
      .dropout(0)
      .encoder_layers(layers)
      .decoder_layers(layers);
}

Recurrent make_recurrent(const RecurrentOptions& options, at::ScalarType type = at::kDouble) {
  torch::manual_seed(3);
  Recurrent model(options, kTokens, options.tied() == nn::Tied::all ? kTokens : kSourceTokens);
  model->to(type);
  model->eval();
  const torch::NoGradGuard no_gradient;
  for (auto& p : model->parameters()) p.normal_(0, 0.5);
  return model;
}

std::vector<RecurrentOptions> recurrent_forms() {
  const auto how = [](const char* text) { return Attention::parse(text); };
  return {
      tiny_recurrent("bahdanau", "gru"),
      tiny_recurrent("luong", "lstm"),
      tiny_recurrent("bahdanau", "lstm", 2).embedding(6).tied(nn::Tied::none),
      tiny_recurrent("bahdanau", "lstm").embedding(6).tied(nn::Tied::all).output_bias(false),
      tiny_recurrent("luong", "gru", 3).embedding(6).tied(nn::Tied::none),
      tiny_recurrent("luong", "lstm", 2).input_feeding(false),
      tiny_recurrent("luong", "gru").input_feeding(false).attention(how("dot; window(1,1)")),
      tiny_recurrent("luong", "gru").attention(how("scaled_dot; num_heads=2; sparsemax; alibi")),
      tiny_recurrent("luong", "lstm").attention(how("general; num_heads=2; sum; window(2,2)")),
      tiny_recurrent("bahdanau", "gru").attention(how("additive(hidden=5); num_heads=2; entmax15")),
      tiny_recurrent("bahdanau", "gru").attention(how("location(12)"))};
}

std::string name_of(const RecurrentOptions& o) {
  return std::string(word_of(o.attention_type())) + " " + word_of(o.cell()) + " " +
         std::to_string(o.decoder_layers()) + " " + word_of(o.tied()) + " [" +
         o.attention().text() + "] feeding " + std::to_string(o.input_feeding());
}

SourceBatch source_for(const RecurrentImpl& model, int64_t padding = 0) {
  auto lines = kLines;
  for (auto& line : lines)
    for (auto& id : line) id %= model.source_vocabulary();
  return sources(lines, padding);
}

TEST(Recurrent, StepsGiveWhatHiddenGives) {
  for (const auto& options : recurrent_forms()) {
    auto model = make_recurrent(options);
    const auto target = targets(7);
    const auto source = source_for(*model);
    const auto expected = model->hidden(source, target);
    ASSERT_EQ(expected.size(2), model->output_weight().size(1)) << name_of(options);
    for (const auto& cut :
         std::vector<std::vector<int64_t>>{{7}, {1, 1, 1, 1, 1, 1, 1}, {3, 0, 4}}) {
      auto state = model->start(source);
      std::vector<at::Tensor> parts;
      int64_t first = 0;
      for (const int64_t n : cut) {
        parts.push_back(model->step(target.narrow(1, first, n), *state));
        first += n;
        EXPECT_EQ(state->length(), first);
      }
      EXPECT_TRUE(at::allclose(at::cat(parts, 1), expected, 1e-11, 1e-11)) << name_of(options);
    }
  }
}

TEST(Recurrent, StepsPackAWeightOnce) {
  for (const auto& options : recurrent_forms()) {
    SCOPED_TRACE(name_of(options));
    const auto usual = make_recurrent(options);
    Counting<RecurrentImpl> model(options, usual->vocabulary(), usual->source_vocabulary());
    expect_weights_packed_once(model, source_for(*usual), 5);
  }
}

TEST(Recurrent, PaddingDoesNotMatter) {
  for (const auto& options : recurrent_forms()) {
    auto model = make_recurrent(options);
    const auto target = targets(4);
    auto source = source_for(*model);
    const auto expected = model->hidden(source, target);
    const auto other = source_for(*model, 7);
    source.tokens = at::cat({other.tokens, at::full({5, 3}, 5, at::kLong)}, 1);
    EXPECT_TRUE(at::allclose(model->hidden(source, target), expected, 1e-12, 1e-12))
        << name_of(options);
    const auto last = target.narrow(1, 0, 3);
    EXPECT_TRUE(at::allclose(model->hidden(source, last), expected.narrow(1, 0, 3), 1e-12, 1e-12));
  }
}

TEST(Recurrent, ARowHasTheSameBitsInAnyBatch) {
  for (const auto& options : recurrent_forms()) {
    auto model = make_recurrent(options, at::kFloat);
    const auto target = targets(3);
    const auto all = source_for(*model);
    auto together = model->start(all);
    const auto first = model->step(target, *together);
    together->reorder(torch::tensor({0, 0, 1, 1, 2, 2, 3, 3, 4, 4}));
    const auto more = torch::randint(0, kTokens, {10, 2}, at::kLong);
    const auto second = model->step(more, *together);
    for (int64_t b = 0; b < 5; ++b) {
      const SourceBatch one{all.tokens.narrow(0, b, 1), all.lengths.narrow(0, b, 1)};
      auto alone = model->start(one);
      EXPECT_TRUE(at::equal(model->step(target.narrow(0, b, 1), *alone), first.narrow(0, b, 1)))
          << name_of(options) << " row " << b;
      EXPECT_TRUE(
          at::equal(model->step(more.narrow(0, 2 * b, 1), *alone), second.narrow(0, 2 * b, 1)))
          << name_of(options) << " row " << b;
    }
  }
}

TEST(Recurrent, ReorderTakesRowsAndTheirSources) {
  for (const auto& options : recurrent_forms()) {
    auto model = make_recurrent(options);
    const auto source = source_for(*model);
    const auto target = targets(4);
    for (const auto& order : std::vector<std::vector<int64_t>>{
             {4, 0}, {0, 0, 0, 3, 3, 3}, {2, 1, 2, 2, 4}, {1, 1, 0}, {}}) {
      const auto index = torch::tensor(order, at::kLong);
      auto state = model->start(source);
      model->step(target.narrow(1, 0, 2), *state);
      state->reorder(index);
      EXPECT_EQ(state->batch(), index.numel());
      const auto found = model->step(target.index_select(0, index).narrow(1, 2, 2), *state);
      const auto expected = model->hidden(source, target).index_select(0, index).narrow(1, 2, 2);
      EXPECT_TRUE(at::allclose(found, expected, 1e-11, 1e-11)) << name_of(options);
    }
  }
}

/// LibTorch has an LSTM's gates in the order i, f, g, o.
at::Tensor in_their_order(const at::Tensor& rows, bool lstm) {
  if (!lstm) return rows;
  const auto parts = rows.chunk(4, 0);
  return at::cat({parts[0], parts[1], parts[3], parts[2]}, 0);
}

struct PlainState {
  at::Tensor h, c;  // (1, M)
};

PlainState plain_cell(const models::CellImpl& cell, const at::Tensor& x, const PlainState& before) {
  std::vector<at::Tensor> parts;
  if (cell.embedding.defined()) parts.push_back(cell.embedding);
  if (cell.input.defined()) parts.push_back(cell.input);
  const auto input = in_their_order(at::cat(parts, 1), cell.lstm);
  const auto hidden = in_their_order(cell.hidden, cell.lstm);
  const auto bias = in_their_order(cell.bias, cell.lstm);
  if (cell.lstm) {
    const auto [h, c] =
        at::lstm_cell(x, {before.h, before.c}, input, hidden, bias, at::zeros_like(bias));
    return {h, c};
  }
  auto more = at::zeros_like(bias);
  more.slice(0, 2 * cell.hidden_bias.size(0)).copy_(cell.hidden_bias);
  return {at::gru_cell(x, before.h, input, hidden, bias, more), before.c};
}

/// Token by token, one sentence, one layer, with the attention written out.
at::Tensor plain_hidden(RecurrentImpl& model, const std::vector<int64_t>& source,
                        const at::Tensor& target) {
  const int64_t M = model.options.width();
  const auto zero = at::zeros({1, M / 2}, at::kDouble);
  const auto table =
      model.source_embedding.defined() ? model.source_embedding : model.target_embedding;
  const auto n = source.size();
  std::vector<at::Tensor> ways[2] = {std::vector<at::Tensor>(n), std::vector<at::Tensor>(n)};
  at::Tensor last[2] = {zero, zero};
  for (int way = 0; way < 2; ++way) {
    const auto cells = model.encoder.layers[0]->named_children();
    const auto& cell = *cells[way == 0 ? "forward" : "backward"]->as<models::CellImpl>();
    PlainState state{zero, zero};
    for (size_t i = 0; i < n; ++i) {
      const size_t t = way == 0 ? i : n - 1 - i;
      state = plain_cell(cell, table[source[t]].unsqueeze(0), state);
      ways[way][t] = last[way] = state.h;
    }
  }
  std::vector<at::Tensor> rows;
  for (size_t t = 0; t < n; ++t) rows.push_back(at::cat({ways[0][t], ways[1][t]}, 1));
  const auto z = rows.empty() ? at::zeros({0, M}, at::kDouble) : at::cat(rows);  // (n, M)
  const auto look = [&](const at::Tensor& s) {
    if (n == 0) return at::zeros({1, M}, at::kDouble);
    const auto& a = *model.attention;
    at::Tensor scores;
    if (model.options.attention_type() == DecoderAttention::bahdanau)
      scores = at::matmul(
          at::tanh(at::linear(s, a.query->weight) + at::linear(z, a.key->weight, a.key->bias)),
          a.learned.at("additive.weight")[0]);
    else
      scores = at::matmul(at::linear(z, a.key->weight), s[0]);
    return at::matmul(at::softmax(scores, 0), z).unsqueeze(0);
  };
  const auto first = at::linear(at::cat({last[0], last[1]}, 1),
                                model.bridge[0]->as<torch::nn::LinearImpl>()->weight,
                                model.bridge[0]->as<torch::nn::LinearImpl>()->bias);
  const auto& cell = *model.decoder[0]->as<models::CellImpl>();
  PlainState state{at::tanh(first.narrow(1, 0, M)), cell.lstm ? first.narrow(1, M, M) : zero};
  const auto weight = model.readout->weight, bias = model.readout->bias;
  std::vector<at::Tensor> all;
  auto fed = at::zeros({1, M}, at::kDouble);
  for (int64_t t = 0; t < target.size(0); ++t) {
    const auto y = model.target_embedding[target[t].item<int64_t>()].unsqueeze(0);
    if (model.options.attention_type() == DecoderAttention::bahdanau) {
      const auto c = look(state.h);
      state = plain_cell(cell, at::cat({y, c}, 1), state);
      const auto r = at::linear(at::cat({state.h, y, c}, 1), weight, bias);
      all.push_back(at::maximum(r.slice(1, 0, c10::nullopt, 2), r.slice(1, 1, c10::nullopt, 2)));
    } else {
      state = plain_cell(cell, at::cat({y, fed}, 1), state);
      fed = at::tanh(at::linear(at::cat({look(state.h), state.h}, 1), weight, bias));
      all.push_back(fed);
    }
  }
  return at::cat(all);
}

TEST(Recurrent, FollowsTheFormulas) {
  for (const char* form : {"bahdanau", "luong"}) {
    for (const char* cell : {"lstm", "gru"}) {
      auto model = make_recurrent(tiny_recurrent(form, cell));
      const auto target = targets(5);
      const auto found = model->hidden(source_for(*model), target);
      for (int64_t b = 0; b < 5; ++b)
        EXPECT_TRUE(at::allclose(found[b],
                                 plain_hidden(*model, kLines[static_cast<size_t>(b)], target[b]),
                                 1e-11, 1e-11))
            << form << " " << cell << " row " << b;
    }
  }
}

TEST(Recurrent, GradientsReachAllParameters) {
  for (auto options : recurrent_forms()) {
    auto model = make_recurrent(options.dropout(0.1));
    model->train();
    const auto logits = model->project(model->hidden(source_for(*model), targets(6)));
    logits.square().sum().backward();
    for (const auto& p : model->named_parameters())
      EXPECT_TRUE(p.value().grad().defined() && p.value().grad().abs().sum().item<double>() > 0)
          << name_of(options) << " " << p.key();
  }
}

TEST(Recurrent, Clones) {
  for (const auto& options : recurrent_forms()) {
    SCOPED_TRACE(name_of(options));
    auto model = make_recurrent(options);
    expect_clones(*model, source_for(*model), targets(6));
  }
}

TEST(Recurrent, PartsClone) {
  for (const char* kind : {"lstm", "gru"}) {
    models::Cell cell(from_word<RecurrentCell>(kind).value(), 4, 3, 2);
    const auto copy = std::dynamic_pointer_cast<models::CellImpl>(cell->clone());
    ASSERT_TRUE(copy);
    EXPECT_TRUE(copy->embedding.equal(cell->embedding) && copy->input.equal(cell->input) &&
                copy->hidden.equal(cell->hidden) && copy->bias.equal(cell->bias));
    EXPECT_EQ(copy->hidden_bias.defined(), cell->hidden_bias.defined());
    EXPECT_FALSE(copy->hidden.is_same(cell->hidden));
  }
  models::StateAttention attention(Attention::parse("general; num_heads=2"), 8, 6);
  const auto copy = std::dynamic_pointer_cast<models::StateAttentionImpl>(attention->clone());
  ASSERT_TRUE(copy);
  EXPECT_EQ(copy->attention, attention->attention);
  EXPECT_TRUE(copy->key->weight.equal(attention->key->weight));
}

TEST(Recurrent, StepsAreRecorded) {
  auto model = make_recurrent(tiny_recurrent("luong", "lstm"));
  Recording recording(*model);
  model->hidden(source_for(*model), targets(6));
  ASSERT_EQ(recording.size(), 6);
  EXPECT_EQ(recording.map(0).name(), "attention");
  auto at_once = make_recurrent(tiny_recurrent("luong", "lstm").input_feeding(false));
  Recording another(*at_once);
  at_once->hidden(source_for(*at_once), targets(6));
  ASSERT_EQ(another.size(), 1);
}

/// The part of the tokens that are right after some steps of training on reversed sequences.
double reversing_accuracy(const RecurrentOptions& options) {
  torch::manual_seed(test::learning_seed(1));
  constexpr int64_t kRows = 32, kLength = 6, kBegin = 1;
  constexpr int kSteps = 400;
  Recurrent model(options, 12, 12);
  torch::optim::Adam optimizer(model->parameters(), torch::optim::AdamOptions());
  double right = 0, count = 0;
  for (int step = 0; step < kSteps; ++step) {
    test::set_rate(optimizer, 1e-2, step, kSteps);
    const auto lengths = torch::randint(1, kLength + 1, {kRows}, at::kLong);
    const auto tokens = torch::randint(2, 12, {kRows, kLength}, at::kLong);
    auto labels = torch::full({kRows, kLength}, -100, at::kLong);
    auto target = torch::full({kRows, kLength}, kBegin, at::kLong);
    for (int64_t b = 0; b < kRows; ++b) {
      const int64_t n = lengths[b].item<int64_t>();
      labels[b].narrow(0, 0, n).copy_(tokens[b].narrow(0, 0, n).flip(0));
      if (n > 1) target[b].narrow(0, 1, n - 1).copy_(labels[b].narrow(0, 0, n - 1));
    }
    const auto loss =
        linear_cross_entropy(model->hidden({tokens, lengths}, target).flatten(0, 1),
                             model->output_weight(), model->output_bias(), labels.flatten());
    optimizer.zero_grad();
    (loss.loss / static_cast<double>(loss.count)).backward();
    optimizer.step();
    if (step >= kSteps - 10) right += double(loss.right), count += double(loss.count);
  }
  return right / count;
}

TEST(Recurrent, LearnsToReverse) {
  for (const auto& [form, cell] : {std::pair{"bahdanau", "gru"}, {"luong", "lstm"}}) {
    const auto options = tiny_recurrent(form, cell).width(48);
    test::expect_learned(std::string(form) + " " + cell, reversing_accuracy(options), 0.95);
  }
}

std::string recurrent_refusal(const RecurrentOptions& options, int64_t source = kTokens) {
  try {
    Recurrent model(options, kTokens, source);
  } catch (const ModelError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Recurrent, WrongOptionsAreNamed) {
  using testing::HasSubstr;
  const auto good = tiny_recurrent("luong", "lstm");
  const auto with = [](RecurrentOptions o, const char* how) {
    return o.attention(Attention::parse(how));
  };
  EXPECT_THAT(recurrent_refusal(RecurrentOptions(good).width(7)), HasSubstr("even"));
  EXPECT_THAT(recurrent_refusal(RecurrentOptions(good).embedding(4)), HasSubstr("tied"));
  EXPECT_THAT(recurrent_refusal(RecurrentOptions(good).tied(nn::Tied::all), 10), HasSubstr("tied"));
  EXPECT_THAT(recurrent_refusal(RecurrentOptions(good).encoder_layers(0)),
              HasSubstr("encoder_layers"));
  EXPECT_THAT(recurrent_refusal(with(good, "num_heads=3")), HasSubstr("heads"));
  EXPECT_THAT(recurrent_refusal(with(good, "num_heads=4/2")), HasSubstr("num_kv_heads"));
  EXPECT_THAT(recurrent_refusal(with(good, "rope")), HasSubstr("position"));
  EXPECT_THAT(recurrent_refusal(with(good, "bias")), HasSubstr("bias"));
}

TEST(Recurrent, WrongCallsAreNamed) {
  auto model = make_recurrent(tiny_recurrent("luong", "lstm"));
  const auto source = source_for(*model);
  EXPECT_THROW(model->hidden({}, targets(3)), UsageError);
  EXPECT_THROW(model->hidden(source, targets(3, 4)), UsageError);
  EXPECT_THROW(model->hidden(source, targets(3) + kTokens), UsageError);
  auto state = model->start(source);
  EXPECT_THROW(model->step(targets(1, 4), *state), UsageError);
  auto other = make_recurrent(tiny_recurrent("luong", "lstm", 2));
  EXPECT_THROW(other->step(targets(1), *state), UsageError);
}

}  // namespace
}  // namespace heed
