// onnx_conformance DIR [OPERATOR...]: runs every case of a folder (see case.h), or those of the
// operators that are named, and prints a line a case: its error relative to the largest magnitude
// of the expected output, and the output. Ends with 0 if all agree, 1 if not, and as heed does for
// a wrong call (2), wrong data (3) and files that cannot be read (5).
#include <algorithm>
#include <cstdio>

#include "heed/core/error.h"
#include "onnx/compare.h"
#include "onnx/operators.h"

namespace heed::onnx {
namespace {

struct Outcome {
  double error = 0;
  std::string output;  ///< the one that is worst
  std::string reason;  ///< empty: it agrees
};

/// What each output of the case is off by, and the worst of them.
Outcome outcome_of(const Case& one, const CaseTensors& tensors, const Answer& answer) {
  Outcome worst;
  for (size_t i = 0; i < one.outputs.size(); ++i) {
    if (one.outputs[i].empty()) continue;
    const auto given = i < answer.outputs.size() ? answer.outputs[i] : at::Tensor();
    const auto difference = compare(given, tensors.outputs[i], answer.precision);
    if (!worst.output.empty() && difference.error <= worst.error) continue;
    worst = {difference.error, one.outputs[i], difference.reason};
    if (!difference.agrees && worst.reason.empty()) worst.reason = "differs";
  }
  return worst;
}

Outcome run(const std::filesystem::path& folder, const Case& one) {
  const auto tensors = read_tensors(folder, one);
  Call call{one.opset, one.attributes, tensors.inputs, {}};
  for (const auto& name : one.outputs) call.wanted.push_back(!name.empty());
  try {
    return outcome_of(one, tensors, find_operator(one)(call));
  } catch (const std::exception& e) {
    const std::string reason = e.what();  // LibTorch's goes on with a trace of calls
    return {std::numeric_limits<double>::infinity(), "", reason.substr(0, reason.find('\n'))};
  }
}

void print(const Case& one, const Outcome& outcome) {
  std::printf("%-4s  %-66s %9.2e  %s%s%s\n", outcome.reason.empty() ? "ok" : "FAIL",
              one.name.c_str(), outcome.error, outcome.output.c_str(),
              outcome.output.empty() || outcome.reason.empty() ? "" : ": ", outcome.reason.c_str());
}

int run_all(const std::filesystem::path& folder, const std::vector<std::string>& operators) {
  size_t count = 0, failed = 0;
  Outcome worst;
  std::string worst_case;
  for (const auto& one : read_cases(folder)) {
    if (!operators.empty() &&
        std::find(operators.begin(), operators.end(), one.op) == operators.end())
      continue;
    const auto outcome = run(folder, one);
    print(one, outcome);
    ++count, failed += outcome.reason.empty() ? 0 : 1;
    if (!worst_case.empty() && outcome.error <= worst.error) continue;
    worst = outcome, worst_case = one.name;
  }
  if (count == 0) throw DataError((folder / "cases.json").string() + ": no such case");
  std::printf("%zu cases, %zu agree, %zu do not; worst %.2e: %s %s\n", count, count - failed,
              failed, worst.error, worst_case.c_str(), worst.output.c_str());
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace heed::onnx

int main(int argc, char** argv) {
  try {
    if (argc < 2) throw heed::UsageError("expected a folder: onnx_conformance DIR [OPERATOR...]");
    return heed::onnx::run_all(argv[1], {argv + 2, argv + argc});
  } catch (const heed::Error& e) {
    std::fprintf(stderr, "onnx_conformance: %s\n", e.what());
    return e.exit_code();
  }
}
