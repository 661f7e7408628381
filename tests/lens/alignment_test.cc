// Words are joined from pieces and aligned by the weights of cross attention.
#include "heed/lens/alignment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "lens/known_model.h"

namespace heed::lens {
namespace {

using testing::ElementsAre;
using testing::Pair;
using Kind = KnownModel::Kind;

Words joined(const std::vector<std::string>& pieces, Joining how,
             const std::vector<int64_t>& special = {}) {
  std::vector<bool> flags(pieces.size());
  for (const int64_t i : special) flags[i] = true;
  return join(pieces, flags, how);
}

TEST(Join, MarksBeginWords) {
  const auto words =
      joined({"<s>", "\u2581\u00dcber", "gr\u00f6", "\u00dfe", "\u2581", "x", "\u2581", "</s>"},
             Joining::marks, {0, 7});
  EXPECT_THAT(words.words, ElementsAre("\u00dcbergr\u00f6\u00dfe", "x"));
  EXPECT_THAT(words.of, ElementsAre(-1, 0, 0, 0, 1, 1, -1, -1));
  EXPECT_THAT(joined({"la", "st", "\u2581", "<0xC3>", "<0xA4>"}, Joining::marks).words,
              ElementsAre("last", "\u00e4"));
}

TEST(Join, AtSignsGoOn) {
  const auto words = joined({"low@@", "er", "house", "@@"}, Joining::marks);
  EXPECT_THAT(words.words, ElementsAre("lower", "house", "@@"));
}

TEST(Join, PiecesWithoutAnyMarkAreWords) {
  const auto words = joined({"das", "alte", "Haus", "</s>"}, Joining::marks, {3});
  EXPECT_THAT(words.words, ElementsAre("das", "alte", "Haus"));
  EXPECT_THAT(words.of, ElementsAre(0, 1, 2, -1));
}

TEST(Join, PiecesAndSpaces) {
  EXPECT_THAT(joined({"das", "Haus"}, Joining::pieces).words, ElementsAre("das", "Haus"));
  const auto words = joined({"a", "b", " ", "\n", "c"}, Joining::spaces);
  EXPECT_THAT(words.words, ElementsAre("ab", "c"));
  EXPECT_THAT(words.of, ElementsAre(0, 0, -1, -1, 1));
  EXPECT_THAT(joined({"<0xC3>", "<0xBC>", "<0x20>", "<0x62>"}, Joining::spaces).words,
              ElementsAre("\u00fc", "b"));
  EXPECT_TRUE(joined({}, Joining::marks).words.empty());
  EXPECT_THROW(join({"a"}, {}, Joining::marks), UsageError);
}

/// "das Haus ist groß </s>" to "the house is big </s>" with 2 heads that agree on the links 0-0,
/// 1-1 (by both pieces of "house"), 3-2, 2-3, and strong weights to the special token.
struct Translation {
  Tokens source{{0, 1, 2, 3, 4},
                {"\u2581das", "\u2581Haus", "\u2581ist", "\u2581gro\u00df", "</s>"}};
  Tokens target{{0, 1, 2, 3, 4, 5},
                {"<s>", "\u2581the", "\u2581hou", "se", "\u2581is", "\u2581big"}};
  std::vector<std::string> predicted{"\u2581the", "\u2581hou", "se",
                                     "\u2581is",  "\u2581big", "</s>"};
  Words source_words = joined(source.pieces, Joining::marks, {4});
  Words target_words = joined(predicted, Joining::marks, {5});
  at::Tensor weights = torch::full({2, 6, 5}, 0.01);

  Translation() {
    const int64_t links[] = {0, 1, 1, 3, 2, 0};
    for (int row = 0; row < 6; ++row) {
      weights.select(1, row).select(1, links[row]).fill_(0.4);
      weights.select(1, row).select(1, 4).fill_(0.57);
    }
  }
};

TEST(Align, LinksTheStrongestPieces) {
  for (const Kind kind : {Kind::recurrent, Kind::both}) {
    const Translation pair;
    KnownModel model(kind);
    model.cross = pair.weights;
    const auto maps = look(model, pair.source, pair.target, pair.predicted);
    const auto result =
        align(maps, pair.source_words, pair.target_words, kind == Kind::both ? "cross 2" : "");
    EXPECT_THAT(result.links, ElementsAre(Pair(0, 0), Pair(1, 1), Pair(2, 3), Pair(3, 2)));
    EXPECT_EQ(pharaoh(result), "0-0 1-1 2-3 3-2");
    EXPECT_NEAR(result.weights[2][1].item<double>(), 0.4, 1e-3);
    EXPECT_EQ(result.source.words[3], "gro\u00df");
    EXPECT_EQ(result.target.words[1], "house");
  }
}

TEST(Align, ChoosesTheLastLayerButOne) {
  const Translation pair;
  KnownModel model(Kind::both);
  const auto maps = look(model, pair.source, pair.target, pair.predicted);
  EXPECT_EQ(align(maps, pair.source_words, pair.target_words).title, "cross 1 mean");
  EXPECT_EQ(align(maps, pair.source_words, pair.target_words, "2", 1).title, "cross 2 head 1");
  EXPECT_THROW(align(maps, pair.source_words, pair.target_words, "3"), UsageError);
  EXPECT_THROW(align(maps, pair.source_words, pair.source_words), UsageError);
  EXPECT_THROW(align(maps, pair.target_words, pair.target_words), UsageError);
}

TEST(Align, WordsOfTwoLinksHaveBoth) {
  Translation pair;
  pair.weights.select(1, 2).select(1, 0).fill_(0.45);  // "se" to "das"
  KnownModel model(Kind::recurrent);
  model.cross = pair.weights;
  const auto maps = look(model, pair.source, pair.target, pair.predicted);
  EXPECT_EQ(pharaoh(align(maps, pair.source_words, pair.target_words)), "0-0 0-1 1-1 2-3 3-2");
}

TEST(Align, NeedsCrossAttention) {
  KnownModel model(Kind::decoder);
  const Translation pair;
  EXPECT_THROW(align(look(model, {}, pair.target), pair.source_words, pair.target_words),
               ModelError);
}

}  // namespace
}  // namespace heed::lens
