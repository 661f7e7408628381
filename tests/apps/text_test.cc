// Translating and writing as a user meets them: small texts, right and wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "apps/bench.h"
#include "apps/trained.h"
#include "files.h"
#include "learning.h"

namespace heed::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

/// Pairs of a language of nine words: the translation says every word in another way, backwards.
std::pair<std::string, std::string> pairs(int count, uint32_t seed) {
  const char* words[] = {"eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"};
  const char* others[] = {"one", "two", "three", "four", "five", "six", "seven", "eight", "nine"};
  std::string source, target;
  for (int i = 0; i < count; ++i) {
    std::string forth, back;
    const int length = 1 + static_cast<int>((seed = seed * 1664525 + 1013904223) >> 16) % 4;
    for (int j = 0; j < length; ++j) {
      const auto word = ((seed = seed * 1664525 + 1013904223) >> 16) % 9;
      forth += (j ? " " : "") + std::string(words[word]);
      back.insert(0, j ? " " : "").insert(0, others[word]);
    }
    source += forth + "\n", target += back + "\n";
  }
  return {source, target};
}

/// Three splits of pairs in `folder`, and a recipe that learns them.
void write_pairs(const std::filesystem::path& folder) {
  std::string files;
  for (const auto& [name, count, seed] :
       {std::tuple{"train", 1500, 1u}, {"valid", 40, 2u}, {"test", 60, 3u}}) {
    const auto [source, target] = pairs(count, seed);
    const auto split = (folder / name).string();
    write_bytes(split + ".de", source), write_bytes(split + ".en", target);
    files.append(name).append(" = [\"").append(split).append(".de\", \"");
    files.append(split).append(".en\"]\n");
  }
  write_bytes(folder / "small.toml", "seed = " + std::to_string(learning_seed(3)) + R"(
[data]
)" + files + R"([input]
kind = "parallel"
max_source_length = 12
source = { kind = "words" }
target = { kind = "words" }
[head]
kind = "text"
generate = { beam_size = 3, max_length = 16 }
metric = { kind = "exact" }
encoder_layers = 1
decoder_layers = 1
width = 32
hidden = 64
norm = "pre"
dropout = 0.0
encoder_attention = { position = "sinusoidal", num_heads = 2 }
decoder_attention = { position = "sinusoidal", masks = ["causal"], num_heads = 2 }
cross_attention = { num_heads = 2 }
[train]
epochs = 30
batch = 400
average_checkpoints = 2
optimizer = { lr = 1e-2 }
schedule = { kind = "cosine", warmup = 20 }
)");
}

class Translate : public testing::Test {
 protected:
  static void SetUpTestSuite() { trained_ = train_once("translate", write_pairs); }
  static std::string model() { return trained_.model; }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  /// What heed says to a recipe whose pairs are changed.
  Result check(const std::string& source, const std::string& target,
               const std::vector<std::string>& set = {}) const {
    write_bytes(path("bad.de"), source), write_bytes(path("bad.en"), target);
    std::vector<std::string> words{
        "check", trained_.recipe, "--set",
        "data.train=[\"" + path("bad.de") + "\", \"" + path("bad.en") + "\"]"};
    for (const auto& assignment : set) words.insert(words.end(), {"--set", assignment});
    return run(words);
  }

  static inline Trained trained_;
  TemporaryFolder folder_;
};

TEST_F(Translate, LearnsALanguageOfNineWords) {
  const auto metrics = json::parse(trained_.out);
  for (const char* metric : {"valid_exact", "test_exact"})
    expect_learned(metric, metrics[metric], 0.8);
  EXPECT_THAT(trained_.err, HasSubstr("1500 train examples"));
  EXPECT_THAT(trained_.err, HasSubstr("expected  ")) << "sample translations stand in the log";
  EXPECT_THAT(read_bytes(model() + "/log.jsonl"), HasSubstr("tokens_per_second"));
}

TEST_F(Translate, EvalWritesWhatItMeasures) {
  const auto result = run(
      {"eval", model(), "--set", "head.metric.kind=bleu", "--output", path("out.en"), "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto metrics = json::parse(result.out);
  EXPECT_EQ(metrics["examples"], 60);
  expect_learned("bleu", metrics["bleu"], 80, 100);
  EXPECT_THAT(metrics["signature"].get<std::string>(), HasSubstr("tok:13a"));
  EXPECT_EQ(lines_of(read_bytes(path("out.en"))).size(), 60);
  const auto again =
      run({"score", path("out.en"), "--reference", trained_.file("test.en"), "--json"});
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_NEAR(json::parse(again.out)["scores"][0]["score"].get<double>(), metrics["bleu"], 1e-9);
}

TEST_F(Translate, ALineInGivesALineOut) {
  const auto result = run({"predict", model()}, {.input = "eins zwei\n\nacht\nunbekannt\n"});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto lines = lines_of(result.out);
  ASSERT_EQ(lines.size(), 4);
  EXPECT_EQ(lines[0], "two one");
  EXPECT_EQ(lines[1], "");
  EXPECT_EQ(lines[2], "eight");
  const auto alone = run({"predict", model(), "-"}, {.input = "acht\n"});
  EXPECT_EQ(alone.out, "eight\n");
}

TEST_F(Translate, FilesPipesAndStandardInputAreReadAlike) {
  const std::string text =
      "\xEF\xBB\xBF"
      "eins zwei\r\n \t\n\u00a0\nacht";
  write_bytes(path("lines"), text);
  const auto piped = run({"predict", model()}, {.input = text});
  ASSERT_EQ(piped.code, 0) << piped.err;
  EXPECT_EQ(piped.out, "two one\n\n\neight\n") << "blanks say nothing";
  EXPECT_EQ(run({"predict", model(), path("lines")}).out, piped.out);
  EXPECT_EQ(run({"predict", model(), "/dev/stdin"}, {.input = text}).out, piped.out);
  EXPECT_EQ(run({"predict", model(), "-", path("lines")}, {.input = text}).out,
            piped.out + piped.out);
  const auto empty = run({"predict", model()}, {.input = ""});
  EXPECT_EQ(empty.code, 0) << empty.err;
  EXPECT_EQ(empty.out, "");
  const auto binary = run({"predict", model()}, {.input = std::string("eins\na\0b\n", 9)});
  EXPECT_EQ(binary.code, 3);
  EXPECT_EQ(binary.out, "one\n");
  EXPECT_THAT(binary.err, HasSubstr("standard input:2: a NUL at byte 1"));
}

TEST_F(Translate, WordsThatItDoesNotKnowAreCounted) {
  const auto some = run({"predict", model()}, {.input = "eins zwei\nacht\nunbekannt\n"});
  EXPECT_EQ(some.code, 0) << some.err;
  EXPECT_THAT(some.err, HasSubstr("1 of 4 pieces of text are unknown to the model (25 %), the "
                                  "first in standard input:3"));
  const auto most = run({"predict", model()}, {.input = "eins\nx y\n"});
  EXPECT_EQ(most.code, 3);
  EXPECT_EQ(lines_of(most.out).size(), 2u) << "all lines are answered before";
  EXPECT_THAT(most.err, HasSubstr("2 of 3 pieces"));
  EXPECT_EQ(run({"predict", model(), "--set", "data.max_unknown=1"}, {.input = "x y\n"}).code, 0);
  write_bytes(path("x.de"), "x y\nz\n"), write_bytes(path("x.en"), "one\ntwo\n");
  const auto checked = run({"check", trained_.recipe, "--set",
                            "data.test=[\"" + path("x.de") + "\", \"" + path("x.en") + "\"]"});
  EXPECT_EQ(checked.code, 3);
  EXPECT_THAT(checked.err, HasSubstr("data.test: 3 of 5 pieces"));
}

TEST_F(Translate, TellsTheBestAndTheirTokens) {
  const auto result = run({"predict", model(), "--json", "--set", "head.generate.num_hypotheses=3"},
                          {.input = "eins zwei\n"});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto line = json::parse(result.out);
  EXPECT_EQ(line["output"], "two one");
  ASSERT_EQ(line["hypotheses"].size(), 3);
  EXPECT_GE(line["hypotheses"][0]["score"], line["hypotheses"][1]["score"]);
  ASSERT_EQ(line["tokens"].size(), 3);
  EXPECT_EQ(line["tokens"][0]["piece"], "two");
  EXPECT_EQ(line["tokens"][2]["piece"], "</s>");
  const auto numbered =
      run({"predict", model(), "--set", "head.generate.num_hypotheses=2"}, {.input = "acht\n"});
  EXPECT_THAT(numbered.out, testing::StartsWith("0 ||| eight ||| "));
}

TEST_F(Translate, ForcesPrefixesAndScoresWhatIsGiven) {
  write_bytes(path("source"), "eins zwei\neins\n");
  write_bytes(path("prefix"), "nine\n\n");
  const auto forced = run({"predict", model(), path("source"), "--prefix", path("prefix")});
  ASSERT_EQ(forced.code, 0) << forced.err;
  EXPECT_THAT(lines_of(forced.out)[0], testing::StartsWith("nine"));
  EXPECT_EQ(lines_of(forced.out)[1], "one");
  write_bytes(path("given"), "two one\nnine\n");
  const auto scored = run({"predict", model(), path("source"), "--target", path("given")});
  ASSERT_EQ(scored.code, 0) << scored.err;
  const auto scores = lines_of(scored.out);
  EXPECT_GT(std::stod(scores[0]), -1);
  EXPECT_LT(std::stod(scores[1]), -2);
  write_bytes(path("prefix"), "nine\n");
  const auto short_one = run({"predict", model(), path("source"), "--prefix", path("prefix")});
  EXPECT_EQ(short_one.code, 3);
  EXPECT_THAT(short_one.err, HasSubstr("source:2"));
}

// What writes goes through Heed's own kernels: OpenBLAS's and LibTorch's choices for a processor move
// no bit of it.
TEST_F(Translate, WritesTheSameWhateverOtherLibrariesChoose) {
  const auto answers = [&](const std::string& name, const std::string& value) {
    const auto result = run({"predict", model(), trained_.file("test.de"), "--json"},
                            {.environment = {{name, value}}});
    EXPECT_EQ(result.code, 0) << result.err;
    return result.out;
  };
  const auto here = answers("HEED_NUM_THREADS", "2");
  EXPECT_EQ(std::count(here.begin(), here.end(), '\n'), 60);
  for (const char* core : {"Nehalem", "Haswell"})
    EXPECT_EQ(answers("OPENBLAS_CORETYPE", core), here) << core;
  for (const char* level : {"default", "avx2"})
    EXPECT_EQ(answers("ATEN_CPU_CAPABILITY", level), here) << level;
}

TEST_F(Translate, ModelsAnswerTogether) {
  const auto result =
      run({"predict", model(), "--with", model() + "/best"}, {.input = "drei vier\n"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "four three\n");
}

TEST_F(Translate, BadPairsAreNamed) {
  const auto expect = [](const Result& result, int code, const std::string& words) {
    EXPECT_EQ(result.code, code) << result.err;
    EXPECT_THAT(result.out + result.err, HasSubstr(words));
  };
  expect(check("eins\nzwei\n", "one\n"), 3, "bad.en");
  expect(check("eins\n\n", "one\ntwo\n"), 3, "bad.de:2");
  expect(check("eins\nzw\xFF\n", "one\ntwo\n"), 3, "bad.de:2");
  expect(check("", ""), 3, "bad.de");
  expect(check("eins\n", "one\n", {"data.valid=[\"x\"]"}), 4,
         "data.valid: expected [source, target]");
}

TEST_F(Translate, LinesThatAreTooLongOrBrokenAreNamedAndNoneIsLost) {
  const std::string words = "eins eins eins eins eins eins eins eins eins eins eins eins eins";
  const auto result = run({"predict", model()}, {.input = "eins\n" + words + "\nzwei\n"});
  EXPECT_EQ(result.code, 3);
  EXPECT_EQ(result.out, "one\n") << "what stands before it is answered";
  EXPECT_THAT(result.err, HasSubstr("standard input:2: the line has 14 tokens"));
  EXPECT_THAT(result.err, HasSubstr("12 at most"));
  EXPECT_THAT(run({"predict", model()}, {.input = "zw\xFF\n"}).err, HasSubstr("standard input:1"));
}

TEST_F(Translate, BenchesSayWhatTheyDid) {
  const auto trained =
      bench({"train", trained_.recipe, "--json", "--threads", "1", "--seconds", "0"});
  ASSERT_EQ(trained.code, 0) << trained.err;
  const auto row = json::parse(trained.out);
  ASSERT_EQ(row["batches"].size(), row["steps"]);
  for (const auto& batch : row["batches"]) {
    const int pairs = batch["pairs"], sources = batch["source_length"];
    const int targets = batch["target_length"], tokens = batch["target_tokens"];
    EXPECT_LE(pairs * (sources + targets), 400);
    EXPECT_LE(batch["source_tokens"], pairs * sources);
    EXPECT_GT(tokens, pairs * (targets - 1)) << "pairs of a batch are equally long";
  }
  const std::string input = trained_.file("test.de");
  const auto decode = [&](int batch) {
    return bench({"decode", model(), "--json", "--input", input, "--batch", std::to_string(batch),
                  "--beam-size", "2", "--threads", "1", "--seconds", "0"});
  };
  const auto decoded = decode(60), too_many = decode(61);
  ASSERT_EQ(decoded.code, 0) << decoded.err;
  EXPECT_EQ(json::parse(decoded.out)["batch"], 60);
  EXPECT_EQ(too_many.code, 3);
  EXPECT_THAT(too_many.err, HasSubstr("test.de: expected 61 lines"));
  EXPECT_THAT(bench({"decode", "--input", input}).err, HasSubstr("name a MODEL"));
}

TEST_F(Translate, RefusesWhatIsForOtherHeads) {
  EXPECT_EQ(run({"predict", model(), "--top", "3"}, {.input = ""}).code, 2);
  const auto other = run({"check", trained_.recipe, "--set", "input.kind=paralel"});
  EXPECT_EQ(other.code, 4);
  EXPECT_THAT(other.err, HasSubstr("did you mean 'parallel'?"));
}

TEST_F(Translate, SummaryCountsBothSides) {
  const auto result = run({"summary", model(), "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_GT(json::parse(result.out)["parameters"], 10000);
}

class Language : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    std::string text;
    for (int i = 0; i < 400; ++i) text += "abc abd\nabcd\n";
    write_bytes(path("text"), text);
    write_bytes(path("small.toml"), "seed = " + std::to_string(learning_seed(3)) + R"(
[input]
kind = "corpus"
context = 16
tokenizer = { kind = "characters" }
[data]
train = ")" + path("text") + R"("
holdout = 0.1
[head]
kind = "text"
preset = "gpt"
generate = { sample = false, max_length = 12 }
decoder_layers = 1
width = 32
hidden = 64
decoder_attention = { position = "rope", masks = ["causal"], num_heads = 2 }
[train]
max_steps = 60
batch = 256
optimizer = { lr = 1e-2 }
)");
  }
  static void TearDownTestSuite() { delete folder_; }
  static std::string path(const std::string& name) { return (folder_->path() / name).string(); }
  static Result train(const std::string& out, const std::vector<std::string>& set = {}) {
    std::vector<std::string> words{"train", path("small.toml"), "--out", path(out), "--json"};
    for (const auto& assignment : set) words.insert(words.end(), {"--set", assignment});
    return run(words);
  }
  static inline TemporaryFolder* folder_ = nullptr;
};

TEST_F(Language, LearnsAndGoesOn) {
  const auto trained = train("model");
  ASSERT_EQ(trained.code, 0) << trained.err;
  const auto metrics = json::parse(trained.out);
  EXPECT_EQ(metrics["steps"], 60);
  expect_learned("loss", metrics["valid_loss"], 0.5, 0);
  EXPECT_EQ(metrics["valid_loss"], metrics["valid_nats_per_character"]);
  const auto written = run({"predict", path("model")}, {.input = "abc abd\n"});
  ASSERT_EQ(written.code, 0) << written.err;
  EXPECT_EQ(written.out, "abc abd\\nabcd\n");
  const auto two = run({"predict", path("model")}, {.input = "abc abd\nabc abd\n"});
  EXPECT_EQ(two.out, written.out + written.out) << "a line in gives a line out";
  const auto exact = run({"predict", path("model"), "--json"}, {.input = "abc abd\n"});
  EXPECT_EQ(json::parse(exact.out)["output"], "abc abd\nabcd");
  const auto again = run({"eval", path("model"), "--data", path("text"), "--json"});
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(json::parse(again.out)["tokens"], 400 * 13 - 1);
  write_bytes(path("foreign"), "日本語\nabc\nтекст\n");
  const auto foreign = run({"eval", path("model"), "--data", path("foreign"), "--json"});
  EXPECT_EQ(foreign.code, 3);
  EXPECT_THAT(foreign.err, HasSubstr("8 of 13 pieces of text are unknown to the model (61.5 %)"));
  EXPECT_THAT(foreign.err, HasSubstr("data.max_unknown = 0.5"));
  const auto allowed = run(
      {"eval", path("model"), "--data", path("foreign"), "--json", "--set", "data.max_unknown=1"});
  ASSERT_EQ(allowed.code, 0) << allowed.err;
  EXPECT_EQ(json::parse(allowed.out)["unknown_pieces"], 8);
  EXPECT_THAT(allowed.err, HasSubstr("heed: note: 8 of 13 pieces"));
  const auto other = bench({"decode", path("model")});
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(other.err, HasSubstr("not a model that writes text from text"));
}

TEST_F(Language, OfPiecesNamesATextThatItDoesNotKnow) {
  const auto trained =
      train("of_pieces", {"input.tokenizer={ kind = \"bpe\", size = 14 }", "train.max_steps=2"});
  if (trained.err.find("libsentencepiece-dev") != std::string::npos) GTEST_SKIP() << trained.err;
  ASSERT_EQ(trained.code, 0) << trained.err;
  const auto foreign = run({"predict", path("of_pieces")}, {.input = "\u65e5\u672c\u8a9e\n"});
  EXPECT_EQ(foreign.code, 3) << foreign.err;
  EXPECT_THAT(foreign.err, HasSubstr("1 of 1 pieces"));
}

TEST_F(Language, RemembersWhatStoodBefore) {
  const auto trained = train(
      "memory", {"head.memory=32", "head.decoder_attention.position=alibi", "train.max_steps=130"});
  ASSERT_EQ(trained.code, 0) << trained.err;
  // Before it has learned anything but how often each letter comes, it loses 1.7.
  expect_learned("loss", json::parse(trained.out)["valid_loss"], 0.5, 0);
}

TEST_F(Language, EncodersAreRefused) {
  const auto refused = train("bad", {"head.encoder_layers=2"});
  EXPECT_EQ(refused.code, 4);
  EXPECT_THAT(refused.err, HasSubstr("head.encoder_layers"));
}

TEST_F(Translate, MessagesNameTheKeyOrFlagThatTheUserWrote) {
  const auto says = [&](const std::string& assignment, int code, const std::string& text) {
    const auto result = check("eins\n", "one\n", {"data.max_unknown=1", assignment});
    EXPECT_EQ(result.code, code) << assignment;
    EXPECT_THAT(result.out + result.err, HasSubstr(text)) << assignment;
  };
  says("head.width=7", 4, "small.toml: head.width: expected a multiple of");
  says("train.batch=1", 4, "small.toml: train.batch: expected from 2 to");
  says("head.generate.min_length=300", 4,
       "(with --set head.generate.min_length=300): head.generate: min_length: expected at most "
       "max_length = 16, given 300");
  says("head.generate={min_ratio=3.0, max_ratio=2.0}", 4, "min_ratio: expected at most max_ratio");
  for (const auto& [name, given] :
       {std::pair{"temperature", "0.5"}, {"top_k", "5"}, {"top_p", "0.5"}})
    says(std::string("head.generate.") + name + "=" + given, 4,
         std::string("head.generate: ") + name +
             " says how tokens are drawn, and sample = false draws none: expected ");
  says("head.generate={sample=true, top_k=5, top_p=0.5, temperature=2.0}", 0, "nothing is wrong");
  says("head.encoder_attention.score=dto", 4,
       "--set head.encoder_attention.score=dto: head.encoder_attention.score: ");
  says("data.test='" + path("none") + "'", 4, "data.test: expected [source, target]");
  says("data.test=['" + path("none") + "', '" + path("none.en") + "']", 5,
       "data.test: cannot open");
  auto result = run({"eval", model(), "--data", path("bad.de")});
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err, HasSubstr("--data: expected [source, target]"));
  result = run({"eval", model(), "--data", path("none.de"), "--data", path("none.en")});
  EXPECT_EQ(result.code, 5);
  EXPECT_THAT(result.err, HasSubstr("--data: cannot open"));
}

TEST_F(Translate, RefusesWhatWouldDoNothing) {
  write_bytes(path("in.de"), "eins\n");
  auto result = run({"map", model(), path("in.de")});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("in.de is a file, where a text or a line of a file"));
  EXPECT_EQ(run({"map", model(), path("in.de:1"), "--json"}).code, 0);
  EXPECT_EQ(run({"map", model(), path("no.de:1")}).code, 5);
  result = run({"map", model(), "eins", "--json", "--colour", "256"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("--colour is of what is drawn in the terminal"));
  result = run({"predict", model(), path("in.de"), "--set", "train.epochs=3"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err,
              HasSubstr("--set train.epochs=3: train.epochs says how a model is trained"));
}

TEST_F(Translate, ModelsAreHeldAgainstTheirWeightsBeforeTheyAreMade) {
  write_bytes(path("in.de"), "eins\n");
  for (const char* assignment : {"head.decoder_layers=4000", "head.encoder_layers=4096",
                                 "head.width=1048576", "head.hidden=1048576"}) {
    const auto result = run({"predict", model(), path("in.de"), "--set", assignment});
    EXPECT_EQ(result.code, 4) << assignment;
    EXPECT_THAT(result.err, HasSubstr("model.safetensors has ")) << assignment;
    EXPECT_THAT(result.err, HasSubstr(" bytes of weights")) << assignment;
    const std::string given = assignment, key = given.substr(0, given.find('='));
    EXPECT_THAT(result.err, HasSubstr(key + " = " + given.substr(key.size() + 1)));
  }
  const auto result = check("eins\n", "one\n", {"data.max_unknown=1", "head.width=1048576"});
  EXPECT_EQ(result.code, 6) << result.err;
  EXPECT_THAT(result.err,
              testing::ContainsRegex("the model needs at least [0-9]+ MiB of memory, and "
                                     "[0-9]+ MiB are available; make the model smaller by one of "
                                     "head.width = 1048576, "));
}

}  // namespace
}  // namespace heed::test
