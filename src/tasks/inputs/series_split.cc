#include "tasks/inputs/series_split.h"

#include <algorithm>
#include <cmath>

#include "heed/core/error.h"

namespace heed {
namespace {

/// Rows [first, first + count) of (C, T) numbers, standardised; before row 0 stands row 0.
struct Cut {
  const at::Tensor& values;
  const std::vector<double>&mean, &std;
  int64_t first, count;

  void operator()(float* out, bool* observed) const {
    const int64_t length = values.size(1);
    for (int64_t c = 0; c < values.size(0); ++c) {
      const auto* row = values.data_ptr<double>() + c * length;
      const double shift = mean[static_cast<size_t>(c)], scale = std[static_cast<size_t>(c)];
      for (int64_t t = 0; t < count; ++t) {
        const double value = row[std::max<int64_t>(0, first + t)];
        const bool known = !std::isnan(value);
        *out++ = known ? static_cast<float>((value - shift) / scale) : 0.0F;
        if (observed) *observed++ = known;
      }
    }
  }
};

}  // namespace

bool SeriesSplit::has_future(int64_t example) const {
  return window(example).row + state_->options.horizon <= rows_of(example).size();
}

Batch SeriesSplit::batch(const std::vector<int64_t>& examples, const Draw&) const {
  const int64_t B = std::ssize(examples), C = state_->channels(), K = state_->known();
  const int64_t T = state_->options.look_back, H = state_->options.horizon;
  const bool observed = state_->observed();
  const bool future = std::all_of(examples.begin(), examples.end(),
                                  [&](int64_t example) { return has_future(example); });
  Batch batch{{{"past", at::empty({B, C, T})}}, at::tensor(examples, at::kLong)};
  auto& tensors = batch.tensors;
  if (future) tensors["future"] = at::empty({B, C, H});
  if (observed) tensors["observed"] = at::empty({B, C, T}, at::kBool);
  if (observed && future) tensors["future_observed"] = at::empty({B, C, H}, at::kBool);
  if (K > 0)
    tensors["past_known"] = at::empty({B, K, T}), tensors["future_known"] = at::empty({B, K, H});
  const auto at_row = [&](const char* name, int64_t b) {
    const auto& all = tensors.at(name);
    return all.data_ptr<float>() + b * all.stride(0);
  };
  const auto seen_row = [&](const char* name, int64_t b) {
    return observed ? tensors.at(name).data_ptr<bool>() + b * tensors.at(name).stride(0) : nullptr;
  };
  for (int64_t b = 0; b < B; ++b) {
    const int64_t example = examples[static_cast<size_t>(b)], row = window(example).row;
    const auto& rows = rows_of(example);
    Cut{rows.values, state_->mean, state_->std, row - T, T}(at_row("past", b),
                                                            seen_row("observed", b));
    if (future)
      Cut{rows.values, state_->mean, state_->std, row, H}(at_row("future", b),
                                                          seen_row("future_observed", b));
    if (K == 0) continue;
    if (!rows.known.defined() || rows.known.size(1) < row + H)
      throw DataError(place(example) + ": columns that are known ahead have " +
                      std::to_string(rows.known.defined() ? rows.known.size(1) - row : 0) +
                      " rows behind it, expected input.horizon = " + std::to_string(H) +
                      "; add records with them and without values");
    Cut{rows.known, state_->known_mean, state_->known_std, row - T, T}(at_row("past_known", b),
                                                                       nullptr);
    Cut{rows.known, state_->known_mean, state_->known_std, row, H}(at_row("future_known", b),
                                                                   nullptr);
  }
  return batch;
}

std::string SeriesSplit::place(int64_t example) const {
  return rows_of(example).place(window(example).row);
}

Shown SeriesSplit::show(int64_t example) const {
  const auto& rows = rows_of(example);
  const int64_t row = window(example).row;
  const int64_t first = std::max<int64_t>(0, row - state_->options.look_back);
  return {rows.facts.name + (row > 0 ? " " + rows.time(first) + " .. " + rows.time(row - 1) : "")};
}

std::vector<TokenPlace> SeriesSplit::grid_tokens(int64_t example, const TokenGrid& grid) const {
  auto names = state_->columns;
  names.insert(names.end(), state_->options.known.begin(), state_->options.known.end());
  const auto& rows = rows_of(example);
  const int64_t T = state_->options.look_back, first = window(example).row - T;
  std::vector<TokenPlace> tokens;
  for (int64_t r = 0; r < grid.rows; ++r) {
    for (int64_t c = 0; c < grid.columns; ++c) {
      const auto& name = names.at(static_cast<size_t>(r));
      const int64_t row = std::max<int64_t>(0, first + c * T / grid.columns);
      tokens.push_back({grid.columns == 1 ? name : name + " " + rows.time(row)});
    }
  }
  return tokens;
}

std::string SeriesSplit::value(int64_t example, const std::string& column, const Draw&) const {
  throw DataError(place(example) + ": windows of series have no column '" + column +
                  "'; heads that go with them are forecast and anomaly");
}

std::vector<std::pair<int64_t, int64_t>> SeriesSplit::covered() const {
  std::vector<std::pair<int64_t, int64_t>> all(rows_->size(), {0, 0});
  for (const auto& [series, row] : windows_) {
    auto& [first, last] = all[static_cast<size_t>(series)];
    const int64_t from = std::max<int64_t>(0, row - state_->options.look_back);
    const int64_t to =
        std::min(row + state_->options.horizon, (*rows_)[static_cast<size_t>(series)].size());
    first = last == 0 ? from : std::min(first, from);
    last = std::max(last, to);
  }
  return all;
}

const SeriesSplit& series_split(const Split& split, const std::string& who) {
  const auto* series = dynamic_cast<const SeriesSplit*>(&split);
  if (!series)
    throw ModelError(who +
                     " goes with windows of series; let the input 'series' be the only one, "
                     "or choose another head");
  return *series;
}

}  // namespace heed
