// Who waits at `heed serve` for texts to be written, and for whom.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "apps/served.h"

namespace heed::test {
namespace {

using testing::HasSubstr;

Trained translator_of_short_lines() {
  return train_once("serve_short", [](const std::filesystem::path& folder) {
    std::string source, target;
    for (int i = 0; i < 40; ++i) source += "rot blau haus\nhaus\n", target += "a b c\nc\n";
    write_bytes(folder / "text.de", source), write_bytes(folder / "text.en", target);
    const auto files =
        "['" + (folder / "text.de").string() + "', '" + (folder / "text.en").string() + "']";
    write_bytes(folder / "small.toml", "seed = 3\n[data]\ntrain = " + files + "\nvalid = " + files +
                                           R"(
[input]
kind = "parallel"
source = { kind = "words" }
target = { kind = "words" }
[head]
kind = "text"
generate = { beam_size = 2, max_length = 40 }
metric = { kind = "loss" }
encoder_layers = 1
decoder_layers = 1
width = 16
hidden = 16
encoder_attention = { position = 'learned(32)', num_heads = 2 }
decoder_attention = { position = "sinusoidal", masks = ["causal"], num_heads = 2 }
cross_attention = { num_heads = 2 }
[train]
max_steps = 2
batch = 200
)");
  });
}

std::string name_of(const ServedAt& at) {
  return ServedAt::body_of(at.get("/v1/models"))["data"][0]["id"];
}

/// Whether a metric of the model begins with these digits.
bool says(const ServedAt& at, const std::string& metric, const std::string& digits) {
  const auto line = metric + "{model_name=\"" + name_of(at) + "\"} " + digits;
  return at.get("/metrics").find(line) != std::string::npos;
}

/// One asks for 400 translations; another's only one comes before them, and a third's, too long for the encoder, ends alone.
TEST(ServeQueue, WhoAsksForMuchWaitsForHimself) {
  const auto trained = translator_of_short_lines();
  const auto result = served({trained.model}, [&](const ServedAt& at) {
    const std::vector<std::string> many(400, "rot blau haus");
    std::atomic<bool> has_all = false;
    auto all = std::async(std::launch::async, [&] {
      const auto said = at.post("/v1/completions", {{"prompt", many}, {"min_tokens", 35}});
      has_all = true;
      return said;
    });
    EXPECT_TRUE(comes([&] { return says(at, "vllm:num_requests_waiting", "3"); }));
    std::string longer = "rot";
    for (int i = 0; i < 50; ++i) longer += " blau";
    const auto too_long = at.post("/v1/completions", {{"prompt", longer}});
    EXPECT_EQ(ServedAt::status_of(too_long), 400);
    EXPECT_THAT(too_long, HasSubstr("learned has 32 positions"));
    EXPECT_EQ(ServedAt::status_of(at.post("/v1/completions", {{"prompt", "haus"}})), 200);
    EXPECT_FALSE(has_all) << "one came behind all of another's";
    EXPECT_EQ(ServedAt::body_of(all.get())["choices"].size(), 400u);
  });
  EXPECT_EQ(result.code, 0) << result.err;
}

/// Of a file with two lines the second would be dropped.
TEST(ServeQueue, AFileHoldsOneExample) {
  const auto trained = translator_of_short_lines();
  const auto result = served({trained.model}, [&](const ServedAt& at) {
    const auto send = [&](const std::string& lines) {
      const auto form =
          "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.de\"\r\n\r\n" +
          lines + "\r\n--x--\r\n";
      Client client(at.port());
      client.send(
          "POST /answer HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; "
          "boundary=x\r\n"
          "Content-Length: " +
          std::to_string(form.size()) + "\r\n\r\n" + form);
      return client.answer();
    };
    EXPECT_EQ(ServedAt::status_of(send("rot\n")), 200);
    const auto two = send("rot\nblau\n");
    EXPECT_EQ(ServedAt::status_of(two), 422);
    EXPECT_THAT(two, HasSubstr("more than one example"));
  });
  EXPECT_EQ(result.code, 0) << result.err;
}

/// 64 texts are written at a time; others wait, and those that wait are counted.
TEST(ServeQueue, TextsThatWaitAreLimited) {
  const auto trained = served_writer();
  const auto result = served({trained.model, "--queue", "100"}, [&](const ServedAt& at) {
    const auto ask = [&](size_t count) {
      return at.request("/v1/completions",
                        {{"prompt", std::vector<std::string>(count, "ab")}, {"max_tokens", 4000}});
    };
    Client many(at.port());
    many.send(ask(100));
    EXPECT_TRUE(comes([&] { return says(at, "vllm:num_requests_waiting", "36"); }));
    Client more(at.port());
    more.send(ask(65));
    EXPECT_EQ(ServedAt::status_of(more.answer()), 429);
    const auto refused = [&](const char* key, const json& value) {
      return at.post("/v1/completions", {{"prompt", {"ab", "ab"}}, {key, value}});
    };
    EXPECT_THAT(refused("stop", std::vector<std::string>(17, "x")), HasSubstr("at most 16 texts"));
    EXPECT_THAT(refused("stop", std::string(1025, 'x')), HasSubstr("at most 1024 bytes"));
    EXPECT_EQ(ServedAt::status_of(at.post(
                  "/v1/completions", {{"prompt", std::vector<std::string>(40, "ab")}, {"n", 16}})),
              400);
  });
  EXPECT_EQ(result.code, 0) << result.err;
}

}  // namespace
}  // namespace heed::test
