#include "data/corrupt.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "data/text_noise.h"

namespace heed::data {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

TEST(Corrupt, GaussianNoiseHasItsMoments) {
  Image image{{3, 100, 100}, std::vector<uint8_t>(30000, 128)}, again = image;
  add_gaussian_noise(image, 20, Random(1, 0, 5));
  add_gaussian_noise(again, 20, Random(1, 0, 5));
  EXPECT_EQ(image.values, again.values);
  double sum = 0, squares = 0;
  for (const uint8_t value : image.values)
    sum += value - 128, squares += (value - 128) * (value - 128);
  EXPECT_NEAR(sum / 30000, 0, 0.5);
  EXPECT_NEAR(std::sqrt(squares / 30000), 20, 0.5);
}

TEST(Corrupt, BlurKeepsThePlainAndSpreadsAPoint) {
  Image plain{{1, 5, 7}, std::vector<uint8_t>(35, 91)};
  blur(plain, 4);
  EXPECT_THAT(plain.values, Each(91));
  Image point{{1, 1, 9}, {0, 0, 0, 0, 255, 0, 0, 0, 0}};
  blur(point, 1);
  // exp(-k k / 2) over their sum for k = -3 .. 3: 0.3991, 0.2420, 0.0540, 0.0044.
  EXPECT_THAT(point.values, ElementsAre(0, 1, 14, 62, 102, 62, 14, 1, 0));
}

TEST(Corrupt, OcclusionIsOneBlackRectangleOfItsArea) {
  for (uint32_t i = 0; i < 20; ++i) {
    Image image{{3, 40, 60}, std::vector<uint8_t>(7200, 200)};
    occlude(image, 0.25, Random(1, 0, i));
    EXPECT_EQ(std::count(image.values.begin(), image.values.end(), 0), 3 * 20 * 30);
  }
}

TEST(TextNoise, TyposMoveOneCharacterOfAWord) {
  EXPECT_EQ(with_typos("the  quick\tfox", 0, Random(1)), "the  quick\tfox");
  EXPECT_EQ(with_typos("a b c", 1, Random(1)), "a b c") << "words of one character stay";
  const std::string word = "quick";
  for (uint32_t i = 0; i < 100; ++i) {
    const auto typo = with_typos(word, 1, Random(1, i));
    EXPECT_TRUE(typo.size() >= 4 && typo.size() <= 6) << typo;
  }
  int changed = 0;
  for (int i = 0; i < 1000; ++i)
    changed += with_typos("abcde", 0.2, Random(1, static_cast<uint32_t>(i))) != "abcde";
  EXPECT_NEAR(changed, 200, 45);  // a drawn letter may be the one that stands there
  // Characters of several bytes stay whole.
  for (uint32_t i = 0; i < 50; ++i) {
    const auto typo = with_typos("žluťoučký", 1, Random(2, i));
    for (size_t at = 0; at < typo.size(); ++at)
      if ((typo[at] & 0xE0) == 0xC0) EXPECT_EQ(typo[at + 1] & 0xC0, 0x80) << typo;
  }
}

TEST(TextNoise, SomeWordsAreLeftOut) {
  EXPECT_EQ(without_some_words("one two", 0, Random(1)), "one two");
  for (uint32_t i = 0; i < 20; ++i) {
    const auto one = without_some_words("one two three", 1, Random(1, i));
    EXPECT_TRUE(one == "one" || one == "two" || one == "three") << one;
  }
  EXPECT_EQ(without_some_words("", 0.5, Random(1)), "");
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "w ";
  const auto rest = without_some_words(text, 0.3, Random(7));
  EXPECT_NEAR(std::count(rest.begin(), rest.end(), 'w'), 700, 50);
}

}  // namespace
}  // namespace heed::data
