// Transcripts of tokens in time order: small sets are learned, a saved model answers as the trained one did, and a model of
// language is listened to.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "data/feature_bytes.h"
#include "data/samples.h"
#include "heed/core/random.h"
#include "heed/tasks/predictor.h"
#include "learning.h"
#include "sounds.h"
#include "tasks/cell.h"
#include "tasks/cell_runs.h"

namespace heed {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

/// Letters that last: "aaa-bb-__-a-" is heard where "ab a" was said.
class TranscriptCell : public test::CellRuns {
 protected:
  TranscriptCell() {
    for (const char* part : {"train", "test"}) {
      std::string table = "heard\tsaid\n";
      for (uint32_t i = 0; i < (part[1] == 'r' ? 120u : 40u); ++i) {
        Random random(part[1] == 'r' ? 1 : 2, i);
        const auto below = [&](uint32_t most) { return random.bits() % most; };
        std::string heard, said;
        for (uint32_t words = 1 + below(3); words > 0; --words) {
          for (uint32_t letters = 1 + below(3); letters > 0; --letters) {
            said += "abc"[below(3)];
            heard.append(1 + below(3), said.back()).append(1 + below(2), '-');
          }
          if (words > 1) said += ' ', heard.append(1 + below(2), '_').append("-");
        }
        table.append(heard).append("\t").append(said).append("\n");
      }
      test::write_bytes(folder_ / (std::string(part) + ".tsv"), table);
    }
  }

  RecipeFile file(const std::string& head, const std::vector<std::string>& more = {}) const {
    auto file = RecipeFile::parse(
        "[data]\ntrain = '" + path("train.tsv") + "'\ntest = '" + path("test.tsv") + "'\n" + R"(
[input]
kind = "text"
column = "heard"
tokenizer = { kind = "characters", size = 20 }
[encoder]
width = 24
layers = 1
convolutions = 1
dropout = 0.0
attention = { position = "sinusoidal", num_heads = 2 }
[train]
epochs = 40
batch = 8
optimizer = { lr = 0.01 }
)" + head,
        "recipe.toml");
    file.set("seed=" + std::to_string(test::learning_seed(3)));
    for (const auto& assignment : more) file.set(assignment);
    return file;
  }
  Recipe recipe(const std::vector<std::string>& more = {}) const {
    return Recipe::read(file("[head]\nkind = \"transcript\"\ncolumn = \"said\"\n", more));
  }
  std::string complaint(const std::vector<std::string>& more) const {
    try {
      make_task(recipe(more));
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
  /// Words that are all as likely.
  std::string arpa(const std::vector<std::string>& words) const {
    std::string text = "\\data\\\nngram 1=" + std::to_string(words.size() + 2) +
                       "\n\\1-grams:\n-99 <s>\n-0.5 </s>\n";
    for (const auto& word : words) text += "-1 " + word + "\n";
    test::write_bytes(folder_ / "words.arpa", text + "\\end\\\n");
    return path("words.arpa");
  }
  SplitPtr lines(Predictor& predictor, const std::vector<std::string>& heard) const {
    std::string text = "heard\n";
    for (const auto& line : heard) text += line + "\n";
    test::write_bytes(folder_ / "asked.tsv", text);
    return predictor.stream({path("asked.tsv")})->next(64);
  }
};

TEST_F(TranscriptCell, LearnsAndListensToALanguage) {
  const auto result = run(recipe(), "run");
  test::expect_learned("words of transcripts that are wrong", metric(*result.test, "wer"), 0.2, 0);
  EXPECT_LE(metric(*result.test, "cer"), metric(*result.test, "wer"));
  EXPECT_GT(metric(*result.test, "baseline_wer"), 0.7);
  auto predictor = Predictor::load(folder_ / "run");
  const auto again = predictor.evaluate({path("test.tsv")});
  EXPECT_EQ(metric(again.metrics, "wer"), metric(*result.test, "wer"));
  EXPECT_EQ(metric(again.metrics, "loss"), metric(*result.test, "loss"));

  const std::vector<std::string> heard = {"aa-bb-__-c-", "c-", "bbb-b-_-a-a--"};
  const auto found = predictor.predict(lines(predictor, heard));
  for (size_t i = 0; i < heard.size(); ++i) {
    const auto alone = predictor.predict(lines(predictor, {heard[i]}));
    EXPECT_EQ(alone[0][0].text, found[i][0].text);
    EXPECT_EQ(alone[0][0].json, found[i][0].json);
    EXPECT_LE(json::parse(found[i][0].json)["log_probability"].get<double>(), 0);
    EXPECT_FALSE(json::parse(found[i][0].json).contains("words"));  // a text has no seconds
  }

  auto search = Predictor::load(folder_ / "run", {"head.beam_size=16"});
  EXPECT_LE(metric(search.evaluate({path("test.tsv")}).metrics, "wer"),
            metric(*result.test, "wer") + 0.05);
  auto closed = Predictor::load(
      folder_ / "run", {"head.beam_size=64", "head.language.file='" + arpa({"ab", "cc"}) + "'",
                        "head.language.lexicon=true"});
  for (const auto& row : closed.predict(lines(closed, heard))) {
    const auto& text = row[0].text;
    for (size_t at = 0; at < text.size(); at += 3)
      EXPECT_TRUE(text.substr(at, 3).starts_with("ab") || text.substr(at, 3).starts_with("cc"))
          << text;
  }
}

/// A model that was not trained, in evaluation, and the first records of training.
class UntrainedTranscripts {
 public:
  explicit UntrainedTranscripts(Recipe recipe)
      : cell_(std::move(recipe)),
        split_(cell_.open(cell_.source("train", cell_.recipe.data.train))) {
    input().learn(*split_, 1), head().learn(*split_, input());
    at::manual_seed(1);
    cell_.make_model();
    cell_.module->eval();
  }
  Input& input() { return *cell_.recipe.inputs.front().get(); }
  Head& head() { return *cell_.recipe.heads.front().get(); }
  Batch batch(const std::vector<int64_t>& examples) const {
    return cell_.with_targets(*split_, split_->batch(examples, {}), {});
  }
  Tokens tokens(const Batch& batch) { return cell_.encode(batch); }
  /// The summed loss, and how many pieces of text it is of.
  std::pair<double, int64_t> loss(const Tokens& tokens, const Batch& batch) {
    const at::NoGradGuard no_grad;
    const auto found = head().loss(tokens, batch);
    return {found.mean.item<double>() * static_cast<double>(found.count), found.count};
  }
  std::vector<std::string> texts(const Batch& batch) {
    std::vector<std::string> all;
    for (const auto& one : head().predict(tokens(batch), batch, *split_)) all.push_back(one.text);
    return all;
  }
  /// What is added to the score of each piece.
  at::Tensor bias() const {
    for (const auto& parameter : cell_.module->named_parameters())
      if (parameter.key().starts_with("head") && parameter.value().dim() == 1)
        return parameter.value();
    return {};
  }

 private:
  Cell cell_;
  SplitPtr split_;
};

TEST_F(TranscriptCell, ATextThatNeedsMoreTokensThanThereAreCountsAsNone) {
  UntrainedTranscripts made(recipe());
  const auto all = made.batch({0, 1, 2, 3}), others = made.batch({1, 2, 3}),
             first = made.batch({0});
  auto cut = made.tokens(all);
  cut.lengths = cut.lengths.clone();
  cut.lengths[0] = 1;  // of a text of more letters
  const auto left = made.loss(cut, all), right = made.loss(made.tokens(others), others);
  const auto whole = made.loss(made.tokens(all), all), own = made.loss(made.tokens(first), first);
  ASSERT_GT(own.second, 1);
  EXPECT_EQ(left.second, right.second);
  EXPECT_EQ(whole.second, right.second + own.second);
  EXPECT_NEAR(left.first, right.first, 1e-3);
  EXPECT_NEAR(whole.first, right.first + own.first, 1e-3);
}

TEST_F(TranscriptCell, NothingIsWrittenOfTheTokensThatBeginAndEndAText) {
  UntrainedTranscripts made(recipe());
  const at::NoGradGuard no_grad;
  const auto batch = made.batch({0, 1, 2, 3});
  auto bias = made.bias();
  const auto texts = made.texts(batch);
  int64_t same = 0;
  for (int64_t piece = 0; piece < bias.size(0); ++piece) {
    bias[piece] += 100;  // likelier than all others
    same += made.texts(batch) == texts;
    bias[piece] -= 100;
  }
  EXPECT_EQ(same, 2) << "begin and end, however likely";
}

TEST_F(TranscriptCell, AimsAtTheProbabilityOfATranscript) {
  run(recipe({"train.epochs=3"}), "run");
  auto predictor = Predictor::load(folder_ / "run");
  const auto example = lines(predictor, {"aa-bb-__-c-"});
  const auto value = [&](const std::string& target) {
    const auto question = predictor.ask(example, {.target = target}, "");
    return question.of(question.batch).value.item<double>();
  };
  const auto answered = json::parse(predictor.predict(example)[0][0].json);
  EXPECT_NEAR(value(answered["output"]), answered["log_probability"].get<double>(), 1e-3);
  EXPECT_NEAR(value(""), answered["log_probability"].get<double>(), 1e-3);
  EXPECT_LT(value("abc abc abc"), value(""));
  EXPECT_THAT(predictor.ask(example, {.target = "ab c"}, "").aim, HasSubstr("'ab c'"));
  EXPECT_THROW(value("aaaaaaaaaaaa"), UsageError);
  EXPECT_THROW(value("xyz"), UsageError);
  EXPECT_THROW(predictor.ask(example, {.first = 1, .last = 2}, ""), UsageError);
}

TEST_F(TranscriptCell, TwoHeadsReadOneEncoder) {
  const auto both = [&](const std::vector<std::string>& more) {
    return Recipe::read(file(R"(
[[head]]
name = "ctc"
kind = "transcript"
column = "said"
[[head]]
name = "attention"
weight = 0.5
kind = "text"
column = "said"
from_encoder = true
encoder_layers = 0
decoder_layers = 1
width = 24
hidden = 32
decoder_attention = { position = "sinusoidal", num_heads = 2 }
cross_attention = { num_heads = 2 }
tokenizer = { kind = "characters", size = 20 }
generate = { max_length = 20 }
metric = { kind = "exact" }
)",
                             more));
  };
  const auto result = run(both({"train.epochs=2"}), "both");
  EXPECT_LE(metric(*result.test, "ctc.cer"), 1);
  EXPECT_GE(metric(*result.test, "attention.exact"), 0);
  expect_resume(
      [&] {
        return both({"train.epochs=2", "train.save_every=10", "train.keep_checkpoints=9",
                     "data.holdout=0.1"});
      },
      10, 28);
}

TEST_F(TranscriptCell, WhatDoesNotFitIsRefused) {
  EXPECT_THAT(complaint({"head.column=sad"}), HasSubstr("'sad'"));
  EXPECT_THAT(complaint({"head.language.file='none.arpa'"}), HasSubstr("beam_size"));
  EXPECT_THAT(complaint({"head.language.file='none.arpa'", "head.beam_size=4"}),
              AllOf(HasSubstr("head.language.file"), HasSubstr("none.arpa"), HasSubstr("--set")));
  EXPECT_THAT(complaint({"head.language.file='" + arpa({"AB", "C"}) + "'", "head.beam_size=4"}),
              AllOf(HasSubstr("words.arpa"), HasSubstr("case")));
  EXPECT_THAT(complaint({"head.language.file='" + arpa({"ab"}) + "'", "head.beam_size=4",
                         "head.tokenizer.kind=bytes"}),
              AllOf(HasSubstr("head.language.unit"), HasSubstr("pieces")));
  EXPECT_THAT(complaint({"head.language.weight=2.0"}), HasSubstr("language.file names none"));
  EXPECT_THAT(complaint({"encoder.kind=none"}), HasSubstr("encoder.kind"));
  test::write_bytes(folder_ / "train.tsv", "heard\tsaid\naa-b-\tab\na-b-\tabbabb\nab\taabb\n");
  // abbabb: 6 pieces and a blank between each two b, of 4 pieces between <s> and </s>.
  EXPECT_THAT(complaint({}), AllOf(HasSubstr("train.tsv:3"), HasSubstr("needs 8 "),
                                   HasSubstr("there are 6"), HasSubstr("1 more")));
  test::write_bytes(folder_ / "train.tsv", "heard\tsaid\naa-b-\tab\na-b-\t\n");
  EXPECT_THAT(complaint({}), AllOf(HasSubstr("train.tsv:3"), HasSubstr("empty")));
}

/// Tones that are low or high, one after the other.
class SpokenCell : public test::CellRuns {
 protected:
  SpokenCell() {
    for (const char* part : {"train", "test"}) {
      std::string table = "audio\ttext\n";
      for (uint32_t i = 0; i < 32; ++i) {
        Random random(part[1] == 'r' ? 1 : 2, i);
        std::vector<float> samples(200 + random.bits() % 200, 0);
        std::string text;
        for (int word = 0; word < 2; ++word) {
          const bool high = random.bits() % 2 == 1;
          const auto sound = test::tone((high ? 600 : 150) + double(i), 0.25, 2000);
          samples.insert(samples.end(), sound.begin(), sound.end());
          samples.insert(samples.end(), 100, 0);
          text.append(word > 0 ? " " : "").append(high ? "high" : "low");
        }
        const auto name = std::string(part) + std::to_string(i) + ".wav";
        test::write_bytes(folder_ / name, test::float_wav(samples, 2000));
        table.append(name).append("\t").append(text).append("\n");
      }
      test::write_bytes(folder_ / (std::string(part) + ".tsv"), table);
    }
  }
  RecipeFile recipe(const std::string& features =
                        "log_mel = { sampling_rate = 2000, window = 64, hop = 20, mels = 12, "
                        "seconds = 0 }\n") const {
    return RecipeFile::parse("[data]\ntrain = '" + path("train.tsv") + "'\ntest = '" +
                                 path("test.tsv") + "'\n" + R"(
[input]
kind = "audio"
)" + features + R"(
normalize_recording = "mean_and_std"
[encoder]
width = 16
layers = 1
dropout = 0.0
subsampling = 4
attention = { position = "sinusoidal", num_heads = 2 }
[head]
kind = "transcript"
tokenizer = { kind = "words", size = 20 }
[train]
epochs = 40
batch = 4
optimizer = { lr = 0.01 }
)",
                             "recipe.toml");
  }
};

TEST_F(SpokenCell, LearnsWordsAndTheirTimes) {
  auto file = recipe();
  file.set("seed=" + std::to_string(test::learning_seed(3)));
  const auto result = run(Recipe::read(file), "run");
  test::expect_learned("words of tones that are wrong", metric(*result.test, "wer"), 0.3, 0);
  auto predictor = Predictor::load(folder_ / "run");
  const auto found = predictor.predict(predictor.stream({path("test0.wav")})->next(1));
  const auto words = json::parse(found[0][0].json)["words"];
  ASSERT_FALSE(words.empty());
  double last = 0;
  std::string joined;
  for (const auto& word : words) {
    EXPECT_GE(word["start"].get<double>(), last);
    last = word["end"];
    EXPECT_GT(last, word["start"].get<double>());
    joined += (joined.empty() ? "" : " ") + word["word"].get<std::string>();
  }
  EXPECT_LE(last, 0.8);  // what there is of sound
  EXPECT_EQ(joined, found[0][0].text);
  auto timed = Predictor::load(folder_ / "run", {"head.times=true"});
  const auto printed = timed.predict(timed.stream({path("test0.wav")})->next(1))[0][0].lines;
  ASSERT_EQ(printed.size(), words.size());
  EXPECT_TRUE(printed[0].ends_with("\t" + words[0]["word"].get<std::string>()));
}

TEST_F(SpokenCell, ATranscriptLongerThanItsSoundIsRefused) {
  const auto refused = [&](int words) -> std::string {
    std::string text = "audio\ttext\ntrain0.wav\thigh low\ntrain1.wav\t";
    for (int i = 0; i < words; ++i) text += i > 0 ? " low" : "low";
    test::write_bytes(folder_ / "train.tsv", text + "\n");
    auto file = recipe();
    try {
      make_task(Recipe::read(file));
    } catch (const DataError& error) {
      return error.what();
    }
    return "";
  };
  // At most 0.9 s: 90 frames, 23 tokens; equal words need a blank between them.
  EXPECT_EQ(refused(8), "");
  EXPECT_THAT(refused(20), AllOf(HasSubstr("train.tsv:3"), HasSubstr("needs 39 ")));
}

/// An array of float64 has half as many frames as its bytes would be of float32.
TEST_F(SpokenCell, FramesOfAFileAreCountedBeforeTraining) {
  std::vector<double> numbers;
  for (int i = 0; i < 36; ++i) numbers.push_back(std::sin(i));
  test::write_bytes(folder_ / "a.npy", test::npy_array({12, 3, "<f8"}, numbers));
  std::string table = "audio\ttext\na.npy\thigh low\na.npy\t";
  for (int i = 0; i < 9; ++i) table += i > 0 ? " high low" : "high low";
  test::write_bytes(folder_ / "train.tsv", table + "\n");
  auto file = recipe("features = \"file\"\nfile = { coefficients = 3 }\n");
  file.set("encoder.subsampling=1");
  EXPECT_THAT(test::message_of<DataError>([&] { make_task(Recipe::read(file)); }),
              AllOf(HasSubstr("train.tsv:3"), HasSubstr("needs 18 "), HasSubstr("there are 12")));
}

}  // namespace
}  // namespace heed
