// Routes of `heed serve` over sockets: translations, chats, transcriptions, rankings, and clients that leave.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <future>
#include <thread>

#include "apps/served.h"
#include "sounds.h"

namespace heed::test {
namespace {

using testing::HasSubstr;

Trained served_translator() {
  return train_once("serve_pairs", [](const std::filesystem::path& folder) {
    std::string source, target;
    const char* words[] = {"eins", "zwei", "drei", "vier"};
    const char* others[] = {"one", "two", "three", "four"};
    for (int i = 0; i < 200; ++i) {
      std::string forth, back;
      for (int j = 0; j <= i % 4; ++j) {
        forth += (j ? " " : "") + std::string(words[(i * 7 + j * j) % 4]);
        back += (j ? " " : "") + std::string(others[(i * 7 + j * j) % 4]);
      }
      source += forth + "\n", target += back + "\n";
    }
    const auto file = [&](const char* name) { return "\"" + (folder / name).string() + "\""; };
    write_bytes(folder / "train.de", source), write_bytes(folder / "train.en", target);
    write_bytes(folder / "small.toml",
                "seed = 3\ndata.train = [" + file("train.de") + ", " + file("train.en") + R"(]
data.holdout = 0.1
[input]
kind = "parallel"
source = { kind = "words" }
target = { kind = "words" }
[head]
kind = "text"
generate = { beam_size = 3, num_hypotheses = 2, max_length = 12 }
encoder_layers = 1
decoder_layers = 1
width = 32
hidden = 64
encoder_attention = { position = "sinusoidal", num_heads = 2 }
decoder_attention = { position = "sinusoidal", masks = ["causal"], num_heads = 2 }
cross_attention = { num_heads = 2 }
[train]
epochs = 20
batch = 200
optimizer = { lr = 0.01 }
)");
  });
}

std::vector<float> spoken(int number) {
  std::vector<float> samples(300, 0);
  for (int word = 0; word < 2; ++word) {
    const auto sound = tone((number >> word) % 2 ? 600 : 150, 0.25, 2000);
    samples.insert(samples.end(), sound.begin(), sound.end());
    samples.insert(samples.end(), 100, 0);
  }
  return samples;
}

/// A model that writes what tones say from what an encoder hears.
Trained served_transcriber() {
  return train_once("serve_tones", [](const std::filesystem::path& folder) {
    std::string table = "audio\ttext\n";
    for (int i = 0; i < 32; ++i) {
      const auto name = "train" + std::to_string(i) + ".wav";
      write_bytes(folder / name, float_wav(spoken(i), 2000));
      const auto word = [](bool high) { return high ? "high" : "low"; };
      table += name + "\t" + word(i % 2) + " " + word((i >> 1) % 2) + "\n";
    }
    write_bytes(folder / "train.tsv", table);
    write_bytes(folder / "small.toml",
                "seed = 3\ndata.train = '" + (folder / "train.tsv").string() + R"('
data.holdout = 0.1
[input]
kind = "audio"
log_mel = { sampling_rate = 2000, window = 64, hop = 20, mels = 12, seconds = 0 }
[encoder]
width = 16
layers = 1
subsampling = 4
attention = { position = "sinusoidal", num_heads = 2 }
[head]
kind = "text"
column = "text"
from_encoder = true
encoder_layers = 0
decoder_layers = 1
width = 16
hidden = 32
decoder_attention = { position = "sinusoidal", num_heads = 2 }
cross_attention = { num_heads = 2 }
tokenizer = { kind = "characters", size = 20 }
generate = { max_length = 12, beam_size = 2 }
metric = { kind = "exact" }
[train]
epochs = 3
batch = 8
)");
  });
}

Trained served_ranker() {
  return train_once("serve_rank", [](const std::filesystem::path& folder) {
    std::string table = "query,text,score\n";
    for (int i = 0; i < 20; ++i)
      table += "red,a red house,1\nred,a blue boat,0\nblue,a blue boat,1\nblue,a red house,0\n";
    write_bytes(folder / "train.csv", table);
    write_bytes(folder / "small.toml",
                "seed = 1\ndata.train = '" + (folder / "train.csv").string() + R"('
[input]
kind = "text"
column = "query"
second = "text"
tokenizer = { kind = "words", size = 50 }
[encoder]
kind = "text"
width = 8
layers = 1
attention = { num_heads = 2 }
[head]
kind = "number"
column = "score"
[train]
epochs = 2
batch = 8
)");
  });
}

/// A folder as transformers writes it: a llama of letters with a chat template, untrained.
void write_chat_model(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  json vocabulary = {{"\u010a", 0}, {"\u0120", 1}};
  for (char c = '!'; c <= '~'; ++c) vocabulary[std::string(1, c)] = vocabulary.size();
  const auto size = static_cast<int64_t>(vocabulary.size()) + 2;
  json added = json::array();
  for (const char* text : {"<|start|>", "<|end|>"})
    added.push_back({{"id", size - 2 + int64_t(added.size())},
                     {"content", text},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  const json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", false}};
  write_bytes(folder / "tokenizer.json",
              json{{"version", "1.0"},
                   {"truncation", nullptr},
                   {"padding", nullptr},
                   {"added_tokens", added},
                   {"normalizer", nullptr},
                   {"pre_tokenizer", bytes},
                   {"post_processor", nullptr},
                   {"decoder", bytes},
                   {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", json::array()}}}}
                  .dump());
  write_bytes(folder / "tokenizer_config.json",
              json{{"tokenizer_class", "PreTrainedTokenizerFast"},
                   {"eos_token", "<|end|>"},
                   {"chat_template",
                    "{% for message in messages %}<|start|>{{ message['role'] }}\n{{ "
                    "message['content'] }}<|end|>\n{% endfor %}{% if add_generation_prompt "
                    "%}<|start|>assistant\n{% endif %}"}}
                  .dump());
  write_bytes(folder / "config.json", json{{"architectures", {"LlamaForCausalLM"}},
                                           {"model_type", "llama"},
                                           {"vocab_size", size},
                                           {"hidden_size", 16},
                                           {"intermediate_size", 24},
                                           {"num_hidden_layers", 2},
                                           {"num_attention_heads", 2},
                                           {"num_key_value_heads", 1},
                                           {"max_position_embeddings", 400},
                                           {"rms_norm_eps", 1e-5},
                                           {"rope_theta", 10000.0},
                                           {"hidden_act", "silu"},
                                           {"tie_word_embeddings", true},
                                           {"bos_token_id", nullptr},
                                           {"eos_token_id", size - 1},
                                           {"torch_dtype", "float32"}}
                                          .dump());
  json header;
  std::string data;
  uint32_t seed = 5;
  const auto add = [&](const std::string& name, const std::vector<int64_t>& shape) {
    int64_t count = 1;
    for (const int64_t n : shape) count *= n;
    const auto begin = data.size();
    for (int64_t i = 0; i < count; ++i) {
      seed = seed * 1664525 + 1013904223;
      const float value = shape.size() == 1 ? 1.0f : static_cast<float>(seed >> 8) / (1 << 23) - 1;
      data.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    header[name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {begin, data.size()}}};
  };
  add("model.embed_tokens.weight", {size, 16}), add("model.norm.weight", {16});
  for (const std::string layer : {"model.layers.0.", "model.layers.1."}) {
    add(layer + "self_attn.q_proj.weight", {16, 16}),
        add(layer + "self_attn.k_proj.weight", {8, 16});
    add(layer + "self_attn.v_proj.weight", {8, 16}),
        add(layer + "self_attn.o_proj.weight", {16, 16});
    add(layer + "mlp.gate_proj.weight", {24, 16}), add(layer + "mlp.up_proj.weight", {24, 16});
    add(layer + "mlp.down_proj.weight", {16, 24});
    add(layer + "input_layernorm.weight", {16}),
        add(layer + "post_attention_layernorm.weight", {16});
  }
  const auto text = header.dump();
  const uint64_t length = text.size();
  std::string file(reinterpret_cast<const char*>(&length), sizeof length);
  write_bytes(folder / "model.safetensors", file + text + data);
}

/// A number of /metrics, the labels left out.
double metric(const ServedAt& at, const std::string& name) {
  std::istringstream text(at.get("/metrics"));
  for (std::string line; std::getline(text, line);)
    if (line.starts_with(name + "{") || line.starts_with(name + " "))
      return std::stod(line.substr(line.rfind(' ')));
  return -1;
}

std::string form(const std::vector<std::pair<std::string, std::string>>& fields,
                 const std::string& file) {
  std::string body;
  for (const auto& [name, value] : fields)
    body += "--b0undary\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value +
            "\r\n";
  if (!file.empty())
    body +=
        "--b0undary\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a b.wav\"\r\n"
        "Content-Type: audio/wav\r\n\r\n" +
        file + "\r\n";
  return body + "--b0undary--\r\n";
}

std::string post_form(const ServedAt& at, const std::string& target, const std::string& body) {
  Client client(at.port());
  client.send("POST " + target + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(at.port()) +
              "\r\nContent-Type: multipart/form-data; boundary=b0undary\r\nContent-Length: " +
              std::to_string(body.size()) + "\r\n\r\n" + body);
  return client.answer();
}

TEST(ServeRoutes, TranslationsThatComeTogetherAreThoseOfHeedPredict) {
  const auto trained = served_translator();
  const std::vector<std::string> lines{"eins", "zwei drei", "vier vier eins zwei", "drei", ""};
  std::string input;
  for (const auto& line : lines) input += line + "\n";
  const auto predicted = run({"predict", trained.model, "-", "--json"}, {.input = input});
  ASSERT_EQ(predicted.code, 0) << predicted.err;
  std::vector<json> wanted;
  std::istringstream said(predicted.out);
  for (std::string line; std::getline(said, line);) wanted.push_back(json::parse(line));
  ASSERT_EQ(wanted.size(), lines.size());
  const auto result = served({trained.model}, [&](const ServedAt& at) {
    const auto together = at.ask("/answer", {{"inputs", lines}});
    ASSERT_EQ(together["answers"].size(), lines.size()) << together;
    for (size_t i = 0; i < lines.size(); ++i) {
      const auto& own = together["answers"][i];
      for (const auto& [key, value] : wanted[i].items())
        if (key != "input" && key != "place") {
          EXPECT_EQ(own[key], value) << key;
        }
    }
    std::vector<std::future<void>> crowd;
    for (int i = 0; i < 12; ++i)
      crowd.push_back(std::async(std::launch::async, [&, i] {
        const auto& line = lines[static_cast<size_t>(i) % 4];
        const auto& text =
            together["answers"][static_cast<size_t>(i) % 4]["hypotheses"][0]["output"];
        if (i % 3 == 0)
          EXPECT_EQ(told(at.stream("/v1/completions", {{"prompt", line}, {"stream", true}})), text);
        else
          EXPECT_EQ(at.ask("/v1/completions", {{"prompt", line}})["choices"][0]["text"], text);
      }));
    for (auto& one : crowd) one.get();
    const auto shorter = at.ask("/v1/completions", {{"prompt", lines[2]}, {"max_tokens", 1}});
    EXPECT_EQ(shorter["choices"][0]["finish_reason"], "length") << shorter;
    EXPECT_EQ(shorter["usage"]["completion_tokens"], 1);
    const auto drawn =
        at.ask("/v1/completions",
               {{"prompt", {lines[2], lines[2]}}, {"temperature", 1.5}, {"seed", 4}})["choices"];
    EXPECT_NE(drawn[0]["text"], drawn[1]["text"]) << "each source draws of its own";
    const json drawing = {{"prompt", lines[2]}, {"temperature", 1.5}, {"seed", 4}};
    EXPECT_EQ(at.ask("/v1/completions", drawing)["choices"],
              at.ask("/v1/completions", drawing)["choices"]);
    EXPECT_TRUE(comes([&] { return metric(at, "heed_kv_cache_pages_used") == 0; }));
    EXPECT_EQ(ServedAt::status_of(at.post("/v1/completions", {{"prompt", "eins"}, {"n", 2}})), 400);
  });
  EXPECT_EQ(result.code, 0) << result.err;
}

TEST(ServeRoutes, TranscribesAsHeedPredictDoes) {
  const auto trained = served_transcriber();
  const auto predicted = run({"predict", trained.model, trained.file("train1.wav")});
  ASSERT_EQ(predicted.code, 0) << predicted.err;
  const auto sound = read_bytes(trained.file("train1.wav"));
  const auto result = served({trained.model}, [&](const ServedAt& at) {
    const std::string target = "/v1/audio/transcriptions";
    const auto answer = post_form(at, target, form({{"model", "nobody"}}, sound));
    EXPECT_EQ(ServedAt::status_of(answer), 404) << "a model that there is not";
    const auto right = ServedAt::body_of(post_form(at, target, form({}, sound)));
    ASSERT_TRUE(right.contains("text")) << right;
    EXPECT_EQ(right["text"].get<std::string>() + "\n", predicted.out);
    const auto text = post_form(at, target, form({{"response_format", "text"}}, sound));
    EXPECT_THAT(text, HasSubstr("text/plain"));
    EXPECT_TRUE(text.ends_with(predicted.out)) << text;
    std::vector<std::future<std::string>> crowd;
    for (int i = 0; i < 6; ++i)
      crowd.push_back(
          std::async(std::launch::async, [&] { return post_form(at, target, form({}, sound)); }));
    for (auto& one : crowd) EXPECT_EQ(ServedAt::body_of(one.get()), right);
    EXPECT_EQ(ServedAt::status_of(post_form(at, target, form({{"model", "a"}}, ""))), 400);
    EXPECT_EQ(ServedAt::status_of(post_form(at, target, form({}, "no sound"))), 400);
    EXPECT_EQ(ServedAt::status_of(post_form(at, target, "--b0undary\r\n\r\n")), 400);
    EXPECT_EQ(ServedAt::status_of(post_form(at, target, form({{"response_format", "srt"}}, sound))),
              400);
    EXPECT_EQ(ServedAt::status_of(post_form(at, target, form({{"language", "de"}}, sound))), 400);
  });
  EXPECT_EQ(result.code, 0) << result.err;
}

TEST(ServeRoutes, RanksAsBothApisSay) {
  const auto trained = served_ranker();
  const std::vector<std::string> texts{"a blue boat", "a red house", "boat"};
  const auto result = served({trained.model}, [&](const ServedAt& at) {
    const json query = {{"query", "red"}, {"texts", texts}, {"return_text", true}};
    const auto tei = at.ask("/rerank", query);
    ASSERT_EQ(tei.size(), 3u) << tei;
    EXPECT_GE(tei[0]["score"].get<double>(), tei[1]["score"].get<double>());
    EXPECT_GE(tei[1]["score"].get<double>(), tei[2]["score"].get<double>());
    for (const auto& one : tei) EXPECT_EQ(one["text"], texts[one["index"].get<size_t>()]);
    auto raw = query;
    raw["raw_scores"] = true;
    const auto scores = at.ask("/rerank", raw);
    for (size_t i = 0; i < 3; ++i)
      EXPECT_NEAR(tei[i]["score"].get<double>(),
                  1 / (1 + std::exp(-scores[i]["score"].get<double>())), 1e-6);
    const auto cohere =
        at.ask("/v1/rerank", {{"query", "red"}, {"documents", texts}, {"top_n", 2}});
    ASSERT_EQ(cohere["results"].size(), 2u) << cohere;
    for (size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(cohere["results"][i]["index"], tei[i]["index"]);
      EXPECT_NEAR(cohere["results"][i]["relevance_score"].get<double>(),
                  tei[i]["score"].get<double>(), 1e-6);
    }
    EXPECT_EQ(ServedAt::status_of(at.post("/rerank", {{"query", "red"}})), 422);
    EXPECT_EQ(ServedAt::status_of(at.post("/v1/rerank", {{"query", "red"}, {"documents", {1}}})),
              422);
  });
  EXPECT_EQ(result.code, 0) << result.err;
}

TEST(ServeRoutes, Chats) {
  const TemporaryFolder folder;
  write_chat_model(folder.path() / "letters");
  const auto result = served({(folder.path() / "letters").string()}, [&](const ServedAt& at) {
    const json messages = {{{"role", "system"}, {"content", "Be short."}},
                           {{"role", "user"}, {"content", {{{"type", "text"}, {"text", "Hi"}}}}}};
    const json asked = {{"messages", messages}, {"max_completion_tokens", 12}, {"temperature", 0}};
    const auto whole = at.ask("/v1/chat/completions", asked);
    ASSERT_EQ(whole["object"], "chat.completion") << whole;
    const auto text = whole["choices"][0]["message"]["content"].get<std::string>();
    EXPECT_EQ(whole["choices"][0]["message"]["role"], "assistant");
    EXPECT_LE(whole["usage"]["completion_tokens"], 12);
    EXPECT_EQ(whole["usage"]["prompt_tokens"], std::strlen("_system_Be short.__"
                                                           "_user_Hi__"
                                                           "_assistant_"));
    auto streamed = asked;
    streamed["stream"] = true, streamed["stream_options"] = {{"include_usage", true}};
    streamed["logprobs"] = true;
    const auto events = at.stream("/v1/chat/completions", streamed);
    EXPECT_EQ(told(events), text);
    EXPECT_THAT(events, HasSubstr(R"("delta":{"role":"assistant","content":""})"));
    EXPECT_THAT(events, HasSubstr(R"("choices":[],"usage":{"prompt_tokens")"));
    EXPECT_THAT(events, HasSubstr(R"("logprob":-)"));
    auto drawn = asked;
    drawn["temperature"] = 1, drawn["seed"] = 7, drawn["n"] = 3;
    const auto three = at.ask("/v1/chat/completions", drawn);
    ASSERT_EQ(three["choices"].size(), 3u) << three;
    EXPECT_NE(three["choices"][0]["message"], three["choices"][1]["message"]);
    EXPECT_EQ(at.ask("/v1/chat/completions", drawn)["choices"], three["choices"]);
    const auto refused = [&](const char* key, const json& value) {
      auto other = asked;
      other[key] = value;
      const auto answer = at.post("/v1/chat/completions", other);
      EXPECT_EQ(ServedAt::status_of(answer), 400) << key;
      EXPECT_THAT(answer, HasSubstr(key));
    };
    refused("tools", {{{"type", "function"}}}),
        refused("response_format", {{"type", "json_object"}});
    refused("top_logprobs", 3), refused("stream_options", {{"include_usage", true}});
    refused("n", 100), refused("logit_bias", {{"5", 1}}), refused("messages", json::array());
    auto longer = asked;
    longer["max_completion_tokens"] = 1000;
    EXPECT_EQ(at.ask("/v1/chat/completions", longer)["error"]["code"], "context_length_exceeded");
  });
  EXPECT_EQ(result.code, 0) << result.err;
}

/// Whoever leaves has no text at the next step, no page is lost, and a stream beside him goes on as alone.
TEST(ServeRoutes, WhoLeavesFreesItsPlaceAndHarmsNobody) {
  const auto trained = served_writer();
  const auto result = served({trained.model}, [&](const ServedAt& at) {
    const json asked = {{"prompt", "ab"}, {"max_tokens", 400}, {"stream", true}};
    const auto alone = told(at.stream("/v1/completions", asked));
    EXPECT_EQ(alone.size(), 400u);
    const auto pages = [&] {
      return metric(at, "heed_kv_cache_pages_used") + metric(at, "heed_kv_cache_pages_free");
    };
    const auto all = pages();
    auto endless = asked;
    endless["max_tokens"] = 200000, endless["prompt"] = "abd";
    std::vector<std::unique_ptr<Client>> leaving;
    for (int i = 0; i < 5; ++i) {
      leaving.push_back(std::make_unique<Client>(at.port()));
      leaving.back()->send(at.request("/v1/completions", endless));
    }
    EXPECT_TRUE(comes([&] { return metric(at, "vllm:num_requests_running") == 5; }));
    auto beside =
        std::async(std::launch::async, [&] { return told(at.stream("/v1/completions", asked)); });
    EXPECT_TRUE(comes([&] { return metric(at, "vllm:num_requests_running") == 6; }) ||
                metric(at, "vllm:num_requests_running") == 5);
    leaving.clear();
    EXPECT_TRUE(comes([&] { return metric(at, "vllm:num_requests_running") <= 1; }));
    EXPECT_EQ(beside.get(), alone);
    EXPECT_TRUE(comes([&] { return metric(at, "vllm:num_requests_running") == 0; }));
    EXPECT_EQ(pages(), all);
  });
  EXPECT_EQ(result.code, 0) << result.err;
}

}  // namespace
}  // namespace heed::test
