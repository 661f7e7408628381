// Sentences that the tests make: a determiner and a noun do something, "New York" is a place, and a
// verb has the words beside it as its arguments.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "heed/core/error.h"
#include "heed/core/random.h"
#include "heed/metrics/spans.h"
#include "heed/tasks/predictor.h"
#include "learning.h"
#include "tasks/cell_runs.h"

namespace heed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// "the", a noun that may be new, a verb, and in half of the sentences "in New York" behind it.
std::string tagged_sentences(int count, uint64_t seed) {
  Random random(seed);
  std::string text;
  for (int s = 0; s < count; ++s) {
    const bool many = random.below(2) == 0;
    const auto noun = "n" + std::to_string(random.below(500)) + (many ? "s" : "");
    const auto add = [&](const std::string& word, const char* tag, const char* name) {
      text += word + " " + tag + " " + name + "\n";
    };
    add("the", "DET", "O"), add(noun, many ? "NOUNS" : "NOUN", "O"),
        add("v" + std::to_string(random.below(9)), "VERB", "O");
    if (random.below(2) == 0)
      add("in", "ADP", "O"), add("New", "PROPN", "B-place"), add("York", "PROPN", "I-place");
    else
      add("New", "ADJ", "O"), add("shoes", "NOUNS", "O");
    text += "\n";
  }
  return text;
}

/// Two verbs a sentence: the word before one is its A0, the one behind it its A1.
std::string sentences_with_roles(int count, uint64_t seed) {
  Random random(seed);
  std::string text;
  for (int s = 0; s < count; ++s) {
    const auto second = 4 + static_cast<int>(random.below(2));
    for (int i = 0; i < 7; ++i) {
      const auto mark = [&](int verb) {
        return i == verb ? "V" : i + 1 == verb ? "A0" : i == verb + 1 ? "A1" : "_";
      };
      text += std::to_string(i + 1) + "\tw" + std::to_string(random.below(20)) + "\t" +
              (i == 1 || i == second ? "do.01" : "_") + "\t" + mark(1) + "\t" + mark(second) + "\n";
    }
    text += "\n";
  }
  return text + "1\tOh\t_\t_\n\n";
}

class Tagging : public test::CellRuns {
 protected:
  Tagging() {
    write("train.conll", tagged_sentences(150, 1));
    write("test.conll", tagged_sentences(50, 2));
    write("train.conllu", sentences_with_roles(80, 1));
    write("test.conllu", sentences_with_roles(20, 2));
  }

  void write(const std::string& name, const std::string& text) const {
    test::write_bytes(folder_ / name, text);
  }
  Recipe read(const std::string& data, const std::vector<std::string>& more) const {
    auto file = RecipeFile::parse("seed = " + std::to_string(test::learning_seed(1)) + "\n" + data +
                                      R"(
data.holdout = 0.1
encoder = { width = 16, layers = 1, convolutions = 1, dropout = 0.0, attention = { position = 'relative', num_heads = 2 } }
train = { epochs = 15, batch = 8, optimizer = { lr = 0.01 }, schedule = { kind = 'cosine' } }
[input]
kind = 'words'
features = { buckets = 500, max_ngram = 0 }
[head]
kind = 'tags'
)",
                                  "recipe.toml");
    for (const auto& assignment : more) file.set(assignment);
    return Recipe::read(file);
  }
  std::string files(const std::string& columns, const std::string& ending) const {
    return "data.columns = [" + columns + "]\ndata.train = '" + path("train" + ending) +
           "'\ndata.test = '" + path("test" + ending) + "'";
  }
  Recipe tags(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"input.column=word", "head.column=tag"});
    return read(files("'word', 'tag', 'name'", ".conll"), more);
  }
  Recipe names(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"head.column=name", "head.scheme=iob2", "head.decoder=crf"});
    return tags(std::move(more));
  }
  Recipe roles(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"input.predicate=pred", "head.scheme=roles", "head.column=args"});
    return read(files("'id', 'form', 'pred', 'args*'", ".conllu"), more);
  }

  static std::string refusal(Recipe recipe) {
    try {
      make_task(std::move(recipe));
    } catch (const DataError& error) {
      return error.what();
    }
    return "nothing was refused";
  }
};

TEST_F(Tagging, LearnsPartsOfSpeechOfUnknownWords) {
  const auto result = run(tags(), "run");
  ASSERT_TRUE(result.test);
  test::expect_learned("accuracy", metric(*result.test, "accuracy"), 0.97);
  test::expect_learned("accuracy of unknown", metric(*result.test, "accuracy_unknown"), 0.9);
  EXPECT_LT(metric(*result.test, "baseline_accuracy"), 0.93);
  auto predictor = Predictor::load(folder_ / "run");
  const auto found = predictor.evaluate();
  EXPECT_DOUBLE_EQ(metric(found.metrics, "accuracy"), metric(*result.test, "accuracy"));
  EXPECT_NEAR(metric(found.metrics, "loss"), metric(*result.test, "loss"), 1e-9);
  ASSERT_EQ(found.outputs.size(), 50u);
  EXPECT_THAT(found.outputs[0], HasSubstr("the DET DET\n"));
}

TEST_F(Tagging, FindsNamesInRawText) {
  const auto result = run(names(), "run");
  test::expect_learned("f1", metric(*result.test, "f1"), 0.97);
  auto predictor = Predictor::load(folder_ / "run");
  write("lines.txt", "the n1 v2 in New York\n");
  const auto lines = predictor.stream({path("lines.txt")})->next(5);
  ASSERT_TRUE(lines);
  const auto answer = predictor.predict(lines)[0][0];
  EXPECT_EQ(answer.text, "the n1 v2 in [New York place]");
  const auto json = nlohmann::json::parse(answer.json);
  ASSERT_EQ(json["spans"].size(), 1u);
  EXPECT_EQ(json["spans"][0]["begin"], 13);
  EXPECT_EQ(json["spans"][0]["end"], 21);
  EXPECT_EQ(json["words"].size(), 6u);
}

TEST_F(Tagging, FindsNamesInTextWithoutSpaces) {
  Random random(test::learning_seed(3));
  std::string text;
  for (int s = 0; s < 60; ++s) {
    for (int i = 0; i < 3; ++i)
      text += std::string(1, static_cast<char>('a' + random.below(5))) + " X O\n";
    text += "\u5317 X B-place\n\u4eac X I-place\n\n";
  }
  write("train.conll", text), write("test.conll", text);
  const auto result = run(names({"input.cut=character", "train.epochs=8"}), "run");
  test::expect_learned("f1", metric(*result.test, "f1"), 0.97);
  auto predictor = Predictor::load(folder_ / "run");
  write("lines.txt", "ab\u5317\u4eac c\n");
  const auto answer = predictor.predict(predictor.stream({path("lines.txt")})->next(5))[0][0];
  const auto json = nlohmann::json::parse(answer.json);
  EXPECT_EQ(json["words"].size(), 5u);
  ASSERT_EQ(json["spans"].size(), 1u);
  EXPECT_EQ(json["spans"][0]["text"], "\u5317\u4eac");
  EXPECT_EQ(json["spans"][0]["begin"], 2);
  EXPECT_EQ(json["spans"][0]["end"], 4);
}

TEST_F(Tagging, FindsRolesOfEveryPredicate) {
  const auto result = run(roles(), "run");
  test::expect_learned("f1", metric(*result.test, "f1"), 0.95);
  EXPECT_GT(metric(*result.test, "baseline_f1"), 0.9) << "the distance says all";
  auto predictor = Predictor::load(folder_ / "run");
  const auto found = predictor.evaluate();
  EXPECT_EQ(found.examples, 41) << "one a predicate, and one of a sentence without";
  ASSERT_EQ(found.outputs.size(), 21u) << "an item a sentence";
  EXPECT_EQ(found.outputs[20], "1\tOh\t_\t_\t_\t_\t_\t_\t_\t_\t_\t_\n");
  EXPECT_THAT(found.outputs[0], HasSubstr("2\tw"));
}

TEST_F(Tagging, ShowsWordsWhereTheyStandInTheSentence) {
  run(tags({"train.epochs=1"}), "run");
  auto predictor = Predictor::load(folder_ / "run");
  const auto shown = predictor.explain(predictor.find(path("test.conll") + ":1")).shown;
  ASSERT_GE(shown.tokens.size(), 5u);
  for (const auto& token : shown.tokens)
    if (!token.special) {
      EXPECT_EQ(shown.text.substr(token.begin, token.end - token.begin), token.text);
    }
}

TEST_F(Tagging, HoldsOutWholeSentences) {
  const auto task = make_task(roles({"train.batch=1"}));
  EXPECT_EQ(task->batches(), 144) << "72 of 80 sentences, two predicates each";
}

TEST_F(Tagging, GoesOnWithTheSameBits) {
  const auto small = [&] {
    return names({"encoder.dropout=0.2", "encoder.word_dropout=0.1", "train.epochs=2",
                  "train.save_every=5", "train.keep_checkpoints=100"});
  };
  expect_resume(small, 5, 34);
}

TEST_F(Tagging, TagsThatTrainingLackedAreRefusedOrWrong) {
  write("test.conll", "the DET O\nn1 NUN O\nv1 VERP O\n\n");
  const auto message = refusal(tags());
  EXPECT_THAT(message, HasSubstr("test.conll:1: word 2: the tag 'NUN'"));
  EXPECT_THAT(message, HasSubstr("1 more word;"));
  const auto task = make_task(tags({"head.unseen=wrong"}));
  task->model().eval();
  EXPECT_LE(metric(*task->test(), "accuracy"), 1.0 / 3);
}

TEST_F(Tagging, RefusesTagsThatAreNoneOfTheScheme) {
  write("train.conll", "the DET O\nNew A I-place\n\nYork B B-place\n\nYork B I-place\n\n");
  EXPECT_THAT(refusal(names({"data.holdout=0"})),
              HasSubstr("train.conll:1: word 2: the tag 'I-place'"));
  write("train.conll", "the DET O\nNew A E-place\n\n");
  EXPECT_THAT(refusal(names({"data.holdout=0"})), HasSubstr("E-place"));
  write("train.conll", "the DET O\nNew DET O\n\n");
  EXPECT_THAT(refusal(names({"data.holdout=0"})), HasSubstr("one tag only, 'O'"));
}

TEST_F(Tagging, RefusesAnotherNumberOfTagsThanWords) {
  write("train.jsonl",
        "{\"form\": [\"a\", \"b\"], \"upos\": [\"X\", \"Y\"]}\n{\"form\": [\"a\", \"b\"], "
        "\"upos\": [\"X\"]}\n");
  EXPECT_THAT(refusal(read("data.train = '" + path("train.jsonl") + "'", {"data.holdout=0"})),
              HasSubstr("train.jsonl:2: the column 'upos' has 1 item, expected one for each of 2"));
  EXPECT_THAT(refusal(tags({"head.column=tga"})), HasSubstr("tag"));
  EXPECT_THAT(refusal(tags({"input.column=words"})), HasSubstr("word"));
}

TEST_F(Tagging, RefusesPredicatesWithoutRoles) {
  write("train.conllu", "1\ta\tdo.01\tA0\n2\tb\tdo.01\tV\n\n");
  EXPECT_THAT(refusal(roles({"data.holdout=0"})),
              HasSubstr("train.conllu:1: the list 'args' has 1 columns"));
  write("train.conllu", "1\ta\t_\t_\n\n");
  EXPECT_THAT(refusal(roles({"data.holdout=0"})), HasSubstr("marks a predicate"));
}

}  // namespace
}  // namespace heed
