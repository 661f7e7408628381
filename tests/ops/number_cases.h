// Calls of attend for the fuzzer of numbers: mechanisms, shapes, magnitudes from 1e-30 to 1e30,
// shifts, ties and masks, all drawn from one seed.
//
// Exact calls have small whole numbers times powers of two in q and k, so that q . k has no
// rounding and a score is rounded where a bias or a mask is added, once each: the reference rounds
// there too and knows the very scores, however far a row is shifted.
#pragma once

#include <cmath>
#include <sstream>

#include "heed/core/random.h"
#include "heed/ops/attend.h"
#include "heed/ops/parameters.h"

namespace heed::test {

/// Numbers of two indices.
struct Matrix {
  int64_t rows = 0, columns = 0;
  std::vector<double> data = {};

  Matrix() = default;
  Matrix(int64_t r, int64_t c) : rows(r), columns(c), data(static_cast<size_t>(r * c)) {}
  double& operator()(int64_t i, int64_t j) { return data[static_cast<size_t>(i * columns + j)]; }
  double operator()(int64_t i, int64_t j) const {
    return data[static_cast<size_t>(i * columns + j)];
  }
};

struct NumberCase {
  uint64_t seed = 0;
  at::ScalarType type = at::kFloat;
  int64_t H = 1, Lq = 1, Lk = 1, D = 1, E = 1;
  std::string score, normalizer, masks;
  bool exact = false, alibi = false, bias = false, sinks = false, cap_first = false;
  bool per_row_bias = false;  ///< one number per query; otherwise one per pair
  double cap = 0;             ///< 0: no softcap
  double scale = 1;           ///< of a dot product
  double q_size = 1, k_size = 1, v_size = 1, g_size = 1, shift = 0, low = 0;

  // The tensors; one sequence, one key-value head.
  std::vector<Matrix> q, g;      ///< a head each: (Lq, D), (Lq, E), g the gradient of the output
  Matrix k, v;                   ///< (Lk, D), (Lk, E)
  Matrix bias_of;                ///< (Lq, 1) or (Lq, Lk)
  Matrix added;                  ///< (Lq, Lk), the mask that is added; empty: none
  std::vector<uint8_t> visible;  ///< (Lq, Lk), by all masks
  std::vector<uint8_t> dense;    ///< (Lq, Lk), the boolean mask; empty: none
  int64_t length = -1, left = -1, right = -1;
  bool causal = false, window = false;
  std::string pattern;                             ///< one of the other masks, with its numbers
  bool joined = false;                             ///< with causal: either is enough
  std::vector<int64_t> documents;                  ///< (Lk)
  Matrix blocks;                                   ///< (Lq / size, Lk / size), 1 where seen
  std::vector<double> sink, log_scale, raw_alpha;  ///< (H)
  /// A head each: weights (1, D) of additive, (D, D) of general, places (Lk, D) of location.
  std::vector<Matrix> table;

  bool sees(int64_t i, int64_t j) const { return visible[static_cast<size_t>(i * Lk + j)] != 0; }
  std::string how() const {
    std::string text = score;
    if (score == "scaled_dot") text += "(" + number(scale) + ")";
    if (score == "location") text += "(" + std::to_string(Lk) + ")";
    if (alibi) text += "; alibi";
    if (cap > 0 && cap_first) text += "; softcap(" + number(cap) + ")";
    if (bias) text += "; bias";
    if (cap > 0 && !cap_first) text += "; softcap(" + number(cap) + ")";
    if (sinks) text += "; sinks";
    if (causal) text += "; causal";
    if (!pattern.empty()) text += (joined ? " | " : "; ") + pattern;
    if (window) text += "; window(" + std::to_string(left) + ", " + std::to_string(right) + ")";
    return text + "; " + normalizer;
  }
  static std::string number(double x) {
    std::ostringstream text;
    text.precision(17);
    text << x;
    return text.str();
  }
};

/// One line, from which the case can be run again.
inline std::string describe(const NumberCase& c) {
  std::ostringstream text;
  text << "HEED_NUMBER_SEED=" << c.seed << " HEED_NUMBER_CASES=1: " << c10::toString(c.type) << " '"
       << c.how() << "'" << c.masks << (c.exact ? " exact" : "") << " H=" << c.H << " Lq=" << c.Lq
       << " Lk=" << c.Lk << " D=" << c.D << " E=" << c.E << " sizes q " << c.q_size << " k "
       << c.k_size << " v " << c.v_size << " g " << c.g_size;
  if (c.bias) text << " bias " << c.shift << (c.per_row_bias ? " a row" : " a pair");
  if (c.low != 0) text << " low " << c.low;
  for (const double x : c.sink) text << " sink " << x;
  for (const double x : c.raw_alpha) text << " raw_alpha " << x;
  return text.str();
}

/// Draws a case from its seed.
class NumberDrawer {
 public:
  explicit NumberDrawer(uint64_t seed) : random_(seed) { c_.seed = seed; }

  NumberCase draw() {
    draw_shape();
    draw_mechanism();
    draw_sizes();
    draw_tensors();
    draw_overflow();
    draw_bias();
    draw_masks();
    draw_ties();
    draw_poison();
    return std::move(c_);
  }

 private:
  template <class List>
  auto one_of(const List& list) {
    return list[random_.below(static_cast<uint32_t>(list.size()))];
  }
  bool one_in(uint32_t n) { return random_.below(n) == 0; }
  double between(double low, double high) { return low + (high - low) * random_.uniform(); }
  double power_of_ten(double low, double high) { return std::pow(10.0, between(low, high)); }
  double whole() { return static_cast<double>(random_.below(9)) - 4; }
  double normal() {
    const double u = 1 - static_cast<double>(random_.uniform()), a = random_.uniform();
    return std::sqrt(-2 * std::log(u)) * std::cos(6.283185307179586 * a);
  }
  /// As the dtype holds it.
  double rounded(double x) const {
    if (c_.type == at::kDouble) return x;
    if (c_.type == at::kFloat) return static_cast<float>(x);
    return static_cast<float>(at::BFloat16(static_cast<float>(x)));
  }
  double lowest() const {
    if (c_.type == at::kDouble) return std::numeric_limits<double>::lowest();
    if (c_.type == at::kFloat) return std::numeric_limits<float>::lowest();
    return static_cast<float>(std::numeric_limits<at::BFloat16>::lowest());
  }

  void draw_shape() {
    const std::vector<at::ScalarType> types = {at::kFloat, at::kFloat, at::kDouble, at::kBFloat16};
    const std::vector<int64_t> queries = {1, 1, 2, 5, 17, 96, 97, 100};
    const std::vector<int64_t> keys = {1, 2, 6, 17, 71, 72, 73, 96, 97, 145, 150};
    const std::vector<int64_t> widths = {1, 2, 4, 8, 16}, values = {1, 3, 8, 16};
    c_.type = one_of(types), c_.H = 1 + random_.below(2);
    c_.Lq = one_of(queries), c_.Lk = one_of(keys), c_.D = one_of(widths), c_.E = one_of(values);
  }

  void draw_mechanism() {
    const std::vector<std::string> scores = {"dot",        "dot",      "scaled_dot", "scaled_dot",
                                             "scaled_dot", "cosine",   "additive",   "general",
                                             "uniform",    "location", "dot",        "scaled_dot"};
    const std::vector<std::string> normalizers = {"softmax", "softmax", "softmax",   "softmax",
                                                  "softmax", "softmax", "sparsemax", "entmax15",
                                                  "entmax",  "sigmoid", "hard",      "geometric"};
    c_.score = one_of(scores), c_.normalizer = one_of(normalizers);
    c_.alibi = one_in(6), c_.bias = one_in(2), c_.cap_first = one_in(2);
    if (one_in(6)) c_.cap = one_of(std::vector<double>{0.5, 5, 50});
    c_.sinks = c_.normalizer == "softmax" && one_in(5);
    const bool linear = c_.score == "dot" || c_.score == "scaled_dot" || c_.score == "uniform" ||
                        c_.score == "location";
    c_.exact = linear && !one_in(4);
    if (c_.score == "scaled_dot") c_.scale = c_.exact ? 0.25 : 1 / std::sqrt(double(c_.D));
    if (c_.score == "cosine") c_.D = std::max<int64_t>(c_.D, 2);  // one channel is a sign
  }

  /// Products of all that are multiplied stay far from overflow.
  void draw_sizes() {
    const double scores = one_in(3) ? power_of_ten(-10, 30) : power_of_ten(-3, 1);
    c_.q_size = power_of_ten(-30, 30);
    c_.k_size = std::clamp(scores / (c_.q_size * c_.scale), 1e-30, 1e30);
    if (c_.score == "additive") {
      // Half of them where tanh is not a sign.
      const double most = one_in(2) ? 30 : 1;
      c_.q_size = power_of_ten(-30, most), c_.k_size = power_of_ten(-30, most);
    }
    if (c_.score == "cosine") c_.k_size = power_of_ten(-30, 30);
    if (c_.exact)
      for (double* size : {&c_.q_size, &c_.k_size}) *size = std::exp2(std::round(std::log2(*size)));
    c_.v_size = power_of_ten(-30, 30);
    const bool averages = c_.normalizer != "sigmoid" && c_.normalizer != "geometric";
    if (averages && one_in(12)) c_.v_size = c_.type == at::kDouble ? 0.5e308 : 1e38;
    c_.g_size = power_of_ten(-3, 1) / c_.v_size;
    if (c_.v_size > 1e37) c_.g_size = 100 / c_.v_size;
  }

  Matrix filled(int64_t rows, int64_t columns, const std::function<double()>& number) {
    Matrix m(rows, columns);
    for (double& x : m.data) x = rounded(number());
    return m;
  }

  void draw_tensors() {
    auto& c = c_;
    const auto vector = [&](double size) {
      return std::function<double()>(
          [this, size] { return (c_.exact ? whole() : normal()) * size; });
    };
    const bool positive = one_in(2) || c.v_size > 1e37;
    const auto value = [&] { return (positive ? between(1, 2) : normal()) * c.v_size; };
    c.k = filled(c.Lk, c.D, vector(c.k_size)), c.v = filled(c.Lk, c.E, value);
    for (int64_t h = 0; h < c.H; ++h) {
      c.q.push_back(filled(c.Lq, c.D, vector(c.q_size)));
      c.g.push_back(filled(c.Lq, c.E, [&] { return normal() * c.g_size; }));
      if (c.score == "location") c.table.push_back(filled(c.Lk, c.D, vector(c.k_size)));
      if (c.score == "additive") c.table.push_back(filled(1, c.D, [&] { return normal() * 2; }));
      if (c.score == "general")
        c.table.push_back(filled(c.D, c.D, [&] { return normal() / std::sqrt(double(c.D)); }));
      if (c.score == "cosine") c.log_scale.push_back(rounded(between(-1, 4)));
      if (c.normalizer == "entmax") c.raw_alpha.push_back(rounded(between(-2.5, 2.5)));
      if (c.sinks) c.sink.push_back(rounded(draw_sink()));
    }
  }

  /// Some products beyond the dtype: -inf, which counts as hidden, and seldom +inf. All products of
  /// a key have the same sign, so that no order of additions makes another sum of them.
  void draw_overflow() {
    auto& c = c_;
    const bool dot = c.score == "dot" || c.score == "scaled_dot";
    const bool minds = c.normalizer == "softmax" || c.normalizer == "sparsemax" ||
                       c.normalizer == "entmax15" || c.normalizer == "entmax";
    if (!c.exact || !dot || !minds || c.cap > 0 || !one_in(10)) return;
    const double half = c.type == at::kDouble ? 0x1p520 : 0x1p70;
    c.q_size = half, c.k_size = 1 / half, c.g_size = std::min(c.g_size, 1e-3 / c.v_size);
    for (auto& q : c.q) q = filled(c.Lq, c.D, [&] { return (1 + random_.below(4)) * half; });
    for (int64_t j = 0; j < c.Lk; ++j) {
      const double sign = one_in(100) ? half : one_in(3) ? -half : 0;
      for (int64_t e = 0; e < c.D; ++e)
        c.k(j, e) = (1 + random_.below(4)) * (sign == 0 ? 1 / half : sign);
    }
    c.masks += " overflow";
  }

  double draw_sink() {
    const std::vector<double> ends = {-INFINITY, INFINITY, -1e4, -1e9, 1e4, 1e9, -1e30};
    return one_in(3) ? one_of(ends) : normal();
  }

  void draw_bias() {
    if (!c_.bias) return;
    const std::vector<double> shifts = {-1e4, -1e5, -1e7, -1e9, -1e20, -1e30, 1e4, 1e9};
    if (!one_in(3))
      c_.shift = one_in(2) ? one_of(shifts) : power_of_ten(0, 20) * (one_in(3) ? 1 : -1);
    c_.per_row_bias = one_in(2);
    const bool of_all = one_in(2);  // or some rows alone
    c_.bias_of = Matrix(c_.Lq, c_.per_row_bias ? 1 : c_.Lk);
    for (int64_t i = 0; i < c_.Lq; ++i) {
      const double shift = of_all || one_in(2) ? c_.shift : 0;
      for (int64_t j = 0; j < c_.bias_of.columns; ++j)
        c_.bias_of(i, j) = rounded(shift + (c_.per_row_bias ? 0 : normal()));
    }
  }

  void draw_masks() {
    auto& c = c_;
    c.causal = one_in(4), c.window = one_in(5);
    if (c.window) c.left = random_.below(40), c.right = random_.below(40);
    if (one_in(5)) c.length = random_.below(static_cast<uint32_t>(c.Lk) + 1);
    const int64_t pairs = c.Lq * c.Lk, offset = c.Lk - c.Lq;
    if (one_in(5)) {
      c.dense.assign(static_cast<size_t>(pairs), 1);
      for (auto& seen : c.dense) seen = !one_in(3);
      c.masks += " attn_mask";
    } else if (one_in(3)) {
      draw_added();
    }
    std::function<bool(int64_t, int64_t, int64_t)> pattern;
    if (one_in(3)) pattern = draw_pattern();
    c.joined = c.causal && !pattern_is_given() && pattern && one_in(2);
    c.visible.assign(static_cast<size_t>(pairs), 1);
    for (int64_t i = 0; i < c.Lq; ++i)
      for (int64_t j = 0; j < c.Lk; ++j) {
        const int64_t p = i + offset;
        const auto at = static_cast<size_t>(i * c.Lk + j);
        const bool before = !c.causal || j <= p, fits = !pattern || pattern(i, p, j);
        c.visible[at] = (c.joined ? before || fits : before && fits) &&
                        (!c.window || (p - c.left <= j && j <= p + c.right)) &&
                        (c.length < 0 || j < c.length) && (c.dense.empty() || c.dense[at]) &&
                        (c.added.data.empty() || c.added(i, j) != -INFINITY);
      }
    if (c.length >= 0) c.masks += " key_lengths " + std::to_string(c.length);
  }

  bool pattern_is_given() const { return !c_.documents.empty() || c_.blocks.rows > 0; }

  /// Any other mask, by its line in docs/mechanisms.md: whether the query i at position p sees j.
  std::function<bool(int64_t, int64_t, int64_t)> draw_pattern() {
    auto& c = c_;
    const int64_t a = 1 + random_.below(40), b = random_.below(12), step = 1 + random_.below(8);
    const auto named = [&](const char* name, std::vector<int64_t> numbers) {
      c.pattern = name;
      for (size_t n = 0; n < numbers.size(); ++n)
        c.pattern += (n == 0 ? "(" : ", ") + std::to_string(numbers[n]);
      if (!numbers.empty()) c.pattern += ")";
    };
    using P = int64_t;
    switch (random_.below(c.Lq <= c.Lk ? 7 : 6)) {
      case 0:
        return named("prefix", {a}), [a](P, P, P j) { return j < a; };
      case 1:
        return named("global", {b}), [b](P, P p, P j) { return p < b || j < b; };
      case 2:
        return named("dilated", {a, b, step}), [a, b, step](P, P p, P j) {
          return (j - p) % step == 0 && -a <= (j - p) / step && (j - p) / step <= b;
        };
      case 3:
        return named("strided", {a}),
               [a](P, P p, P j) { return j <= p && (p - j < a || (p - j) % a == 0); };
      case 4: {
        const int64_t last = std::min<int64_t>(a, 1 + b);
        return named("fixed", {a, last}),
               [a, last](P, P p, P j) { return j <= p && (j / a == p / a || j % a >= a - last); };
      }
      case 5:
        named("block_mask", {a});
        c.blocks = filled((c.Lq + a - 1) / a, (c.Lk + a - 1) / a, [&] { return one_in(2); });
        return [a, seen = c.blocks](P i, P, P j) { return seen(i / a, j / a) != 0; };
      default:
        named("segment_ids", {});
        for (int64_t j = 0, document = 0; j < c.Lk; ++j)
          c.documents.push_back(document += one_in(20));
        return [of = c.documents](P, P p, P j) { return of[p] == of[j]; };
    }
  }

  /// -inf or a low number, as model code writes it: padding, whole rows, any pairs, and causal with
  /// padding added up, which may overflow to -inf.
  void draw_added() {
    auto& c = c_;
    const std::vector<double> numbers = {lowest(), lowest(), -1e4, -1e9, -1e20, -1e30, -INFINITY};
    c.low = rounded(one_of(numbers));
    c.added = Matrix(c.Lq, c.Lk);
    const uint32_t pattern = random_.below(4);
    const int64_t padding = random_.below(static_cast<uint32_t>(c.Lk) + 1);
    for (int64_t i = 0; i < c.Lq; ++i) {
      const bool whole_row = one_in(3);
      for (int64_t j = 0; j < c.Lk; ++j) {
        int hidden = 0;
        if (pattern == 0) hidden = j < padding;
        if (pattern == 1) hidden = whole_row;
        if (pattern == 2) hidden = one_in(2);
        if (pattern == 3) hidden = (j > i + c.Lk - c.Lq) + (j < padding);
        c.added(i, j) = hidden == 0 ? 0 : rounded(hidden * c.low);
      }
    }
    c.masks += " added " + std::to_string(pattern);
  }

  void draw_ties() {
    if (!one_in(4)) return;
    const int64_t kinds = 1 + random_.below(3);
    for (int64_t j = kinds; j < c_.Lk; ++j)
      for (int64_t e = 0; e < c_.D; ++e) c_.k(j, e) = c_.k(j % kinds, e);
  }

  /// What nobody sees may be anything; and now and then a query is NaN.
  void draw_poison() {
    auto& c = c_;
    if (one_in(4)) {
      for (int64_t j = 0; j < c.Lk; ++j) {
        bool seen = false;
        for (int64_t i = 0; i < c.Lq; ++i) seen = seen || c.sees(i, j);
        if (seen) continue;
        for (int64_t e = 0; e < c.D; ++e) c.k(j, e) = one_in(2) ? NAN : INFINITY;
        for (int64_t e = 0; e < c.E; ++e) c.v(j, e) = one_in(2) ? NAN : -INFINITY;
      }
      c.masks += " poison";
    }
    if (c.exact && c.score != "uniform" && one_in(20)) {
      c.q[0](random_.below(static_cast<uint32_t>(c.Lq)), 0) = NAN;
      c.masks += " NaN";
    }
  }

  Random random_;
  NumberCase c_;
};

/// The case as tensors of its dtype.
struct NumberTensors {
  at::Tensor q, k, v, g;
  Attention how;
  AttendInputs inputs;
};

inline at::Tensor tensor_of(const std::vector<Matrix>& heads) {
  std::vector<at::Tensor> all;
  for (const auto& m : heads)
    all.push_back(torch::tensor(m.data, at::kDouble).view({m.rows, m.columns}));
  return torch::stack(all);
}

inline NumberTensors tensors_of(const NumberCase& c) {
  NumberTensors t;
  const auto of = [&](const std::vector<Matrix>& heads) {
    return tensor_of(heads).unsqueeze(0).to(c.type);
  };
  const auto vector = [&](const std::vector<double>& x) {
    return torch::tensor(x, at::kDouble).to(c.type);
  };
  t.q = of(c.q), t.k = of({c.k}), t.v = of({c.v}), t.g = of(c.g);
  t.how = Attention::parse(c.how());
  if (c.bias) t.inputs.bias = of({c.bias_of});
  if (!c.added.data.empty()) t.inputs.attn_mask = of({c.added});
  if (!c.dense.empty())
    t.inputs.attn_mask = torch::tensor(c.dense, at::kByte).to(at::kBool).view({1, 1, c.Lq, c.Lk});
  if (!c.documents.empty())
    t.inputs.segment_ids = torch::tensor(c.documents, at::kLong).view({1, -1});
  if (c.blocks.rows > 0)
    t.inputs.block_mask = torch::tensor(c.blocks.data, at::kDouble)
                              .to(at::kBool)
                              .view({1, 1, c.blocks.rows, c.blocks.columns});
  if (c.length >= 0) t.inputs.key_lengths = torch::tensor({c.length}, at::kLong);
  auto& p = t.inputs.parameters;
  if (c.score == "additive") p["additive.weight"] = of(c.table).view({c.H, c.D});
  if (c.score == "general") p["general.weight"] = of(c.table).squeeze(0);
  if (c.score == "location") p["location.table"] = of(c.table).squeeze(0);
  if (c.score == "cosine") p["cosine.log_scale"] = vector(c.log_scale);
  if (c.normalizer == "entmax") p["entmax.raw_alpha"] = vector(c.raw_alpha);
  if (c.sinks) p["sinks.score"] = vector(c.sink);
  return t;
}

}  // namespace heed::test
