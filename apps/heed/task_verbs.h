// What verbs do with a model of each task. A verb's own file has its flags and chooses by the task.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace heed::cli {

struct PredictFlags {
  std::string model;
  std::vector<std::string> inputs, set, with;
  std::string prefix, target;
  std::optional<int64_t> top;
  bool json = false;
};
void predict_classes(const PredictFlags& flags);
void predict_translations(const PredictFlags& flags);
void predict_text(const PredictFlags& flags);
void answer_questions(const PredictFlags& flags);

struct EvalFlags {
  std::string model;
  std::vector<std::string> data, set;
  std::string output;
  bool json = false;
};
void evaluate_classifier(const EvalFlags& flags);
void evaluate_translator(const EvalFlags& flags);
void evaluate_language_model(const EvalFlags& flags);
void evaluate_answerer(const EvalFlags& flags);

struct MapFlags {
  std::string model, input, target, layer, png, svg, colour = "auto";
  int64_t head = 0;
  bool alignment = false, json = false;
};
void map_classifier(const MapFlags& flags);
void map_text(const MapFlags& flags);
void map_answer(const MapFlags& flags);
/// Writes the file of a drawing and says so.
void write_drawing(const std::string& path, const std::string& bytes);

}  // namespace heed::cli
