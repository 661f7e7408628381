// A chat: lines as users' messages, put into the folder's template, answered as transformers 5.24 answers.
// What it wrote was noted once: apply_chat_template, then generate with this generation_config.json.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "files.h"
#include "golden/golden.h"
#include "heed/core/error.h"
#include "heed/tasks/predictor.h"

namespace heed {
namespace {

using Json = nlohmann::json;

constexpr const char* kChatTemplate =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n{% endfor "
    "%}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// The golden Qwen 3 as a model that chats.
class ChatFolder {
 public:
  explicit ChatFolder(const std::string& chat_template, const Json& generation) {
    for (const char* name : {"config.json", "model.safetensors", "tokenizer.json"})
      std::filesystem::copy(test::golden_folder("qwen3") / name, folder_ / name);
    const Json config = {{"eos_token", "<|im_end|>"}, {"chat_template", chat_template}};
    test::write_bytes(folder_ / "tokenizer_config.json", config.dump());
    test::write_bytes(folder_ / "generation_config.json", generation.dump());
  }

  std::vector<std::string> answers(const std::vector<std::string>& lines,
                                   const std::vector<std::string>& changes = {}) const {
    std::string text;
    for (const auto& line : lines) text += line + "\n";
    test::write_bytes(folder_ / "lines.txt", text);
    auto predictor = Predictor::load(folder_.path(), changes);
    const auto stream = predictor.stream({(folder_ / "lines.txt").string()});
    std::vector<std::string> all;
    for (const auto& one : predictor.predict(stream->next(64))) all.push_back(one.front().text);
    return all;
  }

 private:
  test::TemporaryFolder folder_;
};

TEST(GoldenChat, AnswersAsTransformersDoes) {
  HEED_NEEDS_GOLDEN("qwen3");
  const ChatFolder folder(kChatTemplate, {{"max_new_tokens", 16}, {"repetition_penalty", 1.2}});
  const std::vector<std::string> lines = {"Hello, king!", " What say you? "};
  EXPECT_EQ(
      folder.answers(lines),
      (std::vector<std::string>{"\uFFFD by heart heart your no be\uFFFDionvIuun thanruward",
                                "unXYouay7\uFFFD shall\uFFFD\x11pt jord E\uFFFD must there"}));
  EXPECT_EQ(folder.answers(lines, {"input.system=Be kind."})[1],
            "\uFFFDu RartYou\uFFFDay8Which but people people\uFFFDWhich8\uFFFD");
  // Without the template the model goes on from the line, which stands before what is written.
  EXPECT_TRUE(
      folder.answers({"Hello, king!"}, {"input.chat=false"})[0].starts_with("Hello, king!"));
  EXPECT_ANY_THROW(folder.answers({"Hello"}, {"input.chat=false", "input.system=Be kind."}));
}

TEST(GoldenChat, StopsBehindATextThatEndsInAToken) {
  HEED_NEEDS_GOLDEN("qwen3");
  for (const auto& [stop, text] :
       {std::pair<const char*, const char*>{"oua", "unXYouay"}, {"XYo", "unXYou"}, {"n", "un"}}) {
    const ChatFolder folder(kChatTemplate, {{"max_new_tokens", 16},
                                            {"repetition_penalty", 1.2},
                                            {"stop_strings", Json::array({stop})}});
    EXPECT_EQ(folder.answers({" What say you? "})[0], text) << stop;
  }
}

TEST(GoldenChat, ATemplateThatIsNotKnownIsRefusedWithTheWayToDoWithout) {
  HEED_NEEDS_GOLDEN("qwen3");
  const ChatFolder folder("{% include 'x' %}", {{"max_new_tokens", 2}});
  try {
    folder.answers({"Hello"});
    FAIL() << "no error";
  } catch (const ModelError& error) {
    EXPECT_NE(std::string(error.what()).find("unknown tag 'include'"), std::string::npos)
        << error.what();
    EXPECT_NE(std::string(error.what()).find("--set input.chat=false"), std::string::npos)
        << error.what();
  }
  EXPECT_TRUE(folder.answers({"Hello"}, {"input.chat=false"})[0].starts_with("Hello"));
}

}  // namespace
}  // namespace heed
