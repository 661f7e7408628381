// A folder of Marian with source.spm, target.spm and vocab.json: the golden model with vocabularies that are made.
#include <fstream>
#include <nlohmann/json.hpp>

#include "files.h"
#include "golden/golden.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/data/tokenizer.h"
#include "heed/tasks/export.h"
#include "heed/tasks/predictor.h"

namespace heed {
namespace {

namespace fs = std::filesystem;
using data::TokenizerKind, data::TokenizerPtr;
using testing::HasSubstr;

constexpr int64_t kEmbeddings = 200;  // of the golden model

TokenizerPtr pieces_of(const std::vector<std::string>& lines) {
  return data::train_tokenizer({.kind = TokenizerKind::unigram, .size = 34},
                               [&, at = size_t{0}](std::string& line) mutable {
                                 if (at == 20 * lines.size()) return false;
                                 line = lines[at++ % lines.size()];
                                 return true;
                               });
}

class GoldenMarianFiles : public testing::Test {
 protected:
  void SetUp() override {
    HEED_NEEDS_GOLDEN("marian");
    try {
      source = pieces_of({"a small house on a hill near the sea", "the horses walk over the hills",
                          "an old man sails to the island with his sheep"});
      target = pieces_of({"ein kleines haus auf dem berg am meer", "pferde gehen durch das tal",
                          "ein alter mann segelt mit seinen schafen"});
    } catch (const FileError& error) {
      GTEST_SKIP() << error.what();
    }
    fs::create_directory(folder);
    for (const char* name : {"config.json", "generation_config.json", "model.safetensors"})
      fs::copy_file(test::golden_folder("marian") / name, folder / name);
    nlohmann::json vocabulary{{"</s>", 0}, {"<unk>", 1}};
    for (const auto& side : {target, source})
      for (int64_t id = 4; id < side->size(); ++id)
        vocabulary.emplace(side->piece(id), vocabulary.size());
    while (std::ssize(vocabulary) < kEmbeddings - 1)
      vocabulary["no piece " + std::to_string(vocabulary.size())] = vocabulary.size();
    vocabulary["<pad>"] = kEmbeddings - 1;
    test::write_bytes(folder / "vocab.json", vocabulary.dump());
    test::write_bytes(folder / "source.spm", source->file());
    test::write_bytes(folder / "target.spm", target->file());
    test::write_bytes(here / "source.txt", "a small house\nthe old man walk over the sea\n");
    test::write_bytes(here / "target.txt", "ein haus am berg\nein alter mann\n");
  }
  std::string path(const char* name) const { return (here / name).string(); }

  const test::TemporaryFolder here;
  const fs::path folder = here / "model";
  TokenizerPtr source, target;
};

TEST_F(GoldenMarianFiles, EachSideHasItsPieces) {
  const auto files = read_pretrained(folder);
  for (const auto& [side, own, text] : {std::tuple{"source.tokenizer", source, "a small house"},
                                        {"target.tokenizer", target, "ein haus"}}) {
    const auto read =
        data::load_tokenizer({.kind = TokenizerKind::marian}, files.others.at(side), side);
    const auto ids = read->encode(text), theirs = own->encode(text);
    ASSERT_EQ(ids.size(), theirs.size());
    for (size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(read->piece(ids[i]), own->piece(theirs[i]));
    EXPECT_EQ(read->decode(ids), text);
  }
  export_model(folder, here / "again");
  for (const char* name : {"source.spm", "target.spm", "vocab.json"})
    EXPECT_EQ(read_text(here / "again" / name), read_text(folder / name));
}

/// What eval measures is what writing says of the same texts, behind the token that writing begins with.
TEST_F(GoldenMarianFiles, TargetsBeginAsWritingDoes) {
  auto predictor = Predictor::load(folder);
  const auto found = predictor.evaluate({path("source.txt"), path("target.txt")});
  double loss = 0;
  for (const auto& [name, value] : found.metrics)
    if (name == "loss") loss = value;
  predictor.answer_by({.target = path("target.txt")});
  double sum = 0;
  int64_t count = 0;
  const auto stream = predictor.stream({path("source.txt")});
  for (const auto& heads : predictor.predict(stream->next(2))) {
    const auto json = nlohmann::json::parse(heads[0].json);
    for (const auto& token : json["tokens"]) sum -= token["log_probability"].get<double>(), ++count;
  }
  ASSERT_GT(count, 8);
  EXPECT_NEAR(loss, sum / double(count), 1e-5 * loss);
  EXPECT_THAT(read_pretrained(folder).recipe, HasSubstr("target_begin = 199"));
}

TEST_F(GoldenMarianFiles, WhatIsMissingIsNamed) {
  fs::remove(folder / "vocab.json");
  EXPECT_THAT([&] { read_pretrained(folder); },
              testing::ThrowsMessage<ModelError>(HasSubstr("has source.spm and lacks vocab.json")));
}

}  // namespace
}  // namespace heed
