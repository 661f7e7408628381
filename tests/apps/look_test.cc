// `heed look` as a browser asks it, and files of maps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "apps/run.h"
#include "apps/trained.h"
#include "files.h"
#include "serve/client.h"

namespace heed::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

/// Two pairs, over and over, in `folder`, and a recipe that looks at them.
void write_pairs_to_look_at(const std::filesystem::path& folder) {
  std::string source, target;
  for (int i = 0; i < 60; ++i) {
    source += i % 2 ? "eins zwei drei\n" : "drei f\u00fcnf\n";
    target += i % 2 ? "one two three\n" : "three five\n";
  }
  write_bytes(folder / "a.de", source), write_bytes(folder / "a.en", target);
  const auto files = "['" + (folder / "a.de").string() + "', '" + (folder / "a.en").string() + "']";
  write_bytes(folder / "small.toml", "[data]\ntrain = " + files + R"(
[input]
kind = "parallel"
source = { kind = "words" }
target = { kind = "words" }
[head]
kind = "text"
generate = { max_length = 8 }
encoder_layers = 1
decoder_layers = 2
width = 16
hidden = 16
encoder_attention = { num_heads = 2 }
decoder_attention = { masks = ["causal"], num_heads = 2 }
cross_attention = { num_heads = 2 }
[train]
epochs = 1
batch = 200
)");
}

/// A page's server that is asked while it runs.
class Asked {
 public:
  explicit Asked(const std::string& address)
      : host_(address.substr(7, address.find('/', 7) - 7)),
        port_(static_cast<uint16_t>(std::stoi(host_.substr(host_.find(':') + 1)))) {}

  std::string get(const std::string& target) const {
    Client client(port_);
    client.send("GET " + target + " HTTP/1.1\r\nHost: " + host_ + "\r\n\r\n");
    return client.answer();
  }
  json get_json(const std::string& target) const { return body(get(target)); }
  json post(const std::string& target, const std::string& text) const {
    Client client(port_);
    client.send("POST " + target + " HTTP/1.1\r\nHost: " + host_ +
                "\r\nContent-Type: application/json\r\nContent-Length: " +
                std::to_string(text.size()) + "\r\n\r\n" + text);
    return body(client.answer());
  }

 private:
  static json body(const std::string& answer) {
    return json::parse(answer.substr(answer.find("\r\n\r\n") + 4));
  }
  std::string host_;
  uint16_t port_;
};

class Look : public testing::Test {
 protected:
  static void SetUpTestSuite() { trained_ = train_once("look", write_pairs_to_look_at); }
  /// A build without Node has no page, and says so.
  void SetUp() override {
    const auto refused = run({"look", trained_.model, "--host", "nowhere"});
    if (refused.err.find("without its page") != std::string::npos) GTEST_SKIP() << refused.err;
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  /// Runs `heed look`, calls `use` once it answers, ends it by SIGTERM and returns what it said.
  template <class Use>
  Result look(std::vector<std::string> words, Use&& use) const {
    words.insert(words.begin(), "look");
    words.insert(words.end(), {"--port", "0"});
    const auto address = path("address");
    write_bytes(address, "");
    return run(words, {.out = address, .signal = SIGTERM, .when = [&] {
                         const auto said = read_bytes(address);
                         if (!said.ends_with('\n')) return false;
                         use(Asked(said));
                         return true;
                       }});
  }
  static json mapped(std::vector<std::string> words) {
    words.insert(words.begin(), "map");
    words.push_back("--json");
    const auto result = run(words);
    EXPECT_EQ(result.code, 0) << result.err;
    return json::parse(result.out);
  }

  /// Every weight of `maps` as `heed map --json` prints them.
  static void expect_same(const Asked& asked, const json& looked, const json& maps) {
    ASSERT_EQ(looked["maps"].size(), maps.size());
    for (size_t map = 0; map < maps.size(); ++map)
      for (size_t head = 0; head < maps[map]["heads"].size(); ++head) {
        const auto& weights = maps[map]["heads"][head]["weights"];
        const auto said = asked.get_json(
            "/api/rows?id=" + looked["id"].get<std::string>() + "&map=" + std::to_string(map) +
            "&head=" + std::to_string(head + 1) + "&row=0&rows=" + std::to_string(weights.size()) +
            "&column=0&columns=" + std::to_string(weights[0].size()));
        EXPECT_EQ(said["weights"], weights) << maps[map]["title"];
      }
  }

  static inline Trained trained_;
  TemporaryFolder folder_;
};

const char* const kPair = R"({"text": "eins zwei", "target": "one two"})";

TEST_F(Look, AnswersWithTheWeightsOfMap) {
  const auto maps = mapped({trained_.model, "eins zwei", "--target", "one two"})["maps"];
  const auto result = look({trained_.model}, [&](const Asked& asked) {
    const auto world = asked.get_json("/api/model");
    EXPECT_EQ(world["models"][0]["takes_text"], true);
    const auto looked = asked.post("/api/look", kPair);
    EXPECT_EQ(looked["maps"][2]["title"], "cross 1");
    EXPECT_EQ(looked["labels"][looked["maps"][2]["columns"].get<size_t>()]["texts"][0], "eins");
    expect_same(asked, looked, maps);
    const auto page = asked.get("/");
    EXPECT_THAT(page, HasSubstr("script-src 'self'"));
    EXPECT_THAT(page, HasSubstr("<div id=\"app\">"));
  });
  EXPECT_EQ(result.code, 128 + SIGTERM) << result.err;
}

TEST_F(Look, TilesAreTheWeightsAsBytes) {
  const auto result = look({trained_.model}, [&](const Asked& asked) {
    const auto id = asked.post("/api/look", kPair)["id"].get<std::string>();
    const std::string at = "?id=" + id + "&map=2&head=1";
    const auto map = asked.get_json("/api/map" + at);
    const double greatest = map["scale"]["greatest"], smallest = map["scale"]["smallest"];
    EXPECT_LE(map["beside"].get<double>(), greatest * 1.0001);
    EXPECT_GT(map["beside"].get<double>(), smallest);
    const auto answer = asked.get("/api/tile" + at + "&level=0&x=0&y=0");
    const auto bytes = answer.substr(answer.find("\r\n\r\n") + 4);
    const int64_t rows = map["rows"], columns = map["columns"];
    ASSERT_EQ(static_cast<int64_t>(bytes.size()), rows * columns);
    const auto weights = asked.get_json("/api/rows" + at + "&row=0&rows=" + std::to_string(rows) +
                                        "&column=0&columns=" + std::to_string(columns))["weights"];
    for (size_t i = 0; i < bytes.size(); ++i) {
      const double weight = weights[i / columns][i % columns];
      const int byte = static_cast<unsigned char>(bytes[i]);
      const double shown = smallest * std::pow(greatest / smallest, (byte - 1) / 254.0);
      EXPECT_NEAR(shown / weight, 1, 0.04);
    }
    EXPECT_THAT(asked.get("/api/tile" + at + "&level=9&x=0&y=0"),
                HasSubstr("expected a whole number"));
    EXPECT_EQ(asked.get_json("/api/overview?id=" + id + "&map=2")["heads"].size(), 2u);
  });
  EXPECT_EQ(result.code, 128 + SIGTERM) << result.err;
}

TEST_F(Look, ARecordingHasTheSameWeightsWithoutTheModel) {
  const auto file = path("pair.safetensors");
  const auto written =
      run({"map", trained_.model, "eins zwei", "--target", "one two", "--record", file});
  ASSERT_EQ(written.code, 0) << written.err;
  EXPECT_EQ(written.out, "");
  const auto maps = mapped({trained_.model, "eins zwei", "--target", "one two"})["maps"];
  const auto result = look({file}, [&](const Asked& asked) {
    const auto looked = asked.post("/api/look", "{}");
    EXPECT_EQ(looked["answers"][0]["text"], "one two");
    expect_same(asked, looked, maps);
    const auto refused = asked.post("/api/look", R"({"ablated": [{"map": "x", "head": 1}]})");
    EXPECT_THAT(refused["error"]["message"].get<std::string>(), HasSubstr("recording"));
  });
  EXPECT_EQ(result.code, 128 + SIGTERM) << result.err;
}

TEST_F(Look, HeadsThatAreTakenOutChangeWhatFollows) {
  const auto result = look({trained_.model}, [&](const Asked& asked) {
    const auto whole = asked.post("/api/look", kPair);
    const auto name = whole["maps"][1]["name"].get<std::string>();
    const auto without = asked.post(
        "/api/look", R"({"text": "eins zwei", "target": "one two", "ablated": [{"map": ")" + name +
                         R"(", "head": 1}, {"map": ")" + name + R"(", "head": 2}]})");
    const auto row = [&](const json& looked, int map) {
      return asked.get_json("/api/rows?id=" + looked["id"].get<std::string>() +
                            "&map=" + std::to_string(map) +
                            "&head=1&row=1&rows=1&column=0&columns=2")["weights"];
    };
    EXPECT_EQ(row(whole, 0), row(without, 0));
    EXPECT_NE(row(whole, 2), row(without, 2));
    const auto refused = asked.post(
        "/api/look", R"({"text": "eins", "ablated": [{"map": ")" + name + R"(", "head": 3}]})");
    EXPECT_THAT(refused["error"]["message"].get<std::string>(),
                HasSubstr("expected a head of 0 to 1"));
    const auto unknown =
        asked.post("/api/look", R"({"text": "eins", "ablated": [{"map": "x", "head": 1}]})");
    EXPECT_THAT(unknown["error"]["message"].get<std::string>(), HasSubstr("no attention 'x'"));
  });
  EXPECT_EQ(result.code, 128 + SIGTERM) << result.err;
}

TEST_F(Look, WhatIsTypedIsNoFile) {
  const auto result = look({trained_.model, trained_.file("a.de")}, [&](const Asked& asked) {
    for (const auto& text :
         {trained_.file("a.de") + ":1", std::string("-"), std::string("/etc/passwd:1")}) {
      const auto refused = asked.post("/api/look", json({{"text", text}}).dump());
      EXPECT_EQ(refused["error"]["type"], "bad_request") << refused;
    }
    EXPECT_EQ(asked.post("/api/look", R"({"input": 0, "number": 1})")["text"], "drei f\u00fcnf");
    EXPECT_THAT(asked.post("/api/look", R"({"input": 0, "number": 61})")["error"]["message"]
                    .get<std::string>(),
                HasSubstr("expected 1..60"));
    EXPECT_THAT(
        asked.post("/api/look", R"({"txt": "eins"})")["error"]["message"].get<std::string>(),
        HasSubstr("unknown key 'txt'"));
    EXPECT_EQ(asked.post("/api/look", "{")["error"]["type"], "bad_request");
  });
  EXPECT_EQ(result.code, 128 + SIGTERM) << result.err;
}

TEST_F(Look, BadClientsGetTheStatedAnswersAlone) {
  const auto stressed = run({"python3", HEED_SOURCE_DIR "/tools/stress_server.py", HEED_PROGRAM,
                             trained_.model, "--seconds", "8", "--connections", "100", "--untimed"},
                            {.program = "/usr/bin/env"});
  EXPECT_EQ(stressed.code, 0) << stressed.out << stressed.err;
}

TEST_F(Look, ExplainsAsTheVerbDoes) {
  const auto printed =
      run({"explain", trained_.model, "eins zwei", "--method", "averaged", "--json"});
  ASSERT_EQ(printed.code, 0) << printed.err;
  const auto result = look({trained_.model}, [&](const Asked& asked) {
    const auto id = asked.post("/api/look", R"({"text": "eins zwei"})")["id"].get<std::string>();
    const auto said = asked.post(
        "/api/explain", json({{"id", id}, {"method", "averaged"}, {"tests", true}}).dump());
    EXPECT_EQ(said, json::parse(printed.out));
    const auto refused = asked.post("/api/explain", json({{"id", id}, {"method", "magic"}}).dump());
    EXPECT_THAT(refused["error"]["message"].get<std::string>(), HasSubstr("magic"));
  });
  EXPECT_EQ(result.code, 128 + SIGTERM) << result.err;
}

TEST_F(Look, RefusesWrongFlagsAndFiles) {
  EXPECT_THAT(run({"look", trained_.model, "--host", "0.0.0.0"}).err, HasSubstr("--key-file"));
  EXPECT_EQ(run({"look", trained_.model, "--key-file", path("none")}).code, 5);
  const auto file = path("wrong.safetensors");
  write_bytes(file, "no file of maps");
  EXPECT_EQ(run({"look", file}).code, 4);
  const auto weights = run({"look", trained_.model + "/best/model.safetensors"});
  EXPECT_EQ(weights.code, 4);
  EXPECT_THAT(weights.err, HasSubstr("heed map --record"));
}

}  // namespace
}  // namespace heed::test
