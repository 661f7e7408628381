#include "heed/data/parallel_text.h"

#include <gmock/gmock.h>

#include "data/samples.h"

namespace heed::data {
namespace {

using test::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Pairs = std::vector<std::pair<std::string, std::string>>;

class ParallelText : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, std::string_view text) {
    return folder_.write(name, test::Bytes(text.begin(), text.end()));
  }
  Pairs read(const TextPairsPtr& corpus) {
    Pairs pairs;
    TextPair pair;
    places_.clear();
    for (const auto reader = corpus->read(); reader->next(pair);) {
      pairs.emplace_back(pair.source, pair.target);
      places_.push_back(pair.place);
    }
    return pairs;
  }
  Pairs read_table(std::string_view text, const PairOptions& options) {
    return read(open_text_pairs(write("table", text), {}, options));
  }
  std::string refused(std::string_view text, const PairOptions& options) {
    return message_of<DataError>([&] { read_table(text, options); });
  }

  test::TempFolder folder_;
  std::vector<std::string> places_;
};

TEST_F(ParallelText, LinesOfTwoFiles) {
  const auto a = write("a", "1\n\n3"), b = write("b", "x\r\ny\r\nz\r\n");
  const auto corpus = open_text_pairs(a, b);
  for (int again = 0; again < 2; ++again)
    EXPECT_THAT(read(corpus),
                ElementsAre(std::pair("1", "x"), std::pair("", "y"), std::pair("3", "z")));
  EXPECT_EQ(places_[2], a.string() + ":3, " + b.string() + ":3");
}

TEST_F(ParallelText, FilesOfDifferentLengthsNameBoth) {
  const auto a = write("a", "1\n2\n3\n4\n"), b = write("b", "x\ny\n");
  for (const auto& [first, second] : {std::pair(a, b), std::pair(b, a)}) {
    const auto message = message_of<DataError>([&] { read(open_text_pairs(first, second)); });
    EXPECT_THAT(message, HasSubstr(a.string() + " has 4"));
    EXPECT_THAT(message, HasSubstr(b.string() + " has 2"));
  }
}

TEST_F(ParallelText, ColumnsOfATable) {
  EXPECT_THAT(read_table("a\tb\nc\td\te\n", {.format = PairFormat::tsv}),
              ElementsAre(std::pair("a", "b"), std::pair("c", "d")));
  EXPECT_THAT(read_table("a\tb\tc\n\t\t\n", {.format = PairFormat::tsv, .columns = {3, 1}}),
              ElementsAre(std::pair("c", "a"), std::pair("", "")));
  EXPECT_THAT(refused("a\tb\na\n", {.format = PairFormat::tsv}),
              HasSubstr("table:2: expected a column 2, given 1 column parted"));
}

TEST_F(ParallelText, KeysOfJson) {
  EXPECT_THAT(read_table("{\"target\": \"b\\n\", \"n\": 3, \"source\": \"\\u00e9\"}\n",
                         {.format = PairFormat::json}),
              ElementsAre(std::pair("é", "b\n")));
  const PairOptions json{.format = PairFormat::json};
  EXPECT_THAT(refused("{}\n", json), HasSubstr("table:1: the object has no key 'source'"));
  EXPECT_THAT(refused("{\"source\": \"a\", \"tarket\": \"b\"}\n", json),
              HasSubstr("did you mean 'tarket'?"));
  EXPECT_THAT(refused("{\"source\": 1, \"target\": \"b\"}\n", json),
              HasSubstr("expected a string at 'source', given a number"));
  EXPECT_THAT(refused("[1]\n", json), HasSubstr("given a array"));
  EXPECT_THAT(refused("{\"source\": \"a\"\n", json), HasSubstr("table:1: expected an object"));
  EXPECT_THAT(refused("\n", json), HasSubstr("table:1: expected an object"));
  EXPECT_THAT(refused("{\"source\": 1e999}\n", json), HasSubstr("table:1: expected an object"));
  EXPECT_THAT(refused("{\"source\": \"\\ud800\"}\n", json), HasSubstr("table:1: expected"));
  EXPECT_THAT(refused("{\"source\": \"a\\u0000\", \"target\": \"\"}\n", json), HasSubstr("a NUL"));
}

TEST_F(ParallelText, RefusesWhatMakesNoSense) {
  const auto refused = [](const std::string& target, const PairOptions& options) {
    return message_of<UsageError>([&] { open_text_pairs("a", target, options); });
  };
  EXPECT_THAT(refused("b", {.format = PairFormat::tsv}), HasSubstr("given a second, b"));
  EXPECT_THAT(refused("", {}), HasSubstr("needs a file of targets"));
  EXPECT_THAT(refused("", {.format = PairFormat::tsv, .columns = {1}}), HasSubstr("expected 2"));
  EXPECT_THAT(refused("", {.format = PairFormat::tsv, .columns = {0, 1}}),
              HasSubstr("at least 1, given 0"));
  EXPECT_THAT(refused("", {.format = PairFormat::json, .keys = {"a"}}), HasSubstr("expected 2"));
  EXPECT_THROW(text_pairs({"a"}, {}, "x"), UsageError);
  EXPECT_THROW(read(open_text_pairs("/absent/a", "/absent/b")), FileError);
}

}  // namespace
}  // namespace heed::data
