// Texts whose tokens are coloured.
#include "heed/lens/tokens_figure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "files.h"
#include "heed/core/error.h"
#include "lens/columns.h"
#include "lens/decoded.h"
#include "lens/page.h"
#include "lens/xml_check.h"

namespace heed::lens {
namespace {

using test::lines_of;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

TokensFigure coloured_tokens(const std::vector<std::string>& words,
                             std::vector<double> values = {}) {
  TokensRow row{.label = "a row", .tokens = {}, .values = std::move(values)};
  for (const auto& word : words) row.tokens.push_back({word, true});
  if (row.values.empty()) row.values.assign(words.size(), 0.5);
  return {"a title", {"a line"}, {row}};
}

/// How many pixels have a colour.
int64_t count(const Canvas& page, Colour colour) {
  return std::count(page.data(), page.data() + page.width() * page.height(), colour);
}

/// An attribute of each element of an SVG document whose tag begins so.
std::vector<double> attributes(const std::string& svg, const std::string& tag,
                               const std::string& name) {
  std::vector<double> all;
  for (size_t at = 0; (at = svg.find(tag, at)) != std::string::npos; ++at) {
    const size_t value = svg.find(" " + name + "=\"", at);
    if (value < svg.find('>', at)) all.push_back(std::stod(svg.substr(value + name.size() + 3)));
  }
  return all;
}

std::vector<std::string> texts_of_tokens(const std::vector<FigureToken>& tokens) {
  std::vector<std::string> all;
  for (const auto& token : tokens) all.push_back((token.begins_word ? " " : "") + token.text);
  return all;
}

TEST(FigureTokens, StandAsInTheirText) {
  const std::string text = "Caf\u00e9 au lait";
  const auto tokens = figure_tokens(
      text, {{"<s>", -1, -1, true}, {"x", 0, 2}, {"y", 2, 4}, {"z", 4, 7}, {"w", 8, 12}});
  EXPECT_THAT(texts_of_tokens(tokens), ElementsAre(" <s>", " Ca", "f\u00e9", " au", " lait"));
}

TEST(FigureTokens, WithoutPlacesTheirMarksSayWhereWordsBegin) {
  const auto of = [](const std::vector<std::string>& pieces) {
    std::vector<TokenPlace> tokens;
    for (const auto& piece : pieces) tokens.push_back({piece});
    return texts_of_tokens(figure_tokens("", tokens));
  };
  EXPECT_THAT(of({"\u2581un", "happy", "\u2581end"}), ElementsAre(" un", "happy", " end"));
  EXPECT_THAT(of({"un", "##happy", "end"}), ElementsAre(" un", "happy", " end"));
  EXPECT_THAT(of({"un@@", "happy", "end"}), ElementsAre(" un", "happy", " end"));
  EXPECT_THAT(of({"un", "happy", "\u0120end"}), ElementsAre(" un", "happy", " end"));
  EXPECT_THAT(of({"caf\u00c3\u00a9", "\u0120\u00c3", "\u00a9"}),
              ElementsAre(" caf\u00e9", " \u00e9", "\u00b7"));
  EXPECT_THAT(texts_of_tokens(figure_tokens("", {{"\u2581a"}, {"</s>", -1, -1, true}, {"b"}})),
              ElementsAre(" a", " </s>", " b"));
  std::vector<TokenPlace> letters{{"a"}, {"b"}};
  EXPECT_THAT(texts_of_tokens(figure_tokens("", letters, Joining::spaces)), ElementsAre(" a", "b"));
}

TEST(TokensFigure, ColoursAreThoseOfTheNumbers) {
  const auto figure = coloured_tokens({"one", "two", "three", "four"}, {0, 2, -1, NAN});
  const Canvas page = decoded(to_png(figure));
  EXPECT_GT(count(page, paper(1)), 100);
  EXPECT_GT(count(page, paper(-0.5)), 100);
  EXPECT_GT(count(page, kLeftOut), 100);
  EXPECT_EQ(to_png(figure), to_png(figure));
}

TEST(TokensFigure, LettersCanBeReadOnEveryColour) {
  const auto luminance = [](Colour c) {
    const auto linear = [](uint8_t v) {
      const double x = v / 255.0;
      return x <= 0.04045 ? x / 12.92 : std::pow((x + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * linear(c.red) + 0.7152 * linear(c.green) + 0.0722 * linear(c.blue);
  };
  for (int i = -10; i <= 10; ++i)
    EXPECT_GT((luminance(paper(i / 10.0)) + 0.05) / (luminance(kInk) + 0.05), 4.5) << i;  // WCAG AA
}

TEST(TokensFigure, WrapsIntoLinesAndJoinsPieces) {
  auto figure = coloured_tokens(std::vector<std::string>(200, "token"));
  figure.rows[0].tokens[1].begins_word = false;
  const auto svg = to_svg(figure);
  const auto boxes = attributes(svg, "<rect x=", "x"),
             widths = attributes(svg, "<rect x=", "width"),
             lines = attributes(svg, "<rect x=", "y");
  ASSERT_EQ(boxes.size(), 200u);
  EXPECT_NEAR(boxes[1], boxes[0] + widths[0] + 1, 0.1);  // joined, but for a pixel
  EXPECT_GT(boxes[2], boxes[1] + widths[1] + 3);
  EXPECT_GT(std::set<double>(lines.begin(), lines.end()).size(), 5u);
  EXPECT_LT(*std::max_element(boxes.begin(), boxes.end()), 930);
  EXPECT_THAT(XmlCheck(svg).texts(), Contains("tokentoken"));
}

TEST(TokensFigure, ArabicBoxesGoFromRightToLeft) {
  const auto svg =
      to_svg(coloured_tokens({"\u0643\u062a\u0628", "\u0642\u0644\u0645", "\u0628\u064a\u062a"}));
  const auto boxes = attributes(svg, "<rect x=", "x");
  ASSERT_EQ(boxes.size(), 3u);
  EXPECT_GT(boxes[0], boxes[1]);
  EXPECT_GT(boxes[1], boxes[2]);
  EXPECT_GT(boxes[0], 700);  // at the right margin
  EXPECT_THAT(svg, HasSubstr("direction=\"rtl\""));
}

TEST(TokensFigure, SpecialTokensDoNotTurnAText) {
  const auto svg = to_svg(coloured_tokens({"<s>", "\u0643\u062a\u0628", "\u0642\u0644\u0645"}));
  const auto boxes = attributes(svg, "<rect x=", "x");
  ASSERT_EQ(boxes.size(), 3u);
  EXPECT_GT(boxes[0], boxes[1]);
  EXPECT_GT(boxes[1], boxes[2]);
}

TEST(TokensFigure, PiecesOfAnArabicWordStayJoined) {
  auto figure = coloured_tokens({"\u0643\u062a", "\u0628\u062a"});
  figure.rows[0].tokens[1].begins_word = false;
  const auto widths = attributes(to_svg(figure), "<rect x=", "width");
  figure.rows[0].tokens[1].begins_word = true;
  const auto apart = attributes(to_svg(figure), "<rect x=", "width");
  ASSERT_EQ(widths.size(), 2u);
  EXPECT_LT(widths[0], apart[0] - 1);  // its last letter has the form of a middle
}

TEST(TokensFigure, SaysItsScaleNotesAndWhatIsLeftOut) {
  auto figure = coloured_tokens({"one", "two"}, {0.25, NAN});
  figure.rows[0].note = "sinks left out: <s> holds 61 % of the weight";
  const auto texts = XmlCheck(to_svg(figure)).texts();
  EXPECT_THAT(texts,
              testing::IsSupersetOf({"a title", "a line", "a row", "one", "two", "0", "0.25"}));
  EXPECT_THAT(texts,
              Contains("white is 0; grey is left out of the scale; sinks left out: <s> holds "
                       "61 % of the weight"));
}

TEST(TokensFigure, RowsCompareByOneScaleWhereTheyAreAskedTo) {
  auto figure = coloured_tokens({"one"}, {1});
  figure.rows.push_back(figure.rows[0]);
  figure.rows[1].values = {4};
  const auto ends = [&] {
    const auto texts = XmlCheck(to_svg(figure)).texts();
    return std::pair(std::count(texts.begin(), texts.end(), "1"),
                     std::count(texts.begin(), texts.end(), "4"));
  };
  EXPECT_EQ(ends(), std::pair(1L, 1L));
  figure.one_scale = true;
  EXPECT_EQ(ends(), std::pair(0L, 2L));
}

TEST(TokensFigure, LongTextsStayOfBoundedSize) {
  std::vector<std::string> words;
  for (int i = 0; i < 32768; ++i) words.push_back("w" + std::to_string(i % 977));
  const auto drawing = draw(coloured_tokens(words));
  EXPECT_LT(drawing.width(), 2200);
  EXPECT_LT(drawing.height(), 12000);
  EXPECT_LT(drawing.png().size(), 16u << 20);
  EXPECT_LT(drawing.svg().size(), 16u << 20);
}

TEST(TokensFigure, MoreTokensThanAreDrawnAreCounted) {
  std::vector<std::string> words(kMostFigureTokens + 100, "a");
  std::vector<double> values(words.size(), 0);
  values[0] = values.back() = 1;
  const auto texts = XmlCheck(to_svg(coloured_tokens(words, values))).texts();
  EXPECT_THAT(texts,
              Contains(HasSubstr("the first 131072 of 131172 tokens; those left out hold 50 %")));
}

TEST(TokensFigure, NewlinesEndLinesAndLongTokensAreCut) {
  const auto svg = to_svg(coloured_tokens({"a\n", "b", std::string(100000, 'x')}));
  const auto lines = attributes(svg, "<rect x=", "y");
  EXPECT_LT(lines[0], lines[1]);
  EXPECT_THAT(XmlCheck(svg).texts(), Contains("a\\n"));
  EXPECT_LT(svg.size(), 20000u);
}

TEST(TokensFigure, AsTheDocumentsHaveIt) {
  const std::vector<FigureToken> tokens{{"my"}, {"card"}, {"was"}, {"swallow"}, {"ed", false}};
  const std::vector<double> values{0.02, 0.31, -0.04, 0.44, 0.11};
  const auto path = std::filesystem::path(testing::TempDir()) / "heed_card.pdf";

  heed::lens::TokensFigure figure{"my card was swallowed", {"integrated gradients"}, {}};
  figure.rows.push_back({.label = "for card_swallowed", .tokens = tokens, .values = values});
  figure.rows.back().is_signed = true;
  const auto drawing = heed::lens::draw(figure);
  std::ofstream(path, std::ios::binary) << drawing.pdf();

  EXPECT_THAT(test::read_bytes(path), testing::StartsWith("%PDF-"));
}

TEST(TokensFigure, RefusesWhatDoesNotFit) {
  EXPECT_THROW(draw(TokensFigure{}), UsageError);
  auto figure = coloured_tokens({"one"});
  figure.rows[0].values.push_back(1);
  EXPECT_THROW(draw(figure), UsageError);
  EXPECT_THROW(to_text(figure, {}), UsageError);
  figure = coloured_tokens({"one"});
  figure.rows[0].errors = {1, 2};
  EXPECT_THROW(draw(figure), UsageError);
  figure.rows[0] = {};
  EXPECT_THROW(draw(figure), UsageError);
}

TEST(TokensFigure, BrokenTokensAreDrawnAllTheSame) {
  const auto texts =
      XmlCheck(to_svg(coloured_tokens({"\xff\xfe", "", "a&b<c>", "\u0301"}))).texts();
  EXPECT_THAT(texts, testing::IsSupersetOf({"\ufffd\ufffd", "\u2423", "a&b<c>", "\u25cc\u0301"}));
}

TEST(TokensText, ShadesStandUnderTokens) {
  const auto lines = lines_of(
      to_text(coloured_tokens({"one", "two", "three"}, {0, -2, NAN}), {Colours::plain, 40}));
  EXPECT_THAT(lines, Contains("one two three"));
  EXPECT_THAT(lines, Contains("    -@@ /////"));
  EXPECT_THAT(lines, Contains("darkest is 2, '-' marks what is below 0"));
}

TEST(TokensText, HonoursItsWidth) {
  const auto figure =
      coloured_tokens({"one", "\u6ce8\u610f\u529b", "a-token-that-is-longer-than-a-line", "b"});
  for (const int64_t width : {12, 20, 80})
    for (const auto& line : lines_of(to_text(figure, {Colours::plain, width})))
      EXPECT_LE(columns(line), width) << line;
  EXPECT_THAT(to_text(figure, {Colours::c24bit, 40}), HasSubstr("\x1b[48;2;"));
}

}  // namespace
}  // namespace heed::lens
