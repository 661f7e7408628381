// Whisper against transformers: what the encoder gives, logits, every map, and greedy texts.
#include <nlohmann/json.hpp>

#include "files.h"
#include "golden/golden.h"
#include "heed/core/error.h"
#include "heed/data/log_mel.h"
#include "heed/models/generate.h"
#include "heed/tasks/export.h"
#include "heed/tasks/predictor.h"
#include "heed/tasks/supervised.h"
#include "heed/train/train.h"
#include "sounds.h"

namespace heed {
namespace {

using test::Golden;
using testing::AllOf;
using testing::HasSubstr;

using SpeechJson = nlohmann::ordered_json;

std::vector<Map> maps_with(const std::vector<Map>& maps, const std::string& begin,
                           const std::string& end) {
  std::vector<Map> some;
  for (const auto& map : maps)
    if (map.name().starts_with(begin) && map.name().ends_with(end)) some.push_back(map);
  return some;
}

Batch features_of(const Golden& golden) {
  const auto& features = golden.at("input_features");
  return {{{"audio", features}}, at::arange(features.size(0), at::kLong)};
}

SourceBatch states_of(const Tokens& tokens) {
  const auto& states = tokens.states;
  return {.lengths = at::full({states.size(0)}, states.size(1), at::kLong), .states = states};
}

TEST(GoldenSpeech, StatesLogitsAndMaps) {
  HEED_NEEDS_GOLDEN("whisper");
  Golden golden("whisper");
  const at::NoGradGuard no_grad;
  Recording recording(*golden.cell().module);
  const auto tokens = golden.cell().encode(features_of(golden));
  golden.expect("encoder_last_hidden_state", tokens.states);
  const auto model = golden.sequence_model();
  const auto hidden = model->hidden(states_of(tokens), golden.at("decoder_input_ids"));
  golden.expect("logits", model->project(hidden));
  const auto maps = recording.maps();
  golden.expect_maps(maps_with(maps, "encoder.", ".attention"), "encoder_attentions");
  golden.expect_maps(maps_with(maps, "head.decoder", ".attention"), "decoder_attentions");
  golden.expect_maps(maps_with(maps, "head.decoder", ".cross"), "cross_attentions");
  EXPECT_GE(maps.size(), 3u);
}

TEST(GoldenSpeech, GreedyTexts) {
  HEED_NEEDS_GOLDEN("whisper");
  Golden golden("whisper");
  const at::NoGradGuard no_grad;
  const auto states = states_of(golden.cell().encode(features_of(golden)));
  const auto& written = golden.at("greedy.output_ids");
  const auto options = GenerateOptions()
                           .rules(GenerateRules::transformers)
                           .begin(written[0][0].item<int64_t>())
                           .end(-1)
                           .max_new(written.size(1) - 1);
  const auto found = generate_from_states({golden.sequence_model()}, states, options);
  ASSERT_EQ(std::ssize(found), written.size(0));
  for (int64_t b = 0; b < written.size(0); ++b) {
    const auto row = written[b].slice(0, 1).contiguous();
    const std::vector<int64_t> expected(row.data_ptr<int64_t>(),
                                        row.data_ptr<int64_t>() + row.numel());
    EXPECT_EQ(found[static_cast<size_t>(b)].front().tokens, expected) << "recording " << b;
  }
}

/// What the small model's features are made by: 60 frames of a second.
SpeechJson preprocessor() {
  return {{"feature_extractor_type", "WhisperFeatureExtractor"},
          {"feature_size", 16},
          {"sampling_rate", 1200},
          {"hop_length", 20},
          {"n_fft", 64},
          {"chunk_length", 1},
          {"n_samples", 1200},
          {"nb_max_frames", 60},
          {"padding_side", "right"},
          {"padding_value", 0.0},
          {"return_attention_mask", false}};
}

/// 120 words, of which the first ten are special.
std::string speech_tokenizer() {
  const std::vector<std::string> special = {
      "<pad>",  "<bos>",          "<|endoftext|>", "<|startoftranscript|>", "<|en|>",
      "<|de|>", "<|transcribe|>", "<|translate|>", "<|notimestamps|>",      "<unk>"};
  SpeechJson vocabulary, added = SpeechJson::array();
  for (int i = 0; i < 120; ++i) {
    const bool is_special = i < std::ssize(special);
    const auto word = is_special ? special[size_t(i)] : "w" + std::to_string(i);
    vocabulary[word] = i;
    if (is_special)
      added.push_back({{"id", i},
                       {"content", word},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", true}});
  }
  return SpeechJson{
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", added},
      {"normalizer", nullptr},
      {"pre_tokenizer", {{"type", "WhitespaceSplit"}}},
      {"post_processor", nullptr},
      {"decoder", nullptr},
      {"model", {{"type", "WordLevel"}, {"vocab", vocabulary}, {"unk_token", "<unk>"}}}}
      .dump();
}

/// The golden model with what it lacks to transcribe a recording.
class GoldenRecordings : public testing::Test {
 protected:
  void SetUp() override {
    HEED_NEEDS_GOLDEN("whisper");
    std::filesystem::create_directory(folder_ / "model");
    for (const char* name : {"config.json", "generation_config.json", "model.safetensors"})
      test::write_bytes(folder_ / "model" / name,
                        test::read_bytes(test::golden_folder("whisper") / name));
    write("preprocessor_config.json", preprocessor());
    test::write_bytes(folder_ / "model/tokenizer.json", speech_tokenizer());
    test::write_bytes(folder_ / "a.wav", test::float_wav(test::tone(200, 0.7, 1200), 1200));
  }
  void write(const std::string& name, const SpeechJson& json) const {
    test::write_bytes(folder_ / "model" / name, json.dump());
  }
  SpeechJson read(const std::string& name) const {
    return SpeechJson::parse(test::read_bytes(folder_ / "model" / name));
  }
  std::string complaint() const {
    try {
      read_pretrained(folder_ / "model");
    } catch (const ModelError& error) {
      return error.what();
    }
    return "";
  }
  std::string tokens_of(const std::string& key) const {
    const auto values =
        RecipeFile::parse(read_pretrained(folder_ / "model").recipe, "recipe").values();
    const auto found = values.find("head.generate.tokens." + key);
    return found == values.end() ? "" : found->second;
  }
  SpeechJson answer(const std::string& file, const std::vector<std::string>& set = {}) const {
    auto predictor = Predictor::load(folder_ / "model", set);
    const auto examples = predictor.stream({(folder_ / file).string()})->next(8);
    const auto json = SpeechJson::parse(predictor.predict(examples)[0][0].json);
    note_ = predictor.finish();
    return json;
  }
  std::vector<std::string> pieces(const std::string& file,
                                  const std::vector<std::string>& set = {}) const {
    std::vector<std::string> all;
    const auto json = answer(file, set);
    for (const auto& token : json["tokens"]) all.push_back(token["piece"]);
    return all;
  }
  std::string refused(const std::string& file) const {
    try {
      answer(file);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  test::TemporaryFolder folder_;
  mutable std::string note_;
};

/// The same features by hand, and the same search.
TEST_F(GoldenRecordings, AreWrittenFromTheirLogMel) {
  const auto found =
      data::log_mel(test::tone(200, 0.7, 1200),
                    {.sampling_rate = 1200, .window = 64, .hop = 20, .mels = 16, .seconds = 1});
  ASSERT_EQ(found.frames, 60);
  Golden golden("whisper");
  const at::NoGradGuard no_grad;
  const auto audio = at::tensor(found.values).reshape({1, 16, 60});
  const auto states =
      states_of(golden.cell().encode({{{"audio", audio}}, at::zeros({1}, at::kLong)}));
  const auto expected =
      generate_from_states(
          {golden.sequence_model()}, states,
          GenerateOptions().rules(GenerateRules::transformers).begin(3).end(2).max_new(20))
          .front()
          .front();
  const auto set = std::vector<std::string>{"head.generate.max_new=20"};
  const auto ours = pieces("a.wav", set);
  ASSERT_GE(ours.size(), expected.tokens.size());
  for (size_t i = 0; i < expected.tokens.size(); ++i)
    EXPECT_EQ(ours[i].substr(0, 1) == "w" ? std::stoll(ours[i].substr(1)) : -1,
              expected.tokens[i] < 10 ? -1 : expected.tokens[i]);
}

TEST_F(GoldenRecordings, ChannelsAndRatesAreChangedAndSaid) {
  const auto mono = test::tone(200, 0.7, 1200);
  std::vector<float> stereo;
  for (const float x : mono) stereo.push_back(x * 1.5F), stereo.push_back(x * 0.5F);
  test::write_bytes(folder_ / "stereo.wav", test::float_wav(stereo, 1200, 2));
  const auto alone = answer("a.wav");
  EXPECT_EQ(note_, "");
  EXPECT_EQ(answer("stereo.wav")["output"], alone["output"]);
  EXPECT_THAT(note_, HasSubstr("1 recording was of several channels"));
  test::write_bytes(folder_ / "fast.wav", test::float_wav(test::tone(200, 0.7, 2400), 2400));
  answer("fast.wav");
  EXPECT_THAT(note_, AllOf(HasSubstr("1 recording was of another rate"), HasSubstr("1200")));
}

TEST_F(GoldenRecordings, BadOnesAreRefusedByName) {
  test::write_bytes(folder_ / "long.wav", test::float_wav(test::tone(200, 1.5, 1200), 1200));
  test::write_bytes(folder_ / "long.csv", "audio\nlong.wav\n");
  EXPECT_THAT(refused("long.csv"), HasSubstr("long.wav: more than 1 seconds"));
  test::write_bytes(folder_ / "none.wav", "");
  EXPECT_THAT(refused("none.wav"), HasSubstr("none.wav: the file is empty"));
  EXPECT_THAT(refused("absent.wav"), HasSubstr("absent.wav"));
  test::write_bytes(folder_ / "list.csv", "audio,text\na.wav,w20\n,w21\n");
  EXPECT_THAT(refused("list.csv"), AllOf(HasSubstr("list.csv:3"), HasSubstr("'audio' is empty")));
  std::filesystem::remove(folder_ / "model/preprocessor_config.json");
  EXPECT_THAT(refused("a.wav"), HasSubstr("preprocessor_config.json"));
}

/// Parts are answered as recordings of their own, in order.
TEST_F(GoldenRecordings, LongOnesAreAnsweredInParts) {
  auto samples = test::tone(200, 2.5, 1200);
  std::fill_n(samples.begin() + 1000, 150, 0.0F);
  test::write_bytes(folder_ / "long.wav", test::float_wav(samples, 1200));
  auto predictor = Predictor::load(folder_ / "model");
  const auto stream =
      predictor.stream({(folder_ / "long.wav").string(), (folder_ / "a.wav").string()});
  const auto examples = stream->next(8);
  ASSERT_GE(examples->size(), 4);
  EXPECT_THAT(examples->place(0), HasSubstr("long.wav:0.00-0.8"));
  EXPECT_EQ(examples->show(0).text, (folder_ / "long.wav").string());
  const auto last = examples->size() - 1;
  EXPECT_EQ(examples->place(last), (folder_ / "a.wav").string());
  const auto together = predictor.predict(examples);
  EXPECT_EQ(SpeechJson::parse(together[size_t(last)][0].json)["tokens"], answer("a.wav")["tokens"]);
  EXPECT_EQ(stream->next(8), nullptr);
  EXPECT_THAT(predictor.finish(),
              HasSubstr("1 recording was longer than 1 seconds, and cut at pauses"));
}

TEST_F(GoldenRecordings, AListNamesFilesBesideItself) {
  std::filesystem::create_directory(folder_ / "list");
  std::filesystem::copy(folder_ / "a.wav", folder_ / "list/b.wav");
  test::write_bytes(folder_ / "list/all.tsv", "text\taudio\nw20 w21\tb.wav\nw22\t../a.wav\n");
  EXPECT_EQ(answer("list/all.tsv"), answer("a.wav"));
  auto predictor = Predictor::load(folder_ / "model");
  const auto evaluation = predictor.evaluate({(folder_ / "list/all.tsv").string()});
  EXPECT_EQ(evaluation.examples, 2);
  std::map<std::string, double> metrics(evaluation.metrics.begin(), evaluation.metrics.end());
  EXPECT_GT(metrics.at("loss"), 0);
  EXPECT_TRUE(metrics.contains("bleu"));
  EXPECT_FALSE(metrics.contains("baseline_bleu")) << "imported, so of no training texts";
}

TEST_F(GoldenRecordings, LanguageAndTaskComeFirst) {
  auto generation = read("generation_config.json");
  generation["no_timestamps_token_id"] = 8;
  write("generation_config.json", generation);
  EXPECT_EQ(tokens_of("begin"), "[ 3, 8 ]");
  EXPECT_EQ(pieces("a.wav").front(), "<|notimestamps|>");
  generation["lang_to_id"] = {{"<|en|>", 4}, {"<|de|>", 5}};
  generation["task_to_id"] = {{"transcribe", 6}, {"translate", 7}};
  generation["is_multilingual"] = true;
  generation["forced_decoder_ids"] = {{1, nullptr}, {2, 6}};
  write("generation_config.json", generation);
  EXPECT_EQ(tokens_of("begin"), "[ 3, 6, 8 ]");
  EXPECT_EQ(tokens_of("languages"), "[ 4, 5 ]");
  const auto chosen = pieces("a.wav");
  EXPECT_TRUE(chosen[0] == "<|en|>" || chosen[0] == "<|de|>") << chosen[0];
  EXPECT_EQ(chosen[1], "<|transcribe|>");
  EXPECT_EQ(chosen[2], "<|notimestamps|>");
  const auto german = pieces(
      "a.wav", {"head.generate.tokens.language=\"de\"", "head.generate.tokens.task=\"translate\""});
  EXPECT_THAT((std::vector(german.begin(), german.begin() + 3)),
              testing::ElementsAre("<|de|>", "<|translate|>", "<|notimestamps|>"));
  EXPECT_THROW(answer("a.wav", {"head.generate.tokens.language=\"xx\""}), ModelError);
  generation["language"] = "de";
  write("generation_config.json", generation);
  EXPECT_EQ(tokens_of("begin"), "[ 3, 5, 6, 8 ]");
  generation["language"] = "fr";
  write("generation_config.json", generation);
  EXPECT_THAT(complaint(), AllOf(HasSubstr("language"), HasSubstr("<|fr|>")));
}

TEST_F(GoldenRecordings, KeysOfTheFolderFitEachOther) {
  EXPECT_EQ(complaint(), "");
  const auto with = [&](const char* key, const SpeechJson& value) {
    auto json = preprocessor();
    json[key] = value;
    write("preprocessor_config.json", json);
    return complaint();
  };
  EXPECT_THAT(with("feature_size", 80),
              AllOf(HasSubstr("feature_size: is 80"), HasSubstr("is 16")));
  EXPECT_THAT(with("chunk_length", 30), AllOf(HasSubstr("1800 frames"), HasSubstr("= 60")));
  EXPECT_THAT(with("padding_side", "left"), HasSubstr("padding_side"));
  EXPECT_THAT(with("feature_extractor_type", "Wav2Vec2FeatureExtractor"),
              HasSubstr("feature_extractor_type"));
  EXPECT_THAT(with("hop_lenght", 20), AllOf(HasSubstr("hop_lenght"), HasSubstr("hop_length")));
  write("preprocessor_config.json", preprocessor());
  auto config = read("config.json");
  config["num_mel_bins"] = 17;
  write("config.json", config);
  EXPECT_THAT(complaint(), HasSubstr("num_mel_bins of config.json is 17"));
  config["num_mel_bins"] = 16;
  config["forced_decoder_ids"] = {{1, 8}};
  write("config.json", config);
  EXPECT_EQ(complaint(), "");
  std::filesystem::remove(folder_ / "model/generation_config.json");
  EXPECT_THAT(complaint(), AllOf(HasSubstr("forced_decoder_ids"), HasSubstr("fetch it")));
}

/// Maps of a recording: times beside tokens.
TEST_F(GoldenRecordings, MapsHaveTimesAndTokens) {
  auto predictor = Predictor::load(folder_ / "model");
  const auto seen = predictor.explain(predictor.find((folder_ / "a.wav").string()), "w20 w21");
  EXPECT_EQ(seen.maps.size(), 6u);
  ASSERT_EQ(seen.shown.tokens.size(), 30u);
  EXPECT_EQ(seen.shown.tokens[1].text, "0.03");
  ASSERT_EQ(seen.heads[0].read.size(), 3u);
  EXPECT_EQ(seen.heads[0].read[0].text, "<|startoftranscript|>");
  EXPECT_EQ(seen.heads[0].predicted[2].text, "<|endoftext|>");
}

/// Training that begins with the folder takes all of it, and what comes of it is such a folder again.
TEST_F(GoldenRecordings, TrainingGoesOnAndIsWrittenAgain) {
  test::write_bytes(folder_ / "list.csv", "audio,text\na.wav,w20 w21\na.wav,w22\n");
  auto recipe = Recipe::read(RecipeFile::parse(
      "[model]\nfrom = '" + (folder_ / "model").string() + "'\n[data]\ntrain = '" +
          (folder_ / "list.csv").string() + "'\n[head]\nkind = 'text'\n[train]\nepochs = 2\n",
      "recipe.toml"));
  const auto options = recipe.train;
  train(*make_task(std::move(recipe)), {.options = options, .folder = folder_ / "run"});
  export_model(folder_ / "run", folder_ / "written");
  const auto before = read_pretrained(folder_ / "model"),
             after = read_pretrained(folder_ / "written");
  EXPECT_EQ(after.recipe, before.recipe);
  const std::map<std::string, at::Tensor> tensors(after.tensors.begin(), after.tensors.end());
  double moved = 0;
  for (const auto& [name, tensor] : before.tensors)
    moved = std::max(moved, (tensors.at(name) - tensor).abs().max().item<double>());
  EXPECT_GT(moved, 1e-6);
  EXPECT_EQ(test::read_bytes(folder_ / "written/preprocessor_config.json"),
            test::read_bytes(folder_ / "model/preprocessor_config.json"));
  auto trained = Predictor::load(folder_ / "run"), written = Predictor::load(folder_ / "written");
  const auto file = (folder_ / "a.wav").string();
  EXPECT_EQ(trained.predict(trained.stream({file})->next(1))[0][0].text,
            written.predict(written.stream({file})->next(1))[0][0].text);
}

}  // namespace
}  // namespace heed
