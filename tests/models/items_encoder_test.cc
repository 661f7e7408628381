#include "heed/models/items_encoder.h"

#include "heed/nn/token_convolution.h"
#include "models/encoders.h"

namespace heed::items_encoder_test {
namespace {

using testing::HasSubstr;

const std::vector<std::vector<int64_t>> kHistories = {{4, 0, 6, 7, 8}, {3}, {}, {9, 8, 7, 6, 5, 4}};

ItemsEncoderOptions small(const char* how = "learned; num_heads=2") {
  ItemsEncoderOptions options;
  options.width = 8, options.hidden = 12, options.dropout = 0, options.max_positions = 6;
  options.attention = Attention::parse(how);
  return options;
}

ItemsEncoder make(const ItemsEncoderOptions& options, int64_t items = 10) {
  torch::manual_seed(5);
  return ItemsEncoder(options, items);
}

std::vector<ItemsEncoderOptions> forms() {
  std::vector<ItemsEncoderOptions> all = {small(), small("rope; num_heads=2"),
                                          small("learned; causal; num_heads=2"), small(), small()};
  all[3].gaps = 4;
  all[4].attention_type = nn::AttentionType::linear;
  return all;
}

Batch histories(double padding = 0) {
  auto batch = sequences_of("items", kHistories, static_cast<int64_t>(padding));
  auto times = torch::tensor({0.0, 0.5, 1.0, 8.0, 1000.0, 1000.0}).repeat({4, 1});
  for (int64_t b = 0; b < 4; ++b)
    times[b].slice(0, batch.at("lengths")[b].item<int64_t>()).fill_(padding);
  batch.tensors["times"] = times;
  return batch;
}

TEST(ItemsEncoder, EveryFormGivesTokensAndTrainsEveryParameter) {
  for (const auto& options : forms()) {
    SCOPED_TRACE(options.attention.text() + " " + word_of(options.attention_type));
    auto encoder = make(options);
    const auto tokens = encoder->forward(histories());
    EXPECT_EQ(tokens.states.sizes(), (std::vector<int64_t>{4, 6, 8}));
    EXPECT_EQ(encoder->item_embedding().sizes(), (std::vector<int64_t>{10, 8}));
    EXPECT_EQ(encoder->max_positions(), 6);
    expect_gradients(*encoder, histories());
  }
}

TEST(ItemsEncoder, NeitherPaddingNorTheFutureHasInfluence) {
  const torch::NoGradGuard no_gradient;
  for (const auto& options : forms()) {
    SCOPED_TRACE(options.attention.text() + " " + word_of(options.attention_type));
    auto encoder = make(options);
    encoder->eval();
    const auto states = real_states(encoder->forward(histories()));
    EXPECT_TRUE(real_states(encoder->forward(histories(-1000))).equal(states));
    auto other = histories();
    other.tensors["items"][3][5] = 1;
    const auto changed = real_states(encoder->forward(other));
    const int64_t before = states.size(0) - 1;
    EXPECT_TRUE(changed.narrow(0, 0, before).equal(states.narrow(0, 0, before)));
    EXPECT_FALSE(changed[before].equal(states[before]));
  }
}

TEST(ItemsEncoder, EmbedsAsItSays) {
  auto options = small();
  options.layers = 0, options.norm = nn::Norm::post, options.gaps = 4;
  auto encoder = make(options);
  const auto states = encoder->forward(histories()).states;
  const int64_t gaps[] = {0, 0, 0, 3, 3, 0};  // of 0, 0.5, 0.5, 7, 992 and 0
  for (int64_t t = 0; t < 6; ++t) {
    const auto expected =
        encoder->embedding[kHistories[3][static_cast<size_t>(t)]] * std::sqrt(8.0) +
        encoder->gap_embedding[gaps[t]] + encoder->position->table[t];
    EXPECT_TRUE(states[3][t].allclose(expected, 1e-6, 1e-6)) << t;
  }
}

TEST(ItemsEncoder, RecordsAMapALayer) {
  auto encoder = make(small());
  Recording seen(*encoder);
  encoder->forward(histories());
  EXPECT_THAT(names_of(seen), testing::ElementsAre("layers.0.attention", "layers.1.attention"));
}

TEST(ItemsEncoder, LearnsTheNextItemByItsTable) {
  torch::manual_seed(test::learning_seed(3));
  auto options = small();
  options.width = 16, options.layers = 1, options.hidden = 32;
  ItemsEncoder encoder(options, 12);
  torch::optim::Adam optimizer(encoder->parameters(), 1e-2);
  // Two kinds of customers, told apart by their first item, go through the items either way.
  const auto draw = [] {
    const auto way = torch::randint(0, 2, {32, 1}, at::kLong);
    const auto from = torch::randint(0, 10, {32, 1}, at::kLong);
    const auto walk = (from + (2 * way - 1) * torch::arange(6)).remainder(10);
    return torch::cat({way + 10, walk}, 1);  // (32, 7)
  };
  const auto scores = [&](const at::Tensor& items) {
    const auto batch = batch_of({{"items", items.narrow(1, 0, 6)},
                                 {"lengths", torch::full({items.size(0)}, 6, at::kLong)}});
    return encoder->forward(batch).states.matmul(encoder->item_embedding().t());
  };
  constexpr int kSteps = 300;
  for (int step = 0; step < kSteps; ++step) {
    test::set_rate(optimizer, 1e-2, step, kSteps);
    const auto items = draw();
    optimizer.zero_grad();
    const auto given = scores(items).narrow(1, 1, 5).flatten(0, 1);
    torch::nll_loss(given.log_softmax(1), items.narrow(1, 2, 5).flatten()).backward();
    optimizer.step();
  }
  encoder->eval();
  double right = 0;
  for (int i = 0; i < 10; ++i) {
    const auto items = draw();
    const auto found = scores(items).narrow(1, 1, 5).argmax(2);
    right += (found == items.narrow(1, 2, 5)).to(at::kDouble).mean().item<double>() / 10;
  }
  test::expect_learned("items encoder", right, 0.8);
}

TEST(ItemsEncoder, RefusesWhatDoesNotFit) {
  EXPECT_THAT(refusal_of<ModelError>([] { make(small("causal | window(2, 2); num_heads=2")); }),
              HasSubstr("encoder.attention.masks"));
  EXPECT_THAT(refusal_of<ModelError>([] { make(small(), 0); }), HasSubstr("items"));
  auto options = small();
  options.gaps = 3;
  auto encoder = make(options);
  const auto call = [&](const std::function<void(Batch&)>& change) {
    auto batch = histories();
    change(batch);
    return refusal_of<UsageError>([&] { encoder->forward(batch); });
  };
  EXPECT_THAT(call([](Batch& b) { b.tensors["items"][0][0] = 10; }),
              HasSubstr("items: expected 0 to 9, given 10"));
  EXPECT_THAT(call([](Batch& b) { b.tensors["times"][0][0] = 2; }), HasSubstr("do not fall"));
  EXPECT_THAT(call([](Batch& b) { b.tensors["times"][0][0] = std::nan(""); }),
              HasSubstr("do not fall"));
  EXPECT_THAT(call([](Batch& b) { b.tensors.erase("times"); }), HasSubstr("no tensor 'times'"));
  EXPECT_THAT(call([](Batch& b) { b = sequences_of("items", kHistories, 0, 7); }),
              HasSubstr("max_positions = 6 of a history, given 7"));
  EXPECT_EQ(call([](Batch& b) {
              b = sequences_of("items", {{}, {}});
              b.tensors["times"] = torch::zeros({2, 0});
            }),
            "no error");
}

}  // namespace
}  // namespace heed::items_encoder_test
