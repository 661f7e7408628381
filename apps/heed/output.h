// How results are printed.
#pragma once

#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace heed::cli {

using Json = nlohmann::ordered_json;

/// One line; what is no UTF-8 is replaced, numbers that are not finite are "NaN", "Infinity".
std::string one_line(const Json& json);

/// A name, a tab and a value a line, or all of them as one line of JSON.
void print_values(const Json& values, bool json);

/// Throws UsageError where a file to be written is a file of the model or of an input (a file,
/// FILE:LINE, the prefix of an IDX set, a folder with what lies in it), by whatever name or link, or
/// stands there twice. Empty names of outputs are none. Asked before any work is done.
void check_outputs(const std::vector<std::string>& outputs, const std::string& model,
                   const std::vector<std::string>& inputs);

/// Writes what --png and the like ask for, as replace_file does, and says so.
void write_file(const std::string& path, const std::string& bytes);

}  // namespace heed::cli
