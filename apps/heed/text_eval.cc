// heed eval of models that write: what they make of texts whose answers are known.
#include <iostream>
#include <nlohmann/json.hpp>

#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/tasks/recipes.h"
#include "task_verbs.h"

namespace heed::cli {
namespace {

using Json = nlohmann::ordered_json;

void print(const Json& result, bool json) {
  if (json) {
    std::cout << result.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
    return;
  }
  for (const auto& [name, value] : result.items()) {
    std::cout << name << '\t' << (value.is_string() ? value.get<std::string>() : value.dump())
              << '\n';
  }
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

}  // namespace

void evaluate_translator(const EvalFlags& flags) {
  auto translator = Translator::load(flags.model, flags.set);
  const auto& data = flags.data.empty() ? translator.recipe().data.test : flags.data;
  if (data.empty()) {
    throw UsageError("the recipe of " + flags.model +
                     " names no test data; name some by --data SOURCE --data TARGET");
  }
  const auto found = translator.evaluate(data);
  if (const auto left_out = found.left_out_empty + found.left_out_longer; left_out > 0)
    std::cerr << "heed: " << left_out << " pairs are not measured: " << found.left_out_empty
              << " with an empty side, " << found.left_out_longer
              << " that are too long (data.skip_empty, data.skip_too_long)\n";
  if (!flags.output.empty()) {
    std::string lines;
    for (const auto& text : found.written) lines += text + '\n';
    replace_file(flags.output, lines);
    std::cerr << "heed: wrote " << flags.output << '\n';
  }
  Json result = {{"model", flags.model},
                 {"data", joined(data)},
                 {"pairs", found.written.size()},
                 {"left_out_empty", found.left_out_empty},
                 {"left_out_longer", found.left_out_longer}};
  for (const auto& [name, value] : found.metrics) result[name] = value;
  if (!found.signature.empty()) result["signature"] = found.signature;
  result["seconds"] = found.seconds;
  result["tokens_per_second"] = static_cast<double>(found.tokens) / found.seconds;
  print(result, flags.json);
}

void evaluate_language_model(const EvalFlags& flags) {
  if (!flags.output.empty()) throw UsageError("--output is for translators");
  if (flags.data.size() > 1) throw UsageError("--data: a language model is measured on one text");
  auto model = LanguageModel::load(flags.model, flags.set);
  const auto& data = flags.data.empty() ? model.recipe().data.test : flags.data.front();
  if (data.empty()) {
    throw UsageError("the recipe of " + flags.model + " names no test data; name some by --data");
  }
  const auto found = model.evaluate(data);
  Json result = {{"model", flags.model},
                 {"data", data},
                 {"tokens", found.tokens},
                 {"characters", found.characters}};
  for (const auto& [name, value] : found.metrics()) result[name] = value;
  print(result, flags.json);
}

}  // namespace heed::cli
