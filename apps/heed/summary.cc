// heed summary: what a model is made of.
#include "heed/models/summary.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "heed/core/error.h"
#include "heed/tasks/recipes.h"
#include "verbs.h"

namespace heed::cli {
namespace {

struct Flags {
  std::string what;
  bool json = false;
};

constexpr int64_t kTokens = 32;
constexpr int64_t kSentences = 10, kWords = 6;

Summary summary_of(ImageClassifierImpl& model) {
  const auto image = torch::zeros({1, model.shape.channels, model.shape.height, model.shape.width});
  return summarize(model, [&] { model.forward(image); });
}

/// Of a source and a target of kTokens tokens, or as many as the model takes.
Summary summary_of(SequenceModel& model) {
  const int64_t max_positions = model.max_positions();
  const int64_t length = max_positions > 0 ? std::min(max_positions, kTokens) : kTokens;
  const auto tokens = torch::zeros({1, length}, at::kLong);
  SourceBatch source;
  if (model.has_encoder()) source = {tokens, torch::full({1}, length, at::kLong)};
  return summarize(model, [&] { model.project(model.hidden(source, tokens)); });
}

/// Of a question about a story of kSentences different sentences of kWords words.
Summary summary_of(StoryAnswererImpl& model) {
  const Batch input{.tensors = {{"sentences", torch::ones({kSentences, kWords}, at::kLong)},
                                {"story", torch::arange(kSentences, at::kLong).unsqueeze(0)},
                                {"lengths", torch::full({1}, kSentences, at::kLong)},
                                {"questions", torch::ones({1, kWords}, at::kLong)}},
                    .records = {}};
  return summarize(model, [&] { model.forward(input); });
}

Summary summary_of(torch::nn::Module& model) {
  if (auto* answerer = dynamic_cast<StoryAnswererImpl*>(&model)) return summary_of(*answerer);
  if (auto* classifier = dynamic_cast<ImageClassifierImpl*>(&model)) return summary_of(*classifier);
  return summary_of(dynamic_cast<SequenceModel&>(model));
}

Summary summary_of_model(const std::string& where) {
  const auto task = task_of_model(where);
  if (task == "answer") return summary_of(*Answerer::load(where).model());
  if (task == "translate") return summary_of(Translator::load(where).model());
  if (task == "language") return summary_of(LanguageModel::load(where).model());
  return summary_of(*Classifier::load(where).model());
}

/// A recipe that does not say the shape and the classes of its images leaves them to the data,
/// which is then opened; so does one that makes its vocabulary.
Summary summary_of_recipe(const std::string& file) {
  const auto recipe = read_any_recipe(RecipeFile::read(file));
  if (const auto* own = std::get_if<ClassifyRecipe>(&recipe)) {
    const bool complete = !own->data.shape.empty() && !own->data.images.classes.empty();
    if (complete) return summary_of(*Classifier(*own).model());
  }
  return summary_of(make_task(recipe)->model());
}

Summary summary_of(const std::string& what) {
  std::error_code error;
  const bool is_recipe = std::filesystem::is_regular_file(what, error);
  return is_recipe ? summary_of_recipe(what) : summary_of_model(what);
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text;
  for (const int64_t size : shape) text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text;
}

/// 1234567 as 1,234,567.
std::string with_commas(int64_t value) {
  std::string text = std::to_string(value);
  for (auto at = static_cast<int64_t>(text.size()) - 3; at > 0; at -= 3) text.insert(at, 1, ',');
  return text;
}

void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string fill(widths[i] - row[i].size(), ' ');
      const bool is_number = i >= 3;
      line += (i ? "  " : "") + (is_number ? fill + row[i] : row[i] + fill);
    }
    std::cout << line << '\n';
  }
}

void print(const Summary& summary) {
  std::vector<std::vector<std::string>> rows{
      {"layer", "kind", "output", "parameters", "operations"}};
  for (const auto& row : summary.rows) {
    rows.push_back({row.path.empty() ? "(model)" : row.path, row.kind, shape_text(row.output),
                    with_commas(row.parameters), with_commas(row.operations)});
  }
  rows.push_back(
      {"total", "", "", with_commas(summary.parameters), with_commas(summary.operations)});
  print_table(rows);
}

nlohmann::ordered_json to_json(const Summary& summary) {
  auto layers = nlohmann::ordered_json::array();
  for (const auto& row : summary.rows) {
    layers.push_back({{"layer", row.path},
                      {"kind", row.kind},
                      {"output", row.output},
                      {"parameters", row.parameters},
                      {"operations", row.operations}});
  }
  return {
      {"layers", layers}, {"parameters", summary.parameters}, {"operations", summary.operations}};
}

}  // namespace

void add_summary(CLI::App& app) {
  auto* verb =
      app.add_subcommand("summary", "List a model's layers, shapes, parameters, operations");
  auto flags = std::make_shared<Flags>();
  verb->add_option("model", flags->what, "Folder of a model or run, or a recipe file")
      ->required()
      ->type_name("MODEL|RECIPE");
  verb->add_flag("--json", flags->json, "Print one JSON object");
  verb->callback([flags] {
    const Summary summary = summary_of(flags->what);
    if (flags->json) {
      std::cout << to_json(summary).dump(2) << '\n';
    } else {
      print(summary);
    }
  });
  verb->footer(R"(
Shapes and operations are those of one image, of a source and a target of 32 tokens, or of a story of 10 sentences of 6 words; an addition and a
multiplication count as two operations. A recipe that leaves shapes, classes or vocabularies to its data opens the data.)");
}

}  // namespace heed::cli
