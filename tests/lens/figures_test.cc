// Links, values along time, overviews; PDF and HTML.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "heed/core/error.h"
#include "heed/lens/lines_figure.h"
#include "heed/lens/overview_figure.h"
#include "heed/lens/series_figure.h"
#include "heed/lens/tokens_figure.h"
#include "lens/columns.h"
#include "lens/decoded.h"
#include "lens/xml_check.h"

namespace heed::lens {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

int64_t occurrences(const std::string& text, const std::string& part) {
  int64_t count = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++count;
  return count;
}

/// All texts of an SVG document, a space between two of them.
std::string words_of(const std::string& svg) {
  std::string all;
  for (const auto& text : XmlCheck(svg).texts()) all += text + ' ';
  return all;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

LinesFigure three_links() {
  LinesFigure figure{"lines", {}, {"the", "dog", "<s>"}, {"der", "Hund"}, {}};
  figure.links = {{0, 0, 0.25}, {1, 1, 0.5}, {2, 0, 9}, {2, 1, NAN}, {0, 1, 0}};
  return figure;
}

TEST(LinesFigure, DrawsTheStrongestAndSaysWhatIsLeftOut) {
  auto figure = three_links();
  figure.excluded = {2};
  EXPECT_EQ(occurrences(to_svg(figure), "<path"), 2);
  EXPECT_THAT(XmlCheck(to_svg(figure)).texts(), Contains("the strongest link is 0.5"));
  figure.most_links = 1;
  EXPECT_EQ(occurrences(to_svg(figure), "<path"), 1);
  EXPECT_THAT(words_of(to_svg(figure)),
              HasSubstr("the 1 strongest of 2 links; those left out hold 33.3 % of the weight"));
  figure.note = "a note";
  EXPECT_THAT(words_of(to_svg(figure)), testing::EndsWith("; a note "));
}

TEST(LinesFigure, SignsHaveTwoHues) {
  auto figure = three_links();
  figure.links = {{0, 0, -1}, {1, 1, 1}};
  figure.is_signed = true;
  const auto hex = [](Colour c) {
    char text[16];
    std::snprintf(text, sizeof text, "#%02x%02x%02x", c.red, c.green, c.blue);
    return std::string(text);
  };
  EXPECT_EQ(occurrences(to_svg(figure), "stroke=\"" + hex(diverging(-1))), 1);
  EXPECT_EQ(occurrences(to_svg(figure), "stroke=\"" + hex(diverging(1))), 1);
}

TEST(LinesFigure, LongInputsStayOnAPage) {
  LinesFigure figure{"long", {}, {}, {}, {}};
  figure.source.assign(32768, "word");
  figure.target.assign(32768, "Wort");
  for (int64_t i = 0; i < 32768; ++i) figure.links.push_back({i, 32767 - i, double(i)});
  const auto drawing = draw(figure);
  EXPECT_LT(drawing.height(), 13000);
  EXPECT_EQ(occurrences(drawing.svg(), "<path"), 1000);
  EXPECT_TRUE(has(words_of(drawing.svg()), "the 1000 strongest of 32767 links"));
}

TEST(LinesFigure, RefusesWhatDoesNotFit) {
  EXPECT_THROW(draw(LinesFigure{}), UsageError);
  auto figure = three_links();
  figure.links.push_back({3, 0, 1});
  EXPECT_THROW(draw(figure), UsageError);
  figure.links.back() = {0, -1, 1};
  EXPECT_THROW(draw(figure), UsageError);
}

SeriesFigure series() {
  SeriesRow curve{.label = "temperature"};
  for (int i = 0; i < 100; ++i) curve.times.push_back(i / 10.0), curve.curve.push_back(std::sin(i));
  curve.edges = {0, 5, 10};
  curve.values = {-1, 2};
  SeriesRow sound{.label = "recording"};
  sound.spectrogram = torch::rand({80, 300});
  sound.end = 10;
  sound.edges = {0, 2.5, 10};
  sound.values = {1, NAN};
  return {"series", {"a line"}, "s", {curve, sound}};
}

TEST(SeriesFigure, HasAnAxisOfSecondsAndItsScales) {
  const auto texts = XmlCheck(to_svg(series())).texts();
  EXPECT_THAT(texts,
              testing::IsSupersetOf({"temperature", "recording", "0 s", "4", "10", "-2", "2"}));
  EXPECT_THAT(texts, Contains("0 has no colour; orange is above, blue below"));
  const Canvas page = decoded(to_png(series()));
  EXPECT_GT(std::count(page.data(), page.data() + page.width() * page.height(), kLeftOut), 1000);
}

TEST(SeriesFigure, LongSeriesStayOfBoundedSize) {
  SeriesRow row{.label = "long"};
  for (int i = 0; i < 1000000; ++i) row.times.push_back(i), row.curve.push_back(i % 7);
  row.edges.push_back(0);
  for (int i = 1; i <= 100000; ++i)
    row.edges.push_back(10 * i), row.values.push_back(i == 777 ? 5 : 0.1);
  const SeriesFigure figure{"t", {}, "s", {row}};
  const auto svg = to_svg(figure);
  EXPECT_LT(svg.size(), 400000u);
  EXPECT_TRUE(has(svg, ": 5\""));  // the one that counts is not lost
  EXPECT_TRUE(has(svg, "of the 100000 values the strongest under each pixel is drawn"));
}

TEST(SeriesFigure, RefusesWhatDoesNotFit) {
  EXPECT_THROW(draw(SeriesFigure{}), UsageError);
  const auto refused = [](auto change) {
    auto figure = series();
    change(figure);
    EXPECT_THROW(draw(figure), UsageError);
    EXPECT_THROW(to_text(figure, {}), UsageError);
  };
  refused([](SeriesFigure& f) { f.rows[0].times.pop_back(); });
  refused([](SeriesFigure& f) { f.rows[0].times[3] = 0; });
  refused([](SeriesFigure& f) { f.rows[0].edges[1] = NAN; });
  refused([](SeriesFigure& f) { f.rows[0].edges.pop_back(); });
  refused([](SeriesFigure& f) { f.rows[0] = {}; });
  refused([](SeriesFigure& f) { f.rows[1].end = 0; });
  refused([](SeriesFigure& f) { f.rows[1].spectrogram = torch::rand({3}); });
  refused([](SeriesFigure& f) { f.rows[0].spectrogram = torch::rand({3, 3}); });
}

TEST(SeriesText, IsAStripOfItsWidth) {
  SeriesFigure figure{"t", {}, "s", {{.label = "x", .edges = {0, 1, 2}, .values = {-1, 0.5}}}};
  const auto text = to_text(figure, {Colours::plain, 20});
  EXPECT_THAT(text, HasSubstr("@@@@@@@@@@++++++++++"));
  EXPECT_THAT(text, HasSubstr("\n----------\n"));
}

OverviewFigure small_overview() {
  OverviewFigure figure{"overview", {}, {}};
  for (const char* layer : {"layer 1", "layer 2"}) {
    OverviewRow row{layer, {}, {0}, "a note"};
    for (const char* head : {"head 1", "head 2", "head 3"})
      row.panels.push_back({head, torch::tensor({{0.9, 0.25}, {0.9, 0.5}})});
    figure.rows.push_back(row);
  }
  return figure;
}

TEST(OverviewFigure, HasTitlesOnceAndOneScale) {
  const auto texts = XmlCheck(to_svg(small_overview())).texts();
  EXPECT_EQ(std::count(texts.begin(), texts.end(), "head 2"), 1);
  EXPECT_THAT(texts, testing::IsSupersetOf({"layer 1", "layer 2", "0", "0.5", "a note"}));
  auto figure = small_overview();
  figure.rows[1].note = "another";
  EXPECT_THAT(XmlCheck(to_svg(figure)).texts(),
              testing::IsSupersetOf({"layer 1: a note", "layer 2: another"}));
  const Canvas page = decoded(to_png(small_overview()));
  EXPECT_GE(std::count(page.data(), page.data() + page.width() * page.height(), kLeftOut),
            6 * 96 * 48);
}

TEST(OverviewFigure, RefusesWhatDoesNotFit) {
  EXPECT_THROW(draw(OverviewFigure{}), UsageError);
  auto figure = small_overview();
  figure.rows[0].excluded = {2};
  EXPECT_THROW(draw(figure), UsageError);
  figure = small_overview();
  figure.rows[1].panels[0].values = torch::ones({3});
  EXPECT_THROW(draw(figure), UsageError);
}

TEST(Pdf, IsTheSameOnEveryRun) {
  const auto bytes = to_pdf(three_links());
  EXPECT_THAT(bytes, testing::StartsWith("%PDF-"));
  EXPECT_THAT(bytes, HasSubstr("%%EOF"));
  EXPECT_EQ(bytes, to_pdf(three_links()));
}

TEST(Pdf, LongPagesAreMadeSmaller) {
  LinesFigure figure{"long", {}, std::vector<std::string>(30000, "a"), {"b"}, {}};
  const auto bytes = to_pdf(figure);
  const size_t box = bytes.find("/MediaBox [");
  ASSERT_NE(box, std::string::npos);
  double x, y, width, height;
  std::istringstream(bytes.substr(box + 11)) >> x >> y >> width >> height;
  EXPECT_LE(height, 14400);
  EXPECT_GT(height, 5000);
}

TEST(Html, StandsAloneAndRunsNothingOfTheText) {
  TokensFigure figure{"</title><script>alert(1)</script>", {}, {}};
  figure.rows.push_back(
      {"", {{"</script><img src=x onerror=y>", true}, {"\" onclick=\"z", true}}, {1, 2}});
  const auto html = to_html(figure);
  EXPECT_THAT(html, testing::StartsWith("<!doctype html>"));
  EXPECT_EQ(occurrences(html, "<script"), 2);  // its numbers, and what shows them
  EXPECT_THAT(html, Not(HasSubstr("<img")));
  EXPECT_THAT(html, Not(HasSubstr("\" onclick=\"")));
  EXPECT_THAT(html, HasSubstr("default-src 'none'"));
  for (const char* fetched : {"src=\"http", "href=\"http", "url("})
    EXPECT_THAT(html, Not(HasSubstr(fetched)));
}

TEST(Html, HoldsTheNumbersOfItsGrids) {
  TextFigure figure{"t", {}, {}};
  figure.strips.push_back(
      {{{"p", torch::tensor({{0.125, double{NAN}}})}}, {"a\"</script>"}, {"b", "c"}, ""});
  const auto html = to_html(figure);
  EXPECT_THAT(html, HasSubstr("\"values\":[[0.125,\"nan\"]]"));
  EXPECT_THAT(html, HasSubstr("[\"a\\\"\\u003c/script>\"]"));
  EXPECT_THAT(html, HasSubstr("data-grid=\"0\""));
}

TEST(Drawing, OfMoreThanAnImageHoldsIsRefusedAsPngAlone) {
  OverviewFigure figure{"many", {}, {}};
  OverviewRow row{"row", {}, {}, ""};
  for (int i = 0; i < 2500; ++i) row.panels.push_back({"p", torch::ones({2, 2})});
  figure.rows.push_back(row);
  const auto drawing = draw(figure);
  EXPECT_GT(drawing.width(), 32767);
  EXPECT_THROW(drawing.png(), UsageError);
  EXPECT_FALSE(drawing.pdf().empty());
}

}  // namespace
}  // namespace heed::lens
