// Training that begins with a model: folders of transformers and those of Heed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "heed/core/error.h"
#include "heed/core/random.h"
#include "heed/nn/lora.h"
#include "heed/pretrained/pretrained.h"
#include "heed/tasks/export.h"
#include "heed/tasks/predictor.h"
#include "heed/train/model_folder.h"
#include "learning.h"
#include "pretrained/folders.h"
#include "tasks/cell.h"
#include "tasks/cell_runs.h"

namespace heed {
namespace {

using testing::HasSubstr;

/// Words of the small BERT's vocabulary.
constexpr const char* kTokenizer = R"({"version": "1.0", "truncation": null, "padding": null,
"added_tokens": [
 {"id": 0, "content": "[PAD]", "single_word": false, "lstrip": false, "rstrip": false,
  "normalized": false, "special": true},
 {"id": 1, "content": "[UNK]", "single_word": false, "lstrip": false, "rstrip": false,
  "normalized": false, "special": true},
 {"id": 2, "content": "[CLS]", "single_word": false, "lstrip": false, "rstrip": false,
  "normalized": false, "special": true},
 {"id": 3, "content": "[SEP]", "single_word": false, "lstrip": false, "rstrip": false,
  "normalized": false, "special": true}],
"normalizer": null, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
 {"type": "WhitespaceSplit"},
 {"type": "Split", "pattern": {"String": "-"}, "behavior": "Removed", "invert": false}]},
"post_processor": {"type": "TemplateProcessing",
 "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
 "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
          {"SpecialToken": {"id": "[SEP]", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}},
          {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
 "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
                    "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}},
"decoder": null,
"model": {"type": "WordLevel", "unk_token": "[UNK]", "vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2,
 "[SEP]": 3, "good": 4, "bad": 5, "dull": 6, "fine": 7, "film": 8, "a": 9, "the": 10}}})";

/// Texts of two classes.
std::string reviews(int count, uint64_t seed) {
  constexpr const char* kWords[][2] = {{"good", "fine"}, {"bad", "dull"}};
  Random random(seed);
  std::string text = "text,class,stars\n";
  for (int i = 0; i < count; ++i) {
    const auto kind = random.below(2);
    text += std::string(random.below(2) ? "a " : "the ") + kWords[kind][random.below(2)] +
            " film," + (kind ? "against" : "for") + "," + (kind ? "1" : "4") + "\n";
  }
  return text;
}

class BegunFromFolder : public test::CellRuns {
 protected:
  BegunFromFolder() {
    torch::manual_seed(1);
    auto tensors = test::small_bert_tensors();
    for (auto& [name, tensor] : tensors) tensor = tensor * 0.3;
    tensors.emplace_back("pooler.dense.weight", at::randn({8, 8}));
    tensors.emplace_back("pooler.dense.bias", at::randn({8}));
    test::write_folder(folder_ / "bert", test::small_bert_config(), tensors);
    test::write_bytes(folder_ / "bert/tokenizer.json", kTokenizer);
    test::write_bytes(folder_ / "train.csv", reviews(60, 1));
    test::write_bytes(folder_ / "test.csv", reviews(30, 2));
  }

  RecipeFile file(const std::string& head, const std::vector<std::string>& more = {}) const {
    auto file =
        RecipeFile::parse("seed = " + std::to_string(test::learning_seed(1)) + "\ndata.train = '" +
                              path("train.csv") + "'\ndata.test = '" + path("test.csv") +
                              "'\nmodel.from = '" + path("bert") + "'\nhead = " + head + R"(
input.kind = 'text'
train = { epochs = 40, batch = 10, optimizer = { lr = 0.003 } }
)",
                          "recipe.toml");
    for (const auto& assignment : more) file.set(assignment);
    return file;
  }
  Recipe recipe(const std::string& head, const std::vector<std::string>& more = {}) const {
    return Recipe::read(file(head, more));
  }
  std::string complaint(const std::string& head, const std::vector<std::string>& more) const {
    try {
      make_task(recipe(head, more));
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing";
  }
  std::map<std::string, at::Tensor> tensors(const std::string& name) const {
    const auto files = load_model(folder_ / name);
    return {files.tensors.begin(), files.tensors.end()};
  }
};

constexpr const char* kClass =
    "{ kind = 'class', column = 'class', pool = { kind = 'first' }, dense = { activation = 'tanh' "
    "} }";
/// One step whose rate is nearly nothing.
const std::vector<std::string> kNoStep{"train.max_steps=1", "train.optimizer.lr=1e-30"};

TEST_F(BegunFromFolder, TakesWhatTheRecipeLeavesOut) {
  run(recipe(kClass, kNoStep), "class");
  const auto theirs = read_pretrained(folder_ / "bert");
  const auto ours = tensors("class");
  int same = 0;
  for (const auto& [name, tensor] : theirs.tensors)
    same += name.starts_with("encoder.") && at::equal(tensor, ours.at(name));
  EXPECT_EQ(same, 29);
  const auto values = RecipeFile::read(folder_ / "class/best/recipe.toml").values();
  EXPECT_EQ(values.at("encoder.width"), "8");
  EXPECT_EQ(values.at("encoder.norm"), "'post'");
  EXPECT_EQ(values.at("encoder.attention.num_heads"), "2");
  EXPECT_EQ(values.at("input.max_length"), "16");
  EXPECT_EQ(load_model(folder_ / "class").others.at("text.tokenizer"), kTokenizer);
}

TEST_F(BegunFromFolder, PathsThatAreNoneAreNamed) {
  EXPECT_THAT(complaint(kClass, {"data.test="}), HasSubstr("test: a path is empty; expected a"));
  EXPECT_THAT(complaint(kClass, {"data.test=['t.csv', 't.csv']"}),
              HasSubstr("test: expected each file once, given 't.csv' twice"));
}

TEST_F(BegunFromFolder, KeysThatContradictItAreNamed) {
  EXPECT_THAT(
      complaint(kClass, {"encoder.width=16"}),
      testing::AllOf(HasSubstr("encoder.width is 16, and 8 in "), HasSubstr("config.json")));
  EXPECT_THAT(complaint(kClass, {"encoder.attention.num_heads=4"}),
              HasSubstr("encoder.attention.num_heads is 4, and 2 in "));
  EXPECT_THAT(complaint(kClass, {"input.tokenizer.kind=words"}),
              HasSubstr("input.tokenizer.kind is 'words', and 'json' in "));
  EXPECT_THAT(complaint(kClass, {"model.from=" + path("nowhere")}),
              testing::AllOf(testing::StartsWith("model.from: "),
                             HasSubstr("nowhere: No such file or directory; say where it is by")));
  EXPECT_THAT(complaint(kClass, {"encoder.from=x"}), HasSubstr("encoder.from, its older name"));
  const auto nothing = complaint(kClass, {"encoder.dropout=0.3", "encoder.attention.dropout=0.2",
                                          "encoder.width=8", "input.max_length=8"});
  EXPECT_EQ(nothing, "nothing");
}

TEST_F(BegunFromFolder, TheOlderNameIsRead) {
  auto older = file(kClass, kNoStep);
  older.erase("model.from");
  older.set("encoder.from='" + path("bert") + "'");
  EXPECT_EQ(Recipe::read(older).model.from, path("bert"));
}

TEST_F(BegunFromFolder, LearnsAndGoesBackAsAFolder) {
  const auto result = run(recipe(kClass), "class");
  test::expect_learned("accuracy", metric(*result.test, "accuracy"), 0.9);
  export_model(folder_ / "class", folder_ / "out");
  const auto config = nlohmann::json::parse(test::read_bytes(folder_ / "out/config.json"));
  EXPECT_EQ(config["architectures"][0], "BertForSequenceClassification");
  EXPECT_EQ(config["id2label"]["0"], "against");
  EXPECT_EQ(test::read_bytes(folder_ / "out/tokenizer.json"), kTokenizer);
  const auto evaluated =
      Predictor::load(folder_ / "out", {"head.column=class"}).evaluate({path("test.csv")});
  EXPECT_NEAR(metric(evaluated.metrics, "loss"), metric(*result.test, "loss"), 1e-6);
  EXPECT_THROW(export_model(folder_ / "class", folder_ / "out"), UsageError);
}

TEST_F(BegunFromFolder, ThePoolerIsKeptForItsClass) {
  const auto theirs = read_pretrained_files(folder_ / "bert");
  write_pretrained(folder_ / "again", read_pretrained(folder_ / "bert"));
  const auto again = read_pretrained_files(folder_ / "again");
  std::map<std::string, at::Tensor> written(again.tensors.begin(), again.tensors.end());
  ASSERT_EQ(written.size(), theirs.tensors.size());
  for (const auto& [name, tensor] : theirs.tensors)
    EXPECT_TRUE(at::equal(written.at(name), tensor)) << name;
  auto without = read_pretrained(folder_ / "bert");
  without.others.erase("kept.safetensors");
  try {
    to_pretrained(without);
    ADD_FAILURE() << "written without its pooler";
  } catch (const ModelError& error) {
    EXPECT_THAT(error.what(), HasSubstr("pooler.dense.weight"));
  }
}

TEST_F(BegunFromFolder, WhatNoClassHoldsIsRefused) {
  const auto refusal = [&](const std::string& head, const std::vector<std::string>& more = {}) {
    auto all = kNoStep;
    all.insert(all.end(), more.begin(), more.end());
    run(recipe(head, all), "model");
    try {
      export_model(folder_ / "model", folder_ / "out");
    } catch (const ModelError& error) {
      std::filesystem::remove_all(folder_ / "model");
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  EXPECT_THAT(refusal("{ kind = 'class', column = 'class', pool = { kind = 'mean' } }"),
              HasSubstr("head.dense.activation is 'none'"));
  EXPECT_THAT(refusal("{ kind = 'class', column = 'class', pool = { kind = 'mean' }, "
                      "dense = { activation = 'tanh' } }"),
              HasSubstr("head.pool.kind is 'mean'"));
}

TEST_F(BegunFromFolder, ANumberGoesBackInItsUnits) {
  const auto result = run(
      recipe(
          "{ kind = 'number', column = 'stars', dense = { activation = 'tanh' } , pool = { kind = "
          "'first' } }",
          {"train.epochs=5"}),
      "number");
  export_model(folder_ / "number", folder_ / "out");
  const auto config = nlohmann::json::parse(test::read_bytes(folder_ / "out/config.json"));
  EXPECT_EQ(config["problem_type"], "regression");
  EXPECT_NEAR(metric(Predictor::load(folder_ / "out", {"head.column=stars"})
                         .evaluate({path("test.csv")})
                         .metrics,
                     "mse"),
              metric(*result.test, "mse"), 1e-5);
}

TEST_F(BegunFromFolder, FrozenWeightsStay) {
  run(recipe(kClass, {"train.epochs=1", "model.frozen=encoder"}), "head");
  run(recipe(kClass, {"train.epochs=1", "model.frozen=layers", "model.frozen_layers=1"}), "layers");
  for (const auto& [name, tensor] : read_pretrained(folder_ / "bert").tensors) {
    if (!name.starts_with("encoder.")) continue;
    EXPECT_TRUE(at::equal(tensor, tensors("head").at(name))) << name;
    const bool learns = name.starts_with("encoder.layers.1.");
    EXPECT_EQ(at::equal(tensor, tensors("layers").at(name)), !learns) << name;
  }
}

/// The first step of Adam moves a weight by the rate alone, whatever its gradient.
TEST_F(BegunFromFolder, LayersHaveTheirRates) {
  run(recipe(kClass, {"train.max_steps=1", "model.layer_decay=0.5", "train.optimizer.kind=adam",
                      "train.optimizer.lr=0.001", "train.optimizer.eps=1e-30"}),
      "decay");
  const auto theirs = read_pretrained(folder_ / "bert");
  const std::map<std::string, at::Tensor> before(theirs.tensors.begin(), theirs.tensors.end());
  const auto after = tensors("decay");
  const auto moved = [&](const std::string& name) {
    return (after.at(name) - before.at(name)).abs().max().item<double>();
  };
  EXPECT_NEAR(moved("encoder.layers.1.feed_forward.up.weight"), 0.0005, 1e-6);
  EXPECT_NEAR(moved("encoder.layers.0.feed_forward.up.weight"), 0.00025, 1e-6);
  EXPECT_NEAR(moved("encoder.embedding_norm.weight"), 0.000125, 1e-6);
}

TEST_F(BegunFromFolder, AdaptersLearnAndMerge) {
  const std::vector<std::string> lora{"model.lora.rank=2", "model.lora.alpha=8",
                                      "train.optimizer.lr=0.01"};
  const auto result = run(recipe(kClass, lora), "lora");
  test::expect_learned("accuracy", metric(*result.test, "accuracy"), 0.9);
  const auto raw = tensors("lora");
  for (const auto& [name, tensor] : read_pretrained(folder_ / "bert").tensors)
    EXPECT_TRUE(!name.starts_with("encoder.") || at::equal(tensor, raw.at(name))) << name;
  EXPECT_TRUE(raw.contains("encoder.layers.1.attention.qkv.lora_16.b"));  // of values
  auto predictor = Predictor::load(folder_ / "lora");
  for (const auto& item : predictor.module().named_parameters())
    EXPECT_FALSE(nn::is_lora(item.key())) << item.key();
  EXPECT_NEAR(metric(predictor.evaluate().metrics, "loss"), metric(*result.test, "loss"), 1e-5);
}

TEST_F(BegunFromFolder, AdaptersGoOnWithTheSameBits) {
  expect_resume(
      [&] {
        return recipe(kClass, {"model.lora.rank=2", "model.lora.dropout=0.1", "train.epochs=2",
                               "train.save_every=4", "train.keep_checkpoints=100"});
      },
      8, 12);
}

TEST_F(BegunFromFolder, AdaptersAreWrittenAsPeftReadsThem) {
  run(recipe(kClass, {"model.lora.rank=2", "model.lora.alpha=8", "train.epochs=2",
                      "model.lora.targets=[\"query\", \"up\"]"}),
      "lora");
  export_model(folder_ / "lora", folder_ / "adapter", {.adapter = true});
  const auto config =
      nlohmann::json::parse(test::read_bytes(folder_ / "adapter/adapter_config.json"));
  EXPECT_EQ(config["peft_type"], "LORA");
  EXPECT_EQ(config["r"], 2);
  EXPECT_EQ(config["lora_alpha"], 8);
  EXPECT_EQ(config["task_type"], "SEQ_CLS");
  EXPECT_EQ(config["target_modules"].size(), 4u);
  EXPECT_EQ(config["modules_to_save"], nlohmann::json({"bert.pooler.dense", "classifier"}));
  const auto written = read_safetensors(folder_ / "adapter/adapter_model.safetensors").tensors;
  const std::map<std::string, at::Tensor> theirs(written.begin(), written.end());
  const auto ours = tensors("lora");
  const std::string layer = "base_model.model.bert.encoder.layer.1.";
  EXPECT_TRUE(at::equal(theirs.at(layer + "attention.self.query.lora_A.weight"),
                        ours.at("encoder.layers.1.attention.qkv.lora_0.a")));
  EXPECT_TRUE(at::equal(theirs.at(layer + "intermediate.dense.lora_B.weight"),
                        ours.at("encoder.layers.1.feed_forward.up.lora_0.b")));
  EXPECT_TRUE(
      at::equal(theirs.at("base_model.model.classifier.weight"), ours.at("head.linear.weight")));
  EXPECT_EQ(written.size(), 12u);  // 2 layers, 2 targets, A and B; weight and bias of two layers
}

class WordsOfPieces : public BegunFromFolder {
 protected:
  WordsOfPieces() {
    std::string text;
    Random random(5);
    for (int i = 0; i < 80; ++i) {
      const bool good = random.below(2);
      text += std::string(random.below(2) ? "the" : "a") + "\tO\n" + (good ? "good" : "bad") +
              "-film\t" + (good ? "B-FOR" : "B-AGAINST") + "\n-\tO\n" +
              (good ? "fine\tI-FOR" : "dull\tO") + "\n\n";
    }
    for (size_t at = text.find("-\tO\nfine"); at != std::string::npos; at = text.find("-\tO\nfine"))
      text.replace(at, 3, "-\tI-FOR");
    test::write_bytes(folder_ / "words", text);
  }
  Recipe tagger(const std::vector<std::string>& more = {}) const {
    auto file = RecipeFile::parse("seed = " + std::to_string(test::learning_seed(1)) +
                                      "\ndata.train = '" + path("words") + "'\ndata.test = '" +
                                      path("words") + "'\nmodel.from = '" + path("bert") + R"('
data.format = 'conll'
data.columns = ['word', 'tag']
data.max_unknown = 1
input = { kind = 'words', column = 'word' }
head = { kind = 'tags', column = 'tag', scheme = 'iob2' }
train = { epochs = 40, batch = 10, optimizer = { lr = 0.003 } }
)",
                                  "recipe.toml");
    for (const auto& assignment : more) file.set(assignment);
    return Recipe::read(file);
  }
};

TEST_F(WordsOfPieces, TheFirstPieceStandsForTheWord) {
  test::write_bytes(folder_ / "two", "the\tO\ngood-film\tO\n-\tO\nbad\tO\n\nfilm\tO\n");
  Cell cell(tagger());
  cell.load_inputs({{"text.tokenizer", kTokenizer}});
  const auto split = cell.open(cell.source("train", {path("two")}));
  const auto batch = split->batch({0, 1}, {});
  const auto expect = [&](const char* name, const at::Tensor& expected) {
    EXPECT_TRUE(at::equal(batch.at(name), expected)) << name << "\n" << batch.at(name);
  };
  // [CLS] the good film [UNK] bad [SEP]
  expect("tokens", at::tensor({2, 10, 4, 8, 1, 5, 3, 2, 8, 3, 0, 0, 0, 0}, at::kLong).view({2, 7}));
  expect("lengths", at::tensor({7, 3}, at::kLong));
  expect("word_pieces", at::tensor({1, 2, 4, 5, 1, 0, 0, 0}, at::kLong).view({2, 4}));
  expect("word_lengths", at::tensor({4, 1}, at::kLong));
  const auto read = split->read_tokens(0);
  ASSERT_EQ(read.size(), 7u);
  EXPECT_EQ(read[3].text, "film");
  EXPECT_EQ(read[3].begin, 4);
  EXPECT_TRUE(read[0].special && read[6].special);
}

TEST_F(WordsOfPieces, LearnsAndGoesBackAsAFolder) {
  for (const char* decoder : {"softmax", "crf"}) {
    const auto name = std::string("run-") + decoder;
    const auto result = run(tagger({std::string("head.decoder=") + decoder}), name);
    test::expect_learned("f1", metric(*result.test, "f1"), 0.9);
  }
  export_model(folder_ / "run-softmax", folder_ / "out");
  const auto config = nlohmann::json::parse(test::read_bytes(folder_ / "out/config.json"));
  EXPECT_EQ(config["architectures"][0], "BertForTokenClassification");
  EXPECT_EQ(config["id2label"]["1"], "B-FOR");
  try {
    export_model(folder_ / "run-crf", folder_ / "crf");
    ADD_FAILURE() << "a CRF was written";
  } catch (const ModelError& error) {
    EXPECT_THAT(error.what(), HasSubstr("head.decoder is 'crf'"));
  }
}

/// A model that writes texts, of the same vocabulary.
class BegunFromWriter : public BegunFromFolder {
 protected:
  BegunFromWriter() {
    torch::manual_seed(2);
    NamedTensors tensors;
    const auto add = [&](const std::string& name, std::vector<int64_t> shape) {
      tensors.emplace_back("transformer." + name, at::randn(shape) * 0.3);
    };
    add("wte.weight", {11, 8}), add("wpe.weight", {16, 8});
    for (const std::string layer : {"h.0.", "h.1."}) {
      for (const auto& [part, in, out] :
           std::vector<std::tuple<std::string, int64_t, int64_t>>{{"attn.c_attn", 8, 24},
                                                                  {"attn.c_proj", 8, 8},
                                                                  {"mlp.c_fc", 8, 32},
                                                                  {"mlp.c_proj", 32, 8}})
        add(layer + part + ".weight", {in, out}), add(layer + part + ".bias", {out});
      for (const char* norm : {"ln_1", "ln_2"})
        add(layer + norm + ".weight", {8}), add(layer + norm + ".bias", {8});
    }
    add("ln_f.weight", {8}), add("ln_f.bias", {8});
    test::write_folder(folder_ / "gpt2",
                       {{"architectures", {"GPT2LMHeadModel"}},
                        {"model_type", "gpt2"},
                        {"vocab_size", 11},
                        {"n_embd", 8},
                        {"n_layer", 2},
                        {"n_head", 2},
                        {"n_positions", 16},
                        {"activation_function", "gelu_new"}},
                       tensors);
    test::write_bytes(folder_ / "gpt2/tokenizer.json", kTokenizer);
    std::string text;
    for (int i = 0; i < 60; ++i) text += i % 2 ? "the good film\n" : "a bad film\n";
    test::write_bytes(folder_ / "text", text);
  }

  Recipe writer(const std::vector<std::string>& more) const {
    auto file = RecipeFile::parse("seed = " + std::to_string(test::learning_seed(1)) +
                                      "\ndata.train = '" + path("text") + "'\ndata.holdout = 0.2" +
                                      "\nmodel.from = '" + path("gpt2") + R"('
input = { kind = 'corpus', context = 8 }
head.kind = 'text'
train = { epochs = 20, batch = 64, optimizer = { lr = 0.01 } }
)",
                                  "recipe.toml");
    for (const auto& assignment : more) file.set(assignment);
    return Recipe::read(file);
  }
};

TEST_F(BegunFromWriter, LearnsAllOfItAndGoesBack) {
  const auto before = read_pretrained(folder_ / "gpt2");
  const auto result = run(writer({}), "run");
  test::expect_learned("loss", metric(*result.valid, "loss"), 1, 0);
  export_model(folder_ / "run", folder_ / "out");
  const auto again = read_pretrained(folder_ / "out");
  const auto ours = tensors("run");
  ASSERT_EQ(again.tensors.size(), ours.size());
  for (const auto& [name, tensor] : again.tensors)
    EXPECT_TRUE(at::equal(tensor, ours.at(name))) << name;
  EXPECT_EQ(again.recipe, before.recipe);
}

TEST_F(BegunFromWriter, AHeadThatDoesNotWriteIsRefused) {
  EXPECT_THAT(complaint("{ kind = 'class', column = 'class' }", {"model.from=" + path("gpt2")}),
              HasSubstr("expected head.kind = \"text\""));
}

TEST_F(BegunFromWriter, AnAdapterOfSomeRowsBecomesOneOfThemAll) {
  run(writer(
          {"model.lora.rank=2", "train.max_steps=3", "model.lora.targets=[\"query\", \"value\"]"}),
      "run");
  export_model(folder_ / "run", folder_ / "adapter", {.adapter = true});
  const auto config =
      nlohmann::json::parse(test::read_bytes(folder_ / "adapter/adapter_config.json"));
  EXPECT_EQ(config["fan_in_fan_out"], true);
  EXPECT_EQ(config["rank_pattern"]["transformer.h.0.attn.c_attn"], 4);
  EXPECT_EQ(config["alpha_pattern"]["transformer.h.0.attn.c_attn"], 32);
  const auto written = read_safetensors(folder_ / "adapter/adapter_model.safetensors").tensors;
  const std::map<std::string, at::Tensor> theirs(written.begin(), written.end());
  const auto ours = tensors("run");
  const std::string layer = "base_model.model.transformer.h.0.attn.c_attn.lora_";
  const auto product = theirs.at(layer + "B.weight").matmul(theirs.at(layer + "A.weight"));
  const auto own = [&](const std::string& first) {
    const auto name = "head.decoder.0.attention.qkv.lora_" + first;
    return ours.at(name + ".b").matmul(ours.at(name + ".a"));
  };
  const auto expected = at::cat({own("0"), at::zeros({8, 8}), own("16")}, 0);
  EXPECT_TRUE(at::allclose(product, expected, 1e-6, 1e-9));
  EXPECT_GT(expected.abs().max().item<double>(), 0);
}

TEST_F(BegunFromFolder, CheckpointingChangesNoBit) {
  const std::vector<std::string> some{"train.epochs=1", "encoder.dropout=0.2"};
  auto again = some;
  again.emplace_back("train.gradient_checkpointing=true");
  run(recipe(kClass, some), "plain");
  run(recipe(kClass, again), "again");
  for (const auto& [name, tensor] : tensors("plain"))
    EXPECT_TRUE(at::equal(tensor, tensors("again").at(name))) << name;
}

}  // namespace
}  // namespace heed
