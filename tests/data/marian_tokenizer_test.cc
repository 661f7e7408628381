// Pieces of SentencePiece with the numbers of a vocab.json. What is expected is made of the pieces of its own
// tokenizer, by name.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "data/samples.h"
#include "heed/data/tokenizer.h"

namespace heed::data {
namespace {

using test::message_of;
using testing::HasSubstr;

class MarianTokenizer : public testing::Test {
 protected:
  void SetUp() override {
    std::vector<std::string> lines;
    for (int i = 0; i < 20; ++i)
      for (const char* line :
           {"a small house on a hill near the sea", "the horses walk over the hills",
            "an old man sails to the island with his sheep"})
        lines.push_back(line);
    try {
      model = train_tokenizer({.kind = TokenizerKind::unigram, .size = 34},
                              [&, at = size_t{0}](std::string& line) mutable {
                                if (at == lines.size()) return false;
                                line = lines[at++];
                                return true;
                              });
    } catch (const FileError& error) {
      GTEST_SKIP() << error.what();
    }
    // Numbers run against SentencePiece's, between pieces of the other side.
    vocabulary = {{"</s>", 0},   {"<unk>", 1},      {">>de<<", 2},
                  {"\u4e2d", 3}, {"\u2581Haus", 4}, {"\u2581", 5}};
    for (int64_t id = model->size() - 1; id >= 4; --id)
      if (model->piece(id) != kLeftOut) vocabulary.emplace(model->piece(id), vocabulary.size());
    vocabulary.emplace("<pad>", vocabulary.size());
  }
  TokenizerPtr load() const {
    return load_tokenizer({.kind = TokenizerKind::marian},
                          marian_tokenizer_file(vocabulary.dump(), model->file()), "source");
  }
  std::string complaint() const {
    return message_of<DataError>([&] { load(); });
  }

  static constexpr const char* kLeftOut = "h";
  TokenizerPtr model;
  nlohmann::json vocabulary = nlohmann::json::object();
};

TEST_F(MarianTokenizer, HasThePiecesOfTheModelAndTheNumbersOfTheVocabulary) {
  const auto tokenizer = load();
  EXPECT_EQ(tokenizer->size(), std::ssize(vocabulary));
  EXPECT_EQ(tokenizer->begin(), -1);
  EXPECT_EQ(tokenizer->end(), 0);
  EXPECT_EQ(tokenizer->unknown(), 1);
  EXPECT_EQ(tokenizer->padding(), tokenizer->size() - 1);
  const std::string text = "the small  sea on a hill";
  const auto theirs = model->encode_with_offsets(text), ours = tokenizer->encode_with_offsets(text);
  ASSERT_EQ(ours.ids.size(), theirs.ids.size());
  EXPECT_EQ(ours.offsets, theirs.offsets);
  EXPECT_EQ(tokenizer->encode(text), ours.ids);
  for (size_t i = 0; i < ours.ids.size(); ++i) {
    const auto piece = model->piece(theirs.ids[i]);
    EXPECT_EQ(ours.ids[i], vocabulary.value(piece, 1)) << piece;
  }
  EXPECT_EQ(tokenizer->decode(ours.ids).find("  "), std::string::npos);
  const auto again = load_tokenizer({.kind = TokenizerKind::marian}, tokenizer->file(), "again");
  EXPECT_EQ(again->encode(text), ours.ids);
}

TEST_F(MarianTokenizer, ReadsALanguageAndCharactersOfTheOtherSide) {
  const auto tokenizer = load();
  const auto plain = tokenizer->encode_with_offsets("a sea");
  EXPECT_EQ(tokenizer->decode(plain.ids), "a sea");
  auto coded = tokenizer->encode_with_offsets(">>de<<a sea");
  EXPECT_EQ(coded.ids.front(), 2);
  EXPECT_EQ(coded.offsets.front(), (ByteRange{0, 6}));
  EXPECT_EQ(coded.offsets[1].begin, 6);
  coded.ids.erase(coded.ids.begin());
  EXPECT_EQ(coded.ids, plain.ids);
  EXPECT_EQ(tokenizer->encode(">>xx<<").front(), 1);
  EXPECT_NE(tokenizer->encode(">>de a").front(), 2);
  // The model has no piece for it, the vocabulary does.
  const auto other = tokenizer->encode("a\u4e2d");
  EXPECT_EQ(other.back(), 3);
  EXPECT_EQ(tokenizer->encode("a\u4e2e").back(), 1);
  EXPECT_EQ(tokenizer->decode({4, 0, tokenizer->padding()}), "Haus");
  // Blanks at both ends go, as many as there are.
  EXPECT_EQ(tokenizer->decode({5, 5, 4, 5, 5}), "Haus");
  EXPECT_EQ(tokenizer->decode({5}), "");
  EXPECT_EQ(tokenizer->decode({4, 1, 3}), "Haus\u2047\u4e2d");
}

TEST_F(MarianTokenizer, RefusesWhatIsNone) {
  vocabulary["\u4e2d"] = 2;
  EXPECT_THAT(complaint(), HasSubstr("source: vocab.json gives the piece"));
  vocabulary["\u4e2d"] = "3";
  EXPECT_THAT(complaint(), HasSubstr("the number \"3\"; expected each of 0 to"));
  vocabulary = {{"a", 0}, {"<unk>", 1}};
  EXPECT_THAT(complaint(), HasSubstr("vocab.json lacks the piece </s>"));
  vocabulary = {1, 2};
  EXPECT_THAT(complaint(), HasSubstr("vocab.json is no JSON object"));
  const auto of = [](const std::string& bytes) {
    return message_of<DataError>(
        [&] { load_tokenizer({.kind = TokenizerKind::marian}, bytes, "s"); });
  };
  for (const char* bytes : {"", "heed-marian 1 ", "heed-marian 1 9\n{}", "heed-marian 1 -2\n{}"})
    EXPECT_THAT(of(bytes), HasSubstr("s: expected a tokenizer of kind marian")) << bytes;
  EXPECT_THAT(of(marian_tokenizer_file(R"({"</s>": 0, "<unk>": 1})", "no model")),
              HasSubstr("expected a model file of SentencePiece"));
}

}  // namespace
}  // namespace heed::data
