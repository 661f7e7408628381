// Chat templates: what Jinja gives as transformers 5.24 sets it. The cases of chat_template_cases.jsonl were
// made once with it; the first line has the names that all are given.
#include "heed/data/chat_template.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "heed/core/error.h"

namespace heed::data {
namespace {

using ChatJson = nlohmann::ordered_json;
using testing::HasSubstr;

constexpr int64_t kNow = 1764403200;  // 29 Nov 2025 08:00 UTC

std::string rendered(const std::string& source, const ChatJson& names = ChatJson::object()) {
  return ChatTemplate::parse(source, "t")->render_json(names.dump(), kNow);
}

std::string complaint(const std::string& source, const ChatJson& names = ChatJson::object()) {
  try {
    return "no error, but: " + rendered(source, names);
  } catch (const ModelError& error) {
    return error.what();
  }
}

TEST(ChatTemplate, GivesWhatJinjaGives) {
  setenv("TZ", "UTC", 1);
  tzset();
  std::ifstream file(std::string(HEED_SOURCE_DIR) + "/tests/data/chat_template_cases.jsonl");
  std::string line;
  ASSERT_TRUE(std::getline(file, line));
  const auto names = ChatJson::parse(line)["names"];
  int count = 0;
  for (; std::getline(file, line); ++count) {
    const auto one = ChatJson::parse(line);
    const auto source = one["template"].get<std::string>();
    if (one.contains("text"))
      EXPECT_EQ(rendered(source, names), one["text"].get<std::string>()) << source;
    else
      EXPECT_THROW(rendered(source, names), Error) << source;
  }
  EXPECT_EQ(count, 45);
}

TEST(ChatTemplate, IsFoundInAFolder) {
  const std::vector<ChatMessage> chat = {{"system", "S"}, {"user", "U \"é\""}};
  const std::string source =
      "{{ bos_token }}{% for m in messages %}{{ m.role[0] + m.content + eos_token }}{% endfor %}"
      "{% if add_generation_prompt %}A{% endif %}{% if tools %}T{% endif %}";
  std::map<std::string, std::string> files;
  EXPECT_EQ(ChatTemplate::of_files(files), nullptr);
  EXPECT_FALSE(ChatTemplate::is_in(files));
  ChatJson config = {
      {"bos_token", "<s>"}, {"eos_token", {{"content", "</s>"}}}, {"chat_template", source}};
  files["tokenizer_config.json"] = config.dump();
  EXPECT_TRUE(ChatTemplate::is_in(files));
  EXPECT_EQ(ChatTemplate::of_files(files)->render(chat), "<s>sS</s>uU \"é\"</s>A");
  config["chat_template"] = ChatJson::array(
      {{{"name", "tool_use"}, {"template", "X"}}, {{"name", "default"}, {"template", source}}});
  files["tokenizer_config.json"] = config.dump();
  EXPECT_EQ(ChatTemplate::of_files(files)->render(chat), "<s>sS</s>uU \"é\"</s>A");
  config.erase("eos_token");
  files["tokenizer_config.json"] = config.dump();
  files["special_tokens_map.json"] = R"({"eos_token": "<e>", "bos_token": "<other>"})";
  files["chat_template.jinja"] = "{{ bos_token }}{{ eos_token }}{{ messages | length }}";
  EXPECT_EQ(ChatTemplate::of_files(files)->render(chat), "<s><e>2");
  config["chat_template"] = 5;
  files["tokenizer_config.json"] = config.dump();
  files.erase("chat_template.jinja");
  EXPECT_THROW(ChatTemplate::of_files(files), ModelError);
}

TEST(ChatTemplate, AConversationThatIsRefusedIsWrongDataAndTheRestAWrongModel) {
  EXPECT_THROW(rendered("{{ raise_exception('Roles must alternate') }}"), DataError);
  EXPECT_THAT(complaint("\n\n{{ a.b }}"),
              HasSubstr("t: line 3: 'b' is asked of 'a', which is undefined"));
  EXPECT_THAT(complaint("{% include 'x' %}"), HasSubstr("unknown tag 'include'; known: if, for"));
  EXPECT_THAT(complaint("{{ x | trimm }}"),
              HasSubstr("unknown filter 'trimm', did you mean 'trim'?"));
  EXPECT_THAT(complaint("{{ x is definde }}"), HasSubstr("unknown test 'definde'"));
  EXPECT_THAT(complaint("{{ 'x'.center(5) }}"),
              HasSubstr("the method 'center' of a string is not known here"));
  EXPECT_THAT(complaint("{{ f(*a) }}"), HasSubstr("arguments by * and ** are not known here"));
  EXPECT_THAT(complaint("{{ messages.__class__ }}", {{"messages", ChatJson::array()}}),
              HasSubstr("'__class__'"));
  EXPECT_THAT(complaint("{{ 'a' | trim(sides=1) }}"),
              HasSubstr("the argument 'sides' is not known here"));
}

TEST(ChatTemplate, TakesNoMoreThanItMay) {
  EXPECT_THAT(complaint("{% for a in range(100000) %}{% for b in range(1000) %}{% if a %}{% endif "
                        "%}{% endfor %}{% endfor %}"),
              HasSubstr("it takes more than 5000000 steps"));
  EXPECT_THAT(complaint("{{ 'x' * 1000000000000 }}"), HasSubstr("it makes more than"));
  EXPECT_THAT(complaint("{{ [1] * 9223372036854775807 }}"), HasSubstr("it makes more than"));
  EXPECT_THAT(complaint("{{ 'x' * 40000000 }}"), HasSubstr("it writes more than"));
  EXPECT_THAT(complaint("{% set ns = namespace(x='xxxxxxxxxxxxxxxx') %}{% for i in range(100) %}{% "
                        "set ns.x = ns.x + ns.x %}{% endfor %}"),
              HasSubstr("it makes more than"));
  EXPECT_THAT(complaint("{% set ns = namespace(x=[1, 2]) %}{% for i in range(100) %}{% set ns.x = "
                        "ns.x + ns.x %}{% endfor %}"),
              HasSubstr("it makes more than"));
  EXPECT_THAT(complaint("{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}"), HasSubstr("deep"));
  for (const char* nested : {"[ns.x]", "{'a': ns.x}", "ns.x.index", "(ns.x, 1)"})
    EXPECT_THAT(
        complaint("{% set ns = namespace(x=[]) %}{% for i in range(90000) %}{% set ns.x = [" +
                  std::string(nested) + "] %}{% endfor %}"),
        HasSubstr("a value is nested deeper than 100"));
  EXPECT_THAT(complaint("{{ range(1000000) }}"), HasSubstr("range: more than 100000"));
  EXPECT_THAT(complaint("{{ " + std::string(100000, '(') + "1 }}"), HasSubstr("nested deeper"));
  EXPECT_THAT(complaint("{{ 1" + std::string(100000, '-') + "1 }}"), HasSubstr("nested deeper"));
  std::string chain = "{{ 1";
  for (int i = 0; i < 100000; ++i) chain += "+1";
  EXPECT_THAT(complaint(chain + " }}"), HasSubstr("more than 1000 levels"));
  std::string tags;
  for (int i = 0; i < 10000; ++i) tags += "{% if 1 %}";
  EXPECT_THAT(complaint(tags), HasSubstr("nested deeper"));
  EXPECT_THAT(complaint("{% set ns = namespace() %}{% set ns.a = ns %}{{ ns.a.a == ns }}"),
              HasSubstr("True"));
  EXPECT_THAT(complaint("{{ 9223372036854775807 + 1 }}"), HasSubstr("beyond 64 bits"));
  EXPECT_THAT(complaint("{{ (-9223372036854775807 - 1) // -1 }}"), HasSubstr("beyond 64 bits"));
  EXPECT_EQ(rendered("{{ (-9223372036854775807 - 1) % -1 }}{{ "
                     "'abc'[-9223372036854775807:9223372036854775807:9223372036854775807] }}"),
            "0a");
}

}  // namespace
}  // namespace heed::data
