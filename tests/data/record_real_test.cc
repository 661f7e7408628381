// Real files as others read them: Python 3.11's csv and json modules, and the package conllu 6.0
// gave the counts and the checksums (test::checksum_of) of the same cells.
#include <gmock/gmock.h>

#include <algorithm>

#include "data/record_samples.h"

namespace heed::data {
namespace {

using test::checksum_of;

std::vector<std::string> all_names(const Records& records) {
  std::vector<std::string> names;
  for (const auto& column : records.columns()) names.push_back(column.name);
  return names;
}

struct RealTable {
  const char* file;
  RecordOptions options;
  int64_t records;
  uint64_t checksum;
};

class RealTables : public ::testing::TestWithParam<RealTable> {};

TEST_P(RealTables, EqualPythonsCsv) {
  HEED_NEEDS_SHARED(GetParam().file);
  const auto records = open_records({test::shared_data() / GetParam().file}, GetParam().options);
  EXPECT_EQ(records->size(), GetParam().records);
  EXPECT_EQ(checksum_of(*records, all_names(*records)), GetParam().checksum);
}

const RecordOptions kNoHeader{.header = false};
INSTANTIATE_TEST_SUITE_P(
    Record, RealTables,
    ::testing::Values(
        RealTable{"banking77/train.csv", {}, 10003, 0xb07d9afd847a3609},
        RealTable{"banking77/test.csv", {}, 3080, 0x2302967876aae758},
        RealTable{"stsb/train.csv.gz", kNoHeader, 5749, 0x61021b465d26c00c},
        RealTable{"stsb/test.csv.gz", kNoHeader, 1379, 0xb7b46fbf0bd6fdfe},
        RealTable{"sst2/train.tsv", kNoHeader, 6920, 0x808994d3c45dbb41},
        RealTable{"etth/ETTh1.csv", {}, 17420, 0x4f87b2c7c9db126c},
        RealTable{"stocks/stocks.csv", {}, 560, 0x0ffe34cddd4bf5cd},
        RealTable{"stocks/sp500-2000.csv", {}, 5105, 0x32a94209823e9d1d},
        RealTable{"german_credit/german.data",
                  {.format = RecordFormat::tsv, .header = false},
                  1000,
                  0xdd276917780cd701},
        RealTable{"nab/data/realTweets/Twitter_volume_AAPL.csv", {}, 15902, 0xe769c2f87bf77d14},
        RealTable{"amazon_beauty/beauty.txt.gz",
                  {.format = RecordFormat::csv, .header = false, .delimiter = " "},
                  353962,
                  0x2965dd1854151060}));

TEST(RecordReal, JsonLinesEqualPythonsJson) {
  HEED_NEEDS_SHARED("scitldr");
  const auto records = open_records({test::shared_data() / "scitldr/dev.jsonl.gz"});
  EXPECT_EQ(records->size(), 619);
  EXPECT_EQ(checksum_of(*records,
                        {"source", "source_labels", "rouge_scores", "paper_id", "target", "title"}),
            0xa74aa8ca914f8272);
}

TEST(RecordReal, TreebankEqualsThePackageConllu) {
  HEED_NEEDS_SHARED("ud_english_ewt");
  const auto folder = test::shared_data() / "ud_english_ewt";
  struct Part {
    const char* file;
    int64_t sentences, tokens, nodes;
    uint64_t checksum;
  };
  for (const Part& part : {Part{"train", 12544, 2614, 37, 0xa61502af09323ad3},
                           Part{"dev", 2001, 359, 4, 0x5876dd93b9cca4d5},
                           Part{"test", 2077, 354, 2, 0x76c4b2cae85dffa4}}) {
    const auto records =
        open_records({folder / ("en_ewt-ud-" + std::string(part.file) + ".conllu.gz")});
    EXPECT_EQ(records->size(), part.sentences);
    EXPECT_EQ(checksum_of(*records, {"sent_id", "text", "form", "upos", "head", "deprel"}),
              part.checksum);
    for (const auto& passed : records->passed_over())
      EXPECT_EQ(passed.count, passed.what == "empty nodes" ? part.nodes : part.tokens);
  }
}

TEST(RecordReal, PropBankHasAColumnAPredicate) {
  HEED_NEEDS_SHARED("up_english_ewt");
  const RecordOptions options{.columns = {"id", "form", "lemma", "upos", "xpos", "feats", "head",
                                          "deprel", "deps", "misc", "pred", "args*"}};
  const auto records =
      open_records({test::shared_data() / "up_english_ewt/en_ewt-up-dev.conllu"}, options);
  EXPECT_EQ(records->size(), 2002);
  const int64_t pred = records->column("pred"), args = records->column("args");
  for (int64_t i = 0; i < records->size(); ++i) {
    int64_t predicates = 0;
    for (const auto item : records->list(i, pred)) predicates += item != "_";
    const auto first = records->list(i, args)[0];
    EXPECT_EQ(std::count(first.begin(), first.end(), '\t') + 1, std::max<int64_t>(predicates, 1))
        << records->place(i);
  }
}

TEST(RecordReal, NamesInColumns) {
  HEED_NEEDS_SHARED("wnut17");
  struct File {
    const char* name;
    int64_t sentences, words;
  };
  for (const File& file : {File{"wnut17/train.conll.gz", 3394, 62730},
                           {"wnut17/dev.conll.gz", 1009, 15733},
                           {"wnut17/test.conll.gz", 1287, 23394},
                           {"weibo_ner/train.conll.gz", 1350, 73778},
                           {"weibo_ner/dev.conll.gz", 270, 14509}}) {
    const auto records =
        open_records({test::shared_data() / file.name}, {.columns = {"word", "tag"}});
    EXPECT_EQ(records->size(), file.sentences) << file.name;
    int64_t words = 0;
    for (int64_t i = 0; i < records->size(); ++i)
      words += static_cast<int64_t>(records->list(i, 1).size());
    EXPECT_EQ(words, file.words) << file.name;
  }
}

}  // namespace
}  // namespace heed::data
