// `heed serve` as clients ask it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "apps/served.h"
#include "apps/trained.h"

namespace heed::test {
namespace {

using testing::HasSubstr;

const std::vector<std::string> kServedTexts{"red house", "blue", "a small red house by the sea",
                                            "green boat", "sea sea sea"};

Trained served_embedder() {
  return train_once("serve_embed", [](const std::filesystem::path& folder) {
    std::string table = "text,like\n";
    for (int i = 0; i < 4; ++i)
      for (const auto& text : kServedTexts) table += text + ",the " + text + "\n";
    write_bytes(folder / "train.csv", table);
    write_bytes(folder / "small.toml", "data.train = '" + (folder / "train.csv").string() + R"('
seed = 1
[input]
kind = "text"
column = "text"
pair = "like"
max_length = 10
tokenizer = { kind = "words", size = 50 }
[encoder]
kind = "text"
width = 16
layers = 2
attention = { num_heads = 2 }
[head]
kind = "embedding"
[train]
epochs = 1
batch = 5
)");
  });
}

Trained served_classifier() {
  return train_once("serve_class", [](const std::filesystem::path& folder) {
    std::string table = "text,label\n";
    for (int i = 0; i < 20; ++i) table += "a good film,yes\na bad film,no\ngood good,yes\nbad,no\n";
    write_bytes(folder / "train.csv", table);
    write_bytes(folder / "small.toml", "data.train = '" + (folder / "train.csv").string() + R"('
seed = 1
[input]
kind = "text"
column = "text"
tokenizer = { kind = "words", size = 50 }
[encoder]
kind = "text"
width = 8
layers = 1
attention = { num_heads = 2 }
[head]
kind = "class"
column = "label"
[train]
epochs = 2
batch = 8
)");
  });
}

/// 64-bit numbers hold every float32, so equal JSON is equal bits.
TEST(Serve, EmbedsTogetherWithTheBitsOfEachAlone) {
  const auto trained = served_embedder();
  const auto result = served({trained.model}, [&](const ServedAt& at) {
    const auto together = at.ask("/embed", {{"inputs", kServedTexts}, {"normalize", false}});
    ASSERT_EQ(together.size(), kServedTexts.size());
    for (size_t i = 0; i < kServedTexts.size(); ++i)
      EXPECT_EQ(at.ask("/embed", {{"inputs", kServedTexts[i]}, {"normalize", false}})[0],
                together[i]);
    std::vector<std::future<json>> crowd;
    for (int i = 0; i < 40; ++i)
      crowd.push_back(std::async(std::launch::async, [&, i] {
        return at.ask("/embed", {{"inputs", kServedTexts[i % 5]}, {"normalize", false}});
      }));
    for (size_t i = 0; i < crowd.size(); ++i) EXPECT_EQ(crowd[i].get()[0], together[i % 5]);
    const auto openai = at.ask("/v1/embeddings", {{"input", kServedTexts}, {"model", "model"}});
    EXPECT_EQ(openai["error"]["code"], "model_not_found") << openai;
    const auto right = at.ask("/v1/embeddings", {{"input", kServedTexts}});
    EXPECT_EQ(right["data"][1]["embedding"], together[1]);
    EXPECT_EQ(right["object"], "list");
    EXPECT_EQ(right["usage"]["prompt_tokens"], 4 + 3 + 9 + 4 + 5);
    const auto cosines =
        at.ask("/similarity",
               {{"inputs", {{"source_sentence", "blue"}, {"sentences", {"blue", "red house"}}}}});
    EXPECT_NEAR(cosines[0].get<double>(), 1, 1e-6);
  });
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr(R"("path":"/embed","status":200)"));
}

TEST(Serve, RefusesInTheShapeOfEachApi) {
  const auto trained = served_embedder();
  const std::string longer = "sea sea sea sea sea sea sea sea sea sea sea";
  const auto result = served({trained.model}, [&](const ServedAt& at) {
    const auto tei = at.post("/embed", {{"inputs", longer}});
    EXPECT_EQ(ServedAt::status_of(tei), 422);
    EXPECT_EQ(ServedAt::body_of(tei)["error_type"], "Validation");
    const auto cut = at.post("/embed", {{"inputs", {"blue", longer}}, {"truncate", true}});
    EXPECT_EQ(ServedAt::status_of(cut), 200);
    EXPECT_THAT(cut, HasSubstr("x-truncated-inputs: 1\r\n"));
    EXPECT_EQ(ServedAt::status_of(at.post("/embed", {{"inputs", json::array()}})), 400);
    EXPECT_EQ(ServedAt::status_of(at.post("/embed", {{"input", "x"}})), 422);
    auto deep = json::array();
    for (int i = 0; i < 100; ++i) deep = json::array({deep});
    const auto nested = at.post("/embed", {{"inputs", deep}});
    EXPECT_EQ(ServedAt::status_of(nested), 400);
    EXPECT_THAT(nested, HasSubstr("more than 64 deep"));
    const auto large = at.post("/embed", {{"inputs", std::string(5 << 20, 'x')}});
    EXPECT_EQ(ServedAt::status_of(large), 413);
    EXPECT_THAT(large, HasSubstr("larger than 4194304 bytes"));
    EXPECT_EQ(ServedAt::status_of(at.post("/predict", {{"inputs", "x"}})), 424);
    EXPECT_EQ(ServedAt::status_of(at.post("/rerank", {{"query", "x"}, {"texts", {"y"}}})), 424);
    const auto openai = at.post("/v1/embeddings", {{"input", longer}});
    EXPECT_EQ(ServedAt::status_of(openai), 400);
    EXPECT_EQ(ServedAt::body_of(openai)["error"]["type"], "invalid_request_error");
    const auto cohere = at.post("/v1/rerank", {{"query", "x"}, {"documents", json::array()}});
    EXPECT_TRUE(ServedAt::body_of(cohere).contains("message")) << cohere;
    EXPECT_EQ(ServedAt::status_of(at.get("/nothing")), 404);
    EXPECT_EQ(ServedAt::body_of(at.get("/info"))["max_input_length"], 10);
    EXPECT_TRUE(ServedAt::body_of(at.get("/openapi.json"))["paths"].contains("/v1/rerank"));
    EXPECT_EQ(ServedAt::body_of(at.get("/v1/models"))["object"], "list");
    EXPECT_THAT(at.get("/metrics"), HasSubstr("te_request_failure{err=\"validation\"} "));
    const auto tokens = at.ask("/tokenize", {{"inputs", "red house"}});
    EXPECT_EQ(tokens[0].size(), 4u) << tokens;
  });
  EXPECT_EQ(result.code, 0) << result.err;
}

TEST(Serve, ClassifiesAndExplains) {
  const auto trained = served_classifier();
  const auto result = served({trained.model}, [&](const ServedAt& at) {
    const auto one = at.ask("/predict", {{"inputs", "a good film"}});
    ASSERT_EQ(one.size(), 2u) << one;
    EXPECT_GE(one[0]["score"].get<double>(), one[1]["score"].get<double>());
    const auto several = at.ask("/predict", {{"inputs", {{"a good film"}, {"bad"}}}});
    EXPECT_EQ(several[0], one);
    const auto why = at.ask("/answer", {{"inputs", "a good film"}, {"explain", true}});
    ASSERT_TRUE(why.contains("answers")) << why;
    EXPECT_TRUE(why["answers"][0].contains("values"));
    EXPECT_TRUE(why["answers"][0]["tests"].contains("p_value"));
    EXPECT_TRUE(why["answers"][0].contains("verdict"));
    const auto record = at.ask("/answer", {{"records", {{{"text", "a good film"}}}}});
    EXPECT_EQ(record["answers"][0]["top"][0]["probability"].get<float>(),
              one[0]["score"].get<float>());
  });
  EXPECT_EQ(result.code, 0) << result.err;
}

TEST(Serve, WritesForManyWhatItWritesForOne) {
  const auto trained = served_writer();
  const auto predicted = run({"predict", trained.model, "-"}, {.input = "ab\n"});
  ASSERT_EQ(predicted.code, 0) << predicted.err;
  const auto result = served({trained.model}, [&](const ServedAt& at) {
    const json asked = {{"prompt", "ab"}, {"max_tokens", 10}};
    const auto alone = at.ask("/v1/completions", asked);
    ASSERT_EQ(alone["object"], "text_completion") << alone;
    const auto text = alone["choices"][0]["text"].get<std::string>();
    EXPECT_EQ(alone["choices"][0]["finish_reason"], "length");
    EXPECT_EQ(alone["usage"]["completion_tokens"], 10);
    EXPECT_EQ(alone["usage"]["prompt_tokens"], 2);
    auto streamed = asked;
    streamed["stream"] = true;
    std::vector<std::future<void>> crowd;
    for (int i = 0; i < 12; ++i)
      crowd.push_back(std::async(std::launch::async, [&, i] {
        if (i % 3 == 0) {  // this one leaves
          Client client(at.port());
          client.send(at.request("/v1/completions",
                                 {{"prompt", "abc"}, {"max_tokens", 5000}, {"stream", true}}));
          client.answer();
        } else if (i % 3 == 1) {
          EXPECT_EQ(at.ask("/v1/completions", asked)["choices"][0]["text"], text);
        } else {
          const auto events = at.stream("/v1/completions", streamed);
          EXPECT_EQ(told(events), text);
          EXPECT_THAT(events, HasSubstr("data: [DONE]"));
        }
      }));
    for (auto& one : crowd) one.get();
    const auto stopped = at.ask(
        "/v1/completions", {{"prompt", "ab"}, {"max_tokens", 10}, {"stop", text.substr(3, 1)}});
    EXPECT_EQ(stopped["choices"][0]["finish_reason"], "stop");
    EXPECT_EQ(stopped["choices"][0]["text"], text.substr(0, text.find(text.substr(3, 1))));
    const auto status_with = [&](const char* key, const nlohmann::json& value) {
      nlohmann::json body = {{"prompt", "ab"}, {"max_tokens", 4}};
      body[key] = value;
      return ServedAt::status_of(at.post("/v1/completions", body));
    };
    EXPECT_EQ(status_with("n", 17), 400);
    EXPECT_EQ(status_with("n", 1.5), 400);
    EXPECT_EQ(status_with("max_tokens", 2.5), 400);
    EXPECT_EQ(status_with("max_tokens", 2.0), 200);
    EXPECT_EQ(status_with("min_tokens", 5), 400);
    EXPECT_EQ(ServedAt::status_of(at.post("/v1/chat/completions",
                                          {{"messages", {{{"role", "user"}, {"content", "ab"}}}}})),
              400);
    const auto metrics = at.get("/metrics");
    for (const char* name : {"vllm:num_requests_running{", "heed_kv_cache_pages_used{",
                             "# TYPE vllm:num_preemptions_total counter"})
      EXPECT_THAT(metrics, HasSubstr(name));
  });
  EXPECT_EQ(result.code, 0) << result.err;
}

/// SIGTERM comes while a text is written: it is answered whole, and the program ends with 0.
TEST(Serve, AnswersWhatItAcceptedBeforeItEnds) {
  const auto trained = served_writer();
  std::future<std::string> answer;
  const auto result = served({trained.model}, [&](const ServedAt& at) {
    auto client = std::make_shared<Client>(at.port());
    client->send(at.request("/v1/completions", {{"prompt", "ab"}, {"max_tokens", 700}}));
    for (int i = 0;
         i < 500 && at.get("/metrics").find("vllm:prompt_tokens_total 2") == std::string::npos; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    answer = std::async(std::launch::async, [client] { return client->answer(); });
  });
  EXPECT_EQ(result.code, 0) << result.err;
  const auto said = ServedAt::body_of(answer.get());
  ASSERT_TRUE(said.contains("usage")) << said;
  EXPECT_EQ(said["usage"]["completion_tokens"], 700);
}

TEST(Serve, SaysWhatIsWrongBeforeItListens) {
  const auto trained = served_embedder();
  EXPECT_EQ(run({"serve"}).code, 2);
  EXPECT_EQ(run({"serve", "nothing-there"}).code, 5);
  EXPECT_EQ(run({"serve", trained.model, "--host", "0.0.0.0", "--port", "0"}).code, 2);
  const auto twice = run({"serve", trained.model, trained.model, "--port", "0"});
  EXPECT_EQ(twice.code, 2);
  EXPECT_THAT(twice.err, HasSubstr("two models are called"));
}

}  // namespace
}  // namespace heed::test
