// Chat templates: how a model that was trained to chat reads a conversation.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace heed::data {

struct ChatMessage {
  std::string role;  ///< system, user, assistant
  std::string content;
};

/// A template in Jinja's language (3.1), as transformers (5.24) runs it: trim_blocks, lstrip_blocks, loop controls, {% generation %},
/// raise_exception, strftime_now.
///
/// Known are if, for, set, macro, filter, raw; all operators; the filters, tests and methods of strings, mappings and lists
/// that templates of models use. What is not known is an error that names it and its line, never another text. Not known:
/// include, import, extends, call, with, arguments by * and **, recursive loops, keys of mappings that are no strings.
///
/// A template is a program of others: it can read what it is given and write text. It may take 5 million steps, make 256 MiB of
/// texts and lists and write 32 MiB.
class ChatTemplate {
 public:
  /// Throws ModelError that names `name`, the line and what is wrong.
  static std::shared_ptr<const ChatTemplate> parse(std::string_view source,
                                                   const std::string& name);

  /// That of a folder, by its files (name -> bytes): chat_template.jinja, or what tokenizer_config.json has as chat_template, a
  /// text or a list of named ones of which `default` is taken. Special tokens of tokenizer_config.json and special_tokens_map.json are
  /// names in it (bos_token, eos_token, ...). Null where there is none.
  static std::shared_ptr<const ChatTemplate> of_files(
      const std::map<std::string, std::string>& files);

  /// Whether a folder has one.
  static bool is_in(const std::map<std::string, std::string>& files);

  ~ChatTemplate();

  /// A conversation as the text that the model reads, with what an answer begins with at its end (add_generation_prompt). Throws
  /// DataError where the template refuses the conversation (raise_exception), ModelError where it fails.
  std::string render(const std::vector<ChatMessage>& messages) const;

  /// The same with other names: a JSON object with messages, add_generation_prompt, tools, ... as apply_chat_template takes them.
  /// `now`: seconds since 1970 for strftime_now; the clock where it is not given.
  std::string render_json(std::string_view names, std::optional<int64_t> now = {}) const;

 private:
  struct Parts;
  explicit ChatTemplate(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

using ChatTemplatePtr = std::shared_ptr<const ChatTemplate>;

}  // namespace heed::data
