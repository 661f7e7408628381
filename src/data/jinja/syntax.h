// A template as a tree.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/jinja/value.h"

namespace heed::data::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

/// Arguments of a call, a filter or a test.
struct Arguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
};

struct Expression {
  enum class Kind {
    constant,  ///< value
    name,      ///< text
    list,
    tuple,      ///< parts
    dict,       ///< parts: key, value, key, value ...
    attribute,  ///< parts[0].text
    item,       ///< parts[0][parts[1]]
    slice,      ///< parts[0][parts[1] : parts[2] : parts[3]], absent ones null
    call,       ///< parts[0](arguments)
    filter,
    test,
    negated_test,  ///< text, of parts[0], with arguments
    unary,         ///< text: -, +, not
    binary,        ///< text: + - * / // % ** ~ and or
    compare,       ///< parts[0] words[0] parts[1] words[1] parts[2] ...
    conditional    ///< parts[1] if parts[0] else parts[2], which may be null
  };
  Kind kind;
  int line = 0;
  std::string text = {};
  Value value = {};
  std::vector<ExpressionPtr> parts = {};
  std::vector<std::string> words = {};
  Arguments arguments = {};
  int levels = 1;  ///< of the tree
};

struct Statement;
using Body = std::vector<std::unique_ptr<Statement>>;

/// A parameter of a macro.
struct Parameter {
  std::string name;
  ExpressionPtr otherwise;  ///< null: none
};

struct Macro {
  std::string name;
  std::vector<Parameter> parameters;
  Body body;
};

struct Statement {
  enum class Kind {
    data,          ///< text
    print,         ///< first
    condition,     ///< if first: body, else: other
    loop,          ///< for names in first if second: body, else: other
    assign,        ///< set names = first, or of text.names[0] where text is a namespace
    assign_block,  ///< set names[0] = what body writes, through filters
    macro,
    filter_block,  ///< body through filters
    block,         ///< body in a scope of its own
    break_loop,
    continue_loop
  };
  Kind kind;
  int line = 0;
  std::string text = {};
  std::vector<std::string> names = {};
  ExpressionPtr first = {}, second = {};
  Body body = {}, other = {};
  /// Filters whose innermost value is the empty constant that stands for the body's text.
  ExpressionPtr filters = {};
  Macro macro = {};
};

/// Throws TemplateError: what is no Jinja, and what of Jinja is not known here, by name.
Body parse(std::string_view source);

}  // namespace heed::data::jinja
