// Figures of texts as PNG, SVG and terminal text.
#include "heed/lens/text_figure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/lens/heat.h"
#include "lens/columns.h"
#include "lens/decoded.h"
#include "lens/xml_check.h"

namespace heed::lens {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

/// `panels` panels of random weights with labels of all widths.
TextFigure figure_with(int64_t rows, int64_t columns, int64_t panels = 2) {
  const std::vector<std::string> words{"\u2581the",
                                       "\u65e5\u672c",
                                       "e\u0301te\u0301",
                                       "</s>",
                                       "\u0643\u0644\u0645\u0629",
                                       "a piece that is rather long"};
  torch::manual_seed(5);
  TextFigure figure{"a title that takes more than a line where lines are short", {"a line"}, {}};
  TextStrip strip;
  for (int64_t i = 0; i < rows; ++i) strip.rows.push_back(words[i % 6]);
  for (int64_t i = 0; i < columns; ++i) strip.columns.push_back(words[(i + 3) % 6]);
  for (int64_t i = 0; i < panels; ++i) {
    strip.panels.push_back({"cross 1 head " + std::to_string(i + 1), torch::rand({rows, columns})});
  }
  strip.note = "a note";
  figure.strips.push_back(strip);
  return figure;
}

std::vector<std::string> lines_in(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(Columns, CountsWhatATerminalShows) {
  EXPECT_EQ(columns("shoe"), 4);
  EXPECT_EQ(columns("\u65e5\u672c"), 4);
  EXPECT_EQ(columns("e\u0301"), 1);
  EXPECT_EQ(columns("\U0001f45f"), 2);
  EXPECT_EQ(columns("\xff"), 1);
  EXPECT_EQ(clusters("ae\u0301\u0323\u65e5").size(), 3u);
}

TEST(Columns, CutsAndWraps) {
  EXPECT_EQ(cut("\u65e5\u672c\u8a9e", 6), "\u65e5\u672c\u8a9e");
  EXPECT_EQ(cut("\u65e5\u672c\u8a9e", 5), "\u65e5\u672c\u2026");
  EXPECT_EQ(cut("\u65e5\u672c\u8a9e", 4), "\u65e5\u2026");
  EXPECT_EQ(cut("e\u0301e\u0301e\u0301", 2), "e\u0301\u2026");
  EXPECT_EQ(cut("ab", 1), "\u2026");
  EXPECT_THAT(wrapped("one two three", 7), testing::ElementsAre("one two", "three"));
  EXPECT_THAT(wrapped("one twothreefour", 8), testing::ElementsAre("one", "twothree", "four"));
  EXPECT_THAT(wrapped("abcdefgh", 3), testing::ElementsAre("abc", "def", "gh"));
  EXPECT_THAT(wrapped("", 3), testing::ElementsAre(""));
}

TEST(Columns, LabelsShowWhatCannotBeSeen) {
  EXPECT_EQ(visible("a\nb\t"), "a\\nb\\t");
  EXPECT_EQ(visible(" "), "\u2423");
  EXPECT_EQ(visible(" a"), " a");
  EXPECT_EQ(visible("\x07"), "\\x07");
  EXPECT_EQ(visible("\u0301"), "\u25cc\u0301");
  EXPECT_EQ(visible("<0x41>"), "A");
  EXPECT_EQ(visible("<0xC3>"), "<0xC3>");
  EXPECT_EQ(visible("\xff"), "\ufffd");
}

TEST(TextPng, ReadsBackWithItsColoursAtItsCells) {
  auto figure = figure_with(2, 3, 1);
  figure.strips[0].panels[0].values = torch::tensor({{0.0, 0.5, 1.0}, {1.0, 0.0, 0.5}});
  const Canvas page = decoded(to_png(figure));
  const auto is = [&](int64_t x, int64_t y, double t) { return page.at(x, y) == heat(t); };
  int64_t found = 0;
  for (int64_t y = 0; y + 18 < page.height(); ++y) {
    for (int64_t x = 0; x + 36 < page.width(); ++x) {
      found += is(x, y, 0) && is(x + 18, y, 0.5) && is(x + 36, y, 1) && is(x, y + 18, 1) &&
               is(x + 18, y + 18, 0) && is(x + 36, y + 18, 0.5);
    }
  }
  EXPECT_EQ(found, 18 * 18);
}

TEST(TextPng, EndsOfTheRange) {
  EXPECT_GT(decoded(to_png(figure_with(1, 1, 1))).height(), 18);
  const Canvas wide = decoded(to_png(figure_with(3, 1000, 1)));
  EXPECT_GE(wide.width(), 1000);
  EXPECT_LE(wide.width(), 1600);
  EXPECT_GE(decoded(to_png(figure_with(1000, 2, 3))).height(), 1000);
  EXPECT_EQ(to_png(figure_with(5, 5)), to_png(figure_with(5, 5)));
}

TEST(TextPng, ManyPanelsFitOnAPage) {
  const Canvas page = decoded(to_png(figure_with(40, 30, 400)));
  EXPECT_LE(page.width() * page.height(), int64_t{100} << 20);
}

TEST(TextPng, SaysWhatNoFontHas) {
  auto figure = figure_with(1, 1);
  figure.strips[0].rows = {"\U00013000"};  // a hieroglyph
  figure.strips[0].columns = {"the"};
  std::string note;
  EXPECT_GT(decoded(to_png(figure, &note)).width(), 0);
  EXPECT_THAT(note, HasSubstr("1 characters are drawn as boxes (\U00013000)"));
  figure.strips[0].rows = {"the"};
  note.clear();
  to_png(figure, &note);
  EXPECT_EQ(note, "");
}

TEST(TextPng, ColumnsThatAreLeftOutAreGreyAndNotInTheScale) {
  auto figure = figure_with(2, 3, 1);
  auto& strip = figure.strips[0];
  strip.panels[0].values = torch::tensor({{0.9, 0.1, 0.0}, {0.8, 0.1, 0.1}});
  strip.excluded = {0};
  const Canvas page = decoded(to_png(figure));
  int64_t grey = 0, full = 0;
  for (int64_t i = 0; i < page.width() * page.height(); ++i) {
    grey += page.data()[i] == kLeftOut;
    full += page.data()[i] == heat(1);
  }
  EXPECT_EQ(grey, 2 * 18 * 18);
  EXPECT_GE(full, 3 * 18 * 18);
  EXPECT_THAT(to_text(figure, {Colours::plain, 40}), HasSubstr("//@@"));
  strip.excluded = {3};
  EXPECT_THROW(to_png(figure), UsageError);
}

TEST(TextPng, LabelsMayBeLeftOut) {
  auto figure = figure_with(30, 20, 1);
  figure.strips[0].rows.clear();
  figure.strips[0].columns.clear();
  const auto texts = XmlCheck(to_svg(figure)).texts();
  EXPECT_EQ(texts.size(), 6u);  // title, line, panel, two ends, note
  EXPECT_FALSE(to_text(figure, {Colours::plain, 80}).empty());
}

TEST(TextSvg, IsWellFormedAndHasEveryLabel) {
  auto figure = figure_with(6, 6, 1);
  figure.title = "<a> & \"b\"";
  const auto svg = to_svg(figure);
  const auto texts = XmlCheck(svg).texts();
  EXPECT_THAT(texts, testing::IsSupersetOf({"<a> & \"b\"", "</s>", "\u65e5\u672c",
                                            "colours start at 0; a note", "cross 1 head 1",
                                            "a piece that is rather \u2026"}));
  EXPECT_EQ(std::count(texts.begin(), texts.end(), "\u2581the"), 2);
  size_t turned = 0;
  for (size_t at = 0; (at = svg.find("rotate(-90)", at)) != std::string::npos; ++at) ++turned;
  EXPECT_EQ(turned, 6u);
}

TEST(TextSvg, ThinsLabelsWhereRowsAreLow) {
  const auto texts = XmlCheck(to_svg(figure_with(1000, 2, 1))).texts();
  EXPECT_LT(texts.size(), 120u);
  EXPECT_THAT(texts, Contains("colours start at 0; a note; every 11th row has a label"));
}

TEST(TextTerminal, HonoursItsWidth) {
  for (const auto& [rows, keys] :
       std::vector<std::pair<int, int>>{{1, 1}, {6, 7}, {5, 60}, {30, 110}, {3, 3000}}) {
    for (const int64_t width : {12, 13, 40, 80, 200}) {
      const auto figure = figure_with(rows, keys, 3);
      for (const auto& line : lines_in(to_text(figure, {Colours::plain, width}))) {
        ASSERT_LE(columns(line), width) << line;
      }
      std::string bare = to_text(figure, {Colours::c24bit, width});
      for (size_t at; (at = bare.find('\x1b')) != std::string::npos;)
        bare.erase(at, bare.find('m', at) + 1 - at);
      for (const auto& line : lines_in(bare)) ASSERT_LE(columns(line), width) << line;
    }
  }
}

TEST(TextTerminal, StandsSideBySideBelowOrInPages) {
  const auto count = [](const std::string& text, const std::string& part) {
    const auto lines = lines_in(text);
    return std::count_if(lines.begin(), lines.end(), [&](const std::string& line) {
      return line.find(part) != std::string::npos;
    });
  };
  const auto figure = figure_with(4, 10, 2);
  EXPECT_EQ(count(to_text(figure, {Colours::plain, 80}), "cross 1 head"), 1);
  EXPECT_EQ(count(to_text(figure, {Colours::plain, 40}), "cross 1 head"), 2);
  EXPECT_EQ(count(to_text(figure, {Colours::plain, 40}), "columns"), 0);
  const auto pages = to_text(figure, {Colours::plain, 20});
  EXPECT_EQ(count(pages, "columns 1 to 7 of 10"), 2);
  EXPECT_EQ(count(pages, "columns 8 to 10 of"), 2);
  EXPECT_EQ(count(pages, "a piec"), 0);
}

TEST(TextTerminal, CellsAreTwoColumnsUnderTheirLabels) {
  TextFigure figure{"t", {}, {}};
  figure.strips.push_back(
      {{{"p", torch::tensor({{0.0, 1.0, 0.5}})}}, {"r"}, {"ab", "\u65e5", "c"}, ""});
  const auto lines = lines_in(to_text(figure, {Colours::plain, 40}));
  EXPECT_THAT(std::vector<std::string>(lines.begin() + 2, lines.begin() + 6),
              testing::ElementsAre("  p", "  a", "  b \u65e5c", "r   @@++"));
  const auto coloured = to_text(figure, {Colours::c256, 40});
  EXPECT_THAT(coloured, HasSubstr("\x1b[48;5;"));
  EXPECT_THAT(coloured, Not(HasSubstr("@@")));
}

TEST(TextFigure, RefusesWhatDoesNotFit) {
  auto figure = figure_with(2, 3);
  figure.strips[0].rows.pop_back();
  EXPECT_THROW(to_png(figure), UsageError);
  EXPECT_THROW(to_text(figure, {}), UsageError);
  figure.strips[0] = {};
  EXPECT_THROW(to_svg(figure), UsageError);
}

}  // namespace
}  // namespace heed::lens
