// Figures of seqeval 1.2.2 on tags drawn here and there by the same formula, many of them in orders
// that no scheme allows.
#include "heed/metrics/spans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/metrics/srl.h"
#include "heed/metrics/upos.h"
#include "metrics/draw.h"

namespace heed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Tags = std::vector<std::string>;
using Sentences = std::vector<Tags>;

constexpr double kNearSpans = 1e-12;

std::string drawn_tag(test::Draw& draw, const std::string& prefixes) {
  const char prefix = prefixes[static_cast<size_t>(draw.below(std::ssize(prefixes)))];
  const char type = draw.below(2) == 0 ? 'X' : 'Y';
  return prefix == 'O' ? "O" : std::string(1, prefix) + "-" + type;
}

/// Right tags, and such of which some are wrong.
std::pair<Sentences, Sentences> drawn_tags(const std::string& prefixes) {
  test::Draw draw(777);
  Sentences right(40), noisy;
  for (auto& sentence : right) {
    sentence.resize(static_cast<size_t>(1 + draw.below(12)));
    for (auto& tag : sentence) tag = drawn_tag(draw, prefixes);
  }
  for (const auto& sentence : right) {
    auto& other = noisy.emplace_back();
    for (const auto& tag : sentence) {
      const bool keep = draw.unit() < 0.7;
      const auto wrong = drawn_tag(draw, prefixes);
      other.push_back(keep ? tag : wrong);
    }
  }
  return {right, noisy};
}

TEST(Spans, AgreeWithSeqeval) {
  struct Fact {
    const char *scheme, *prefixes;
    int64_t spans;
    double precision, recall, f1, macro;
  };
  const Fact facts[] = {{"lenient", "OBIES", 202, 0.7487684729064039, 0.7524752475247525,
                         0.7506172839506173, 0.7469260279362582},
                        {"iob1", "OBI", 92, 0.6464646464646465, 0.6956521739130435,
                         0.6701570680628272, 0.6711652402896643},
                        {"iob2", "OBI", 97, 0.6862745098039216, 0.7216494845360825,
                         0.7035175879396985, 0.7045867852091332},
                        {"ioe2", "OIE", 86, 0.6739130434782609, 0.7209302325581395,
                         0.6966292134831461, 0.6933333333333334},
                        {"iobes", "OBIES", 53, 0.631578947368421, 0.6792452830188679,
                         0.6545454545454544, 0.6539396043040611}};
  for (const auto& fact : facts) {
    const auto [right, noisy] = drawn_tags(fact.prefixes);
    const auto scores = score_tags(noisy, right, tag_scheme(fact.scheme));
    EXPECT_EQ(scores.all.expected, fact.spans) << fact.scheme;
    EXPECT_NEAR(scores.all.precision(), fact.precision, kNearSpans) << fact.scheme;
    EXPECT_NEAR(scores.all.recall(), fact.recall, kNearSpans) << fact.scheme;
    EXPECT_NEAR(scores.all.f1(), fact.f1, kNearSpans) << fact.scheme;
    EXPECT_NEAR(scores.macro_f1(), fact.macro, kNearSpans) << fact.scheme;
  }
  for (const auto& [prefixes, f1] :
       {std::pair{"OBI", 0.7407407407407408}, {"OIE", 0.711111111111111}}) {
    const auto [right, noisy] = drawn_tags(prefixes);
    EXPECT_NEAR(score_tags(noisy, right).all.f1(), f1, kNearSpans) << prefixes;
  }
}

TEST(Spans, OfTags) {
  const Tags tags = {"B-PER", "I-PER", "O", "I-LOC", "B-LOC", "S-ORG", "B", "I-X-Y"};
  EXPECT_THAT(spans_of_tags(tags),
              ElementsAre(Span{0, 2, "PER"}, Span{3, 4, "LOC"}, Span{4, 5, "LOC"},
                          Span{5, 6, "ORG"}, Span{6, 7, "_"}, Span{7, 8, "X-Y"}));
  const Tags iob = {"B-PER", "I-PER", "O", "I-LOC", "B-LOC"};
  EXPECT_THAT(spans_of_tags(iob, TagScheme::kIob2),
              ElementsAre(Span{0, 2, "PER"}, Span{4, 5, "LOC"}));
  EXPECT_THAT(spans_of_tags(iob, TagScheme::kIob1),
              ElementsAre(Span{1, 2, "PER"}, Span{3, 4, "LOC"}, Span{4, 5, "LOC"}))
      << "B-PER has no PER before it, and what follows a B begins one";
  EXPECT_THAT(spans_of_tags(Tags{}), IsEmpty());
  EXPECT_THAT(spans_of_tags(Tags{"O", "O"}), IsEmpty());
}

TEST(Spans, EndsAndBadTags) {
  EXPECT_EQ(score_tags({{"O"}}, {{"O"}}).all.f1(), 0);
  EXPECT_EQ(score_tags({{"O"}}, {{"O"}}).macro_f1(), 0);
  EXPECT_EQ(score_tags({}, {}).all, MatchCounts{});
  const auto message = [](auto&& call) -> std::string {
    try {
      call();
    } catch (const DataError& error) {
      return error.what();
    }
    return "no DataError";
  };
  EXPECT_THAT(message([] {
                score_tags({{"O"}, {"O", "PER"}}, {{"O"}, {"O", "O"}});
              }),
              HasSubstr("predicted: sentence 2, word 2: tag 'PER'"));
  EXPECT_THAT(message([] { score_tags({{"O"}}, {{""}}); }), HasSubstr("expected: sentence 1"));
  EXPECT_THAT(message([] { spans_of_tags(Tags{"S-X"}, TagScheme::kIob2); }), HasSubstr("OBI"));
  EXPECT_THAT(message([] { score_tags({{"O"}}, {{"O", "O"}}); }), HasSubstr("expected 2 tags"));
  EXPECT_THAT(message([] { score_tags({}, {{"O"}}); }), HasSubstr("sentences"));
  EXPECT_THROW(tag_scheme("iob"), UsageError);
  EXPECT_THROW(score_spans({}, {{}}), UsageError);
}

TEST(Upos, IsTheShareOfRightTags) {
  EXPECT_DOUBLE_EQ(tag_accuracy({{"NOUN", "VERB"}, {"X"}}, {{"NOUN", "NOUN"}, {"X"}}), 2.0 / 3);
  EXPECT_THROW(tag_accuracy({}, {}), UsageError);
  EXPECT_THROW(tag_accuracy({{"X"}}, {{}}), DataError);
}

TEST(Srl, CountsTriples) {
  const std::vector<std::vector<SrlArgument>> right = {
      {{3, 2, "ARG2"}, {3, 3, "V"}, {3, 5, "ARG1"}}, {{0, 1, "ARG0"}}};
  const std::vector<std::vector<SrlArgument>> found = {
      {{3, 2, "ARG1"}, {3, 3, "V"}, {3, 5, "ARG1"}, {3, 5, "ARG1"}}, {{1, 0, "ARG0"}}};
  const auto scores = score_srl(found, right);
  EXPECT_EQ(scores.labelled, (MatchCounts{1, 3, 3}));
  EXPECT_EQ(scores.unlabelled, (MatchCounts{2, 3, 3}));
  EXPECT_EQ(scores.roles.at("ARG1"), (MatchCounts{1, 2, 1}));
  EXPECT_EQ(scores.roles.at("ARG2"), (MatchCounts{0, 0, 1}));
  EXPECT_EQ(scores.roles.count("V"), 0U);
  EXPECT_EQ(score_srl({{}}, {{}}).labelled.f1(), 0);
  EXPECT_THROW(score_srl({}, {{}}), UsageError);
}

}  // namespace
}  // namespace heed
