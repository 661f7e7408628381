#include "bench_sentences.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <numeric>

#include "heed/core/error.h"
#include "heed/core/threads.h"
#include "heed/tasks/predictor.h"

namespace heed::cli {
namespace {

constexpr int64_t kMostSentences = 1 << 20;

double seconds_of(Predictor& predictor, const SplitPtr& all, int64_t batch) {
  const auto start = std::chrono::steady_clock::now();
  const int64_t size = batch == 0 ? all->size() : batch;
  for (int64_t first = 0; first < all->size(); first += size) {
    std::vector<int64_t> numbers(static_cast<size_t>(std::min(size, all->size() - first)));
    std::iota(numbers.begin(), numbers.end(), first);
    predictor.embed(subset(all, std::move(numbers)));
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

void bench_sentences(const SentencesBench& options) {
  set_num_threads(options.threads);
  auto predictor = Predictor::load(options.model, {}, Truncation::cut);
  const auto all = predictor.stream({options.file})->next(kMostSentences);
  if (!all) throw DataError(options.file + ": expected at least one sentence");
  for (int64_t batch = 0; std::cin >> batch;) {
    if (batch < 0) throw UsageError("expected 0 or more sentences at once");
    std::cout << seconds_of(predictor, all, batch) << std::endl;
  }
}

}  // namespace heed::cli
