// `value is test`.
#include <algorithm>
#include <functional>
#include <map>

#include "data/jinja/interpreter.h"
#include "data/jinja/texts.h"
#include "heed/core/nearest.h"

namespace heed::data::jinja {
namespace {

using Test = std::function<bool(Interpreter&, const Value&, const Given&)>;

const Value& other(const Given& given) {
  if (given.positional.size() != 1) fail("this test takes one value");
  return given.positional[0];
}

Test ordered(bool (*holds)(int)) {
  return [holds](Interpreter&, const Value& value, const Given& given) {
    int order = 0;
    if (!compare(value, other(given), order))
      fail("no order of ", value.kind(), " and ", other(given).kind());
    return holds(order);
  };
}

Test of_value(bool (*is)(const Value&)) {
  return [is](Interpreter&, const Value& value, const Given&) { return is(value); };
}

std::map<std::string, Test> all_tests() {
  const Test equals = [](Interpreter&, const Value& a, const Given& given) {
    return equal(a, other(given));
  };
  const Test differs = [](Interpreter&, const Value& a, const Given& given) {
    return !equal(a, other(given));
  };
  const Test less = ordered([](int order) { return order < 0; }),
             more = ordered([](int order) { return order > 0; });
  const auto has_items = [](const Value& v) {
    return v.as_text() || v.as_list() || v.as_dict() || v.is_undefined();
  };
  const auto remainder = [](const Value& v, int64_t by) {
    return ((v.as_integer() % by) + by) % by;
  };
  std::map<std::string, Test> all = {
      {"defined", of_value([](const Value& v) { return !v.is_undefined(); })},
      {"undefined", of_value([](const Value& v) { return v.is_undefined(); })},
      {"none", of_value([](const Value& v) { return v.is_none(); })},
      {"string", of_value([](const Value& v) { return v.as_text() != nullptr; })},
      {"mapping", of_value([](const Value& v) { return v.as_dict() != nullptr; })},
      {"number", of_value([](const Value& v) { return v.is_number(); })},
      {"integer", of_value([](const Value& v) { return v.get<int64_t>() != nullptr; })},
      {"float", of_value([](const Value& v) { return v.get<double>() != nullptr; })},
      {"boolean", of_value([](const Value& v) { return v.is_boolean(); })},
      {"true", of_value([](const Value& v) { return v.is_boolean() && v.truth(); })},
      {"false", of_value([](const Value& v) { return v.is_boolean() && !v.truth(); })},
      {"callable", of_value([](const Value& v) { return v.as_callable() != nullptr; })},
      {"iterable", of_value(has_items)},
      {"sequence", of_value(has_items)},
      {"lower", of_value([](const Value& v) {
         return str(v) == lower_case(str(v)) && str(v) != upper_case(str(v));
       })},
      {"upper", of_value([](const Value& v) {
         return str(v) == upper_case(str(v)) && str(v) != lower_case(str(v));
       })},
      {"in", [](Interpreter& run, const Value& a,
                const Given& given) { return run.contains(other(given), a); }},
      {"odd",
       [remainder](Interpreter&, const Value& v, const Given&) { return remainder(v, 2) == 1; }},
      {"even",
       [remainder](Interpreter&, const Value& v, const Given&) { return remainder(v, 2) == 0; }},
      {"divisibleby", [](Interpreter&, const Value& v, const Given& given) {
         const int64_t by = other(given).as_integer();
         if (by == 0) fail("divisibleby: division by zero");
         return by == -1 || v.as_integer() % by == 0;
       }}};
  for (const char* name : {"eq", "equalto", "=="}) all[name] = equals;
  for (const char* name : {"ne", "!="}) all[name] = differs;
  for (const char* name : {"lt", "lessthan", "<"}) all[name] = less;
  for (const char* name : {"gt", "greaterthan", ">"}) all[name] = more;
  for (const char* name : {"le", "<="}) all[name] = ordered([](int order) { return order <= 0; });
  for (const char* name : {"ge", ">="}) all[name] = ordered([](int order) { return order >= 0; });
  return all;
}

}  // namespace

bool apply_test(Interpreter& run, const std::string& name, const Value& value, const Given& given) {
  static const auto all = all_tests();
  const auto found = all.find(name);
  if (found == all.end()) {
    std::vector<std::string> known;
    for (const auto& [each, test] : all) known.push_back(each);
    fail("unknown test '", name, "'", suggestion(name, known));
  }
  if (const auto* text = value.as_text()) run.charge(text->text.size());
  return found->second(run, value, given);
}

}  // namespace heed::data::jinja
