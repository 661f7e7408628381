// FCOS (Tian et al. 2019) on one grid: every token says the classes, the distances to a box's four sides, and how near it is to
// the box's middle.
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/normalization.h>

#include <cmath>

#include "nn/box_ops.h"
#include "nn/linear.h"
#include "tasks/heads/box_decoder.h"

namespace heed {
namespace {

constexpr double kFocalAlpha = 0.25;  // Lin et al. 2017
constexpr double kFirstScore = 0.01;  // of every class at first, for few tokens lie in an object
constexpr double kLargestPower = 8;   // of e, in tokens: no infinity
constexpr int64_t kMostCandidates = 1000;  // of an image, before those that overlap are sorted out

/// The sum of alpha_t (1 - p_t)^2 -log(p_t) over all numbers of a (.., K) where `counts` (..).
at::Tensor focal_loss(const at::Tensor& logits, const at::Tensor& targets,
                      const at::Tensor& counts) {
  const auto p = logits.sigmoid();
  const auto nll =
      at::binary_cross_entropy_with_logits(logits, targets, {}, {}, at::Reduction::None);
  const auto missed = p + targets - 2 * p * targets;  // 1 - p_t
  const auto alpha = targets * (2 * kFocalAlpha - 1) + (1 - kFocalAlpha);
  return (alpha * missed * missed * nll * counts.unsqueeze(-1)).sum();
}

/// What tokens are to say of one image, L of them.
struct CellTargets {
  at::Tensor box;     // (L) int64: the number of the box, -1: none
  at::Tensor counts;  // (L) float: 0 where a crowd stands
};

class DenseBoxes : public BoxDecoder {
 public:
  DenseBoxes(const BoxDecoderSizes& sizes, const DenseBoxOptions& options)
      : sizes_(sizes), options_(options) {
    class_tower_ = register_module("class_tower", tower());
    box_tower_ = register_module("box_tower", tower());
    classes_ = register_module("classes", last(sizes.kinds));
    distances_ = register_module("distances", last(4));
    nearness_ = register_module("nearness", last(1));
    torch::nn::init::constant_(classes_->bias, -std::log((1 - kFirstScore) / kFirstScore));
  }

  /// (B, L, K + 5): logits of classes, distances to left, top, right, bottom in pixels, the logit of nearness.
  at::Tensor forward(const Tokens& tokens) override {
    const auto grid = tokens_on_grid(tokens);
    const int64_t rows = tokens.grid->rows, columns = tokens.grid->columns;
    const auto map = grid.transpose(1, 2).reshape({grid.size(0), sizes_.width, rows, columns});
    const auto flat = [](const at::Tensor& x) {
      return x.flatten(2).transpose(1, 2).to(at::kFloat);
    };
    const auto class_map = class_tower_->is_empty() ? map : class_tower_->forward(map);
    const auto box_map = box_tower_->is_empty() ? map : box_tower_->forward(map);
    rows_ = rows, columns_ = columns;
    const double start = sizes_.side > 0 ? std::log(sizes_.side / 2 / stride()) : 0;
    const auto power = (flat(distances_->forward(box_map)) + start).clamp_max(kLargestPower);
    return at::cat({flat(classes_->forward(class_map)), power.exp() * stride(),
                    flat(nearness_->forward(box_map))},
                   2);
  }

  at::Tensor loss(const Tokens& tokens, const BoxTargets& targets) override {
    const auto output = forward(tokens);
    const int64_t B = output.size(0), L = output.size(1), K = sizes_.kinds;
    std::vector<at::Tensor> wanted, counts, chosen, boxes;
    for (int64_t i = 0; i < B; ++i) {
      const auto own = of_image(targets, i);
      const auto cells = assign_cells(own);
      const auto found = cells.box.ge(0).nonzero().squeeze(1);
      const auto of_found = cells.box.index_select(0, found);
      auto classes = at::zeros({L, K});
      classes.index_put_({found, own.kinds.index_select(0, of_found)}, at::ones({1}));
      wanted.push_back(classes), counts.push_back(cells.counts);
      chosen.push_back(found + i * L), boxes.push_back(own.boxes.index_select(0, of_found));
    }
    const auto places = at::cat(chosen);  // (P) tokens that are to say a box
    const double P = double(std::max<int64_t>(places.numel(), 1));
    const auto classes =
        focal_loss(output.slice(2, 0, K), at::stack(wanted), at::stack(counts)) / P;
    if (places.numel() == 0) return classes + output.sum() * 0;
    const auto of = output.reshape({B * L, K + 5}).index_select(0, places);  // (P, K + 5)
    const auto centres = this->centres().repeat({B, 1}).index_select(0, places);
    const auto truth = at::cat(boxes);  // (P, 4)
    const auto near = nearness_of(centres, truth);
    const auto overlap = nn::generalized_iou(boxes_of(centres, of.slice(1, K, K + 4)), truth);
    const auto sides = ((1 - overlap) * near).sum() / near.sum().clamp_min(1e-6);
    const auto nearness = at::binary_cross_entropy_with_logits(of.select(1, K + 4), near);
    return classes + sides + nearness;
  }

  at::Tensor probabilities(const at::Tensor& output) const override {
    return output.slice(2, 0, sizes_.kinds).sigmoid();
  }

  std::vector<std::vector<SaidBox>> decode(const at::Tensor& output, double threshold,
                                           int64_t most) const override {
    const int64_t K = sizes_.kinds;
    const auto score = (probabilities(output) * output.slice(2, K + 4, K + 5).sigmoid()).sqrt();
    std::vector<std::vector<SaidBox>> all;
    for (int64_t i = 0; i < output.size(0); ++i)
      all.push_back(decode_image(score[i], boxes_of(centres(), output[i].slice(1, K, K + 4)),
                                 threshold, most));
    return all;
  }

 private:
  torch::nn::Sequential tower() const {
    torch::nn::Sequential all;
    const int64_t M = sizes_.width;
    for (int64_t i = 0; i < options_.convolutions; ++i) {
      all->push_back(torch::nn::Conv2d(torch::nn::Conv2dOptions(M, M, 3).padding(1).bias(false)));
      all->push_back(torch::nn::GroupNorm(torch::nn::GroupNormOptions(groups(M), M)));
      all->push_back(torch::nn::ReLU(torch::nn::ReLUOptions(true)));
    }
    return all;
  }
  /// 16 channels a group, as many as fit.
  static int64_t groups(int64_t channels) {
    int64_t n = std::max<int64_t>(channels / 16, 1);
    while (channels % n != 0) --n;
    return n;
  }
  torch::nn::Conv2d last(int64_t outputs) const {
    torch::nn::Conv2d layer(torch::nn::Conv2dOptions(sizes_.width, outputs, 3).padding(1));
    nn::truncated_normal(layer->weight, 0.01);
    torch::nn::init::zeros_(layer->bias);
    return layer;
  }

  /// Pixels between neighbours: the mean of both directions.
  double stride() const {
    return std::sqrt(double(sizes_.image_height) / double(rows_) * double(sizes_.image_width) /
                     double(columns_));
  }

  /// (L, 2): x, y of the tokens' middles.
  at::Tensor centres() const {
    const auto middles = [](int64_t n, int64_t pixels) {
      return (at::arange(n, at::kFloat) + 0.5) * (double(pixels) / double(n));
    };
    const auto y = middles(rows_, sizes_.image_height), x = middles(columns_, sizes_.image_width);
    return at::stack({x.repeat({rows_}), y.repeat_interleave(columns_)}, 1);
  }

  static at::Tensor boxes_of(const at::Tensor& centres, const at::Tensor& distances) {
    return at::cat({centres - distances.slice(1, 0, 2), centres + distances.slice(1, 2, 4)}, 1);
  }

  /// sqrt(min(l, r) / max(l, r) min(t, b) / max(t, b)) (FCOS, centerness).
  static at::Tensor nearness_of(const at::Tensor& centres, const at::Tensor& boxes) {
    const auto low = (centres - boxes.slice(1, 0, 2)).clamp_min(1e-6);
    const auto high = (boxes.slice(1, 2, 4) - centres).clamp_min(1e-6);
    return (at::minimum(low, high) / at::maximum(low, high)).prod(1).sqrt();
  }

  /// A token says the smallest box in which it lies near the middle.
  CellTargets assign_cells(const BoxTargets& own) const {
    const auto centres = this->centres();
    const int64_t L = centres.size(0), N = own.boxes.size(0);
    if (N == 0) return {at::full({L}, -1, at::kLong), at::ones({L})};
    const auto at_token = centres.unsqueeze(1), boxes = own.boxes.unsqueeze(0);
    const auto low = at_token - boxes.slice(2, 0, 2),
               high = boxes.slice(2, 2, 4) - at_token;  // (L, N, 2)
    const auto inside = at::minimum(low, high).amin(2).gt(0);
    const auto middle = (low - high).abs().amax(2) / 2;
    const auto near = inside.logical_and(middle.lt(options_.radius * stride()));
    const auto sides = own.boxes.slice(1, 2, 4) - own.boxes.slice(1, 0, 2);
    const auto area = (sides.select(1, 0) * sides.select(1, 1)).unsqueeze(0).expand({L, N});
    const auto crowd = own.crowd.unsqueeze(0);
    const auto [least, box] =
        area.masked_fill(near.logical_and(crowd.logical_not()).logical_not(), INFINITY).min(1);
    const auto none = least.isinf();
    const auto in_crowd = inside.logical_and(crowd).any(1).logical_and(none);
    return {box.masked_fill(none, -1), 1 - in_crowd.to(at::kFloat)};
  }

  std::vector<SaidBox> decode_image(const at::Tensor& score, const at::Tensor& boxes,
                                    double threshold, int64_t most) const {
    const int64_t K = score.size(1);
    auto [best, index] = score.flatten().sort(/*stable=*/true, 0, /*descending=*/true);
    const int64_t enough =
        std::min<int64_t>(best.gt(threshold).sum().item<int64_t>(), kMostCandidates);
    best = best.slice(0, 0, enough), index = index.slice(0, 0, enough);
    const auto kinds = index.remainder(K);
    const auto tokens = at::floor_divide(index, K);
    const auto own = boxes.index_select(0, tokens).to(at::kDouble).contiguous();
    std::vector<SaidBox> found;
    const auto scores = best.to(at::kDouble);
    for (const auto i : nn::suppress(own, scores, kinds, options_.overlap, most)) {
      const auto* at = own.data_ptr<double>() + 4 * i;
      found.push_back(
          {{kinds[i].item<int64_t>(), scores[i].item<double>(), {at[0], at[1], at[2], at[3]}},
           tokens[i].item<int64_t>()});
    }
    return found;
  }

  BoxDecoderSizes sizes_;
  DenseBoxOptions options_;
  int64_t rows_ = 1, columns_ = 1;  // of the tokens, the same of all images
  torch::nn::Sequential class_tower_{nullptr}, box_tower_{nullptr};
  torch::nn::Conv2d classes_{nullptr}, distances_{nullptr}, nearness_{nullptr};
};

}  // namespace

std::shared_ptr<BoxDecoder> make_dense_boxes(const BoxDecoderSizes& sizes,
                                             const DenseBoxOptions& options) {
  return std::make_shared<DenseBoxes>(sizes, options);
}

}  // namespace heed
