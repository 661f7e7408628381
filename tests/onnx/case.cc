#include "onnx/case.h"

#include <cerrno>
#include <fstream>

#include "heed/core/error.h"
#include "heed/formats/safetensors.h"

namespace heed::onnx {
namespace {

using Json = nlohmann::json;

Json read_json(const std::filesystem::path& path) {
  errno = 0;
  std::ifstream file(path);
  if (!file) throw FileError("open", path, errno);
  try {
    return Json::parse(file);
  } catch (const Json::exception& e) {
    throw DataError(path.string() + ": " + e.what());
  }
}

template <class T>
T field(const Json& from, const char* name, const std::string& where) {
  try {
    return from.at(name).get<T>();
  } catch (const Json::exception& e) {
    throw DataError(where + ": field '" + name + "': " + e.what());
  }
}

Case case_of(const Json& json, const std::string& where) {
  Case one;
  one.name = field<std::string>(json, "name", where);
  const auto here = where + ", '" + one.name + "'";
  one.op = field<std::string>(json, "op", here);
  one.domain = field<std::string>(json, "domain", here);
  one.opset = field<int64_t>(json, "opset", here);
  auto attributes = field<Json>(json, "attributes", here);
  if (!attributes.is_object())
    throw DataError(here + ": field 'attributes': expected an object, given " + attributes.dump());
  one.attributes = Attributes(std::move(attributes));
  one.inputs = field<std::vector<std::string>>(json, "inputs", here);
  one.outputs = field<std::vector<std::string>>(json, "outputs", here);
  return one;
}

at::Tensor tensor_of(const Safetensors& file, const std::string& name, const std::string& where) {
  for (const auto& [stored, tensor] : file.tensors)
    if (stored == name) return tensor;
  throw DataError(where + ": expected a tensor '" + name +
                  "', which the case names; there is none");
}

}  // namespace

const Json* Attributes::find(const std::string& name) {
  known_.insert(name);
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &*found;
}

int64_t Attributes::whole(const std::string& name, int64_t otherwise) {
  const Json* value = find(name);
  if (!value) return otherwise;
  if (!value->is_number_integer())
    throw UsageError("attribute '" + name + "': expected a whole number, given " + value->dump());
  return value->get<int64_t>();
}

std::optional<double> Attributes::number(const std::string& name) {
  const Json* value = find(name);
  if (!value) return {};
  if (!value->is_number())
    throw UsageError("attribute '" + name + "': expected a number, given " + value->dump());
  return value->get<double>();
}

std::string Attributes::text(const std::string& name, const std::string& otherwise) {
  const Json* value = find(name);
  if (!value) return otherwise;
  if (!value->is_string())
    throw UsageError("attribute '" + name + "': expected a text, given " + value->dump());
  return value->get<std::string>();
}

void Attributes::refuse_others() const {
  for (const auto& [name, value] : values_.items())
    if (!known_.contains(name))
      throw UsageError("unknown attribute '" + name + "' = " + value.dump());
}

std::vector<Case> read_cases(const std::filesystem::path& folder) {
  const auto path = folder / "cases.json";
  const auto json = read_json(path);
  if (!json.is_array()) throw DataError(path.string() + ": expected a list of cases");
  std::vector<Case> cases;
  for (const auto& one : json)
    cases.push_back(case_of(one, path.string() + ": case " + std::to_string(cases.size())));
  return cases;
}

CaseTensors read_tensors(const std::filesystem::path& folder, const Case& one) {
  const auto path = folder / (one.name + ".safetensors");
  Safetensors file;
  try {
    file = read_safetensors(path);
  } catch (const ModelError& e) {
    throw DataError(e.what());  // here it is data that is wrong, and no model
  }
  CaseTensors tensors;
  const auto place = [&](const std::string& name, const char* side) {
    return name.empty() ? at::Tensor() : tensor_of(file, side + name, path.string());
  };
  for (const auto& name : one.inputs) tensors.inputs.push_back(place(name, "input."));
  for (const auto& name : one.outputs) tensors.outputs.push_back(place(name, "output."));
  return tensors;
}

}  // namespace heed::onnx
