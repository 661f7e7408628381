#include "nn/rows_attention.h"

#include <algorithm>

#include "kernels/masks.h"
#include "kernels/turn_pairs.h"
#include "ops/call.h"
#include "ops/op_definition.h"

namespace heed::nn {
namespace {

using kernels::kPageRows;

/// One attention on pages: what is the same for its calls.
struct PagedAttention {
  const MultiHeadAttentionImpl& attention;
  const PageTable& any;  // of those that are attended
  size_t layer;

  int64_t heads() const { return attention.options.attention().num_heads; }
  int64_t groups() const { return attention.options.attention().kv_heads(); }
  int64_t key_width() const { return attention.key_rows() / groups(); }
  int64_t value_width() const { return attention.value_rows() / groups(); }

  /// Queries (B, Lq) at q, `row` apart; tables (B, per_batch) of pages.
  kernels::Problem<float> problem(int64_t B, int64_t Lq, int64_t Lk, const float* q,
                                  int64_t row) const {
    const int64_t D = key_width(), E = value_width();
    kernels::Problem<float> problem;
    problem.sizes = {B, heads(), groups(), Lq, Lk, D, E};
    problem.q = {q, Lq * row, D, row, 1};
    problem.k = {nullptr, 0, kPageRows * D, D, 1};
    problem.v = {nullptr, 0, kPageRows * E, E, 1};
    problem.scale = static_cast<float>(ops::dot_scale(attention.options.attention().score, D));
    problem.paged.keys_at = any.layout().keys_at[layer];
    problem.paged.values_at = any.layout().values_at[layer];
    return problem;
  }

  void run(kernels::Problem<float>& problem, const std::vector<const float*>& pages, float* seen,
           float* stats) const {
    const auto& s = problem.sizes;
    problem.paged.pages = pages.data();
    problem.paged.per_batch = std::ssize(pages) / s.B;
    kernels::attend_forward(problem,
                            kernels::View<float>{seen, s.Lq * s.H * s.E, s.E, s.H * s.E, 1},
                            {stats, stats + s.B * s.H * s.Lq});
  }

  static float* page(const PageTable& table, int64_t number) {
    return reinterpret_cast<float*>(table.pool().data(table.pages()[static_cast<size_t>(number)]));
  }

  /// Tables of equally many pages, of which those behind a length are not looked at.
  std::vector<const float*> tables(const std::vector<const PageTable*>& all, int64_t Lk) const {
    const int64_t each = PagePool::pages_of(Lk);
    std::vector<const float*> pages;
    for (const auto* table : all) {
      const int64_t has = std::min(each, std::ssize(table->pages()));
      for (int64_t i = 0; i < each; ++i) pages.push_back(i < has ? page(*table, i) : nullptr);
    }
    return pages;
  }
};

/// Queries and keys of one token by its place; keys and values go to its page.
void place_token(const PagedAttention& of, const PageTable& table, int64_t place,
                 const StepRows::Turns* turns, int64_t token, const RowsProjected& at) {
  const int64_t H = of.heads(), G = of.groups(), D = of.key_width(), E = of.value_width();
  const float* from = at.projected + token * at.stride;
  const float* keys = from + H * D;
  if (turns) {
    float* to = at.turned + token * (H + G) * D;
    const int64_t pairs = turns->cos.size(1);
    const bool interleaved = of.attention.options.attention().position.at("interleaved") != 0;
    for (int64_t h = 0; h < H + G; ++h)
      kernels::turn_pairs(kernels::TurnPairs<float>{
          pairs, D, interleaved, from + h * D, turns->cos.data_ptr<float>() + token * pairs,
          turns->sin.data_ptr<float>() + token * pairs, to + h * D});
    keys = to + H * D;
  }
  float* page = PagedAttention::page(table, place / kPageRows);
  float* to_keys = page + table.layout().keys_at[of.layer];
  float* to_values = page + table.layout().values_at[of.layer];
  const int64_t row = place % kPageRows;
  for (int64_t g = 0; g < G; ++g) {
    std::copy_n(keys + g * D, D, to_keys + (g * kPageRows + row) * D);
    std::copy_n(from + (H + G) * D + g * E, E, to_values + (g * kPageRows + row) * E);
  }
}

}  // namespace

bool rows_can_attend(const MultiHeadAttentionImpl& attention, StepRows& rows) {
  const auto& place = attention.options.attention().position;
  if (rows.rows().empty() || rows.rows().front().own->pool().type() != at::kFloat) return false;
  if (place.name != "rope") return true;
  return rows.turns(place, attention.key_rows() / attention.options.attention().kv_heads())
      .cos.defined();
}

void attend_rows_to_own(const MultiHeadAttentionImpl& attention, StepRows& rows,
                        const RowsProjected& at) {
  const PagedAttention of{attention, *rows.rows().front().own, rows.layer()};
  const auto& place = attention.options.attention().position;
  const auto* turns = place.name == "rope" ? &rows.turns(place, of.key_width()) : nullptr;
  const int64_t HD = of.heads() * of.key_width(), HE = of.heads() * of.value_width();
  const float* queries = turns ? at.turned : at.projected;
  const int64_t apart = turns ? HD + of.groups() * of.key_width() : at.stride;
  std::vector<int64_t> lengths;
  std::vector<const PageTable*> single;
  int64_t token = 0;
  for (const auto& row : rows.rows()) {
    for (int64_t i = 0; i < row.tokens; ++i)
      place_token(of, *row.own, row.own->tokens() + i, turns, token + i, at);
    if (row.tokens == 1 && token == std::ssize(single))
      single.push_back(row.own), lengths.push_back(row.own->tokens() + 1);
    token += row.tokens;
  }
  if (!single.empty()) {  // which stand in front
    const int64_t longest = *std::max_element(lengths.begin(), lengths.end());
    auto problem = of.problem(std::ssize(single), 1, longest, queries, apart);
    const kernels::LengthMask<float> mask(lengths.data());
    problem.masks.push_back(&mask);
    of.run(problem, of.tables(single, longest), at.seen, at.stats);
  }
  token = 0;
  for (const auto& row : rows.rows()) {
    const int64_t first = row.own->tokens(), L = row.tokens;
    if (token >= std::ssize(single)) {
      auto problem = of.problem(1, L, first + L, queries + token * apart, apart);
      const kernels::WindowMask<float> causal(kernels::kUnlimited, 0, first);
      problem.masks.push_back(&causal);
      of.run(problem, of.tables({row.own}, first + L), at.seen + token * HE, at.stats);
    }
    token += L;
  }
}

void attend_rows_to_source(const MultiHeadAttentionImpl& attention, const StepRows& rows,
                           const RowsProjected& at) {
  const PagedAttention of{attention, *rows.rows().front().source, rows.layer()};
  std::vector<const PageTable*>
      sources;  // of runs of tokens, which look together: the beams of a text
  std::vector<int64_t> counts;
  for (const auto& row : rows.rows()) {
    if (sources.empty() || sources.back() != row.source) {
      sources.push_back(row.source);
      counts.push_back(0);
    }
    counts.back() += row.tokens;
  }
  const int64_t HE = of.heads() * of.value_width();
  int64_t token = 0;
  for (size_t i = 0, end = 0; i < sources.size(); i = end) {  // runs of equally many
    while (end < sources.size() && counts[end] == counts[i]) ++end;
    const std::vector<const PageTable*> some(sources.begin() + static_cast<int64_t>(i),
                                             sources.begin() + static_cast<int64_t>(end));
    std::vector<int64_t> lengths;
    for (const auto* source : some) lengths.push_back(source->tokens());
    const int64_t longest = *std::max_element(lengths.begin(), lengths.end());
    auto problem = of.problem(std::ssize(some), counts[i], longest,
                              at.projected + token * at.stride, at.stride);
    const kernels::LengthMask<float> mask(lengths.data());
    problem.masks.push_back(&mask);
    of.run(problem, of.tables(some, longest), at.seen + token * HE, at.stats);
    token += std::ssize(some) * counts[i];
  }
}

}  // namespace heed::nn
