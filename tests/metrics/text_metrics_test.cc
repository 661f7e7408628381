// Metrics of sacrebleu 2.6.0 and rouge-score 0.1.2 on sentences written here;
// bench/peers/metrics.py compares on any text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "heed/core/error.h"
#include "heed/core/fields.h"
#include "heed/metrics/answers.h"
#include "heed/metrics/bleu.h"
#include "heed/metrics/chrf.h"
#include "heed/metrics/rouge.h"

namespace heed {
namespace {

using ::testing::HasSubstr;
using Lines = std::vector<std::string>;

constexpr double kNearTextMetrics = 1e-9;

const Lines kHypotheses = {"“Das kostet 1.234,56 €”, sagte sie und ging.",
                           "The U.S. economy grew 3.5% in Q1-2020, didn't it?",
                           "Où est-ce ? demanda-t-il…", "", "RUNNING dogs were  quickly running."};
const Lines kFirst = {"“Das kostet 1.234,50 €”, sagte sie – und ging.",
                      "The US economy grew by 3.5 % in Q1 2020, didn't it?",
                      "« Où est-ce ? » demanda-t-il…", "An empty line stands here.",
                      "The running dogs ran quickly."};
const Lines kSecond = {"Sie sagte: “Das kostet 1.234,56 €!”, und ging.",
                       "In Q1-2020 the U.S. economy grew 3.5%.", "Où est-ce donc ?", "Nothing.",
                       "dogs were running (quickly)"};

template <class Call>
std::string usage_error(Call&& call) {
  try {
    call();
  } catch (const UsageError& error) {
    return error.what();
  }
  ADD_FAILURE() << "no UsageError";
  return "";
}

TEST(Bleu, AgreesWithSacrebleu) {
  const std::tuple<BleuTokenizer, double, double> facts[] = {
      {BleuTokenizer::mteval_13a, 31.514873665760792, 62.801507309260536},
      {BleuTokenizer::intl, 42.38344437536537, 65.00499054153791},
      {BleuTokenizer::characters, 66.30617088835416, 84.6691219401551},
      {BleuTokenizer::none, 11.64532216042408, 23.793665482062618}};
  for (const auto& [tokenize, one, two] : facts) {
    const BleuOptions options{.tokenize = tokenize};
    EXPECT_NEAR(corpus_bleu(kHypotheses, {kFirst}, options).score, one, kNearTextMetrics)
        << word_of(tokenize);
    EXPECT_NEAR(corpus_bleu(kHypotheses, {kFirst, kSecond}, options).score, two, kNearTextMetrics)
        << word_of(tokenize);
  }
  EXPECT_NEAR(corpus_bleu(kHypotheses, {kFirst}, {.lowercase = true}).score, 31.996155972007962,
              kNearTextMetrics);
  const BleuOptions floor{.tokenize = BleuTokenizer::none, .smooth = BleuSmoothing::floor};
  EXPECT_NEAR(corpus_bleu(kHypotheses, {kFirst}, floor).score, 7.787696293110686, kNearTextMetrics);
  EXPECT_NEAR(corpus_bleu(kHypotheses, {kFirst, kSecond}, floor).score, 15.911783110981522,
              kNearTextMetrics);
}

TEST(Bleu, SaysWhatItIsMadeOf) {
  EXPECT_EQ(corpus_bleu(kHypotheses, {kFirst}).text(),
            "31.51 78.4/48.5/31.0/16.0 (BP = 0.850 ratio = 0.860 hyp_len = 37 ref_len = 43)");
  EXPECT_EQ(bleu_signature({}, 1), "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp");
  EXPECT_EQ(bleu_signature({.tokenize = BleuTokenizer::intl,
                            .lowercase = true,
                            .smooth = BleuSmoothing::floor,
                            .effective_order = true},
                           2),
            "nrefs:2|case:lc|eff:yes|tok:intl|smooth:floor[0.10]");
}

TEST(Bleu, OfSentences) {
  const std::pair<const char*, const char*> pairs[] = {
      {"the cat", "the cat sat"},
      {"a b", "a b"},
      {"x", "y"},
      {"", "y"},
      {"the cat sat on mat", "the cat is on the mat"}};
  const auto scores = [&](const BleuOptions& options) {
    std::vector<double> all;
    for (const auto& [line, reference] : pairs)
      all.push_back(bleu_score(bleu_counts(line, {reference}, options), options).score);
    return all;
  };
  using ::testing::DoubleNear;
  using ::testing::ElementsAre;
  const auto are = [](double a, double b, double c) {
    return ElementsAre(DoubleNear(a, kNearTextMetrics), DoubleNear(b, kNearTextMetrics), 0, 0,
                       DoubleNear(c, kNearTextMetrics));
  };
  for (const bool effective : {true, false}) {
    const double a = effective ? 60.653065971263366 : 0, b = effective ? 100 : 0;
    EXPECT_THAT(scores({.smooth = BleuSmoothing::exp, .effective_order = effective}),
                are(a, b, 20.80119537801062));
    EXPECT_THAT(scores({.smooth = BleuSmoothing::floor, .effective_order = effective}),
                are(a, b, 11.062691203042489));
    EXPECT_THAT(scores({.smooth = BleuSmoothing::none, .effective_order = effective}),
                are(a, b, 0));
  }
}

TEST(Bleu, TakesTheNearestReferenceAndTheShorterOfTwo) {
  EXPECT_EQ(bleu_counts("a b c", {"a", "a b c d", "a b"}).reference, 2);
  EXPECT_EQ(bleu_counts("a b c", {"a b", "a b c d"}).reference, 2);
  EXPECT_EQ(bleu_counts("a b c", {"a b c d", "a b c d e"}).reference, 4);
}

TEST(Bleu, CutsAsMteval) {
  const std::tuple<const char*, const char*, const char*> facts[] = {
      {"“Das kostet 1.234,56 €”, 10-20 e.g. U.S.",
       "“Das kostet 1.234,56 €” , 10 - 20 e . g . U . S .",
       "“ Das kostet 1.234,56 € ” , 10-20 e . g . U . S ."},
      {"a..b,,c 3.x ,5 -- x-y 5-y", "a . . b , , c 3 . x , 5 -- x-y 5 - y",
       "a . . b , , c 3 . x , 5 - - x - y 5 - y"},
      {"&quot;q&quot; &lt;b&gt; &amp;amp; {[(~^`|$%_)]}",
       "\" q \" < b > & amp ; { [ ( ~ ^ ` | $ % _ ) ] }",
       "& quot ; q & quot ; & lt ; b & gt ; & amp ; amp ; { [ ( ~ ^ ` | $ % _ ) ] }"},
      {"²x½. 五。5。", "²x½ . 五。5。", "²x½ . 五 。 5。"},
      {"end 2019.", "end 2019 .", "end 2019."},
      {"", "", ""}};
  for (const auto& [line, old, international] : facts) {
    EXPECT_EQ(tokenize_for_bleu(line, BleuTokenizer::mteval_13a), old);
    EXPECT_EQ(tokenize_for_bleu(line, BleuTokenizer::intl), international);
  }
  EXPECT_EQ(tokenize_for_bleu("é 日", BleuTokenizer::characters), "é 日");
  EXPECT_EQ(tokenize_for_bleu(" a\u3000b\x1f"
                              "c ",
                              BleuTokenizer::none),
            "a b c");
}

TEST(Bleu, RefusesWhatMakesNoSense) {
  EXPECT_THAT(usage_error([] { corpus_bleu({}, {{}}); }), HasSubstr("at least one line"));
  EXPECT_THAT(usage_error([] { corpus_bleu({"a"}, {}); }), HasSubstr("at least one reference"));
  EXPECT_THAT(usage_error([] {
                corpus_bleu({"a"}, {{"a"}, {"a", "b"}});
              }),
              HasSubstr("given 2 in reference 2"));
  EXPECT_THROW(bleu_counts("a", {}), UsageError);
}

TEST(Chrf, AgreesWithSacrebleu) {
  const std::tuple<ChrfOptions, double, double> facts[] = {
      {{}, 62.44988957463045, 66.18436667049833},
      {{.words = 2}, 59.93124306276012, 62.34297699879997},
      {{.words = 1, .lowercase = true}, 64.62108079330537, 67.07224572675868}};
  for (const auto& [options, one, two] : facts) {
    EXPECT_NEAR(corpus_chrf(kHypotheses, {kFirst}, options), one, kNearTextMetrics);
    EXPECT_NEAR(corpus_chrf(kHypotheses, {kFirst, kSecond}, options), two, kNearTextMetrics);
  }
  EXPECT_EQ(chrf_name({.words = 2}), "chrF2++");
  EXPECT_EQ(chrf_signature({.words = 2}, 3), "nrefs:3|case:mixed|eff:yes|nc:6|nw:2|space:no");
}

TEST(Chrf, EndsAndBadCalls) {
  EXPECT_EQ(corpus_chrf({""}, {{""}}), 0);
  EXPECT_EQ(corpus_chrf({"a"}, {{""}}), 0);
  EXPECT_EQ(corpus_chrf({""}, {{"a"}}), 0);
  EXPECT_NEAR(corpus_chrf({"日"}, {{"日"}}), 100, kNearTextMetrics);
  EXPECT_THROW(corpus_chrf({}, {{}}), UsageError);
  EXPECT_THROW(chrf_counts("a", {}), UsageError);
  EXPECT_THROW(chrf_counts("a", {"a"}, {.characters = 0}), UsageError);
}

TEST(Rouge, AgreesWithRougeScore) {
  const auto one = corpus_rouge(kHypotheses, {kFirst});
  EXPECT_NEAR(one.one.f, 0.6670085470085471, kNearTextMetrics);
  EXPECT_NEAR(one.two.f, 0.5333333333333333, kNearTextMetrics);
  EXPECT_NEAR(one.longest.f, 0.6670085470085471, kNearTextMetrics);
  const auto two = corpus_rouge(kHypotheses, {kFirst, kSecond}, {.stem = true});
  EXPECT_NEAR(two.one.precision, 0.7138461538461538, kNearTextMetrics);
  EXPECT_NEAR(two.one.recall, 0.8, kNearTextMetrics);
  EXPECT_NEAR(two.one.f, 0.7516908212560387, kNearTextMetrics);
  EXPECT_NEAR(two.two.f, 0.5595238095238095, kNearTextMetrics);
  EXPECT_NEAR(two.longest.precision, 0.6670085470085471, kNearTextMetrics);
  EXPECT_NEAR(two.longest.recall, 0.697008547008547, kNearTextMetrics);
  EXPECT_NEAR(two.longest.f, 0.6803418803418804, kNearTextMetrics);
}

TEST(Rouge, CountsByHand) {
  const auto scores = rouge("a b c d", {"a c b d e"});
  EXPECT_DOUBLE_EQ(scores.one.precision, 1);
  EXPECT_DOUBLE_EQ(scores.one.recall, 4.0 / 5);
  EXPECT_DOUBLE_EQ(scores.two.f, 0);
  EXPECT_DOUBLE_EQ(scores.longest.precision, 3.0 / 4);
  EXPECT_DOUBLE_EQ(scores.longest.recall, 3.0 / 5);
  EXPECT_DOUBLE_EQ(rouge("a a", {"a"}).longest.precision, 1.0 / 2);
  EXPECT_EQ(rouge("", {"a"}).one.f, 0);
  EXPECT_EQ(rouge("日", {"日"}).one.f, 0);  // no letter of a-z
  EXPECT_EQ(rouge("", {""}).longest.f, 0);
  EXPECT_THROW(rouge("a", {}), UsageError);
  EXPECT_THROW(corpus_rouge({"a"}, {{}}), UsageError);
}

TEST(Rouge, StemsAsPorter) {
  const std::pair<const char*, const char*> facts[] = {{"caresses", "caress"},
                                                       {"ponies", "poni"},
                                                       {"ties", "tie"},
                                                       {"cats", "cat"},
                                                       {"feed", "feed"},
                                                       {"agreed", "agre"},
                                                       {"hopping", "hop"},
                                                       {"falling", "fall"},
                                                       {"filing", "file"},
                                                       {"died", "die"},
                                                       {"happy", "happi"},
                                                       {"enjoy", "enjoy"},
                                                       {"relational", "relat"},
                                                       {"vietnamization", "vietnam"},
                                                       {"radically", "radic"},
                                                       {"geology", "geolog"},
                                                       {"electrical", "electr"},
                                                       {"adoption", "adopt"},
                                                       {"controlling", "control"},
                                                       {"skies", "sky"},
                                                       {"rate", "rate"},
                                                       {"cease", "ceas"},
                                                       {"by", "by"},
                                                       {"1990s", "1990"}};
  for (const auto& [word, stem] : facts) EXPECT_EQ(porter_stem(word), stem) << word;
}

TEST(Answers, AreNormalizedFirst) {
  EXPECT_EQ(normalize_answer(" The  Cat's, a AN theatre\u00a0an-x"), "cats theatre anx");
  EXPECT_EQ(normalize_answer("a «a» THE"), "« »");
  EXPECT_TRUE(exact_match("The cat.", {"dog", "cat"}));
  EXPECT_FALSE(exact_match("cats", {"dog", "cat"}));
  EXPECT_DOUBLE_EQ(answer_f1("the black cat", {"a cat sat", "x"}), 0.5);
  EXPECT_DOUBLE_EQ(answer_f1("cat cat", {"cat"}), 2.0 / 3);
  EXPECT_EQ(answer_f1("the", {"a"}), 1);
  EXPECT_EQ(answer_f1("the", {"cat"}), 0);
  const auto mean = corpus_answers({"cat", "black dog"}, {{"the cat", "dog"}});
  EXPECT_DOUBLE_EQ(mean.exact, 0.5);
  EXPECT_DOUBLE_EQ(mean.f1, (1 + 2.0 / 3) / 2);
  EXPECT_THROW(exact_match("a", {}), UsageError);
  EXPECT_THROW(answer_f1("a", {}), UsageError);
  EXPECT_THROW(corpus_answers({}, {{}}), UsageError);
}

// Figures of MLQA's mlqa_evaluation_v1.py.
TEST(Answers, AgreeWithMlqa) {
  const std::tuple<const char*, const char*, const char*, const char*, double> facts[] = {
      {"zh", "《红楼梦》第5回，abc Def", "红 楼 梦 第 5 回 abc def", "红楼梦 第5 章abc", 0.8},
      {"zh", "1994年7月", "1994 年 7 月", "1994 年", 2.0 / 3},
      {"de", "Der große Hund “bellt”", "große hund bellt", "ein Hund bellt", 0.8},
      {"es", "¿La casa roja?", "casa roja", "una casa", 2.0 / 3},
      {"vi", "Những con mèo của tôi", "con mèo tôi", "con mèo", 0.8},
      {"ar", "الكتاب الجديد", "كتاب جديد", "كتاب", 2.0 / 3},
      {"hi", "यह एक घर है।", "यह एक घर है", "एक घर", 2.0 / 3},
      {"en", "The “cat” an X", "cat x", "a cat", 2.0 / 3},
      {"en", "the", "", "a", 0}};
  for (const auto& [language, answer, normal, reference, f1] : facts) {
    EXPECT_EQ(normalize_answer(answer, language), normal);
    EXPECT_NEAR(answer_f1(answer, {"other", reference}, language), f1, kNearTextMetrics) << answer;
    EXPECT_TRUE(exact_match(answer, {"other", normal}, language)) << answer;
  }
  EXPECT_THROW(normalize_answer("a", "fr"), UsageError);
}

TEST(Perplexity, IsTheExponentOfTheMean) {
  EXPECT_DOUBLE_EQ(perplexity(10 * std::log(7), 10), 7);
  EXPECT_EQ(perplexity(0, 1), 1);
  EXPECT_THROW(perplexity(1, 0), UsageError);
}

}  // namespace
}  // namespace heed
