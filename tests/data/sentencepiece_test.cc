#include <gmock/gmock.h>

#include <numeric>
#include <regex>
#include <thread>

#include "data/samples.h"
#include "heed/core/random.h"
#include "heed/data/tokenizer.h"
#include "shared_data.h"

namespace heed::data {
namespace {

using test::message_of;
using ::testing::HasSubstr;
using Ids = std::vector<int64_t>;

/// Sentences of made-up words, enough to learn pieces from.
std::vector<std::string> sentences() {
  const char* syllables[] = {"ba", "ke", "li", "mo", "nu", "rö", "sa", "te", "vi", "日本",
                             "zo", "pu", "gä", "do", "fi", "ha", "jo", "ku", "le", "ß"};
  Random random(3);
  std::vector<std::string> words, lines;
  for (int i = 0; i < 200; ++i) {
    std::string word;
    for (uint32_t left = 1 + random.below(4); left > 0; --left) word += syllables[random.below(20)];
    words.push_back(i % 9 ? word : "Z" + word);
  }
  for (int i = 0; i < 500; ++i) {
    std::string line;
    for (int j = 0; j < 8; ++j) line += (j ? " " : "") + words[random.below(200)];
    lines.push_back(line + '.');
  }
  return lines;
}

Lines from(std::vector<std::string> given) {
  return [given = std::move(given), at = size_t{0}](std::string& line) mutable {
    if (at == given.size()) return false;
    line = given[at++];
    return true;
  };
}

class SentencePiece : public ::testing::TestWithParam<TokenizerKind> {
 protected:
  void SetUp() override {
    try {
      train_tokenizer(options(), from(sentences()));
    } catch (const FileError& error) {
      GTEST_SKIP() << error.what();
    }
  }
  static TokenizerOptions options(int64_t size = 80) { return {.kind = GetParam(), .size = size}; }
};

TEST_P(SentencePiece, LearnsTheSizeThatIsAskedFor) {
  const auto t = train_tokenizer(options(), from(sentences()));
  EXPECT_EQ(t->size(), 80);
  EXPECT_EQ((Ids{t->padding(), t->unknown(), t->begin(), t->end()}), (Ids{0, 1, 2, 3}));
  const char* specials[] = {"<pad>", "<unk>", "<s>", "</s>"};
  for (int64_t i = 0; i < 4; ++i) EXPECT_EQ(t->piece(i), specials[i]);
  for (int64_t i = 0; i < 80; ++i) EXPECT_EQ(t->id(t->piece(i)), i);
  for (const auto& line : sentences()) {
    const auto ids = t->encode(line);
    EXPECT_LT(ids.size(), line.size());
    for (const int64_t id : ids) EXPECT_GE(id, 4);
    EXPECT_EQ(t->decode(ids), line);
  }
  EXPECT_EQ(t->encode(""), Ids{});
  EXPECT_EQ(t->decode({}), "");
}

TEST_P(SentencePiece, SpecialPiecesAreLeftOutAndUnknownOnesShown) {
  const auto t = train_tokenizer(options(), from(sentences()));
  auto ids = t->encode("bake li");
  ids.insert(ids.begin(), {0, 2});
  ids.insert(ids.end(), {3, 0});
  EXPECT_EQ(t->decode(ids), "bake li");
  EXPECT_THAT(t->decode(t->encode("ba Ж ke")), HasSubstr("\u2047"));
  for (const int64_t id : t->encode("<s> </s> <pad>")) EXPECT_TRUE(id == 1 || id > 3);
}

TEST_P(SentencePiece, GivesTheSameBytesAgain) {
  const auto t = train_tokenizer(options(), from(sentences()));
  EXPECT_EQ(train_tokenizer(options(), from(sentences()))->file(), t->file());
  const auto again = load_tokenizer(options(), t->file(), "x.model");
  EXPECT_EQ(again->file(), t->file());
  for (const auto& line : sentences()) EXPECT_EQ(again->encode(line), t->encode(line));
}

TEST_P(SentencePiece, ReturnsAnyTextWithoutNormalization) {
  TokenizerOptions plain = options(400);
  plain.normalization = TextNormalization::identity, plain.byte_pieces = true;
  const auto t = train_tokenizer(plain, from(sentences()));
  for (const std::string text :
       {" ", "  a  b ", "ﬁ①", "é\te", "Ж😀x", "a\nb", "   ", "x\u00a0y", "\u2585", "<s>\t</s>"})
    EXPECT_EQ(t->decode(t->encode(text)), text) << text;
  const auto normal = train_tokenizer(options(), from(sentences()));
  EXPECT_EQ(normal->decode(normal->encode(" bake   li ")), "bake li");
}

TEST_P(SentencePiece, LowersCase) {
  TokenizerOptions lower = options(60);
  lower.lowercase = true;
  const auto t = train_tokenizer(lower, from(sentences()));
  EXPECT_EQ(t->decode(t->encode("BAKE LIRÖ Sa")), "bake lirö sa");
}

TEST_P(SentencePiece, TooLargeASizeNamesTheLargest) {
  const auto message =
      message_of<ModelError>([&] { train_tokenizer(options(5000), from(sentences())); });
  EXPECT_THAT(message, HasSubstr("tokenizer.size: given 5000"));
  std::smatch found;
  ASSERT_TRUE(std::regex_search(message, found, std::regex("largest possible size is (\\d+)")))
      << message;
  const int64_t largest = std::stoll(found[1]);
  EXPECT_EQ(train_tokenizer(options(largest), from(sentences()))->size(), largest);
  EXPECT_THROW(train_tokenizer(options(largest + 1), from(sentences())), ModelError);
}

TEST_P(SentencePiece, TooSmallASizeIsRefused) {
  EXPECT_THAT(message_of<ModelError>([&] { train_tokenizer(options(6), from(sentences())); }),
              HasSubstr("size 6"));
}

TEST_P(SentencePiece, RefusesBadInput) {
  EXPECT_THAT(message_of<DataError>([&] { train_tokenizer(options(), from({})); }),
              HasSubstr("holds no line"));
  EXPECT_THAT(message_of<DataError>([&] {
                train_tokenizer(options(), from({"a", "\xFF"}));
              }),
              HasSubstr("byte 0 of 1"));
  EXPECT_THAT(message_of<DataError>([&] { load_tokenizer(options(), "no model", "x.model"); }),
              HasSubstr("x.model: expected a model file of SentencePiece"));
  EXPECT_THROW(load_tokenizer(options(), "", "x.model"), DataError);
  const auto t = train_tokenizer(options(), from(sentences()));
  EXPECT_THROW(t->encode("\xC3"), DataError);
  for (const int64_t id : {-1, 80}) {
    EXPECT_THROW(t->decode({id}), UsageError);
    EXPECT_THROW(t->piece(id), UsageError);
  }
}

TEST_P(SentencePiece, WhatTheSourceThrowsArrives) {
  int given = 0;
  const Lines broken = [&](std::string& line) -> bool {
    if (++given > 3) throw DataError("x:4: broken");
    line = "some text";
    return true;
  };
  EXPECT_THAT(message_of<DataError>([&] { train_tokenizer(options(), broken); }),
              HasSubstr("x:4: broken"));
}

TEST_P(SentencePiece, LongLinesAreLearntFrom) {
  std::string line;
  for (const auto& sentence : sentences()) line += sentence + ' ';
  ASSERT_GT(line.size(), 5000u);
  EXPECT_EQ(train_tokenizer(options(), from({line}))->size(), 80);
}

TEST_P(SentencePiece, StretchesWithoutBlanksAreLearntFromWhateverTheirLength) {
  Random random(5);
  // 32,769 characters of a word were the most; U+FDFA becomes 18.
  for (const auto& [count, letters] : {std::pair<int, std::vector<const char*>>{32769, {"a", "b"}},
                                       {32770, {"a", "b", "c"}},
                                       {70000, {"日", "本", "語"}},
                                       {4000, {"\uFDFA", "a"}}}) {
    std::string line;
    for (int i = 0; i < count; ++i) line += letters[random.below(letters.size())];
    const auto t = train_tokenizer(options(24), from({line, "a b c"}));
    EXPECT_EQ(t->size(), 24) << count;
  }
}

TEST_P(SentencePiece, NothingToLearnFromIsAnError) {
  EXPECT_THAT(message_of<DataError>([&] { train_tokenizer(options(20), from({"\u2585"})); }),
              HasSubstr("holds no line"));
  const auto end = [&] { train_tokenizer(options(20), from({"\u200b"})); };
  if (GetParam() == TokenizerKind::bpe) {
    EXPECT_THROW(end(), ModelError);
    return;
  }
  // Its normalisation leaves nothing, over which unigram's trainer ends the process.
  EXPECT_THAT(message_of<DataError>(end),
              HasSubstr("tokenizer: SentencePiece's trainer of kind unigram broke down"));
}

TEST_P(SentencePiece, ReturnsTabsAndSpecialWritingWithoutNormalization) {
  auto lines = sentences();
  lines.insert(lines.end(), {"a\tb <s> </s>", "\u2585 <pad> <unk>"});
  for (const auto form : {TextNormalization::identity, TextNormalization::nfkc}) {
    auto plain = options(120);
    plain.normalization = form;
    const auto t = train_tokenizer(plain, from(lines));
    for (const std::string text : {"a\tb", "ba<s>ke", "a < b > e", "<pad>\t</s>", "<unk>"}) {
      EXPECT_EQ(t->decode(t->encode(text)), text) << word_of(form) << ' ' << text;
      for (const int64_t id : t->encode(text)) EXPECT_GT(id, 3) << word_of(form) << ' ' << text;
    }
  }
}

TEST_P(SentencePiece, ServesSeveralThreads) {
  const auto t = train_tokenizer(options(), from(sentences()));
  std::vector<int64_t> counts(4);
  {
    std::vector<std::jthread> threads;
    for (auto& count : counts) {
      threads.emplace_back([&] {
        for (const auto& line : sentences()) {
          const auto ids = t->encode(line);
          if (t->decode(ids) == line) count += static_cast<int64_t>(ids.size());
        }
      });
    }
  }
  for (const int64_t count : counts) EXPECT_EQ(count, counts[0]);
}

INSTANTIATE_TEST_SUITE_P(Kinds, SentencePiece,
                         ::testing::Values(TokenizerKind::unigram, TokenizerKind::bpe),
                         [](const auto& kind) { return word_of(kind.param); });

TEST(SentencePieceOnData, CutsMulti30kWithoutUnknownPieces) {
  const auto folder = test::shared_data() / "multi30k";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is absent";
  TokenizerPtr t;
  try {
    t = train_tokenizer({.kind = TokenizerKind::unigram, .size = 1000},
                        lines_of({folder / "val.de.gz", folder / "val.en.gz"}));
  } catch (const FileError& error) {
    GTEST_SKIP() << error.what();
  }
  const auto lines = lines_of({folder / "val.de.gz", folder / "val.en.gz"});
  std::string line;
  int64_t count = 0;
  for (; lines(line); ++count)
    for (const int64_t id : t->encode(line)) ASSERT_GE(id, 4) << line;
  EXPECT_EQ(count, 2 * 1014);
}

}  // namespace
}  // namespace heed::data
