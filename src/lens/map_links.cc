// The strongest weights of a map as links.
#include <algorithm>
#include <cmath>

#include "heed/lens/lines_figure.h"
#include "heed/lens/sinks.h"
#include "lens/columns.h"
#include "lens/page.h"

namespace heed::lens {
namespace {

constexpr int64_t kLinkRows = 64;  // at once

/// The greatest weights seen so far, and what every key received.
class LinkSieve {
 public:
  LinkSieve(int64_t keys, int64_t most) : most_(most), received_(at::zeros({keys}, at::kDouble)) {}

  void add(const at::Tensor& rows, int64_t first) {
    received_ += rows.sum(0);
    const int64_t keys = rows.size(1), count = std::min<int64_t>(most_, rows.numel());
    const auto [weights, places] = rows.contiguous().view(-1).topk(count);
    const double* weight = weights.contiguous().data_ptr<double>();
    const int64_t* place = places.contiguous().data_ptr<int64_t>();
    for (int64_t i = 0; i < count && weight[i] > 0; ++i)
      links_.push_back({place[i] % keys, first + place[i] / keys, weight[i]});
    if (std::ssize(links_) > 4 * most_) keep();
  }

  const at::Tensor& received() const { return received_; }

  std::vector<FigureLink> links() {
    keep();
    return std::move(links_);
  }

 private:
  void keep() {
    const auto stronger = [](const FigureLink& a, const FigureLink& b) {
      if (a.weight != b.weight) return a.weight > b.weight;
      return std::pair(a.target, a.source) < std::pair(b.target, b.source);
    };
    std::sort(links_.begin(), links_.end(), stronger);
    links_.resize(std::min<size_t>(links_.size(), static_cast<size_t>(most_)));
  }

  const int64_t most_;
  std::vector<FigureLink> links_;
  at::Tensor received_;
};

}  // namespace

LinesFigure lines_of(const TextMap& map, int64_t head, int64_t most) {
  const torch::NoGradGuard no_grad;
  const int64_t rows = std::ssize(map.rows), keys = std::ssize(map.columns);
  LinkSieve all(keys, most);
  for (int64_t begin = 0; begin < rows; begin += kLinkRows) {
    const Range range{begin, std::min(begin + kLinkRows, rows)};
    all.add(map.weights(range, head), begin);
  }
  LinesFigure figure;
  figure.source = map.columns;
  figure.target = map.rows;
  const Sinks sinks = sinks_of(all.received(), map.special, rows > 1);
  figure.excluded = sinks.keys;
  LinkSieve kept(keys, most);
  for (int64_t begin = 0; !sinks.empty() && begin < rows; begin += kLinkRows) {
    auto part = map.weights({begin, std::min(begin + kLinkRows, rows)}, head);
    for (const int64_t key : sinks.keys) part.select(1, key).zero_();
    kept.add(part, begin);
  }
  LinkSieve& shown = sinks.empty() ? all : kept;
  const double total = shown.received().sum().item<double>();
  figure.links = shown.links();
  figure.most_links = most;
  double held = 0;
  for (const auto& link : figure.links) held += link.weight;
  std::string left_out;
  if (total > 0 && held < 0.9995 * total)
    left_out = "the " + std::to_string(figure.links.size()) +
               " strongest links; those left out hold " + number(100 * (1 - held / total)) +
               " % of the weight";
  std::vector<std::string> labels;
  for (const auto& piece : map.columns) labels.push_back(visible(piece));
  figure.note = joined({left_out, sinks.note(labels)});
  return figure;
}

}  // namespace heed::lens
