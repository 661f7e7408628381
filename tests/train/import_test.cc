#include "heed/train/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/models/generate.h"
#include "heed/models/transformer.h"
#include "heed/nn/recording.h"
#include "heed/train/model_folder.h"
#include "shared_data.h"

namespace heed {
namespace {

using testing::HasSubstr;
using Lines = std::vector<std::vector<int64_t>>;

ImportMap map_of(const std::string& rules) {
  return ImportMap::parse("recipe = \"r.toml\"\n" + rules, "map.toml");
}

template <class F>
std::string message_of(const F& f) {
  try {
    f();
  } catch (const ModelError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ImportTensors, FollowsTheRules) {
  const auto a = torch::arange(12).view({4, 3}).to(at::kFloat), b = a + 100;
  const NamedTensors theirs = {
      {"x/0/w", a}, {"x/1/w", b}, {"x/0/v", b}, {"x/1/v", a}, {"n", a.to(at::kDouble)},
      {"step/7", a}};
  const auto ours = import_tensors(theirs, map_of(R"(
ignore = ["step/{i}"]
[[tensor]]
to = "layers.{i}.weight"
from = ["x/{i}/w", "x/{i}/v"]
rows = [3, 6]
transpose = true
scale = 0.5
[[tensor]]
to = "norm"
from = "n"
)"));
  ASSERT_EQ(ours.size(), 3u);
  EXPECT_EQ(ours[0].first, "layers.0.weight");
  EXPECT_TRUE(ours[0].second.equal(torch::cat({a, b}).narrow(0, 3, 3).t() * 0.5));
  EXPECT_EQ(ours[1].first, "layers.1.weight");
  EXPECT_TRUE(ours[1].second.equal(torch::cat({b, a}).narrow(0, 3, 3).t() * 0.5));
  EXPECT_TRUE(ours[2].second.equal(a));
}

TEST(ImportTensors, LeavesNothingOutUnseen) {
  const NamedTensors theirs = {{"weight", torch::ones({2, 3})}, {"ids", torch::arange(3)}};
  const auto of = [&](const std::string& rules) {
    return message_of([&] { import_tensors(theirs, map_of(rules)); });
  };
  const std::string good = "[[tensor]]\nto = \"w\"\nfrom = \"weight\"\n";
  EXPECT_THAT(of(good), HasSubstr("no rule uses the tensor 'ids'"));
  EXPECT_THAT(of("[[tensor]]\nto = \"w\"\nfrom = \"wieght\"\n"),
              HasSubstr("did you mean 'weight'"));
  EXPECT_THAT(of("[[tensor]]\nto = \"w\"\nfrom = \"ids\"\n"), HasSubstr("floating"));
  EXPECT_THAT(of(good + "rows = [1, 3]\n"), HasSubstr("rows"));
  EXPECT_THAT(of("[[tensor]]\nto = \"w.{i}\"\nfrom = \"weight\"\n"), HasSubstr("{i}"));
}

TEST(ImportMap, SaysWhereItIsWrong) {
  const auto of = [](const std::string& text) { return message_of([&] { map_of(text); }); };
  EXPECT_THAT(of("[[tensor]]\nto = \"w\"\nform = \"x\"\n"),
              HasSubstr("map.toml:4: unknown key 'form'"));
  EXPECT_THAT(of("[[tensor]]\nto = 3\n"), HasSubstr("to: expected a string"));
  EXPECT_THAT(of("[[tensor]]\nto = \"w\"\nfrom = \"x\"\nrows = [1]\n"), HasSubstr("rows"));
  for (const char* scale : {"inf", "nan", "1e300", "-1e300", "'x'"})
    EXPECT_THAT(of(std::string("[[tensor]]\nto = \"w\"\nfrom = \"x\"\nscale = ") + scale),
                HasSubstr("map.toml:5: scale: expected a number from -1000000 to 1000000"));
  EXPECT_THAT(of("ignore = [\"a\", \"a\"]"),
              HasSubstr("map.toml:2: ignore: expected each name once"));
  EXPECT_THAT(of(""), HasSubstr("[[tensor]]"));
  EXPECT_THAT(of("tensor = = 3"), HasSubstr("map.toml:2"));
}

TEST(ImportModel, WritesAModelFolder) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "heed_import_model";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder / "theirs");
  write_safetensors(folder / "theirs/a.safetensors", {{"w", torch::ones({2, 2})}});
  std::ofstream(folder / "theirs/pieces.txt") << "a\nb";
  std::ofstream(folder / "r.toml") << "task = \"x\"\n";
  std::ofstream(folder / "map.toml") << R"(recipe = "r.toml"
[[file]]
from = "pieces.txt"
to = "source.tokenizer"
append = ["<unk>"]
[[tensor]]
to = "weight"
from = "w"
scale = 2
)";
  import_model(folder / "map.toml", folder / "theirs/a.safetensors", folder / "ours");
  const auto files = load_model(folder / "ours");
  EXPECT_EQ(files.recipe, "task = \"x\"\n");
  EXPECT_EQ(files.others.at("source.tokenizer"), "a\nb\n<unk>\n");
  ASSERT_EQ(files.tensors.size(), 1u);
  EXPECT_EQ(files.tensors[0].first, "weight");
  EXPECT_TRUE(files.tensors[0].second.equal(torch::full({2, 2}, 2.0f)));
}

/// A trained transliterator, its vocabularies and what others say that it gives.
class Transliterator : public testing::Test {
 protected:
  void SetUp() override {
    const auto folder = test::shared_data() / "models" / "ct2_aren_transliteration";
    if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is not there";
    expected = nlohmann::json::parse(read_text(folder / "expected.json"));
    source = vocabulary(folder / "source_vocabulary.txt");
    target = vocabulary(folder / "target_vocabulary.txt");
    const auto how = [](const char* text) { return Attention::parse(text); };
    const auto map = ImportMap::parse(read_text(std::filesystem::path(HEED_SOURCE_DIR) /
                                                "recipes/imports/aren-transliteration-map.toml"),
                                      "map");
    const auto tensors = folder / "aren_transliteration.safetensors";
    model = Transformer(
        TransformerOptions()
            .width(32)
            .hidden(128)
            .norm(nn::Norm::pre)
            .dropout(0)
            .tied(nn::Tied::none)
            .output_bias(true)
            .encoder_attention(how("sinusoidal(halves=1, full=1, first=1); num_heads=8"))
            .decoder_attention(how("sinusoidal(halves=1, full=1, first=1); causal; num_heads=8")),
        43, 51);
    auto ours = import_tensors(read_safetensors(tensors).tensors, map);
    for (auto& [name, tensor] : ours) {
      ASSERT_TRUE(name.starts_with("head.")) << name;
      name = name.substr(5);
    }
    load_into(*model, ours, tensors);
    model->eval();
  }

  static std::vector<std::string> vocabulary(const std::filesystem::path& file) {
    std::istringstream text(read_text(file));
    std::vector<std::string> pieces;
    for (std::string line; std::getline(text, line);) pieces.push_back(line);
    pieces.emplace_back("<unk>");
    return pieces;
  }

  static std::vector<int64_t> ids(const nlohmann::json& pieces,
                                  const std::vector<std::string>& vocabulary) {
    std::vector<int64_t> result;
    for (const auto& piece : pieces)
      result.push_back(std::find(vocabulary.begin(), vocabulary.end(), piece.get<std::string>()) -
                       vocabulary.begin());
    return result;
  }

  GenerateOptions options() const { return GenerateOptions().begin(1).end(2); }

  nlohmann::json expected;
  std::vector<std::string> source, target;
  Transformer model{nullptr};
};

TEST_F(Transliterator, WritesWhatOthersSayThatItWrites) {
  Lines sources, prefixes, outputs;
  for (const auto& one : expected["published"]) {
    sources.push_back(ids(one["src"], source));
    prefixes.push_back(ids(one["prefix"], target));
    outputs.push_back(ids(one["out"], target));
  }
  for (const int64_t beams : {1, 2, 4})
    for (const double alpha : {0.0, 1.0}) {
      const auto said = generate({model.ptr()}, sources,
                                 options()
                                     .beam_size(beams)
                                     .length_penalty_type(LengthPenaltyType::power)
                                     .length_penalty(alpha)
                                     .prefixes(prefixes));
      for (size_t i = 0; i < said.size(); ++i)
        EXPECT_EQ(said[i][0].tokens, outputs[i]) << beams << i;
    }
}

TEST_F(Transliterator, LeavesOutWhatIsSuppressed) {
  const auto first = ids(expected["published"][0]["src"], source);
  const auto never = Lines{ids({"o"}, target), ids({"t", "z", "m"}, target)};
  for (const int64_t beams : {1, 4}) {
    const auto said =
        generate({model.ptr()}, {first}, options().beam_size(beams).suppressed_sequences(never));
    EXPECT_EQ(said[0][0].tokens, ids({"a", "t", "z", "u", "m", "u", "n"}, target));
  }
}

TEST_F(Transliterator, GivesTheNumbersOfAnIndependentForwardPass) {
  const torch::NoGradGuard no_gradient;
  for (const auto& one : expected["derived"]) {
    const auto read = one["src_ids"].get<std::vector<int64_t>>();
    const auto written = one["dec_in_ids"].get<std::vector<int64_t>>();
    const SourceBatch batch{torch::tensor(read, at::kLong).unsqueeze(0),
                            torch::tensor({static_cast<int64_t>(read.size())}, at::kLong)};
    const auto encoded = model->encode(batch);
    for (int64_t c = 0; c < 32; ++c)
      EXPECT_NEAR(encoded[0][0][c].item<double>(), one["encoder_out_row0"][size_t(c)].get<double>(),
                  1e-4);
    Recording recording(*model);
    const auto logits =
        model->project(model->hidden(batch, torch::tensor(written, at::kLong).unsqueeze(0)))[0];
    for (size_t t = 0; t < written.size(); ++t)
      for (size_t v = 0; v < 43; ++v)
        EXPECT_NEAR(logits[int64_t(t)][int64_t(v)].item<double>(),
                    one["logits"][t][v].get<double>(), 1e-4);
    const auto map = recording.map(recording.size() - 1).dense();  // (H, Lt, Ls)
    const auto& weights = one["last_layer_cross_attention_head0"];
    for (size_t t = 0; t < weights.size(); ++t)
      for (size_t s = 0; s < read.size(); ++s)
        EXPECT_NEAR(map[0][int64_t(t)][int64_t(s)].item<double>(), weights[t][s].get<double>(),
                    1e-4);
    const auto said =
        score({model.ptr()}, {read}, {{written.begin() + 1, written.end()}}, options());
    double total = 0;
    for (const double p : said[0]) total += p;
    EXPECT_NEAR(total, one["logprob_with_eos"].get<double>(), 1e-4);
  }
}

}  // namespace
}  // namespace heed
