// `heed serve` while it runs, and who asks it.
#pragma once

#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "apps/run.h"
#include "apps/trained.h"
#include "files.h"
#include "serve/client.h"

namespace heed::test {

using nlohmann::json;

/// A server that is asked while it runs.
class ServedAt {
 public:
  explicit ServedAt(const std::string& address)
      : host_(address.substr(7, address.find('/', 7) - 7)),
        port_(static_cast<uint16_t>(std::stoi(host_.substr(host_.find(':') + 1)))) {}

  uint16_t port() const { return port_; }
  std::string get(const std::string& target) const {
    Client client(port_);
    client.send("GET " + target + " HTTP/1.1\r\nHost: " + host_ + "\r\n\r\n");
    return client.answer();
  }
  std::string request(const std::string& target, const json& body) const {
    const auto text = body.dump();
    return "POST " + target + " HTTP/1.1\r\nHost: " + host_ +
           "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(text.size()) +
           "\r\n\r\n" + text;
  }
  std::string post(const std::string& target, const json& body) const {
    Client client(port_);
    client.send(request(target, body));
    return client.answer();
  }
  json ask(const std::string& target, const json& body) const {
    return body_of(post(target, body));
  }
  /// All that comes until the answer's parts end.
  std::string stream(const std::string& target, const json& body) const {
    Client client(port_);
    client.send(request(target, body));
    std::string all;
    while (all.find("\r\n0\r\n\r\n") == all.npos) {
      const auto more = client.answer();
      if (more.empty()) break;
      all += more;
    }
    return all;
  }
  static json body_of(const std::string& answer) {
    return json::parse(answer.substr(answer.find("\r\n\r\n") + 4), nullptr, false);
  }
  static int status_of(const std::string& answer) { return std::stoi(answer.substr(9, 3)); }

 private:
  std::string host_;
  uint16_t port_;
};

/// Runs `heed serve`, calls `use` once it answers, ends it by SIGTERM and returns what it said.
template <class Use>
Result served(std::vector<std::string> words, Use&& use) {
  const TemporaryFolder folder;
  const auto address = folder.path() / "address";
  write_bytes(address, "");
  words.insert(words.begin(), "serve");
  words.insert(words.end(), {"--port", "0"});
  return run(words, {.out = address, .signal = SIGTERM, .when = [&] {
                       const auto said = read_bytes(address);
                       if (!said.ends_with('\n')) return false;
                       use(ServedAt(said));
                       return true;
                     }});
}

/// Waits until `is_so`, ten seconds at most.
template <class Condition>
bool comes(const Condition& is_so) {
  for (int i = 0; i < 1000; ++i) {
    if (is_so()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

/// What comes in events, joined.
inline std::string told(const std::string& stream) {
  std::string text;
  std::istringstream in(stream);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("data: {")) continue;
    const auto event = json::parse(line.substr(6));
    for (const auto& choice : event["choices"]) {
      text += choice.value("text", "");
      if (choice.contains("delta")) text += choice["delta"].value("content", "");
    }
  }
  return text;
}

/// A model of one text that goes on from any.
inline Trained served_writer() {
  return train_once("serve_text", [](const std::filesystem::path& folder) {
    std::string text;
    for (int i = 0; i < 200; ++i) text += "abc abd\nabcd\n";
    write_bytes(folder / "text", text);
    write_bytes(folder / "small.toml", "data.train = '" + (folder / "text").string() + R"('
seed = 3
data.holdout = 0.1
[input]
kind = "corpus"
context = 16
tokenizer = { kind = "characters" }
[head]
kind = "text"
preset = "gpt"
generate = { sample = false, max_length = 12 }
decoder_layers = 1
width = 32
hidden = 64
decoder_attention = { position = "rope", masks = ["causal"], num_heads = 2 }
[train]
max_steps = 10
batch = 256
)");
  });
}

}  // namespace heed::test
