// A fuzzer of numbers: random mechanisms at random magnitudes, shifts, ties and masks against the
// papers' formulas, within bounds that follow from rounding (docs/numerics.md).
//   HEED_NUMBER_CASES  how many cases (500), HEED_NUMBER_SEED  the seed of the first (1)
#include <gtest/gtest.h>

#include <cstdlib>

#include "ops/number_reference.h"

namespace heed::test {
namespace {

uint64_t number_setting(const char* name, uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given ? std::strtoull(given, nullptr, 10) : otherwise;
}

/// What was computed.
struct Numbers {
  at::Tensor out, rows, dq, dk, dv, dbias;
};

Numbers computed(const NumberTensors& given) {
  NumberTensors t = given;
  Numbers n;
  n.rows = std::get<1>(attend_with_logsumexp(t.q, t.k, t.v, t.how, t.inputs));
  std::vector<at::Tensor> leaves;
  for (auto* x : {&t.q, &t.k, &t.v}) leaves.push_back(*x = x->detach().requires_grad_());
  if (t.inputs.bias) leaves.push_back(*(t.inputs.bias = t.inputs.bias->detach().requires_grad_()));
  n.out = attend(t.q, t.k, t.v, t.how, t.inputs);
  const auto grads = torch::autograd::grad({n.out}, leaves, {t.g}, {}, false, true);
  const auto grad = [&](size_t i) {
    return grads[i].defined() ? grads[i] : torch::zeros_like(leaves[i]);
  };
  n.dq = grad(0), n.dk = grad(1), n.dv = grad(2);
  if (t.inputs.bias) n.dbias = grad(3);
  return n;
}

/// Compares what was computed with the reference; says the first difference and the worst.
class Comparison {
 public:
  Comparison(const NumberCase& c, const NumberResult& r) : c_(c), r_(r) {}

  std::string differences(const Numbers& n) {
    for (int64_t h = 0; h < c_.H; ++h) {
      out(h, n.out[0][h]);
      rows(h, n.rows[0][h]);
      compare("dq", n.dq[0][h], r_.dq[h], [&](int64_t i) { return r_.kinds[h][i]; });
    }
    const auto of_keys = [&](int64_t j) {
      return r_.tainted[j] ? RowKind::undecided : RowKind::usual;
    };
    compare("dk", n.dk[0][0], r_.dk, of_keys), compare("dv", n.dv[0][0], r_.dv, of_keys);
    if (c_.bias)
      compare("dbias", n.dbias[0][0], r_.dbias, [&](int64_t i) {
        for (const auto& kinds : r_.kinds)
          if (kinds[i] == RowKind::nan) return RowKind::undecided;
        return RowKind::usual;
      });
    return text_.str();
  }

 private:
  void differs(const char* what, int64_t i, int64_t e, double given, const Bounded& b) {
    if (++found_[what] == 1)
      text_ << "\n  " << what << "[" << i << ", " << e << "] is " << given << " instead of "
            << static_cast<double>(b.value) << " +- " << static_cast<double>(b.off);
  }

  template <class KindOf>
  void compare(const char* what, const at::Tensor& given, const Grid& expected,
               const KindOf& kind_of) {
    const auto numbers = given.to(at::kDouble).contiguous();
    const auto* data = numbers.data_ptr<double>();
    for (int64_t i = 0; i < expected.rows; ++i) {
      const RowKind kind = kind_of(i);
      if (kind == RowKind::undecided) continue;
      for (int64_t e = 0; e < expected.columns; ++e) {
        const double x = data[i * expected.columns + e];
        const auto& b = expected(i, e);
        if (kind == RowKind::nan)
          check_nan(what, i, e, x, b);
        else if (kind == RowKind::blind && x != 0)
          differs(what, i, e, x, {});
        else if (!(std::abs(x - b.value) <= b.off))
          differs(what, i, e, x, b);
      }
    }
  }

  void check_nan(const char* what, int64_t i, int64_t e, double x, const Bounded& b) {
    if (!std::isnan(x) && what == std::string("out")) differs(what, i, e, x, {NAN, b.off});
  }

  void out(int64_t h, const at::Tensor& given) {
    Grid expected = r_.out[h];
    const double last = c_.type == at::kBFloat16 ? 0x1p-8 : 0;
    for (auto& b : expected.data) b.off += last * (std::abs(b.value) + b.off);
    compare("out", given, expected, [&](int64_t i) {
      return r_.kinds[h][i] == RowKind::undecided ? RowKind::usual : r_.kinds[h][i];
    });
    within_values(h, given);
  }

  /// An average lies among what it is made of, however uncertain its weights are.
  void within_values(int64_t h, const at::Tensor& given) {
    if (c_.normalizer == "sigmoid" || c_.normalizer == "geometric") return;
    const auto numbers = given.to(at::kDouble).contiguous();
    const auto* data = numbers.data_ptr<double>();
    const double slack = c_.type == at::kDouble ? 1e-13 : c_.type == at::kFloat ? 1e-5 : 0x1p-7;
    for (int64_t i = 0; i < c_.Lq; ++i) {
      if (r_.kinds[h][i] != RowKind::usual) continue;
      for (int64_t e = 0; e < c_.E; ++e) {
        double low = c_.sinks ? 0 : INFINITY, high = c_.sinks ? 0 : -INFINITY;
        for (int64_t j = 0; j < c_.Lk; ++j)
          if (c_.sees(i, j)) low = std::min(low, c_.v(j, e)), high = std::max(high, c_.v(j, e));
        const double room = slack * std::max(std::abs(low), std::abs(high)) + 1e-37;
        const double x = data[i * c_.E + e];
        if (!(x >= low - room && x <= high + room))
          differs("out outside of the values", i, e, x, {low, high - low});
      }
    }
  }

  void rows(int64_t h, const at::Tensor& given) {
    if (c_.normalizer != "softmax") return;
    const auto numbers = given.to(at::kDouble).contiguous();
    for (int64_t i = 0; i < c_.Lq; ++i) {
      const double x = numbers.data_ptr<double>()[i];
      const auto& b = r_.rows[h](i, 0);
      if (r_.kinds[h][i] == RowKind::nan || b.value == INFINITY) continue;
      if (std::isinf(b.value) ? x != b.value : !(std::abs(x - b.value) <= b.off))
        differs("logsumexp", i, 0, x, b);
    }
  }

  const NumberCase& c_;
  const NumberResult& r_;
  std::ostringstream text_;
  std::map<std::string, int> found_;
};

/// What is wrong with that case; empty: nothing.
std::string failures(uint64_t seed) {
  NumberCase c = NumberDrawer(seed).draw();
  const auto expected =
      c.type == at::kDouble ? NumberReference<double>(c).run() : NumberReference<float>(c).run();
  const auto text = Comparison(c, expected).differences(computed(tensors_of(c)));
  return text.empty() ? text : describe(c) + text;
}

TEST(NumberFuzz, EveryNumberIsRightWithinItsRounding) {
  const uint64_t first = number_setting("HEED_NUMBER_SEED", 1);
  const uint64_t count = number_setting("HEED_NUMBER_CASES", 500);
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const auto text = failures(seed);
    if (!text.empty()) ADD_FAILURE() << text;
  }
}

}  // namespace
}  // namespace heed::test
