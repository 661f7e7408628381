// How results are printed.
#pragma once

#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "heed/core/files.h"

namespace heed::cli {

using Json = nlohmann::ordered_json;

/// One line; what is no UTF-8 is replaced.
inline std::string one_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// A name, a tab and a value a line, or all of them as one line of JSON.
inline void print_values(const Json& values, bool json) {
  if (json) {
    std::cout << one_line(values) << '\n';
    return;
  }
  for (const auto& [name, value] : values.items()) {
    std::cout << name << '\t' << (value.is_string() ? value.get<std::string>() : one_line(value))
              << '\n';
  }
}

inline void write_file(const std::string& path, const std::string& bytes) {
  replace_file(path, bytes);
  std::cerr << "heed: wrote " << path << '\n';
}

}  // namespace heed::cli
