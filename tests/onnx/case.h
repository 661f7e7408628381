// A folder of conformance cases: cases.json, a list of {name, op, opset, domain, attributes,
// inputs, outputs}, and for each NAME.safetensors with the tensors "input.X" and "output.X".
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace heed::onnx {

/// The attributes of a node. An operator asks for those that it knows and then refuses the others.
class Attributes {
 public:
  Attributes() = default;
  explicit Attributes(nlohmann::json values) : values_(std::move(values)) {}

  int64_t whole(const std::string& name, int64_t otherwise);
  std::optional<double> number(const std::string& name);
  std::string text(const std::string& name, const std::string& otherwise);
  /// Throws UsageError that names an attribute which was never asked for.
  void refuse_others() const;

 private:
  const nlohmann::json* find(const std::string& name);

  nlohmann::json values_ = nlohmann::json::object();
  std::set<std::string> known_;
};

struct Case {
  std::string name, op, domain;
  int64_t opset = 0;
  Attributes attributes;
  std::vector<std::string> inputs, outputs;  ///< by place; empty: left out
};

/// The tensors of a case by place, undefined where one is left out.
struct CaseTensors {
  std::vector<at::Tensor> inputs, outputs;
};

/// Throws FileError for a file that cannot be read, DataError that names the case and the field for
/// one that is wrong.
std::vector<Case> read_cases(const std::filesystem::path& folder);
CaseTensors read_tensors(const std::filesystem::path& folder, const Case& one);

}  // namespace heed::onnx
