// What is shown of a model of sequences is what its attention computed, under the right words.
#include "heed/lens/text_maps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/lens/lines_figure.h"
#include "heed/lens/overview_figure.h"
#include "heed/lens/tokens_figure.h"
#include "heed/models/transformer.h"
#include "heed/nn/recording.h"
#include "lens/known_model.h"

namespace heed::lens {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Kind = KnownModel::Kind;

Tokens tokens_of(const std::vector<std::string>& pieces) {
  Tokens tokens{{}, pieces};
  for (size_t i = 0; i < pieces.size(); ++i) tokens.ids.push_back(static_cast<int64_t>(i));
  return tokens;
}

const Tokens kSource = tokens_of({"\u2581das", "\u2581Haus", "</s>"});
const Tokens kTarget = tokens_of({"<s>", "\u2581the", "\u2581hou", "se"});
const std::vector<std::string> kPredicted{"\u2581the", "\u2581hou", "se", "</s>"};

std::vector<std::string> titles_of_maps(const TextMaps& maps) {
  std::vector<std::string> titles;
  for (const auto& map : maps.maps) titles.push_back(map.title);
  return titles;
}

void expect_near(const at::Tensor& given, const at::Tensor& expected) {
  ASSERT_EQ(given.sizes(), expected.sizes());
  EXPECT_TRUE(torch::allclose(given, expected.to(torch::kDouble), 1e-4, 1e-6)) << given << expected;
}

TEST(TextMaps, EveryAttentionHasItsWeightsAndWords) {
  KnownModel model(Kind::both);
  const auto maps = look(model, kSource, kTarget, kPredicted);
  EXPECT_THAT(titles_of_maps(maps), ElementsAre("encoder 1", "encoder 2", "decoder 1", "cross 1",
                                                "decoder 2", "cross 2"));
  EXPECT_EQ(maps.maps[0].rows, kSource.pieces);
  EXPECT_EQ(maps.maps[0].columns, kSource.pieces);
  EXPECT_EQ(maps.maps[2].rows, kTarget.pieces);
  EXPECT_EQ(maps.maps[3].rows, kPredicted);
  EXPECT_EQ(maps.maps[3].columns, kSource.pieces);
  EXPECT_EQ(maps.maps[5].name, "decoder.1.cross");
  expect_near(maps.maps[1].weights({0, 3}, 2), KnownModel::weights(3, 3, 1)[1]);
  expect_near(maps.maps[5].weights({1, 3}, 1), KnownModel::weights(4, 3, 21)[0].slice(0, 1, 3));
  expect_near(maps.maps[3].weights({0, 4}, 0), KnownModel::weights(4, 3, 20).mean(0));
}

TEST(TextMaps, StepsOfARecurrentDecoderAreOneMap) {
  KnownModel model(Kind::recurrent);
  const auto maps = look(model, kSource, kTarget);
  ASSERT_THAT(titles_of_maps(maps), ElementsAre("cross 1"));
  EXPECT_EQ(maps.maps[0].calls.size(), 4u);
  EXPECT_EQ(maps.maps[0].rows, kTarget.pieces);
  expect_near(maps.maps[0].weights({0, 4}, 2), KnownModel::weights(4, 3, 20)[1]);
  expect_near(maps.maps[0].weights({1, 3}, 2), KnownModel::weights(4, 3, 20)[1].slice(0, 1, 3));
  EXPECT_EQ(maps.maps[0].weights({2, 2}, 1).size(0), 0);
}

TEST(TextMaps, DecoderAloneReadsItself) {
  KnownModel model(Kind::decoder);
  const auto maps = look(model, {}, kTarget);
  EXPECT_THAT(titles_of_maps(maps), ElementsAre("decoder 1", "decoder 2"));
  EXPECT_EQ(maps.maps[1].columns, kTarget.pieces);
  EXPECT_THROW(look(model, kSource, kTarget), UsageError);
}

TEST(TextMaps, ATransformersPathsAreUnderstood) {
  torch::manual_seed(3);
  const auto small = Attention::parse("sinusoidal; num_heads=2");
  Transformer model(TransformerOptions()
                        .encoder_layers(2)
                        .decoder_layers(2)
                        .width(8)
                        .hidden(8)
                        .encoder_attention(small)
                        .decoder_attention(Attention::parse("sinusoidal; causal; num_heads=2"))
                        .cross_attention(Attention::parse("num_heads=2")),
                    9, 9);
  model->eval();
  const auto maps = look(*model, kSource, kTarget, kPredicted);
  EXPECT_THAT(titles_of_maps(maps), ElementsAre("encoder 1", "encoder 2", "decoder 1", "cross 1",
                                                "decoder 2", "cross 2"));
  for (const auto& map : maps.maps) {
    const auto sums = map.weights({0, std::ssize(map.rows)}, 0).sum(1);
    expect_near(sums, torch::ones_like(sums));
  }
  EXPECT_NEAR(maps.maps[2].weights({0, 1}, 1)[0][1].item<double>(), 0, 1e-9);
}

TEST(TextMaps, RefusesWhatIsNoText) {
  KnownModel model(Kind::both);
  EXPECT_THROW(look(model, {}, kTarget), UsageError);
  EXPECT_THROW(look(model, kSource, {}), UsageError);
  EXPECT_THROW(look(model, {{1, 2}, {"one"}}, kTarget), UsageError);
  EXPECT_THROW(look(model, kSource, kTarget, {"one"}), UsageError);
}

TEST(SelectedText, ByTitleKindNumberAndHead) {
  KnownModel model(Kind::both);
  const auto all = look(model, kSource, kTarget);
  EXPECT_THAT(titles_of_maps(selected(all, "cross 2", 0)), ElementsAre("cross 2"));
  EXPECT_THAT(titles_of_maps(selected(all, "cross.2", 0)), ElementsAre("cross 2"));
  EXPECT_THAT(titles_of_maps(selected(all, "decoder.1.cross", 0)), ElementsAre("cross 2"));
  EXPECT_THAT(titles_of_maps(selected(all, "cross", 0)), ElementsAre("cross 1", "cross 2"));
  EXPECT_THAT(titles_of_maps(selected(all, "1", 0)),
              ElementsAre("encoder 1", "decoder 1", "cross 1"));
  const auto one = selected(all, "cross 2", 2);
  expect_near(one.maps[0].weights({0, 4}, 0), KnownModel::weights(4, 3, 21)[1]);
  const auto message = [&](const std::string& layer, int64_t head) -> std::string {
    try {
      selected(all, layer, head);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "nothing was thrown";
  };
  EXPECT_THAT(message("3", 0), HasSubstr("encoder 1, encoder 2, decoder 1"));
  EXPECT_THAT(message("cross 1", 3), HasSubstr("heads 1..2"));
  EXPECT_THAT(message("", -1), HasSubstr("heads 1..2"));
}

TEST(TextFigureOf, HasAPanelAHeadAndTheirMean) {
  KnownModel model(Kind::both);
  const auto figure = figure_of(selected(look(model, kSource, kTarget, kPredicted), "cross 2", 0));
  ASSERT_EQ(figure.strips.size(), 1u);
  const auto& strip = figure.strips[0];
  ASSERT_EQ(strip.panels.size(), 3u);
  EXPECT_EQ(strip.panels[1].title, "cross 2 head 2");
  EXPECT_EQ(strip.panels[2].title, "cross 2 mean");
  expect_near(strip.panels[2].values, KnownModel::weights(4, 3, 21).mean(0));
  EXPECT_EQ(strip.rows, kPredicted);
  EXPECT_EQ(strip.note, "4 rows x 3 columns");
  const auto means = figure_of(look(model, kSource, kTarget), {.heads = false});
  ASSERT_EQ(means.strips.size(), 6u);
  EXPECT_EQ(means.strips[5].panels.size(), 1u);
  const auto one = figure_of(selected(look(model, kSource, kTarget), "cross 1", 2));
  ASSERT_EQ(one.strips[0].panels.size(), 1u);
  EXPECT_EQ(one.strips[0].panels[0].title, "cross 1 head 2");
}

TEST(TextFigureOf, SaysOfTheMapsThatThereAreWhatTheyShow) {
  KnownModel both(Kind::both), decoder(Kind::decoder), one_query(Kind::recurrent);
  const auto row = [](const std::string& kinds) {
    return kinds + ": a row is a token, and shows what it takes from others";
  };
  EXPECT_THAT(figure_of(look(both, kSource, kTarget, kPredicted)).lines,
              ElementsAre(row("encoder, decoder"), HasSubstr("serves to predict it")));
  EXPECT_THAT(figure_of(selected(look(both, kSource, kTarget), "encoder", 0)).lines,
              ElementsAre(row("encoder")));
  EXPECT_THAT(figure_of(look(decoder, {}, kTarget)).lines, ElementsAre(row("decoder")));
  const auto ids = [](const Tokens& tokens) { return at::tensor(tokens.ids).unsqueeze(0); };
  Recording layers(decoder);
  decoder.hidden({}, ids(kTarget));
  EXPECT_THAT(figure_of(text_maps(layers.maps(), {.source = kTarget.pieces})).lines,
              ElementsAre(row("layer")));
  Recording pooling(one_query);
  one_query.hidden({ids(kSource), at::tensor({3})}, at::zeros({1, 1}, at::kLong));
  EXPECT_THAT(figure_of(text_maps(pooling.maps(), {.source = kSource.pieces})).lines,
              ElementsAre("pooling: its row shows what it takes from each token"));
}

TEST(TextFigureOf, OneTokenIsOneCell) {
  KnownModel model(Kind::both);
  const auto figure = figure_of(look(model, tokens_of({"a"}), tokens_of({"<s>"})));
  for (const auto& strip : figure.strips) {
    EXPECT_EQ(strip.panels[0].values.numel(), 1);
    EXPECT_NEAR(strip.panels[0].values.item<double>(), 1, 1e-6);
  }
}

TEST(TextFigureOf, LongTextsAreShrunkByMeans) {
  KnownModel model(Kind::both);
  std::vector<std::string> pieces;
  for (int i = 0; i < 3000; ++i) pieces.push_back(std::to_string(i));
  const auto maps = selected(look(model, kSource, tokens_of(pieces)), "cross 1", 1);
  const auto figure = figure_of(maps, {.cells = 1000});
  const auto& strip = figure.strips[0];
  EXPECT_EQ(strip.panels[0].values.sizes(), at::IntArrayRef({1000, 3}));
  EXPECT_EQ(strip.rows.size(), 1000u);
  EXPECT_EQ(strip.rows[1], "3");
  EXPECT_THAT(strip.note, HasSubstr("3000 rows x 3 columns, a cell is the mean of 3 x 1"));
  expect_near(strip.panels[0].values[999], maps.maps[0].weights({2997, 3000}, 1).mean(0));
}

/// A cross attention of which key 0 of 30 takes 0.7 of every row.
TextMaps maps_with_a_sink(KnownModel& model) {
  std::vector<std::string> source, target;
  for (int i = 0; i < 30; ++i) source.push_back("s" + std::to_string(i));
  for (int i = 0; i < 8; ++i) target.push_back("t" + std::to_string(i));
  auto weights = KnownModel::weights(8, 30, 3).mul(0.3);
  weights.select(2, 0) += 0.7;
  model.cross = weights / weights.sum(2, true);
  return selected(look(model, tokens_of(source), tokens_of(target)), "cross 2", 0);
}

TEST(TextFigureOf, SinksAreLeftOutOfColoursAndBlocks) {
  KnownModel model(Kind::both);
  const auto maps = maps_with_a_sink(model);
  const auto whole = figure_of(maps).strips[0];
  EXPECT_EQ(whole.excluded, std::vector<int64_t>{0});
  EXPECT_THAT(whole.note,
              testing::ContainsRegex("sinks left out: s0 holds 7[0-9] % of the weight"));
  const auto all = maps.maps[0].weights({0, 8}, 0);
  expect_near(whole.panels.back().values, all);  // the numbers are whole
  const auto blocks = figure_of(maps, {.cells = 10}).strips[0];
  EXPECT_TRUE(blocks.excluded.empty());
  expect_near(blocks.panels.back().values.select(1, 0), all.slice(1, 1, 3).mean(1));
  expect_near(blocks.panels.back().values.select(1, 1), all.slice(1, 3, 6).mean(1));
  const auto coloured = figure_of(maps, {.cells = 10, .sinks = true}).strips[0];
  expect_near(coloured.panels.back().values.select(1, 0), all.slice(1, 0, 3).mean(1));
  EXPECT_THAT(coloured.note, testing::Not(HasSubstr("sinks")));
}

TEST(Overview, HasARowAMapAndAPanelAHead) {
  KnownModel model(Kind::both);
  const auto maps = maps_with_a_sink(model);
  const auto figure = overview_of(maps);
  ASSERT_EQ(figure.rows.size(), 1u);
  EXPECT_EQ(figure.rows[0].label, "cross 2");
  ASSERT_EQ(figure.rows[0].panels.size(), 2u);
  EXPECT_EQ(figure.rows[0].panels[1].title, "head 2");
  EXPECT_EQ(figure.rows[0].excluded, std::vector<int64_t>{0});
  expect_near(figure.rows[0].panels[1].values, maps.maps[0].weights({0, 8}, 2));
}

TEST(LinesOf, AreTheStrongestWithoutSinks) {
  KnownModel model(Kind::both);
  const auto maps = maps_with_a_sink(model);
  const auto figure = lines_of(maps.maps[0], 1, 5);
  EXPECT_EQ(figure.excluded, std::vector<int64_t>{0});
  EXPECT_THAT(figure.note, HasSubstr("the 5 strongest links; those left out hold"));
  EXPECT_THAT(figure.note, HasSubstr("sinks left out: s0 holds"));
  const auto weights = maps.maps[0].weights({0, 8}, 1).slice(1, 1).contiguous();
  const auto best = std::get<0>(weights.view(-1).topk(5));
  ASSERT_EQ(figure.links.size(), 5u);
  for (int64_t i = 0; i < 5; ++i) {
    const auto& link = figure.links[i];
    EXPECT_DOUBLE_EQ(link.weight, best[i].item<double>());
    EXPECT_DOUBLE_EQ(link.weight, weights[link.target][link.source - 1].item<double>());
  }
}

TEST(Received, IsTheMeanOverQueriesAndHeadsAndSinksAreGrey) {
  KnownModel model(Kind::both);
  const auto maps = maps_with_a_sink(model);
  const auto figure = received_of(maps);
  ASSERT_EQ(figure.rows.size(), 1u);
  EXPECT_TRUE(std::isnan(figure.rows[0].values[0]));
  const auto mean = maps.maps[0].weights({0, 8}, 0).mean(0);
  EXPECT_NEAR(figure.rows[0].values[7], mean[7].item<double>(), 1e-12);
  EXPECT_THAT(figure.rows[0].note, HasSubstr("sinks left out: s0 holds"));
}

TEST(TextMaps, SpecialKeysMayBeSinks) {
  auto weights = KnownModel::weights(20, 20, 4).mul(0.3);
  weights.select(2, 19) += 0.7;
  std::vector<std::string> words;
  for (int i = 0; i < 20; ++i) words.push_back("w" + std::to_string(i));
  KnownModel model(Kind::both);
  model.cross = weights / weights.sum(2, true);
  const auto tokens = tokens_of(words);
  auto maps = selected(look(model, tokens, tokens), "cross 2", 0);
  EXPECT_TRUE(figure_of(maps).strips[0].excluded.empty());  // a word that matters
  maps.maps[0].special.assign(20, false);
  maps.maps[0].special[19] = true;
  EXPECT_EQ(figure_of(maps).strips[0].excluded, std::vector<int64_t>{19});
}

}  // namespace
}  // namespace heed::lens
