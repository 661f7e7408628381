// The words of an attention and their arguments, as text: "window(256, 0)".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "heed/ops/attention.h"
#include "heed/ops/op_kinds.h"

namespace heed::ops {

/// Throws UsageError where the text is no op of that role.
OpSpec parse_op(std::string_view text, OpKind::Role role);
std::string to_text(const OpSpec& op);
/// The shortest text that reads back as the same number.
std::string number_text(double value);

/// Throws UsageError where there is no word of that name, or it is one of another role.
const OpKind& known_op_kind(std::string_view name, OpKind::Role role);
/// The names of all words of these roles.
std::vector<std::string> names_of(std::initializer_list<OpKind::Role> roles);
/// nullptr where the word has no argument of that name.
const OpKind::Argument* find_argument(const OpKind& kind, std::string_view name);
[[noreturn]] void refuse_argument(const OpKind& kind, std::string_view given);
/// Throws UsageError where a part, its alternatives aside, has arguments that its word does not
/// take, or lacks those that it needs.
void check_op(const OpSpec& op, OpKind::Role role);

/// Whether a part of that name stands among the parts or their alternatives.
bool has(const std::vector<OpSpec>& specs, std::string_view name);

}  // namespace heed::ops
