// What is learned from and what is answered hold the same pixels and tokens, for every option of
// the inputs: batches of training beside what `heed predict` makes of the same record, bit for bit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>
#include <torch/torch.h>
#include <zlib.h>

#include <map>

#include "data/samples.h"
#include "heed/data/dataset.h"
#include "heed/tasks/predictor.h"
#include "tasks/cell.h"
#include "tasks/cell_runs.h"

namespace heed {
namespace {

using Set = std::vector<std::string>;

class SameInputs : public test::CellRuns {
 protected:
  Recipe read(const std::string& text, const Set& set) const {
    auto file = RecipeFile::parse(text, "recipe.toml");
    for (const auto& assignment : set) file.set(assignment);
    return Recipe::read(file);
  }

  /// The tensor of each record in the batches of an epoch of training, without its padding.
  std::map<int64_t, at::Tensor> trained_on(Recipe recipe, const std::string& tensor) const {
    Cell cell(std::move(recipe));
    const auto split = cell.open(cell.source("train", cell.recipe.data.train));
    cell.input().learn(*split, 0);
    std::map<int64_t, at::Tensor> found;
    const auto source = cell.batches(split, {.batch = 4, .training = true, .seed = 1});
    while (const auto batch = source->next())
      for (int64_t i = 0; i < batch->size(); ++i)
        found[batch->records[i].item<int64_t>()] = row_of(*batch, tensor, i);
    return found;
  }

  static at::Tensor row_of(const Batch& batch, const std::string& tensor, int64_t i) {
    const auto row = batch.at(tensor)[i];
    return batch.has("lengths") ? row.narrow(0, 0, batch.at("lengths")[i].item<int64_t>()) : row;
  }

  /// The same of what is to be answered, in its order.
  static std::vector<at::Tensor> read_by(const Predictor& predictor, const Set& inputs,
                                         const std::string& tensor) {
    std::vector<at::Tensor> rows;
    const auto stream = predictor.stream(inputs);
    while (const auto some = stream->next(3)) {
      std::vector<int64_t> all(static_cast<size_t>(some->size()));
      for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
      const auto batch = some->batch(all, {});
      for (const int64_t i : all) rows.push_back(row_of(batch, tensor, i));
    }
    return rows;
  }

  void expect_same(const std::map<int64_t, at::Tensor>& trained,
                   const std::vector<at::Tensor>& read) const {
    ASSERT_EQ(trained.size(), read.size());
    for (size_t i = 0; i < read.size(); ++i) {
      const auto& expected = trained.at(static_cast<int64_t>(i));
      EXPECT_TRUE(read[i].sizes() == expected.sizes() && read[i].equal(expected))
          << "record " << i << "\n"
          << expected << "\n"
          << read[i];
    }
  }
};

constexpr const char* kTexts = R"(
[input]
kind = "text"
[encoder]
kind = "text"
width = 8
layers = 1
attention = { num_heads = 1 }
[head]
kind = "class"
[train]
epochs = 1
)";

TEST_F(SameInputs, TextsHaveTheTokensOfTraining) {
  std::string csv = "text,label\n", txt;
  const Set texts{"Der Hund  läuft.",
                  "EIN Hund",
                  "ﬁne ① Ä é",
                  "x\ty < s > <s>",
                  "Straße ΟΔΟΣ",
                  "der Hund und der Hund und der Hund",
                  "a",
                  "日本語 テスト",
                  "über Über"};
  for (size_t i = 0; i < texts.size(); ++i) {
    csv += "\"" + texts[i] + "\"," + (i % 2 ? "yes" : "no") + "\n";
    txt += texts[i] + "\n";
  }
  test::write_bytes(folder_.path() / "train.csv", csv);
  test::write_bytes(folder_.path() / "lines.txt", txt);
  const Set options[] = {
      {"input.tokenizer.kind=words"},
      {"input.tokenizer.kind=words", "input.tokenizer.lowercase=true"},
      {"input.tokenizer.kind=words", "input.features.max_ngram=3", "input.tokenizer.min_count=2"},
      {"input.tokenizer.kind=characters", "input.tokenizer.size=20"},
      {"input.tokenizer.kind=bytes", "input.max_length=9", "input.too_long=cut"},
      {"input.tokenizer.kind=bpe", "input.tokenizer.size=75"},
      {"input.tokenizer.kind=bpe", "input.tokenizer.size=330", "input.tokenizer.byte_pieces=true",
       "input.tokenizer.normalization=identity"},
      {"input.tokenizer.kind=unigram", "input.tokenizer.size=44",
       "input.tokenizer.normalization=nfkc", "input.tokenizer.lowercase=true"},
      {"input.tokenizer.kind=unigram", "input.tokenizer.size=48", "input.tokenizer.coverage=0.99",
       "input.max_length=6", "input.too_long=cut"}};
  int run_number = 0;
  for (const auto& set : options) {
    SCOPED_TRACE(testing::PrintToString(set));
    const std::string text = "data.train = '" + path("train.csv") + "'\n" + kTexts;
    const auto name = "run" + std::to_string(++run_number);
    try {
      run(read(text, set), name);
    } catch (const FileError& error) {  // without SentencePiece
      GTEST_SKIP() << error.what();
    }
    const auto predictor = Predictor::load(folder_ / name);
    const auto trained = trained_on(read(text, set), "tokens");
    expect_same(trained, read_by(predictor, {path("train.csv")}, "tokens"));
    expect_same(trained, read_by(predictor, {path("lines.txt")}, "tokens"));
    for (size_t i = 0; i < texts.size(); ++i) {
      const auto found = predictor.find(texts[i])->batch({0}, {});
      EXPECT_TRUE(row_of(found, "tokens", 0).equal(trained.at(static_cast<int64_t>(i))));
    }
  }
}

/// A PNG with a chunk eXIf that says how it is to be turned.
test::Bytes turned(const test::Bytes& png, uint8_t orientation) {
  const test::Bytes chunk{0, 0, 0,           26, 'e', 'X', 'I',  'f', 'I', 'I', '*', 0,
                          8, 0, 0,           0,  1,   0,   0x12, 1,   3,   0,   1,   0,
                          0, 0, orientation, 0,  0,   0,   0,    0,   0,   0};
  test::Bytes out(png.begin(), png.begin() + 33);
  out.insert(out.end(), chunk.begin(), chunk.end());
  const auto sum = crc32(0, chunk.data() + 4, static_cast<unsigned>(chunk.size() - 4));
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(sum >> shift));
  out.insert(out.end(), png.begin() + 33, png.end());
  return out;
}

class SameImages : public SameInputs {
 protected:
  /// Colour images of noise, `sizes` in turn, all of them turned as their EXIF data says.
  void write(const std::vector<std::pair<uint32_t, uint32_t>>& sizes) {
    torch::manual_seed(5);
    for (int i = 0; i < 8; ++i) {
      const auto [height, width] = sizes[static_cast<size_t>(i) % sizes.size()];
      const auto values = torch::randint(256, {height * width * 3}, at::kByte);
      const auto* first = values.data_ptr<uint8_t>();
      const auto png = test::png(
          {height, width, PNG_COLOR_TYPE_RGB, 8, test::Bytes(first, first + values.numel())});
      const auto file = turned(png, static_cast<uint8_t>(1 + i));
      const auto name =
          folder_.path() / "images" / (i % 2 ? "b" : "a") / (std::to_string(i) + ".png");
      std::filesystem::create_directories(name.parent_path());
      test::write_bytes(name, std::string(file.begin(), file.end()));
    }
  }
  Set files() const {
    Set files;
    for (const char* label : {"a", "b"})
      for (int i = label[0] - 'a'; i < 8; i += 2)
        files.push_back(path("images") + "/" + label + "/" + std::to_string(i) + ".png");
    return files;
  }
};

TEST_F(SameImages, ImagesHaveThePixelsOfTraining) {
  const std::string text = "data.train = '" + path("images") + R"('
input = { kind = 'image' }
encoder = { patch = 3, width = 8, layers = 1, attention = { num_heads = 1 } }
head = { kind = 'class' }
train = { epochs = 1, batch = 4 }
)";
  const Set mixed[] = {{"input.size=[6, 9]"},
                       {"input.size=[9, 6]", "input.channels=1"},
                       {"input.size=[15, 12]", "input.channels=3",
                        "input.normalize={ mean = [0.4, 0.5, 0.6], std = [0.2, 0.3, 0.4] }"},
                       {"input.size=[6, 6]", "input.channels=1", "input.workers=3"}};
  write({{7, 11}, {12, 6}, {9, 9}});
  int run_number = 0;
  const auto expect_pixels = [&](const Set& set) {
    SCOPED_TRACE(testing::PrintToString(set));
    const auto name = "run" + std::to_string(++run_number);
    run(read(text, set), name);
    const auto predictor = Predictor::load(folder_ / name);
    const auto trained = trained_on(read(text, set), "image");
    expect_same(trained, read_by(predictor, files(), "image"));
    for (size_t i = 0; i < 8; ++i) {
      const auto one = predictor.find(path("images") + ":" + std::to_string(i))->batch({0}, {});
      EXPECT_TRUE(one.at("image")[0].equal(trained.at(static_cast<int64_t>(i))));
    }
    const auto numbered = read_by(predictor, {path("images") + ":3"}, "image");
    ASSERT_EQ(numbered.size(), 1u);
    EXPECT_TRUE(numbered[0].equal(trained.at(3)));
  };
  for (const auto& set : mixed) expect_pixels(set);
  write({{9, 9}});
  expect_pixels({});
  expect_pixels({"input.channels=1"});
}

TEST_F(SameImages, AnImageOfAnotherSizeIsResizedAsTrainingWould) {
  const std::string text = "data.train = '" + path("images") + R"('
input = { kind = 'image', channels = 1 }
encoder = { patch = 3, width = 8, layers = 1, attention = { num_heads = 1 } }
head = { kind = 'class' }
train = { epochs = 1, batch = 4 }
)";
  write({{9, 9}});
  run(read(text, {}), "run");
  const auto predictor = Predictor::load(folder_ / "run");
  const auto photo = test::png({20, 31, PNG_COLOR_TYPE_RGB, 8, test::Bytes(20 * 31 * 3, 77)});
  test::write_bytes(folder_.path() / "photo.png", std::string(photo.begin(), photo.end()));
  const auto image = predictor.find(path("photo.png"))->show(0).image;
  const auto expected =
      data::fit(data::read_image(path("photo.png")), {.size = {9, 9}, .channels = 1});
  EXPECT_EQ(image->shape, expected.shape);
  EXPECT_EQ(image->values, expected.values);
}

}  // namespace
}  // namespace heed
