// Letters of every script, shaped and measured.
#include "lens/type.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "heed/core/error.h"

namespace heed::lens {
namespace {

using testing::HasSubstr;

/// A variable of the environment, as long as this lives.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    setenv(name, value.c_str(), 1);
  }
  ~Variable() { before_ ? setenv(name_, before_->c_str(), 1) : unsetenv(name_); }

 private:
  const char* name_;
  std::optional<std::string> before_;
};

/// The sum of what each letter takes alone.
double alone(Type& type, const std::vector<std::string>& letters) {
  double sum = 0;
  for (const auto& letter : letters) sum += type.width(letter, 40);
  return sum;
}

TEST(Type, ArabicLettersAreJoined) {
  Type type;
  const double joined = type.width("\u0643\u062a\u0628\u062a", 40);
  if (!type.note().empty()) GTEST_SKIP() << type.note();
  EXPECT_LT(joined, 0.85 * alone(type, {"\u0643", "\u062a", "\u0628", "\u062a"}));
}

TEST(Type, ArabicRunsFromRightToLeftAndNumbersDoNot) {
  Type type;
  const std::string word = "\u0643\u062a\u0628", line = word + " 12 " + word;
  EXPECT_TRUE(runs_left(line));
  EXPECT_FALSE(runs_left("12 abc " + word));
  const size_t bytes = word.size();
  const auto spans = type.spans(
      line, 40, Direction::right_to_left,
      {{0, bytes}, {bytes + 1, bytes + 2}, {bytes + 2, bytes + 3}, {bytes + 4, line.size()}});
  ASSERT_EQ(spans.size(), 4u);
  for (const auto& span : spans) ASSERT_EQ(span.size(), 1u);
  EXPECT_GT(spans[0][0].left, spans[1][0].left);  // the first word stands at the right
  EXPECT_LT(spans[1][0].left, spans[2][0].left);  // 1 before 2
  EXPECT_GT(spans[1][0].left, spans[3][0].left);
  EXPECT_NEAR(spans[0][0].right, type.width(line, 40), 0.1);
}

TEST(Type, APartOfALineInTwoDirectionsStandsInTwoPlaces) {
  Type type;
  // The whole of "ab" and the first letters of Arabic, whose end stands between them.
  const std::string line = "ab \u0643\u062a\u0628";
  const auto spans = type.spans(line, 40, Direction::left_to_right, {{0, 5}});
  EXPECT_EQ(spans[0].size(), 2u);
}

TEST(Type, DevanagariLettersMakeOneShape) {
  Type type;
  const double conjunct = type.width("\u0915\u094d\u0937", 40);  // ksha, of ka, virama, sha
  if (!type.note().empty()) GTEST_SKIP() << type.note();
  EXPECT_LT(conjunct, 0.8 * alone(type, {"\u0915", "\u0937"}));
}

TEST(Type, PartsOfALineCoverItWhole) {
  Type type;
  for (const std::string word :
       {"\u091b\u094b\u091f\u093e", "office", "\u0643\u062a\u0628\u0627"}) {
    const double width = type.width(word, 40);
    const auto whole = type.spans(word, 40, Direction::by_letters, {{0, word.size()}});
    ASSERT_EQ(whole[0].size(), 1u);
    EXPECT_NEAR(whole[0][0].left, 0, 0.01);
    EXPECT_NEAR(whole[0][0].right, width, 0.01) << word;
    const size_t half = word.size() / 2;
    const auto halves =
        type.spans(word, 40, Direction::by_letters, {{0, half}, {half, word.size()}});
    double sum = 0;
    for (const auto& part : halves)
      for (const auto& span : part) sum += span.right - span.left;
    EXPECT_NEAR(sum, width, 0.01) << word;
  }
}

TEST(Type, ChineseCharactersFillSquares) {
  Type type;
  const double width = type.width("\u6ce8\u610f\u529b", 40);
  if (!type.note().empty()) GTEST_SKIP() << type.note();
  EXPECT_NEAR(width, 120, 6);
}

TEST(Type, CutsAndWrapsByWidth) {
  Type type;
  EXPECT_EQ(type.cut("word", 20, 500), "word");
  const auto cut = type.cut("a long label of many words", 20, 100);
  EXPECT_THAT(cut, testing::EndsWith("\u2026"));
  EXPECT_LE(type.width(cut, 20), 100);
  EXPECT_EQ(type.cut("word", 20, 1), "\u2026");
  const auto lines = type.wrapped("one two three averyveryverylongword end", 20, 80);
  for (const auto& line : lines) EXPECT_LE(type.width(line, 20), 80) << line;
  std::string whole;
  for (const auto& line : lines) whole += line;
  std::erase(whole, ' ');
  EXPECT_EQ(whole, "onetwothreeaveryveryverylongwordend");
  EXPECT_THAT(type.wrapped("", 20, 80), testing::ElementsAre(""));
}

TEST(Type, BreaksLinesBetweenChineseCharactersAndWords) {
  const std::string text = "ab cd\u6ce8\u610f";
  const auto may = line_breaks(text);
  EXPECT_FALSE(may[1]);
  EXPECT_TRUE(may[3]);
  EXPECT_FALSE(may[4]);
  EXPECT_TRUE(may[5 + 3]);
}

TEST(Type, FilesOfHeedFontComeFirst) {
  const std::string mono = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf";
  if (!std::filesystem::exists(mono)) GTEST_SKIP() << "no " << mono;
  Type sans;
  EXPECT_LT(sans.width("iiii", 20), 0.6 * sans.width("mmmm", 20));
  const Variable font("HEED_FONT", mono);
  Type type;
  EXPECT_NEAR(type.width("iiii", 20), type.width("mmmm", 20), 0.01);
}

TEST(Type, ThreadsMeasureTheSame) {
  const std::string text = "attention \u6ce8\u610f \u0643\u062a\u0628";
  const double expected = Type().width(text, 20);
  std::vector<std::thread> threads;
  std::atomic<int> same = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 20; ++j) same += Type().width(text, 20) == expected;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(same, 80);
}

TEST(Type, NamesAFileThatIsNoFont) {
  const Variable wrong("HEED_FONT", "/etc/hostname");
  EXPECT_THROW(Type(), FileError);
}

TEST(Type, SaysThatAMachineHasNoFonts) {
  const auto file = std::filesystem::path(testing::TempDir()) / "heed_no_fonts.conf";
  std::ofstream(file) << "<?xml version=\"1.0\"?><fontconfig></fontconfig>";
  const Variable none("FONTCONFIG_FILE", file.string());
  try {
    Type type;
    ADD_FAILURE() << "expected an error";
  } catch (const FileError& error) {
    EXPECT_THAT(error.what(), HasSubstr("fonts-dejavu-core"));
  }
}

TEST(Drawable, HasNoControlsAndIsUtf8) {
  EXPECT_EQ(drawable("a\x07\xff b\u2028c"), "a\ufffd\ufffd b c");
  EXPECT_EQ(drawable(std::string("\0", 1)), "\ufffd");
}

}  // namespace
}  // namespace heed::lens
