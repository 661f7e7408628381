// DETR (Carion et al. 2020): learned queries look at each other and at the image, block by block; each says an object or none, and
// learning pairs them with objects one to one.
#include <torch/nn/init.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>

#include "core/assignment.h"
#include "heed/nn/positions.h"
#include "heed/nn/transformer_decoder_block.h"
#include "nn/box_ops.h"
#include "nn/linear.h"
#include "tasks/heads/box_decoder.h"

namespace heed {
namespace {

/// (.., 4) middle and sides to corners, in parts of the image.
at::Tensor corners(const at::Tensor& boxes) {
  const auto middle = boxes.slice(-1, 0, 2), half = boxes.slice(-1, 2, 4) / 2;
  return at::cat({middle - half, middle + half}, -1);
}
at::Tensor middle_and_sides(const at::Tensor& corners) {
  const auto low = corners.slice(-1, 0, 2), high = corners.slice(-1, 2, 4);
  return at::cat({(low + high) / 2, high - low}, -1);
}

/// Which query says which object of a batch.
struct Pairs {
  at::Tensor queries;  // (P) int64: row of the batch times Q plus the query
  at::Tensor objects;  // (P) int64: in the batch's targets
};

class QueryBoxes : public BoxDecoder {
 public:
  QueryBoxes(const BoxDecoderSizes& sizes, const QueryBoxOptions& options)
      : sizes_(sizes), options_(options) {
    const int64_t M = sizes.width;
    queries_ = register_parameter("queries", torch::empty({options.queries, M}));
    torch::nn::init::normal_(queries_, 0, 1);
    layers_ = register_module("layers", torch::nn::ModuleList());
    auto block = nn::TransformerDecoderBlockOptions(M)
                     .attention(options.attention)
                     .cross(options.cross)
                     .dropout(options.dropout);
    if (options.hidden > 0) block.hidden(options.hidden);
    for (int64_t i = 0; i < options.layers; ++i)
      layers_->push_back(nn::TransformerDecoderBlock(block));
    norm_ = register_module("norm", nn::RowNorm(nn::RowNormOptions(M)));
    classes_ = register_module("classes", nn::xavier_linear(M, sizes.kinds + 1));
    for (size_t i = 0; i < places_.size(); ++i)
      places_[i] = register_module("place" + std::to_string(i),
                                   nn::xavier_linear(M, i + 1 < places_.size() ? M : 4));
  }

  /// (B, Q, K + 1 + 4): logits of classes and of none, then middle and sides in parts of the image.
  at::Tensor forward(const Tokens& tokens) override { return through(tokens).back(); }

  /// The mean over blocks of each one's loss.
  at::Tensor loss(const Tokens& tokens, const BoxTargets& targets) override {
    const auto real = targets.crowd.logical_not().nonzero().squeeze(1);
    const auto pixels =
        at::tensor({double(sizes_.image_width), double(sizes_.image_height)}, at::kFloat)
            .repeat({2});
    const BoxTargets own{targets.images.index_select(0, real), targets.kinds.index_select(0, real),
                         targets.crowd.index_select(0, real),
                         targets.boxes.index_select(0, real) / pixels};
    at::Tensor sum;
    const auto outputs = through(tokens);
    for (const auto& output : outputs) {
      const auto each = loss_of(output, own);
      sum = sum.defined() ? sum + each : each;
    }
    return sum / double(outputs.size());
  }

  at::Tensor probabilities(const at::Tensor& output) const override {
    return output.slice(2, 0, sizes_.kinds + 1).softmax(2).slice(2, 0, sizes_.kinds);
  }

  std::vector<std::vector<SaidBox>> decode(const at::Tensor& output, double threshold,
                                           int64_t most) const override {
    const int64_t K = sizes_.kinds;
    const auto [best, kinds] = probabilities(output).max(2);  // (B, Q)
    const auto pixels =
        at::tensor({double(sizes_.image_width), double(sizes_.image_height)}).repeat({2});
    const auto boxes =
        (corners(output.slice(2, K + 1, K + 5)).to(at::kDouble) * pixels).contiguous();
    std::vector<std::vector<SaidBox>> all;
    for (int64_t i = 0; i < output.size(0); ++i) {
      auto& found = all.emplace_back();
      const auto order = best[i].argsort(/*stable=*/true, 0, /*descending=*/true);
      for (int64_t n = 0; n < std::min(most, order.size(0)); ++n) {
        const auto query = order[n].item<int64_t>();
        const double score = best[i][query].item<double>();
        if (!(score > threshold)) break;
        const auto* at = boxes.data_ptr<double>() + 4 * (i * order.size(0) + query);
        found.push_back(
            {{kinds[i][query].item<int64_t>(), score, {at[0], at[1], at[2], at[3]}}, query});
      }
    }
    return all;
  }

 private:
  /// What each block's queries say, as forward().
  std::vector<at::Tensor> through(const Tokens& tokens) {
    const auto states = tokens_on_grid(tokens);
    const auto image = states + places_of(*tokens.grid, states);
    auto x = queries_.unsqueeze(0).expand({states.size(0), -1, -1}).to(states.scalar_type());
    std::vector<at::Tensor> all;
    for (const auto& layer : *layers_) {
      x = layer->as<nn::TransformerDecoderBlock>()->forward(x, image);
      if (is_training() || &layer == &*std::prev(layers_->end()))
        all.push_back(said(norm_->forward(x)));
    }
    return all;
  }

  at::Tensor said(const at::Tensor& x) {
    auto place = x;
    for (size_t i = 0; i < places_.size(); ++i) {
      place = nn::affine(places_[i], place);
      if (i + 1 < places_.size()) place = place.relu();
    }
    return at::cat({nn::affine(classes_, x).to(at::kFloat), place.to(at::kFloat).sigmoid()}, 2);
  }

  /// Sinusoidal vectors of rows and columns (L, M), which keys and values are told.
  at::Tensor places_of(const TokenGrid& grid, const at::Tensor& states) const {
    const int64_t half = sizes_.width / 2;
    const auto rows = nn::sinusoidal_positions(0, grid.rows, half, 10000);
    const auto columns = nn::sinusoidal_positions(0, grid.columns, sizes_.width - half, 10000);
    return at::cat({rows.repeat_interleave(grid.columns, 0), columns.repeat({grid.rows, 1})}, 1)
        .to(states.scalar_type());
  }

  Pairs pair(const at::Tensor& output, const BoxTargets& targets) const {
    const at::NoGradGuard no_grad;
    const int64_t K = sizes_.kinds, Q = output.size(1);
    std::vector<int64_t> queries, objects;
    for (int64_t i = 0; i < output.size(0); ++i) {
      const auto mine = targets.images.eq(i).nonzero().squeeze(1);
      if (mine.numel() == 0) continue;
      const auto boxes = targets.boxes.index_select(0, mine);  // (N, 4)
      const auto found = output[i].slice(1, K + 1, K + 5);     // (Q, 4)
      const auto p = output[i]
                         .slice(1, 0, K + 1)
                         .softmax(1)
                         .index_select(1, targets.kinds.index_select(0, mine));
      const auto distance =
          (found.unsqueeze(1) - middle_and_sides(boxes).unsqueeze(0)).abs().sum(2);
      const auto cost =
          options_.distance_cost * distance - options_.class_cost * p -
          options_.overlap_cost * nn::pairwise_generalized_iou(corners(found), boxes);  // (Q, N)
      // Of a run that diverges any pairs will do: its loss is NaN, which ends it.
      const auto rows = cost.nan_to_num().t().to(at::kDouble).contiguous();
      const auto query_of =
          assign({rows.data_ptr<double>(), static_cast<size_t>(rows.numel())}, rows.size(0), Q);
      for (int64_t n = 0; n < rows.size(0); ++n) {
        const auto query = query_of[static_cast<size_t>(n)];
        if (query < 0) continue;  // more objects than queries
        queries.push_back(i * Q + query), objects.push_back(mine[n].item<int64_t>());
      }
    }
    return {at::tensor(queries, at::kLong), at::tensor(objects, at::kLong)};
  }

  at::Tensor loss_of(const at::Tensor& output, const BoxTargets& targets) const {
    const int64_t K = sizes_.kinds, B = output.size(0), Q = output.size(1);
    const auto pairs = pair(output, targets);
    auto kinds = at::full({B * Q}, K, at::kLong);
    kinds.index_copy_(0, pairs.queries, targets.kinds.index_select(0, pairs.objects));
    auto weights = at::ones({K + 1});
    weights[K] = options_.no_object;
    const auto classes =
        at::cross_entropy_loss(output.slice(2, 0, K + 1).reshape({B * Q, K + 1}), kinds, weights);
    if (pairs.queries.numel() == 0) return classes + output.sum() * 0;
    const auto found =
        output.slice(2, K + 1, K + 5).reshape({B * Q, 4}).index_select(0, pairs.queries);
    const auto boxes = targets.boxes.index_select(0, pairs.objects);
    const double P = double(pairs.queries.numel());
    const auto distance = (found - middle_and_sides(boxes)).abs().sum() / P;
    const auto overlap = (1 - nn::generalized_iou(corners(found), boxes)).sum() / P;
    return classes + options_.distance_cost * distance + options_.overlap_cost * overlap;
  }

  BoxDecoderSizes sizes_;
  QueryBoxOptions options_;
  at::Tensor queries_;  // (Q, M)
  torch::nn::ModuleList layers_{nullptr};
  nn::RowNorm norm_{nullptr};
  torch::nn::Linear classes_{nullptr};
  std::array<torch::nn::Linear, 3> places_{nullptr, nullptr, nullptr};
};

}  // namespace

std::shared_ptr<BoxDecoder> make_query_boxes(const BoxDecoderSizes& sizes,
                                             const QueryBoxOptions& options) {
  return std::make_shared<QueryBoxes>(sizes, options);
}

}  // namespace heed
