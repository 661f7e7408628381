#include "output.h"

#include <filesystem>

#include "core/printable.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/pretrained/pretrained.h"
#include "train/json_number.h"

namespace heed::cli {
namespace {

namespace fs = std::filesystem;

/// By device and inode.
bool is_same(const fs::path& a, const fs::path& b) {
  std::error_code failure;
  return fs::equivalent(a, b, failure);
}

bool lies_in(const fs::path& file, const fs::path& folder) {
  std::error_code failure;
  for (auto above = fs::canonical(file, failure).parent_path(); above.has_relative_path();
       above = above.parent_path())
    if (is_same(above, folder)) return true;
  return false;
}

/// The paths that an input may mean.
std::vector<std::string> meanings(const std::string& input) {
  std::vector<std::string> paths{input};
  const size_t colon = input.rfind(':');
  if (colon != std::string::npos) paths.push_back(input.substr(0, colon));
  for (const auto& prefix : std::vector<std::string>(paths)) {
    for (const char* set : {"-images-idx3-ubyte", "-labels-idx1-ubyte"})
      for (const char* packed : {"", ".gz"}) paths.push_back(prefix + set + packed);
  }
  return paths;
}

[[noreturn]] void refuse(const std::string& output, const std::string& input) {
  throw UsageError("'" + output + "' would be written over '" + input +
                   "', which is read; name another file");
}

/// `output` is a regular file that stands there.
void check_output(const std::string& output, const std::string& model,
                  const std::vector<std::string>& inputs) {
  if (kind_of(model) == PathKind::file) {
    if (is_same(output, model)) refuse(output, model);
  } else if (is_pretrained(model)) {
    for (const auto& entry : fs::directory_iterator(model))
      if (is_same(output, entry.path())) refuse(output, entry.path().string());
  } else if (const auto folder = find_model(model); lies_in(output, folder)) {
    for (const auto& [name, state] : verify_model(folder))
      if (state != FileState::foreign && is_same(output, folder / name))
        refuse(output, (folder / name).string());
  }
  for (const auto& input : inputs) {
    for (const auto& path : meanings(input)) {
      const auto kind = kind_of(path);
      if (kind == PathKind::file && is_same(output, path)) refuse(output, path);
      if (kind == PathKind::folder && lies_in(output, path)) refuse(output, path);
    }
  }
}

}  // namespace

std::string one_line(const Json& json) {
  return with_words(json).dump(-1, ' ', false, Json::error_handler_t::replace);
}

void print_values(const Json& values, bool json) {
  if (json) {
    std::cout << one_line(values) << '\n';
    return;
  }
  const Json worded = with_words(values);
  for (const auto& [name, value] : worded.items()) {
    std::cout << printable(name) << '\t'
              << printable(value.is_string() ? value.get<std::string>() : one_line(value)) << '\n';
  }
}

void check_outputs(const std::vector<std::string>& outputs, const std::string& model,
                   const std::vector<std::string>& inputs) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].empty()) continue;
    const auto kind = kind_of(outputs[i]);
    if (kind == PathKind::folder)
      throw FileError("cannot write " + outputs[i] + ": it is a folder; name a file");
    for (size_t j = 0; j < i; ++j)
      if (outputs[i] == outputs[j] || (kind == PathKind::file && is_same(outputs[i], outputs[j])))
        throw UsageError("'" + outputs[i] + "' is to be written twice; name two files");
    if (kind == PathKind::file) check_output(outputs[i], model, inputs);
  }
}

void write_file(const std::string& path, const std::string& bytes) {
  replace_file(path, bytes);
  std::cerr << "heed: wrote " << printable(path) << '\n';
}

}  // namespace heed::cli
