// Texts as a folder's tokenizer.json gives them to its encoder, and the vectors of sentence-transformers. Ids and type ids
// are those of tokenizers 0.23.3 on the same file.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/tasks/export.h"
#include "heed/tasks/predictor.h"
#include "pretrained/folders.h"

namespace heed {
namespace {

using test::Json;
using test::TemporaryFolder;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

using Rows = std::vector<std::vector<int64_t>>;

Json bert_template() {
  const auto special = [](const char* token, int type) {
    return Json{{"SpecialToken", {{"id", token}, {"type_id", type}}}};
  };
  const auto text = [](const char* name, int type) {
    return Json{{"Sequence", {{"id", name}, {"type_id", type}}}};
  };
  Json tokens;
  for (const auto& [token, id] : {std::pair{"[CLS]", 2}, {"[SEP]", 3}})
    tokens[token] = {{"id", token}, {"ids", {id}}, {"tokens", {token}}};
  return {
      {"type", "TemplateProcessing"},
      {"single", {special("[CLS]", 0), text("A", 0), special("[SEP]", 0)}},
      {"pair",
       {special("[CLS]", 0), text("A", 0), special("[SEP]", 0), text("B", 1), special("[SEP]", 1)}},
      {"special_tokens", tokens}};
}

Json roberta_processing() {
  return {{"type", "RobertaProcessing"},
          {"sep", {"[SEP]", 3}},
          {"cls", {"[CLS]", 2}},
          {"trim_offsets", true},
          {"add_prefix_space", false}};
}

/// Words a .. f are 5 .. 10.
Json tokenizer_of(const Json& post_processor) {
  const std::vector<std::string> pieces = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a",
                                           "b",     "c",     "d",     "e",     "f"};
  Json vocabulary, added = Json::array();
  for (size_t i = 0; i < pieces.size(); ++i) {
    vocabulary[pieces[i]] = i;
    if (i < 5)
      added.push_back({{"id", i},
                       {"content", pieces[i]},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", true}});
  }
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added},
          {"normalizer", nullptr},
          {"pre_tokenizer", {{"type", "Whitespace"}}},
          {"post_processor", post_processor},
          {"decoder", nullptr},
          {"model", {{"type", "WordLevel"}, {"vocab", vocabulary}, {"unk_token", "[UNK]"}}}};
}

/// A BERT of width 8 with such a tokenizer.
class PretrainedText : public testing::Test {
 protected:
  PretrainedText() {
    torch::manual_seed(3);
    test::write_folder(folder, test::small_bert_config(), test::small_bert_tensors());
    write("tokenizer.json", tokenizer_of(bert_template()));
  }
  void write(const std::string& name, const Json& json) {
    const auto file = folder / name;
    std::filesystem::create_directories(file.parent_path());
    test::write_bytes(file, json.dump());
  }

  Predictor load(const std::vector<std::string>& set = {},
                 Truncation truncation = Truncation::as_recipe) {
    return Predictor::load(folder, set, truncation);
  }
  SplitPtr examples(const Predictor& predictor, const std::vector<Json>& records) {
    std::string lines;
    for (const auto& record : records) lines += record.dump() + "\n";
    test::write_bytes(here / "in.jsonl", lines);
    return predictor.stream({(here / "in.jsonl").string()})->next(100);
  }
  static Rows rows(const at::Tensor& numbers) {
    Rows all;
    for (int64_t i = 0; i < numbers.size(0); ++i) {
      const auto row = numbers[i].contiguous();
      all.emplace_back(row.data_ptr<int64_t>(), row.data_ptr<int64_t>() + row.numel());
    }
    return all;
  }
  Batch batch(const Predictor& predictor, const std::vector<Json>& records) {
    const auto split = examples(predictor, records);
    std::vector<int64_t> numbers;
    for (int64_t i = 0; i < split->size(); ++i) numbers.push_back(i);
    return split->batch(numbers, {});
  }
  Rows tokens(const std::vector<Json>& records, const std::vector<std::string>& set = {}) {
    const auto predictor = load(set);
    return rows(batch(predictor, records).at("tokens"));
  }
  /// The vector of a text.
  at::Tensor vector(const std::string& text, const std::vector<std::string>& set = {}) {
    auto predictor = load(set);
    return predictor.embed(examples(predictor, {{{"text", text}}}))[0];
  }
  std::string complaint() {
    try {
      load();
      return "";
    } catch (const ModelError& error) {
      return error.what();
    }
  }
  void write_modules(const std::vector<std::pair<std::string, std::string>>& modules) {
    Json list = Json::array();
    for (const auto& [type, path] : modules)
      list.push_back({{"idx", list.size()}, {"name", path}, {"path", path}, {"type", type}});
    write("modules.json", list);
  }

  const TemporaryFolder here;
  const std::filesystem::path folder = here / "model";
};

constexpr const char* kOld = "sentence_transformers.models.";
const std::string kTransformer = std::string(kOld) + "Transformer",
                  kPooling = "sentence_transformers.sentence_transformer.modules.pooling.Pooling",
                  kDense = std::string(kOld) + "Dense",
                  kNormalize = std::string(kOld) + "Normalize";

TEST_F(PretrainedText, SpecialTokensAreFoundInTexts) {
  EXPECT_THAT(tokens({{{"text", "a [SEP] b"}}, {{"text", ""}}, {{"text", "c [MASK] zz"}}}),
              ElementsAre(ElementsAre(2, 5, 3, 6, 3), ElementsAre(2, 3, 0, 0, 0),
                          ElementsAre(2, 7, 4, 1, 3)));
}

TEST_F(PretrainedText, PairsAreThoseOfThePostProcessor) {
  const std::vector<Json> records = {{{"text", "a b"}, {"other", "c"}}};
  const std::vector<std::string> set = {"input.second=other"};
  const auto bert = batch(load(set), records);
  EXPECT_THAT(rows(bert.at("tokens")), ElementsAre(ElementsAre(2, 5, 6, 3, 7, 3)));
  EXPECT_THAT(rows(bert.at("segments")), ElementsAre(ElementsAre(0, 0, 0, 0, 1, 1)));
  write("tokenizer.json", tokenizer_of(roberta_processing()));
  const auto roberta = batch(load(set), records);
  EXPECT_THAT(rows(roberta.at("tokens")), ElementsAre(ElementsAre(2, 5, 6, 3, 3, 7, 3)));
  EXPECT_THAT(rows(roberta.at("segments")), ElementsAre(ElementsAre(0, 0, 0, 0, 0, 0, 0)));
  // Without a post-processor nothing is put in.
  write("tokenizer.json", tokenizer_of(nullptr));
  EXPECT_THAT(rows(batch(load(set), records).at("tokens")), ElementsAre(ElementsAre(5, 6, 7)));
}

TEST_F(PretrainedText, CuttingKeepsWhatIsPutIn) {
  const std::vector<std::string> cut = {"input.max_length=4", "input.too_long=cut"};
  EXPECT_THAT(tokens({{{"text", "a b c d"}}}, cut), ElementsAre(ElementsAre(2, 5, 6, 3)));
  const std::vector<std::string> pair = {"input.max_length=6", "input.too_long=cut",
                                         "input.second=other"};
  EXPECT_THAT(tokens({{{"text", "a"}, {"other", "b c d e"}}}, pair),
              ElementsAre(ElementsAre(2, 5, 3, 6, 7, 3)));
  write("tokenizer_config.json", {{"truncation_side", "left"}});
  EXPECT_THAT(tokens({{{"text", "a b c d"}}}, cut), ElementsAre(ElementsAre(2, 7, 8, 3)));
}

TEST_F(PretrainedText, TooLongTextsAreRefusedWithBothCountsOrCutAndCounted) {
  std::string text;
  for (int i = 0; i < 20; ++i) text += "a ";
  const std::vector<Json> records = {{{"text", "a"}}, {{"text", text}}};
  auto refusing = load();
  try {
    refusing.embed(examples(refusing, records));
    ADD_FAILURE() << "expected an error";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("in.jsonl:2"), HasSubstr("22 tokens"),
                                    HasSubstr("max_length = 16"), HasSubstr("--truncate")));
  }
  auto cutting = load({}, Truncation::cut);
  cutting.embed(examples(cutting, records));
  EXPECT_THAT(cutting.finish(),
              AllOf(HasSubstr("1 text was cut to input.max_length = 16 tokens"),
                    HasSubstr("6 tokens were cut off"), HasSubstr("the longest had 22")));
  EXPECT_THROW(load({"input.max_length=0"}, Truncation::cut), UsageError);
}

TEST_F(PretrainedText, RolesOfTokensAreThoseOfTheFilesBeside) {
  write("special_tokens_map.json", {{"pad_token", {{"content", "f"}}}});
  EXPECT_THAT(tokens({{{"text", "a b"}}, {{"text", "a"}}}),
              ElementsAre(ElementsAre(2, 5, 6, 3), ElementsAre(2, 5, 3, 10)));
  write("tokenizer_config.json", {{"pad_token", "e"}});  // is asked first
  EXPECT_THAT(tokens({{{"text", "a b"}}, {{"text", "a"}}}),
              ElementsAre(ElementsAre(2, 5, 6, 3), ElementsAre(2, 5, 3, 9)));
  write("tokenizer_config.json", {{"pad_token", "<none>"}});
  EXPECT_THAT(complaint(), AllOf(HasSubstr("pad_token"), HasSubstr("<none>")));
}

TEST_F(PretrainedText, PlacesOfQuestionsAndSpecialTokensAreShown) {
  const auto predictor = load({"input.second=other"});
  const auto split = examples(predictor, {{{"text", "a [SEP]"}, {"other", "c d"}}});
  const auto shown = split->show(0).tokens;  // [CLS] a [SEP] [SEP] c d [SEP]
  std::vector<bool> special;
  for (const auto& token : shown) special.push_back(token.special);
  EXPECT_THAT(special, ElementsAre(true, false, false, true, false, false, true));
  const auto context = split->text_tokens(0, "other");
  EXPECT_EQ(context.first, 4);
  EXPECT_EQ(context.offsets, (std::vector<data::ByteRange>{{0, 1}, {2, 3}}));
}

/// The mean of the states, which a folder without modules.json has as its vector, but for its length.
TEST_F(PretrainedText, ModulesMakeTheVector) {
  const auto plain = vector("a b c", {"head.normalize=false"});
  EXPECT_NEAR(vector("a b c").norm().item<double>(), 1, 1e-6);
  write("1_Pooling/config.json",
        {{"word_embedding_dimension", 8}, {"pooling_mode_mean_tokens", true}});
  write_modules({{kTransformer, ""}, {kPooling, "1_Pooling"}});
  EXPECT_TRUE(vector("a b c").allclose(plain, 1e-6, 1e-6));
  write_modules({{kTransformer, ""}, {kPooling, "1_Pooling"}, {kNormalize, "2_Normalize"}});
  EXPECT_TRUE(vector("a b c").allclose(plain / plain.norm(), 1e-6, 1e-6));
  // A dense layer, its weights in a file of their own.
  const auto weight = at::randn({3, 8}), bias = at::randn({3});
  write("2_Dense/config.json", {{"in_features", 8},
                                {"out_features", 3},
                                {"bias", true},
                                {"activation_function", "torch.nn.modules.activation.Tanh"}});
  write_safetensors(folder / "2_Dense/model.safetensors",
                    {{"linear.weight", weight}, {"linear.bias", bias}});
  write_modules({{kTransformer, ""}, {kPooling, "1_Pooling"}, {kDense, "2_Dense"}});
  EXPECT_TRUE(vector("a b c").allclose((weight.matmul(plain) + bias).tanh(), 1e-5, 1e-5));
}

TEST_F(PretrainedText, PoolingModesAreThoseOfBothSpellings) {
  write_modules({{kTransformer, ""}, {kPooling, "1_Pooling"}});
  const auto mode = [&](const Json& config) {
    write("1_Pooling/config.json", config);
    return vector("a b c");
  };
  for (const auto& [key, kind] : {std::pair{"cls_token", "first"},
                                  {"mean_tokens", "mean"},
                                  {"max_tokens", "max"},
                                  {"mean_sqrt_len_tokens", "mean_sqrt"},
                                  {"weightedmean_tokens", "weighted_mean"},
                                  {"lasttoken", "last"}}) {
    const auto expected = [&] {
      std::filesystem::remove(folder / "modules.json");
      auto own = vector("a b c", {std::string("head.pool.kind=") + kind, "head.normalize=false"});
      write_modules({{kTransformer, ""}, {kPooling, "1_Pooling"}});
      return own;
    }();
    EXPECT_TRUE(mode({{std::string("pooling_mode_") + key, true}}).equal(expected)) << key;
    auto word = std::string(key);
    for (const char* end : {"cls_token", "max_tokens", "weightedmean_tokens"})
      if (word == end) word = word.substr(0, word.rfind('_'));
    if (word == "mean_tokens") word = "mean";
    EXPECT_TRUE(mode({{"pooling_mode", word}, {"embedding_dimension", 8}}).equal(expected)) << key;
  }
}

TEST_F(PretrainedText, ModulesThatAreNotKnownAreNamed) {
  const Json mean = {{"pooling_mode", "mean"}};
  write("1_Pooling/config.json", mean);
  EXPECT_EQ(complaint(), "");
  write_modules(
      {{kTransformer, ""}, {kPooling, "1_Pooling"}, {std::string(kOld) + "CNN", "2_CNN"}});
  EXPECT_THAT(complaint(),
              AllOf(HasSubstr("modules.json"), HasSubstr("'CNN'"), HasSubstr("Dense")));
  write_modules({{kTransformer, ""}, {"custom.Pooling", "1_Pooling"}});
  EXPECT_THAT(complaint(), AllOf(HasSubstr("custom.Pooling"), HasSubstr("Python")));
  write_modules({{kTransformer, ""}});
  EXPECT_THAT(complaint(), HasSubstr("no module Pooling"));
  write_modules({{kTransformer, ""}, {kNormalize, ""}, {kPooling, "1_Pooling"}});
  EXPECT_THAT(complaint(), HasSubstr("another place"));
  write_modules({{kTransformer, "0_Transformer"}, {kPooling, "1_Pooling"}});
  EXPECT_THAT(complaint(), HasSubstr("0_Transformer"));
  write_modules({{kTransformer, ""}, {kPooling, "../1_Pooling"}});
  EXPECT_THAT(complaint(), HasSubstr("plain name"));
  write_modules({{kTransformer, ""}, {kPooling, "9_Pooling"}});
  EXPECT_THAT(complaint(), AllOf(HasSubstr("9_Pooling"), HasSubstr("missing")));
  write_modules({{kTransformer, ""}, {kPooling, "1_Pooling"}});
  for (const auto& [config, message] :
       {std::pair<Json, const char*>{{{"pooling_mode", "median"}}, "'median'"},
        {{{"pooling_mode", {"mean", "max"}}}, "several modes"},
        {{{"pooling_mode_mean_tokens", true}, {"pooling_mode_max_tokens", true}}, "several modes"},
        {{{"pooling_mod", "mean"}}, "pooling_mod"},
        {{{"embedding_dimension", 9}}, "expected the 8"}}) {
    write("1_Pooling/config.json", config);
    EXPECT_THAT(complaint(), HasSubstr(message)) << config;
  }
  write("1_Pooling/config.json", mean);
  write("config_sentence_transformers.json", {{"default_prompt_name", "query"}});
  EXPECT_THAT(complaint(), HasSubstr("default_prompt_name"));
  write("config_sentence_transformers.json", Json::parse(R"({"default_prompt_name": null})"));
  test::write_bytes(folder / "1_Pooling/pytorch_model.bin", "");
  EXPECT_THAT(complaint(), AllOf(HasSubstr("pytorch_model.bin"), HasSubstr("pickle")));
}

TEST_F(PretrainedText, ModulesAreWrittenAgain) {
  auto tensors = test::small_bert_tensors();
  tensors.emplace_back("pooler.dense.weight", at::randn({8, 8}));
  tensors.emplace_back("pooler.dense.bias", at::randn({8}));
  std::filesystem::remove_all(folder);
  test::write_folder(folder, test::small_bert_config(), tensors);
  write("tokenizer.json", tokenizer_of(bert_template()));
  const auto expect_same_again = [&] {
    const auto before = vector("a b c");
    const auto again = here / "again";
    export_model(folder, again);
    EXPECT_EQ(kind_of(again / "modules.json"), PathKind::file);
    std::filesystem::remove_all(folder);
    std::filesystem::rename(again, folder);
    EXPECT_TRUE(at::equal(vector("a b c"), before));
  };
  expect_same_again();  // modules.json appears
  for (const char* mode : {"cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"}) {
    write("1_Pooling/config.json", {{"pooling_mode", mode}});
    write_modules({{kTransformer, ""}, {kPooling, "1_Pooling"}});
    expect_same_again();
  }
  for (const bool bias : {false, true}) {
    for (const char* activation : {"activation.GELU", "activation.Tanh", "linear.Identity"}) {
      SCOPED_TRACE(testing::Message() << activation << ", bias " << bias);
      write("2_Dense/config.json",
            {{"in_features", 8},
             {"out_features", 3},
             {"bias", bias},
             {"activation_function", std::string("torch.nn.modules.").append(activation)}});
      std::vector<std::pair<std::string, at::Tensor>> dense{{"linear.weight", at::randn({3, 8})}};
      if (bias) dense.emplace_back("linear.bias", at::randn({3}));
      std::filesystem::remove(folder / "2_Dense/model.safetensors");
      write_safetensors(folder / "2_Dense/model.safetensors", dense);
      write_modules({{kTransformer, ""}, {kPooling, "1_Pooling"}, {kDense, "2_Dense"}});
      expect_same_again();
    }
  }
  write("sentence_bert_config.json", {{"max_seq_length", 11}, {"do_lower_case", false}});
  expect_same_again();
  EXPECT_THROW(tokens({{{"text", "a b c d e f a b c d"}}}), DataError);
  write_modules(
      {{kTransformer, ""}, {kPooling, "1_Pooling"}, {kDense, "2_Dense"}, {kNormalize, ""}});
  expect_same_again();
}

TEST_F(PretrainedText, APoolThatTheyHaveNotIsNamed) {
  auto model = read_pretrained(folder);
  const std::string kind = "kind = \"mean\"";
  const auto at = model.recipe.find(kind);
  ASSERT_NE(at, std::string::npos);
  model.recipe.replace(at, kind.size(), "kind = \"attention\"");
  EXPECT_THAT([&] { to_pretrained(model); },
              testing::ThrowsMessage<ModelError>(
                  HasSubstr("head.pool.kind: sentence-transformers has no 'attention'; what it "
                            "has are first, max, mean, ")));
}

TEST_F(PretrainedText, TheLongestTextIsThatOfTheModules) {
  write("1_Pooling/config.json", {{"pooling_mode", "mean"}});
  write_modules({{kTransformer, ""}, {kPooling, "1_Pooling"}});
  const std::vector<Json> records = {{{"text", "a b c d e f a b c d"}}};
  EXPECT_EQ(tokens(records)[0].size(), 12);
  write("tokenizer_config.json", {{"model_max_length", 10}});
  EXPECT_THROW(tokens(records), DataError);
  write("sentence_bert_config.json", {{"max_seq_length", 12}, {"do_lower_case", false}});
  EXPECT_EQ(tokens(records)[0].size(), 12);
  write("sentence_bert_config.json", {{"max_seq_length", 11}});
  EXPECT_THROW(tokens(records), DataError);
  write("sentence_bert_config.json", {{"max_seq_length", 12}, {"do_lower_case", true}});
  EXPECT_THAT(complaint(), HasSubstr("do_lower_case"));
}

}  // namespace
}  // namespace heed
