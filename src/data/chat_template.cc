#include "heed/data/chat_template.h"

#include <ctime>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "core/utf8.h"
#include "data/jinja/interpreter.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

using jinja::Dict, jinja::TemplateError, jinja::Value;
using ChatJson = nlohmann::ordered_json;

constexpr const char* kTokenizerConfig = "tokenizer_config.json";
constexpr const char* kTemplateFile = "chat_template.jinja";
constexpr const char* kSpecialTokens[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                          "pad_token", "cls_token", "mask_token"};
constexpr int kDeepestMessage = 64;

Value value_of_json(const ChatJson& json, int depth) {
  if (depth > kDeepestMessage) throw DataError("a chat: nested deeper than 64");
  if (json.is_null()) return Value::none();
  if (json.is_boolean()) return Value::boolean(json.get<bool>());
  if (json.is_number_unsigned() && json.get<uint64_t>() > uint64_t{INT64_MAX})
    throw DataError("a chat: the number " + json.dump() + " is too large");
  if (json.is_number_integer()) return Value::integer(json.get<int64_t>());
  if (json.is_number()) return Value::number(json.get<double>());
  if (json.is_string()) return Value::text(json.get<std::string>());
  if (json.is_array()) {
    std::vector<Value> items;
    for (const auto& item : json) items.push_back(value_of_json(item, depth + 1));
    return Value::list(std::move(items));
  }
  Dict dict;
  for (const auto& [key, value] : json.items()) dict.set(key, value_of_json(value, depth + 1));
  return Value::dict(std::move(dict));
}

/// A token of tokenizer_config.json: a text, or an object that has its content.
std::optional<std::string> special_token_text(const ChatJson& config, const char* key) {
  const auto found = config.find(key);
  if (found == config.end()) return std::nullopt;
  if (found->is_string()) return found->get<std::string>();
  if (found->is_object() && found->contains("content") && found->at("content").is_string())
    return found->at("content").get<std::string>();
  return std::nullopt;
}

ChatJson object_of(const std::map<std::string, std::string>& files, const char* name) {
  const auto found = files.find(name);
  if (found == files.end()) return ChatJson::object();
  auto json = ChatJson::parse(found->second, nullptr, false);
  if (!json.is_object()) throw ModelError(std::string(name) + ": expected a JSON object");
  return json;
}

std::optional<std::string> template_of(const ChatJson& config) {
  const auto found = config.find("chat_template");
  if (found == config.end() || found->is_null()) return std::nullopt;
  if (found->is_string()) return found->get<std::string>();
  const auto refuse = [] {
    throw ModelError(text_of(kTokenizerConfig,
                             ": chat_template: expected a text, or a list of objects with name and "
                             "template, one of which is called default"));
  };
  if (!found->is_array()) refuse();
  for (const auto& one : *found) {
    const bool fits = one.is_object() && one.contains("name") && one.contains("template") &&
                      one["template"].is_string();
    if (!fits) refuse();
    if (one["name"] == "default") return one["template"].get<std::string>();
  }
  refuse();
  return std::nullopt;
}

std::tm local_time(std::optional<int64_t> now) {
  const std::time_t seconds = now ? static_cast<std::time_t>(*now) : std::time(nullptr);
  std::tm time{};
  localtime_r(&seconds, &time);
  return time;
}

}  // namespace

struct ChatTemplate::Parts {
  std::string name;
  jinja::Body body;
  Dict tokens;
};

ChatTemplate::ChatTemplate(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
ChatTemplate::~ChatTemplate() = default;

ChatTemplatePtr ChatTemplate::parse(std::string_view source, const std::string& name) {
  if (invalid_utf8(source) < source.size()) throw ModelError(name + ": is no UTF-8");
  try {
    auto parts = std::make_unique<Parts>(Parts{name, jinja::parse(source), {}});
    return std::shared_ptr<const ChatTemplate>(new ChatTemplate(std::move(parts)));
  } catch (const TemplateError& error) {
    throw ModelError(text_of(name, ": ", error.message));
  }
}

bool ChatTemplate::is_in(const std::map<std::string, std::string>& files) {
  return files.contains(kTemplateFile) || template_of(object_of(files, kTokenizerConfig));
}

ChatTemplatePtr ChatTemplate::of_files(const std::map<std::string, std::string>& files) {
  const auto config = object_of(files, kTokenizerConfig);
  const auto special = object_of(files, "special_tokens_map.json");
  const auto file = files.find(kTemplateFile);
  const auto source = file != files.end() ? std::optional(file->second) : template_of(config);
  if (!source) return nullptr;
  const auto name = file != files.end() ? std::string(kTemplateFile)
                                        : std::string(kTokenizerConfig) + ": chat_template";
  const auto made = parse(*source, name);
  for (const char* key : kSpecialTokens)
    for (const auto* json : {&config, &special})
      if (const auto token = special_token_text(*json, key);
          token && !made->parts_->tokens.find(key))
        made->parts_->tokens.set(key, Value::text(*token));
  return made;
}

std::string ChatTemplate::render(const std::vector<ChatMessage>& messages) const {
  ChatJson names = {{"messages", ChatJson::array()}, {"add_generation_prompt", true}};
  for (const auto& [role, content] : messages)
    names["messages"].push_back({{"role", role}, {"content", content}});
  return render_json(names.dump(-1, ' ', false, ChatJson::error_handler_t::replace));
}

std::string ChatTemplate::render_json(std::string_view names, std::optional<int64_t> now) const {
  const auto json = ChatJson::parse(names, nullptr, false);
  if (!json.is_object()) throw DataError("a chat: expected a JSON object");
  auto all = parts_->tokens;
  for (const char* absent : {"tools", "documents"}) all.set(absent, Value::none());
  for (const auto& [name, value] : json.items()) all.set(name, value_of_json(value, 0));
  try {
    return jinja::Interpreter(jinja::Limits(), local_time(now)).run(parts_->body, all);
  } catch (const TemplateError& error) {
    if (error.raised)
      throw DataError(text_of("the chat is none that the model's template takes: ", error.message));
    throw ModelError(text_of(parts_->name, ": ", error.message));
  }
}

}  // namespace heed::data
