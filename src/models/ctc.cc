#include "heed/models/ctc.h"

#include <ATen/ops/ctc_loss.h>

#include <algorithm>
#include <limits>

#include "models/ctc_numbers.h"

namespace heed {
namespace {

constexpr double kImpossible = -std::numeric_limits<double>::infinity();

}  // namespace

int64_t ctc_frames(const std::vector<int64_t>& tokens) {
  int64_t frames = std::ssize(tokens);
  for (size_t i = 1; i < tokens.size(); ++i) frames += tokens[i] == tokens[i - 1];
  return frames;
}

double ctc_log_probability(const at::Tensor& log_p, const std::vector<int64_t>& tokens,
                           int64_t blank) {
  const auto numbers = models::ctc_numbers(log_p, blank);
  if (log_p.size(0) < ctc_frames(tokens)) return kImpossible;
  if (log_p.size(0) == 0) return 0;
  if (tokens.empty()) return numbers.select(1, blank).sum().item<double>();
  return -at::ctc_loss(numbers.unsqueeze(1), at::tensor(tokens, at::kLong).unsqueeze(0),
                       at::IntArrayRef{numbers.size(0)}, at::IntArrayRef{std::ssize(tokens)}, blank,
                       at::Reduction::Sum)
              .item<double>();
}

/// States of the lattice: 2 i is the blank before token i, 2 i + 1 the token.
std::vector<FrameSpan> ctc_alignment(const at::Tensor& log_p, const std::vector<int64_t>& tokens,
                                     int64_t blank) {
  const auto numbers = models::ctc_numbers(log_p, blank);
  const int64_t T = numbers.size(0), V = numbers.size(1), S = 2 * std::ssize(tokens) + 1;
  if (T < ctc_frames(tokens))
    throw UsageError(text_of("ctc: a text that needs ", ctc_frames(tokens), " frames, given ", T));
  std::vector<FrameSpan> spans(tokens.size());
  if (tokens.empty()) return spans;
  const auto of_state = [&](int64_t s) {
    return s % 2 == 0 ? blank : tokens[static_cast<size_t>(s / 2)];
  };
  std::vector<uint8_t> steps(static_cast<size_t>(T * S));  // states that the best way goes on by
  std::vector<double> before(static_cast<size_t>(S), kImpossible), now(before);
  before[0] = 0;  // where a path stands ahead of its first frame
  for (int64_t t = 0; t < T; ++t) {
    const double* frame = numbers.data_ptr<double>() + t * V;
    for (int64_t s = 0; s < S; ++s) {
      const bool jumps = s > 1 && s % 2 == 1 && of_state(s) != of_state(s - 2);
      double best = before[static_cast<size_t>(s)];
      uint8_t step = 0;
      for (uint8_t by = 1; by <= (jumps ? 2 : 1) && by <= s; ++by)
        if (before[static_cast<size_t>(s - by)] > best)
          best = before[static_cast<size_t>(s - by)], step = by;
      now[static_cast<size_t>(s)] = best + frame[of_state(s)];
      steps[static_cast<size_t>(t * S + s)] = step;
    }
    std::swap(before, now);
  }
  int64_t s =
      before[static_cast<size_t>(S - 2)] > before[static_cast<size_t>(S - 1)] ? S - 2 : S - 1;
  for (int64_t t = T - 1; t >= 0; --t) {
    if (s % 2 == 1) {
      auto& span = spans[static_cast<size_t>(s / 2)];
      if (span.end == 0) span.end = t + 1;
      span.begin = t;
    }
    s -= steps[static_cast<size_t>(t * S + s)];
  }
  return spans;
}

std::vector<int64_t> ctc_greedy(const at::Tensor& log_p, int64_t blank) {
  const auto best = models::ctc_numbers(log_p, blank).argmax(1);
  std::vector<int64_t> tokens;
  int64_t last = blank;
  for (int64_t t = 0; t < best.size(0); ++t) {
    const int64_t token = best.data_ptr<int64_t>()[t];
    if (token != blank && token != last) tokens.push_back(token);
    last = token;
  }
  return tokens;
}

}  // namespace heed
