// Work on texts that methods and filters share.
#pragma once

#include <string>
#include <string_view>

#include "data/jinja/interpreter.h"

namespace heed::data::jinja {

/// str.strip(chars) of Python.
std::string strip_of(std::string_view text, std::string_view chars, bool left, bool right);
/// str.replace(from, to, most); most < 0: all.
std::string replaced(Interpreter& run, const std::string& text, const std::string& from,
                     const std::string& to, int64_t most);
std::string upper_case(const std::string& text);
std::string lower_case(const std::string& text);
/// str.title(), str.capitalize()
std::string title_case(const std::string& text);
std::string capitalised(const std::string& text);

}  // namespace heed::data::jinja
