#include "bench_explain.h"

#include <chrono>
#include <iostream>

#include "heed/core/error.h"
#include "heed/core/threads.h"
#include "heed/lens/explain.h"
#include "heed/tasks/predictor.h"

namespace heed::cli {

void bench_explain(const ExplainBench& options) {
  set_num_threads(options.threads);
  auto predictor = Predictor::load(options.model);
  const auto question = predictor.ask(predictor.find(options.input));
  std::string name;
  for (lens::ExplainOptions how; std::cin >> name >> how.steps >> how.budget;) {
    const auto method = from_word<lens::Method>(name);
    if (!method) throw UsageError("no such method: " + name);
    how.method = *method;
    const auto start = std::chrono::steady_clock::now();
    lens::explain(question, how);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::cout << seconds.count() << std::endl;
  }
}

}  // namespace heed::cli
