// The metrics of text: a line for a hypothesis, one for its reference. Every text is one.
#include <cmath>

#include "core/utf8.h"
#include "fuzz/fuzz.h"
#include "heed/metrics/answers.h"
#include "heed/metrics/bleu.h"
#include "heed/metrics/chrf.h"
#include "heed/metrics/rouge.h"

using namespace heed;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string line(fuzz::text({data, size}));
  if (invalid_utf8(line) != std::string::npos) return 0;
  const size_t cut = std::min(line.find('\n'), line.size());
  const std::string other = line.substr(cut);
  line.resize(cut);
  const auto good = [](double x, double most) { fuzz::require(x >= 0 && x <= most + 1e-9); };
  for (const auto tokenize : {BleuTokenizer::mteval_13a, BleuTokenizer::intl,
                              BleuTokenizer::characters, BleuTokenizer::none}) {
    const BleuOptions options{.tokenize = tokenize, .lowercase = true, .effective_order = true};
    good(bleu_score(bleu_counts(line, {other}, options), options).score, 100);
  }
  good(chrf_score(chrf_counts(line, {other}, {.words = 2})), 100);
  good(rouge(line, {other}, {.stem = true}).longest.f, 1);
  good(answer_f1(line, {other}), 1);
  fuzz::require(answer_f1(line, {line}) > 1 - 1e-9);
  return 0;
}
