#include "heed/models/table_encoder.h"

#include <cmath>
#include <limits>

#include "heed/ops/dropout.h"
#include "models/encoder_check.h"
#include "models/encoder_parts.h"
#include "nn/probed.h"

namespace heed {
namespace {

using models::Dtype, models::taken;

constexpr double kPi = 3.14159265358979323846;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Of numbers with mean 0 and deviation 1.
std::vector<double> normal_edges(int64_t bins) {
  const auto places = (torch::arange(bins + 1, at::kDouble) + 0.5) / double(bins + 1);
  const auto edges = std::sqrt(2.0) * (2 * places - 1).erfinv();
  return {edges.data_ptr<double>(), edges.data_ptr<double>() + bins + 1};
}

void check_edges(const TableShape& shape) {
  if (static_cast<int64_t>(shape.edges.size()) != shape.numbers)
    throw ModelError(text_of("edges: piecewise numbers need those of ", shape.numbers,
                             " columns, given ", shape.edges.size()));
  for (size_t j = 0; j < shape.edges.size(); ++j) {
    const auto& edges = shape.edges[j];
    bool rise = edges.size() >= 2;
    for (size_t t = 0; t + 1 < edges.size(); ++t)
      rise = rise && std::isfinite(edges[t + 1] - edges[t]) && edges[t] < edges[t + 1];
    if (!rise) throw ModelError(text_of("edges: column ", j, ": expected two or more that rise"));
  }
}

}  // namespace

TableEncoderImpl::TableEncoderImpl(const TableEncoderOptions& given, const TableShape& shape)
    : options(given), shape(shape) {
  if (options.numbers == NumberEmbedding::piecewise && this->shape.edges.empty())
    this->shape.edges.assign(static_cast<size_t>(std::max<int64_t>(shape.numbers, 0)),
                             normal_edges(std::max<int64_t>(options.bins, 1)));
  check();
  const int64_t M = options.width;
  const double bound = 1 / std::sqrt(static_cast<double>(M));
  class_token = register_parameter("class_token", torch::empty({1, 1, M}).uniform_(-bound, bound));
  if (shape.numbers > 0) make_numbers();
  if (!shape.categories.empty()) make_categories();
  position =
      models::additive_position(*this, "position", options.attention.position, M, 1 + columns());
  blocks = BlockStack(*this, options);
}

int64_t TableEncoderImpl::columns() const {
  return shape.numbers + static_cast<int64_t>(shape.categories.size());
}

void TableEncoderImpl::check() const {
  models::check_fields(options);
  models::check_blocks(options, {.name = "tables"});
  if (shape.numbers < 0 || columns() < 1)
    throw ModelError(text_of("table: expected at least one column, given ", shape.numbers,
                             " of numbers and ", shape.categories.size(), " of categories"));
  for (const int64_t size : shape.categories)
    if (size < 1)
      throw ModelError(text_of("categories: expected at least 1 of each column, given ", size));
  if (options.numbers == NumberEmbedding::piecewise) check_edges(shape);
}

void TableEncoderImpl::make_numbers() {
  const int64_t N = shape.numbers, M = options.width;
  int64_t F = 1;
  if (options.numbers == NumberEmbedding::periodic) F = 2 * options.frequencies;
  for (const auto& edges : shape.edges)
    if (options.numbers == NumberEmbedding::piecewise)
      F = std::max(F, static_cast<int64_t>(edges.size()) - 1);
  const double bound = 1 / std::sqrt(static_cast<double>(M));
  const auto uniform = [&](const char* name, at::IntArrayRef size) {
    return register_parameter(name, torch::empty(size).uniform_(-bound, bound));
  };
  number_weight = uniform("number_weight", {N, F, M});
  number_bias = uniform("number_bias", {N, M});
  number_missing = uniform("number_missing", {N, M});
  if (options.numbers == NumberEmbedding::periodic)
    frequencies = register_parameter(
        "frequencies", torch::randn({N, options.frequencies}) * options.frequency_std);
  if (options.numbers == NumberEmbedding::piecewise) make_bins();
}

void TableEncoderImpl::make_bins() {
  const int64_t N = shape.numbers, F = number_weight.size(1);
  // A bin that a column does not have is one that nothing reaches into.
  low_ = torch::zeros({N, F}, at::kDouble), width_ = torch::ones({N, F}, at::kDouble);
  floor_ = torch::zeros({N, F}, at::kDouble), ceiling_ = torch::zeros({N, F}, at::kDouble);
  for (int64_t j = 0; j < N; ++j) {
    const auto& edges = shape.edges[static_cast<size_t>(j)];
    for (size_t t = 0; t + 1 < edges.size(); ++t) {
      const auto i = static_cast<int64_t>(t);
      low_[j][i] = edges[t], width_[j][i] = edges[t + 1] - edges[t];
      floor_[j][i] = t == 0 ? -kInfinity : 0;
      ceiling_[j][i] = t + 2 == edges.size() ? kInfinity : 1;
    }
  }
}

void TableEncoderImpl::make_categories() {
  const int64_t M = options.width;
  const double bound = 1 / std::sqrt(static_cast<double>(M));
  std::vector<int64_t> first;
  int64_t rows = 0;
  for (const int64_t size : shape.categories) first.push_back(rows + 1), rows += size + 1;
  first_category_ = torch::tensor(first, at::kLong);
  category_embedding =
      register_parameter("category_embedding", torch::empty({rows, M}).uniform_(-bound, bound));
  category_bias = register_parameter(
      "category_bias",
      torch::empty({static_cast<int64_t>(first.size()), M}).uniform_(-bound, bound));
}

/// x (B, N) -> (B, N, F)
at::Tensor TableEncoderImpl::features(const at::Tensor& x) const {
  const auto each = x.unsqueeze(2);
  if (options.numbers == NumberEmbedding::linear) return each;
  if (options.numbers == NumberEmbedding::periodic) {
    const auto angles = 2 * kPi * each * frequencies;
    return torch::cat({angles.cos(), angles.sin()}, 2);
  }
  const auto like = [&](const at::Tensor& t) { return t.to(x.device()); };
  const auto reach = (each.to(at::kDouble) - like(low_)) / like(width_);
  return reach.maximum(like(floor_)).minimum(like(ceiling_)).to(number_weight.dtype());
}

at::Tensor TableEncoderImpl::number_tokens(const Batch& batch) const {
  const auto& given = taken(batch, "numbers", {{"B"}, {"N", shape.numbers}}, Dtype::floating);
  const auto missing = given.isnan();
  const auto x = given.masked_fill(missing, 0).to(number_weight.dtype());
  auto y = torch::einsum("bnf,nfm->bnm", {features(x), number_weight}) + number_bias;
  if (options.numbers == NumberEmbedding::periodic) y = y.relu();
  return torch::where(missing.unsqueeze(2), number_missing, y);  // (B, N, M)
}

at::Tensor TableEncoderImpl::category_tokens(const Batch& batch) const {
  const auto C = static_cast<int64_t>(shape.categories.size());
  const auto& given = taken(batch, "categories", {{"B"}, {"C", C}}, Dtype::int64);
  for (int64_t j = 0; j < C; ++j)
    models::check_ids(text_of("categories, column ", j).c_str(), given.select(1, j), -1,
                      shape.categories[static_cast<size_t>(j)] - 1);
  const auto rows = given + first_category_.to(given.device());
  return torch::embedding(category_embedding, rows) + category_bias;  // (B, C, M)
}

Tokens TableEncoderImpl::forward(const Batch& batch) {
  std::vector<at::Tensor> parts(1);
  if (shape.numbers > 0) parts.push_back(number_tokens(batch));
  if (!shape.categories.empty()) parts.push_back(category_tokens(batch));
  if (parts.back().size(0) != parts[1].size(0))
    throw UsageError(text_of("encoder: categories: expected B = ", parts[1].size(0),
                             " as of numbers, given ", parts.back().size(0)));
  parts[0] = class_token.expand({parts[1].size(0), 1, -1});
  auto x = nn::embedded(torch::cat(parts, 1));  // (B, 1 + N + C, M)
  if (position) x = position->forward(x);
  return {.states = blocks.forward(heed::dropout(x, options.dropout, is_training()))};
}

}  // namespace heed
