#include "heed/models/table_encoder.h"

#include "models/encoders.h"
#include "words.h"

namespace heed::table_encoder_test {
namespace {

using testing::HasSubstr;

TableEncoderOptions small(const char* numbers = "linear", const char* how = "num_heads=2") {
  TableEncoderOptions options;
  options.numbers = test::Word{numbers}, options.frequencies = 3;
  options.width = 8, options.hidden = 12, options.dropout = 0;
  options.attention = Attention::parse(how);
  return options;
}

TableShape shape_of(int64_t numbers, std::vector<int64_t> categories) {
  TableShape shape{.numbers = numbers, .categories = std::move(categories)};
  for (int64_t j = 0; j < numbers; ++j)
    shape.edges.push_back(j % 2 ? std::vector<double>{-1, 0, 2} : std::vector<double>{-2, 2});
  return shape;
}

const TableShape kShape = shape_of(3, {4, 1});

TableEncoder make(const TableEncoderOptions& options, const TableShape& shape = kShape) {
  torch::manual_seed(5);
  return TableEncoder(options, shape);
}

/// With something missing in every column, and every category.
Batch rows() {
  torch::manual_seed(6);
  auto numbers = torch::randn({6, 3});
  for (int64_t j = 0; j < 3; ++j) numbers[j][j] = std::nan("");
  const auto categories =
      torch::tensor({{0, 0}, {1, -1}, {2, 0}, {3, 0}, {-1, -1}, {1, 0}}, at::kLong);
  return batch_of({{"numbers", numbers}, {"categories", categories}});
}

TEST(TableEncoder, EveryFormGivesTokensAndTrainsEveryParameter) {
  for (const char* numbers : {"linear", "periodic", "piecewise"})
    for (const char* how : {"num_heads=2", "learned; num_heads=2", "entmax15; num_heads=4/2"}) {
      SCOPED_TRACE(std::string(numbers) + " " + how);
      auto encoder = make(small(numbers, how));
      const auto tokens = encoder->forward(rows());
      EXPECT_EQ(tokens.states.sizes(), (std::vector<int64_t>{6, 6, 8}));
      EXPECT_FALSE(tokens.lengths.defined());
      EXPECT_TRUE(tokens.states.isfinite().all().item<bool>());
      expect_gradients(*encoder, rows());
      for (const auto& gradient : {encoder->number_weight.grad(), encoder->number_missing.grad(),
                                   encoder->category_embedding.grad()})
        EXPECT_TRUE(gradient.flatten(1).abs().sum(1).gt(0).all().item<bool>());
    }
}

TEST(TableEncoder, EmbedsAsItSays) {
  const auto embedded = [](TableEncoder& encoder) { return encoder->forward(rows()).states; };
  const auto batch = rows();
  for (const char* numbers : {"linear", "periodic", "piecewise"}) {
    SCOPED_TRACE(numbers);
    auto options = small(numbers);
    options.layers = 0, options.norm = nn::Norm::post;
    auto encoder = make(options);
    const auto states = embedded(encoder);
    for (int64_t b = 0; b < 6; ++b) {
      EXPECT_TRUE(states[b][0].equal(encoder->class_token[0][0]));
      for (int64_t j = 0; j < 3; ++j) {
        const auto x = batch.at("numbers")[b][j];
        const auto &w = encoder->number_weight[j], &bias = encoder->number_bias[j];
        at::Tensor expected;
        if (std::isnan(x.item<double>())) {
          expected = encoder->number_missing[j];
        } else if (std::string(numbers) == "linear") {
          expected = x * w[0] + bias;
        } else if (std::string(numbers) == "periodic") {
          const auto a = 2 * M_PI * encoder->frequencies[j] * x;
          expected = (torch::cat({a.cos(), a.sin()}).matmul(w) + bias).relu();
        } else if (j % 2 == 0) {  // one bin: neither end is cut
          expected = (x + 2) / 4 * w[0] + bias;
        } else {
          expected = (x + 1).clamp_max(1) * w[0] + (x / 2).clamp_min(0) * w[1] + bias;
        }
        EXPECT_TRUE(states[b][1 + j].allclose(expected, 1e-5, 1e-6)) << b << " " << j;
      }
      const auto c = batch.at("categories")[b];
      const auto& table = encoder->category_embedding;
      ASSERT_EQ(table.size(0), 7);  // 4 and 1 categories, one missing of each
      EXPECT_TRUE(states[b][4].allclose(table[1 + c[0].item<int64_t>()] + encoder->category_bias[0],
                                        1e-6, 1e-6));
      EXPECT_TRUE(states[b][5].allclose(table[6 + c[1].item<int64_t>()] + encoder->category_bias[1],
                                        1e-6, 1e-6));
    }
  }
}

TEST(TableEncoder, RowsHaveNoInfluenceOnEachOther) {
  const torch::NoGradGuard no_gradient;
  auto encoder = make(small());
  encoder->eval();
  auto batch = rows();
  const auto states = encoder->forward(batch).states;
  batch.tensors["numbers"][5].fill_(1e30);
  EXPECT_TRUE(encoder->forward(batch).states.narrow(0, 0, 5).equal(states.narrow(0, 0, 5)));
}

TEST(TableEncoder, OneKindOfColumnIsEnough) {
  auto of_numbers = make(small("periodic"), shape_of(2, {}));
  EXPECT_EQ(of_numbers->forward(batch_of({{"numbers", torch::randn({3, 2})}})).states.sizes(),
            (std::vector<int64_t>{3, 3, 8}));
  auto of_categories = make(small(), shape_of(0, {5}));
  const auto categories = torch::tensor({{4}, {-1}}, at::kLong);
  EXPECT_EQ(of_categories->forward(batch_of({{"categories", categories}})).states.sizes(),
            (std::vector<int64_t>{2, 2, 8}));
  EXPECT_EQ(of_numbers->forward(batch_of({{"numbers", torch::randn({0, 2})}})).states.size(0), 0);
}

TEST(TableEncoder, BinsAreThoseOfANormalWithoutEdges) {
  auto options = small("piecewise");
  options.bins = 3;
  const auto edges = make(options, {.numbers = 2})->shape.edges;
  ASSERT_EQ(edges.size(), 2u);
  const double expected[] = {-1.1503493804, -0.3186393640, 0.3186393640, 1.1503493804};
  for (size_t t = 0; t < 4; ++t) EXPECT_NEAR(edges[1][t], expected[t], 1e-9);
}

TEST(TableEncoder, RecordsAMapALayer) {
  auto encoder = make(small());
  Recording seen(*encoder);
  encoder->forward(rows());
  EXPECT_THAT(names_of(seen), testing::ElementsAre("layers.0.attention", "layers.1.attention"));
  EXPECT_EQ(seen.map(0).keys(), 6);
}

TEST(TableEncoder, LearnsWhatTwoColumnsSayTogether) {
  for (const char* numbers : {"linear", "periodic", "piecewise"}) {
    torch::manual_seed(test::learning_seed(3));
    auto options = small(numbers);
    options.width = 16, options.hidden = 32;
    TableEncoder encoder(options, shape_of(2, {2}));
    const auto draw = [] {
      const auto x = torch::randn({64, 2});
      const auto category = torch::randint(0, 2, {64, 1}, at::kLong);
      const auto first = x.select(1, 0) > 0;
      const auto answers = first.logical_xor(category.select(1, 0).to(at::kBool)).to(at::kLong);
      return std::pair(batch_of({{"numbers", x}, {"categories", category}}), answers);
    };
    const auto pick = [](const Tokens& tokens) { return tokens.states.select(1, 0); };
    const double right = learn(*encoder, {.classes = 2, .draw = draw, .pick = pick, .steps = 300});
    test::expect_learned(std::string("table encoder, ") + numbers, right, 0.8);
  }
}

TEST(TableEncoder, RefusesWhatDoesNotFit) {
  const auto refusal = [](const TableEncoderOptions& options, const TableShape& shape) {
    return refusal_of<ModelError>([&] { make(options, shape); });
  };
  EXPECT_THAT(refusal(small(), {}), HasSubstr("at least one column"));
  EXPECT_THAT(refusal(small(), {.numbers = 1, .categories = {0}}), HasSubstr("categories"));
  EXPECT_THAT(refusal(small("piecewise"), {.numbers = 2, .edges = {{1, 2}}}),
              HasSubstr("edges: piecewise numbers need those of 2 columns, given 1"));
  EXPECT_THAT(refusal(small("piecewise"), {.numbers = 1, .edges = {{1, 1}}}),
              HasSubstr("column 0: expected two or more that rise"));
  EXPECT_THAT(refusal(small("linear", "key_lengths; num_heads=2"), kShape),
              HasSubstr("'key_lengths'"));
  auto encoder = make(small());
  const auto call = [&](const std::function<void(Batch&)>& change) {
    auto batch = rows();
    change(batch);
    return refusal_of<UsageError>([&] { encoder->forward(batch); });
  };
  EXPECT_THAT(call([](Batch& b) {
                b.tensors["numbers"] = torch::zeros({6, 2});
              }),
              HasSubstr("numbers: expected shape (B, N = 3)"));
  EXPECT_THAT(call([](Batch& b) { b.tensors.erase("categories"); }),
              HasSubstr("no tensor 'categories'"));
  EXPECT_THAT(call([](Batch& b) { b.tensors["categories"][0][1] = 1; }),
              HasSubstr("categories, column 1: expected -1 to 0, given 1"));
  EXPECT_THAT(call([](Batch& b) { b.tensors["categories"][0][0] = -2; }),
              HasSubstr("expected -1 to 3, given -2"));
  EXPECT_THAT(call([](Batch& b) {
                b.tensors["numbers"] = torch::zeros({5, 3});
              }),
              HasSubstr("expected B = 5"));
}

}  // namespace
}  // namespace heed::table_encoder_test
