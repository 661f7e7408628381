// Figures as SVG, PNG and terminal text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "files.h"
#include "heed/core/error.h"
#include "heed/lens/draw.h"
#include "heed/lens/figure.h"
#include "heed/lens/terminal.h"
#include "lens/xml_check.h"

namespace heed::lens {
namespace {

using test::lines_of;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

/// 4 x 4 pixels: white above, black below; two panels of 2 x 2 weights from 0 to 0.5.
Figure small_figure() {
  Figure figure;
  figure.title = "two heads";
  figure.lines = {"shoe 97.5 %", "bag 2.5 %"};
  figure.image.shape = {1, 4, 4};
  figure.image.values.assign(16, 0);
  std::fill_n(figure.image.values.begin(), 8, 255);
  figure.strips.push_back({{{"layer 1 head 1", torch::tensor({{0.0, 0.5}, {0.5, 0.0}})},
                            {"layer 1 head 2", torch::tensor({{0.25, 0.25}, {0.25, 0.25}})}}});
  return figure;
}

TEST(Svg, IsWellFormedAndSaysEverything) {
  const auto texts = XmlCheck(to_svg(small_figure())).texts();
  EXPECT_THAT(texts, testing::UnorderedElementsAre("two heads", "shoe 97.5 %", "bag 2.5 %",
                                                   "layer 1 head 1", "layer 1 head 2", "0", "0.5",
                                                   "colours start at 0"));
}

TEST(Svg, EscapesText) {
  auto figure = small_figure();
  figure.title = "a<b> & \"c\"";
  figure.lines = {std::string("bell\x07 bad\xff nul\0", 15), "\u00dcbergr\u00f6\u00dfe \U0001f45f"};
  const auto texts = XmlCheck(to_svg(figure)).texts();
  EXPECT_THAT(texts, testing::IsSupersetOf({figure.title, figure.lines[1]}));
  EXPECT_THAT(texts, testing::Contains("bell\ufffd bad\ufffd nul\ufffd"));
}

TEST(Svg, HoldsItsImages) {
  const auto svg = to_svg(small_figure());
  size_t count = 0;
  for (size_t at = 0; (at = svg.find("data:image/png;base64,iVBORw0KGgo", at)) != std::string::npos;
       ++at)
    ++count;
  EXPECT_EQ(count, 4u);  // the image, two panels, one legend
  EXPECT_THAT(svg, HasSubstr("<title>layer 1 head 2, 0 to 0.5</title>"));
}

TEST(FigurePng, IsTheSameOnEveryRun) {
  const auto bytes = to_png(small_figure());
  EXPECT_EQ(bytes.substr(1, 3), "PNG");
  EXPECT_EQ(bytes, to_png(small_figure()));
}

TEST(Figure, NeedsAnImage) {
  EXPECT_THROW(to_png(Figure{}), UsageError);
  EXPECT_THROW(to_text(Figure{}, {}), UsageError);
}

TEST(TerminalText, PlainIsAsciiShades) {
  const auto text = to_text(small_figure(), {Colours::plain, 40});
  for (const char c : text) EXPECT_TRUE(c == '\n' || (c >= ' ' && c <= '~')) << int{c};
  const auto lines = lines_of(text);
  EXPECT_EQ(lines[0], "two heads");
  EXPECT_EQ(lines[2], std::string(19, '@') + "  shoe 97.5 %");
  EXPECT_EQ(lines[3], std::string(19, '@') + "  bag 2.5 %");
  EXPECT_EQ(lines[11].substr(0, 19), std::string(19, ' '));
  EXPECT_EQ(lines[13], "layer 1 head 1       layer 1 head 2");
  EXPECT_EQ(lines[14].substr(0, 5), "     ");
  EXPECT_EQ(lines[14].substr(14, 5), "@@@@@");
  EXPECT_EQ(lines[14].substr(21, 19), std::string(19, '+'));  // t = 0.5 of " .:-=+*#%@"
  EXPECT_EQ(lines[lines.size() - 3], "0   ..:::--===+++**###%%@@ 0.5");
  EXPECT_EQ(lines[lines.size() - 2], "colours start at 0");
}

TEST(TerminalText, PanelsWrapWhereTheyDoNotFit) {
  const auto narrow = lines_of(to_text(small_figure(), {Colours::plain, 20}));
  EXPECT_THAT(narrow, testing::Contains("layer 1 head 1"));
  EXPECT_THAT(narrow, testing::Contains("layer 1 head 2"));
  for (int64_t width : {34, 40, 80, 200}) {
    for (const auto& line : lines_of(to_text(small_figure(), {Colours::plain, width}))) {
      EXPECT_LE(static_cast<int64_t>(line.size()), width);
    }
  }
}

/// The escape sequences of one colour layer, in order.
std::vector<std::string> escapes(const std::string& text) {
  std::vector<std::string> found;
  for (size_t at = 0; (at = text.find('\x1b', at)) != std::string::npos; ++at) {
    found.push_back(text.substr(at + 1, text.find('m', at) - at));
  }
  return found;
}

TEST(TerminalText, TwentyFourBitsAreTheColoursThemselves) {
  const auto lines = lines_of(to_text(small_figure(), {Colours::c24bit, 40}));
  EXPECT_THAT(lines[2], testing::StartsWith("\x1b[38;2;255;255;255m\x1b[48;2;255;255;255m\u2580"));
  EXPECT_THAT(lines[11], testing::StartsWith("\x1b[38;2;0;0;0m"));
  EXPECT_THAT(lines[2], testing::EndsWith("\x1b[0m  shoe 97.5 %"));
  const Canvas white(1, 1);
  const Colour first = overlay(white, torch::zeros({1, 1}), {0, 1}).at(0, 0);
  const std::string expected = "[38;2;" + std::to_string(first.red) + ";" +
                               std::to_string(first.green) + ";" + std::to_string(first.blue) + "m";
  EXPECT_EQ(escapes(lines[14])[0], expected);
}

TEST(TerminalText, TwoHundredFiftySixColoursAreTheNearest) {
  const auto lines = lines_of(to_text(small_figure(), {Colours::c256, 40}));
  EXPECT_THAT(lines[2], testing::StartsWith("\x1b[38;5;231m\x1b[48;5;231m\u2580"));
  EXPECT_THAT(lines[11], testing::StartsWith("\x1b[38;5;16m"));
  for (const auto& line : lines) EXPECT_THAT(line, Not(HasSubstr(";2;")));
}

TEST(TerminalText, ModesHaveNames) {
  EXPECT_EQ(colours_from_text("24bit"), Colours::c24bit);
  EXPECT_EQ(colours_from_text("256"), Colours::c256);
  EXPECT_EQ(colours_from_text("plain"), Colours::plain);
  EXPECT_THROW(colours_from_text("24bits"), UsageError);
}

TEST(TerminalText, TallAndWideImagesKeepTheirProportions) {
  auto figure = small_figure();
  figure.image.shape = {3, 2, 8};
  figure.image.values.assign(48, 100);
  const auto wide = lines_of(to_text(figure, {Colours::plain, 40}));
  EXPECT_NE(wide[6].find('='), std::string::npos);  // 40 x 10 pixels are 5 lines
  EXPECT_EQ(wide[7].find('='), std::string::npos);
  figure.image.shape = {3, 8, 2};
  const auto tall = lines_of(to_text(figure, {Colours::plain, 40}));
  EXPECT_EQ(tall[2].substr(0, 21), "====                 ");
}

}  // namespace
}  // namespace heed::lens
