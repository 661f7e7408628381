// Questions that the tests make: a text names somebody, says where, and in half of the texts when;
// the first word of the question says which of them is asked for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "heed/core/random.h"
#include "heed/tasks/check.h"
#include "heed/tasks/predictor.h"
#include "learning.h"
#include "shared_data.h"
#include "tasks/cell.h"
#include "tasks/cell_runs.h"
#include "tasks/heads/span_answers.h"

namespace heed {
namespace {

using nlohmann::ordered_json;
using testing::HasSubstr;

constexpr const char* kWho[] = {"Anna", "José", "Li Wei", "Zoë"};
constexpr const char* kWhere[] = {"Rome", "New York", "Köln", "Oslo"};
constexpr const char* kWhen[] = {"today", "at noon", "tomorrow"};

/// Questions of SQuAD's files; of the texts without a time also when something was, if `unanswerable`.
ordered_json questions(int count, uint64_t seed, bool unanswerable) {
  Random random(seed);
  ordered_json data = ordered_json::array();
  for (int i = 0; i < count; ++i) {
    std::string text;
    int64_t characters = 0;
    const auto add = [&](const std::string& word) {
      const auto begin = characters;
      text += word + " ";
      for (const char c : word + " ") characters += (c & 0xC0) != 0x80;
      return begin;
    };
    const auto fill = [&] {
      for (auto left = random.below(4); left > 0; --left)
        add("wörd" + std::to_string(random.below(9)));
    };
    ordered_json asked = ordered_json::array();
    const auto say = [&](const std::string& question, const std::string& answer) {
      fill();
      const auto start = add(answer);
      asked.push_back(
          {{"id", std::to_string(seed) + "-" + std::to_string(i) + question.substr(0, 4)},
           {"question", question},
           {"answers", ordered_json::array({{{"text", answer}, {"answer_start", start}}})},
           {"is_impossible", false}});
    };
    const bool says_when = random.below(2) == 0;
    say("who was it ?", kWho[random.below(4)]);
    say("where was it ?", kWhere[random.below(4)]);
    if (says_when)
      say("when was it ?", kWhen[random.below(3)]);
    else if (unanswerable)
      asked.push_back({{"id", std::to_string(i)},
                       {"question", "when was it ?"},
                       {"answers", ordered_json::array()},
                       {"is_impossible", true}});
    fill();
    data.push_back(
        {{"title", "T" + std::to_string(i)},
         {"paragraphs", ordered_json::array({{{"context", text + "."}, {"qas", asked}}})}});
  }
  return {{"version", "x"}, {"data", data}};
}

class Spans : public test::CellRuns {
 protected:
  Spans() { write_questions(false); }

  void write(const std::string& name, const std::string& text) const {
    test::write_bytes(folder_ / name, text);
  }
  void write_questions(bool unanswerable) const {
    write("train.json", questions(150, 1, unanswerable).dump());
    write("test.json", questions(40, 2, unanswerable).dump());
  }
  Recipe recipe(std::vector<std::string> more = {}, const std::string& ending = ".json") const {
    auto file = RecipeFile::parse("seed = " + std::to_string(test::learning_seed(1)) +
                                      "\ndata.train = '" + path("train" + ending) +
                                      "'\ndata.test = '" + path("test" + ending) + R"('
data.holdout = 0.1
data.group = 'context'
encoder = { width = 24, layers = 2, convolutions = 1, dropout = 0.0, attention = { position = 'relative', num_heads = 2 } }
train = { epochs = 20, batch = 16, optimizer = { lr = 0.01 }, schedule = { kind = 'cosine' } }
[input]
kind = 'text'
column = 'question'
second = 'context'
tokenizer = { kind = 'words' }
[head]
kind = 'spans'
)",
                                  "recipe.toml");
    for (const auto& assignment : more) file.set(assignment);
    return Recipe::read(file);
  }
  Recipe of_rows(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"head.answer=answer", "head.start=start", "data.holdout=0",
                               "data.group=\"\"", "data.test=[]"});
    return recipe(std::move(more), ".csv");
  }
  template <class Failure = DataError>
  static std::string refusal(Recipe recipe) {
    try {
      make_task(std::move(recipe));
    } catch (const Failure& error) {
      return error.what();
    }
    return "nothing was refused";
  }
};

TEST_F(Spans, LearnsWhichWordsAreAskedFor) {
  const auto result = run(recipe(), "run");
  ASSERT_TRUE(result.test);
  test::expect_learned("f1", metric(*result.test, "f1"), 0.9);
  EXPECT_LE(metric(*result.test, "exact"), metric(*result.test, "f1"));
  EXPECT_LT(metric(*result.test, "baseline_f1"), 0.5);
  auto predictor = Predictor::load(folder_ / "run");
  const auto found = predictor.evaluate();
  EXPECT_DOUBLE_EQ(metric(found.metrics, "f1"), metric(*result.test, "f1"));
  EXPECT_NEAR(metric(found.metrics, "loss"), metric(*result.test, "loss"), 1e-6);
  EXPECT_EQ(std::ssize(found.outputs), found.examples);
  write("asked.jsonl",
        R"({"question": "where was it ?", "context": "wörd1 Zoë  New York at noon ."})"
        "\n");
  const auto asked = predictor.stream({path("asked.jsonl")})->next(5);
  const auto answer = predictor.predict(asked)[0][0];
  const auto json = nlohmann::json::parse(answer.json);
  EXPECT_EQ(json["answer"], "New York");
  EXPECT_EQ(json["begin"], 11);
  EXPECT_EQ(json["end"], 19);
  EXPECT_EQ(json["begin_byte"], 13);
  EXPECT_EQ(json["end_byte"], 21);
  EXPECT_GT(json["score"], 0.2);
  EXPECT_FALSE(json.contains("no_answer_score"));
  EXPECT_THAT(answer.text, testing::StartsWith("New York\t"));
  EXPECT_EQ(predictor.explain(asked).shown.text, "where was it ? | wörd1 Zoë  New York at noon .");
}

TEST_F(Spans, LearnsThatThereIsNoAnswer) {
  write_questions(true);
  EXPECT_THAT(refusal(recipe()), HasSubstr("has no answer in the column 'answers.text', nor have"));
  const auto result = run(recipe({"head.no_answer=learn"}), "run");
  test::expect_learned("f1", metric(*result.test, "f1"), 0.85);
  test::expect_learned("no_answer_accuracy", metric(*result.test, "no_answer_accuracy"), 0.7);
  EXPECT_GT(metric(*result.test, "has_answer_f1"), 0.7);
  auto predictor = Predictor::load(folder_ / "run");
  write("asked.jsonl", "{\"question\": \"when was it ?\", \"context\": \"Anna wörd1 Rome .\"}\n");
  const auto answer = predictor.predict(predictor.stream({path("asked.jsonl")})->next(5))[0][0];
  const auto json = nlohmann::json::parse(answer.json);
  EXPECT_EQ(json["answer"], "");
  EXPECT_TRUE(json["begin"].is_null());
  EXPECT_GT(json["no_answer_score"], json["score"]);
}

TEST_F(Spans, LossOfEqualLogitsIsTheLogarithmOfTheChoices) {
  for (const bool unanswerable : {false, true}) {
    write_questions(unanswerable);
    const auto task =
        make_task(recipe({unanswerable ? "head.no_answer=learn" : "head.no_answer=refuse"}));
    task->model().eval();
    const at::NoGradGuard no_grad;
    for (auto& parameter : task->model().parameters()) parameter.zero_();
    double sum = 0;
    int64_t count = 0;
    const auto all = questions(40, 2, unanswerable);
    for (const auto& article : all["data"]) {
      const auto& paragraph = article["paragraphs"][0];
      const auto context = paragraph["context"].get<std::string>();
      const auto words = 1 + std::count(context.begin(), context.end(), ' ');
      for (size_t i = 0; i < paragraph["qas"].size(); ++i, ++count)
        sum += std::log(static_cast<double>(words + (unanswerable ? 1 : 0)));
    }
    EXPECT_NEAR(metric(*task->test(), "loss"), sum / static_cast<double>(count), 1e-5);
  }
}

TEST_F(Spans, GoesOnWithTheSameBits) {
  const auto small = [&] {
    return recipe({"encoder.dropout=0.2", "head.dropout=0.1", "train.epochs=2",
                   "train.save_every=5", "train.keep_checkpoints=100", "data.test=[]",
                   "train.batch=32"});
  };
  const auto steps = 2 * make_task(small())->batches();
  expect_resume(small, 5, steps);
}

TEST_F(Spans, BeginsWithAnEncoderOfHiddenWords) {
  auto masked = RecipeFile::parse("data.train = '" + path("train.json") + R"('
data.holdout = 0.1
encoder = { width = 24, layers = 2, convolutions = 1, dropout = 0.0, attention = { position = 'relative', num_heads = 2 } }
train = { epochs = 1, batch = 32 }
input = { kind = 'text', column = 'context', tokenizer = { kind = 'words' } }
head = { kind = 'masked' }
)",
                                  "masked.toml");
  run(Recipe::read(masked), "masked");
  const auto from = "model.from=" + path("masked");
  const auto task = make_task(recipe({from}));
  auto theirs = Predictor::load(folder_ / "masked");
  auto& before = theirs.module();
  const auto own = task->model().named_parameters();
  int64_t equal = 0;
  for (const auto& item : before.named_parameters()) {
    const auto* found = own.find(item.key());
    if (item.key().starts_with("encoder.") && found)
      equal += at::equal(*found, item.value()) ? 1 : 0;
  }
  EXPECT_GT(equal, 10);
  EXPECT_TRUE(own.contains("encoder.segment_embedding"));
}

TEST_F(Spans, TokensOfATextLieBehindThoseOfTheOther) {
  Cell cell(recipe());
  const auto all = cell.open(cell.source("train", {path("train.json")}));
  cell.input().learn(*all, 1);
  const auto& tokenizer = *cell.input().tokenizer();
  for (const std::string column : {"question", "context"}) {
    const auto text = all->value(7, column);
    const auto found = all->text_tokens(7, column);
    const auto tokens = all->batch({7}, {}).at("tokens")[0];
    ASSERT_EQ(found.offsets.size(), tokenizer.encode(text).size());
    for (int64_t i = 0; i < std::ssize(found.offsets); ++i) {
      const auto& [begin, end] = found.offsets[static_cast<size_t>(i)];
      EXPECT_EQ(tokenizer.piece(tokens[found.first + i].item<int64_t>()),
                text.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin)));
    }
  }
}

TEST_F(Spans, GroupsStayWhole) {
  Cell cell(recipe({"data.folds=4", "data.fold=1", "data.test=[]", "data.holdout=0.2"}));
  const auto all = cell.open(cell.source("train", {path("train.json")}));
  const auto contexts = [](const SplitPtr& split) {
    std::set<std::string> found;
    for (int64_t i = 0; i < split->size(); ++i) found.insert(split->value(i, "context"));
    return found;
  };
  const auto [rest, test] = cell.fold(all);
  const auto [train, held] = cell.hold_out(rest);
  EXPECT_EQ(train->size() + held->size() + test->size(), all->size());
  const auto of_train = contexts(train), of_held = contexts(held), of_test = contexts(test);
  EXPECT_EQ(of_train.size() + of_held.size() + of_test.size(), contexts(all).size());
  EXPECT_EQ(of_test.size(), (contexts(all).size() + 2) / 4);
  EXPECT_NEAR(static_cast<double>(of_held.size()),
              0.2 * static_cast<double>(of_train.size() + of_held.size()), 1);
  EXPECT_THROW(recipe({"data.holdout=0"}), ModelError) << "a group of nothing";
  EXPECT_THAT(refusal(recipe({"data.group=titel"})), HasSubstr("'title'"));
}

TEST_F(Spans, RefusesAnswersThatDoNotStandThere) {
  const std::string head = "id,question,context,answer,start\n";
  write("train.csv", head + "a,q,Ünd hier,hier,4\nb,q,Ünd hier,hier,5\nc,q,Ünd hier,hier,8\n");
  const auto message = refusal(of_rows());
  EXPECT_THAT(message,
              HasSubstr("train.csv:3 (id b): the answer 'hier' does not stand at character 5 "
                        "of 'context', where 'ier' does; it stands at 4: correct 'start'"));
  EXPECT_THAT(message, HasSubstr("1 more questions have a wrong answer"));
  write("train.csv", head + "a,q,Ünd hier,hier,4\nb,q,Ünd hier,da,800\n");
  EXPECT_THAT(refusal(of_rows()), HasSubstr("begins at character 800 of 'context', which has 8; it "
                                            "stands nowhere in 'context': correct 'answer'"));
  write("train.csv", head + "a,q,Ünd hier,hier,4\nb,q,Ünd hier,da,\n");
  EXPECT_THAT(refusal(of_rows()), HasSubstr("'answer' has 1 answers and 'start' 0 beginnings"));
  write("train.csv", head + "a,q,Ünd hier,hier,4\nb,q,Ünd hier,da,-1\n");
  EXPECT_THAT(refusal(of_rows()), HasSubstr("given '-1'"));
  write("train.csv", head + "a,q,Ünd hier,,\n");
  EXPECT_THAT(refusal(of_rows()), HasSubstr("has no answer; expected at least one"));
}

TEST_F(Spans, CheckCountsWrongAnswers) {
  write("train.csv",
        "question,context,answer,start\nq,a b c,b,2\nq,a b c,b,1\nq,a b c,,\nq,a b c,a b c,0\n");
  auto given = of_rows();
  const auto report = examine(given).at(0);
  EXPECT_EQ(report.problem_count, 2);
  ASSERT_EQ(report.problems.size(), 2u);
  EXPECT_THAT(report.problems[0],
              HasSubstr("train.csv:3: the answer 'b' does not stand at character 1"));
  EXPECT_THAT(report.problems[1], HasSubstr("train.csv:4: the column 'answer' has no answer"));
  EXPECT_THAT(
      report.lines,
      testing::Contains("2 answers of 1 .. 5 characters, median 5; 1 questions without one"));
  auto learnt = of_rows({"head.no_answer=learn"});
  EXPECT_EQ(examine(learnt).at(0).problem_count, 1);
}

TEST_F(Spans, AnswersThatAreCutOffAreNamed) {
  write("train.csv", "question,context,answer,start\nq,a b c d,b,2\nq,a b c d,d,6\n");
  const auto limited = [&](const char* too_long) {
    return of_rows({"input.max_length=6", std::string("input.too_long=") + too_long});
  };
  EXPECT_THAT(refusal(limited("cut")),
              HasSubstr("train.csv:3: the answer is not in the tokens that "
                        "input.max_length leaves"));
  write("train.csv", "question,context,answer,start\nq,a b c d,b,2\nq,a b c d,a b c,0\n");
  const auto task =
      make_task(of_rows({"input.max_length=6", "input.too_long=cut", "head.max_answer_length=2"}));
  const auto stats = task->dataset_stats();
  EXPECT_EQ(metric(stats, "train answers of more than max_answer_length tokens"), 1);
}

TEST_F(Spans, NeedsATextInPieces) {
  EXPECT_THAT(refusal<ModelError>(recipe({"head.context=contxt"})),
              HasSubstr("'contxt' is not read as pieces of a text"));
}

TEST(BestSpan, IsThatOfAllPairs) {
  at::manual_seed(3);
  const std::string context = "a  bb c\u3000dé e";
  const std::vector<data::ByteRange> offsets{{0, 1},   {1, 2},   {2, 5},   {5, 7},  {7, 10},
                                             {10, 11}, {11, 11}, {11, 13}, {13, 15}};
  for (int trial = 0; trial < 200; ++trial) {
    SpansHeadOptions options;
    options.max_answer_length = 1 + trial % 4;
    options.no_answer = trial % 2 == 0 ? NoAnswer::refuse : NoAnswer::learn;
    const int64_t first = 3;
    const auto logits = at::randn({14, 2});
    const auto p = at::cat({logits.slice(0, 0, trial % 2), logits.slice(0, first, first + 9)})
                       .to(at::kDouble)
                       .softmax(0);
    const int64_t own = trial % 2;
    double most = 0;
    std::string expected;
    for (int64_t i = 0; i < 9; ++i) {
      for (int64_t j = i; j < std::min<int64_t>(9, i + options.max_answer_length); ++j) {
        auto text = context.substr(static_cast<size_t>(offsets[static_cast<size_t>(i)].begin),
                                   static_cast<size_t>(offsets[static_cast<size_t>(j)].end -
                                                       offsets[static_cast<size_t>(i)].begin));
        for (const std::string blank : {" ", "\u3000", " ", "\u3000", " "}) {
          if (text.starts_with(blank)) text = text.substr(blank.size());
          if (text.ends_with(blank)) text.resize(text.size() - blank.size());
        }
        const double score = p[own + i][0].item<double>() * p[own + j][1].item<double>();
        if (!text.empty() && score > most) most = score, expected = text;
      }
    }
    const double none = own == 1 ? p[0][0].item<double>() * p[0][1].item<double>() : 0;
    const auto found = best_span(logits, {first, offsets}, context, options);
    EXPECT_EQ(found.none, none > most);
    EXPECT_EQ(found.text, found.none ? "" : expected);
    EXPECT_NEAR(found.score, most, 1e-6);
    EXPECT_NEAR(found.no_answer_score, none, 1e-6);
    EXPECT_EQ(found.text, context.substr(static_cast<size_t>(found.bytes.begin),
                                         static_cast<size_t>(found.bytes.end - found.bytes.begin)));
  }
}

TEST(BestSpan, OfNoTokensIsNone) {
  EXPECT_TRUE(best_span(at::zeros({3, 2}), {2, {}}, "", {}).none);
  EXPECT_TRUE(best_span(at::zeros({3, 2}), {2, {{0, 2}}}, "  ", {}).none);
}

TEST(SentenceLike, HasMostOfTheQuestionsWords) {
  const std::string context = "It rained. The dog of the king slept. A cat ran.";
  EXPECT_EQ(sentence_like("Where did the dog sleep?", context), "The dog of the king slept.");
  EXPECT_EQ(sentence_like("Which cat?", context), "A cat ran.");
  EXPECT_EQ(sentence_like("...", context), "It rained.") << "the first of equal ones";
  EXPECT_EQ(sentence_like("猫在哪里？", "天下雨。猫在家里。"), "猫在家里。");
  EXPECT_EQ(sentence_like("what?", ""), "");
}

/// Of XQuAD's answers, how many the tokens of a kind begin and end at.
int64_t reachable(const char* file, const data::TokenizerOptions& options) {
  const auto records = data::open_records({test::shared_data() / file});
  const auto context = records->column("context");
  const auto tokenizer =
      data::train_tokenizer(options, [&, i = int64_t{0}](std::string& line) mutable {
        if (i == records->size()) return false;
        line = records->text(i++, context);
        return true;
      });
  int64_t count = 0;
  for (int64_t i = 0; i < records->size(); ++i) {
    const auto cells = [&](const char* name) {
      const auto list = records->list(i, records->column(name));
      return std::vector<std::string>(list.begin(), list.end());
    };
    const auto text = records->text(i, context);
    const auto answer =
        find_answers(text, cells("answers.text"), cells("answers.answer_start"), {}).at(0);
    const auto tokens = tokenizer->encode_with_offsets(text).offsets;
    const auto found = tokens_of_span(tokens, answer.bytes);
    EXPECT_TRUE(found) << records->place(i);
    if (!found) continue;
    const auto span = span_of_tokens(tokens, text, found->first, found->second);
    EXPECT_LE(span.begin, answer.bytes.begin);
    EXPECT_GE(span.end, answer.bytes.end);
    count += span == answer.bytes;
  }
  return count;
}

TEST(XQuad, AnswersAreTokens) {
  for (const char* file : {"xquad/xquad.en.json", "xquad/xquad.de.json", "xquad/xquad.zh.json"}) {
    if (!std::filesystem::exists(test::shared_data() / file))
      GTEST_SKIP() << "needs " << (test::shared_data() / file).string();
    for (const bool lowercase : {false, true}) {
      EXPECT_EQ(reachable(file, {.kind = data::TokenizerKind::characters, .lowercase = lowercase}),
                1190)
          << file;
      EXPECT_EQ(reachable(file, {.kind = data::TokenizerKind::bytes, .lowercase = lowercase}), 1190)
          << file;
    }
    EXPECT_LT(reachable(file, {.kind = data::TokenizerKind::words}), 1190)
        << "marks cling to words";
  }
}

}  // namespace
}  // namespace heed
