// Where an image classifier looks.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "heed/lens/figure.h"
#include "heed/models/image_classifier.h"

namespace heed::lens {

/// One attention call laid over the image; weights are float64.
struct ImageMap {
  std::string name;   ///< the module's path: "encoder.layers.0.attention"
  std::string title;  ///< "layer 1", counted from 1, "cross 1" of learned queries, or "pooling"
  /// (H, rows, columns). What the model reads from: the weights of the class token's row or of the
  /// pooling query, without the class token itself; in a layer of a model without class token,
  /// `received` of each head. Of learned queries the row of the one that is shown.
  at::Tensor heads;
  /// (rows, columns): mean over queries and heads of the weight that a patch gets. Undefined where
  /// it is the mean of `heads`.
  at::Tensor received;
};

struct ImageMaps {
  TokenGrid grid;
  at::Tensor probabilities;    ///< (K) float64
  std::vector<ImageMap> maps;  ///< layers in order, then the pooling
  /// (rows, columns): how much of each patch reaches the output when a layer passes on half of what
  /// it gets and half of what it attends to, mean over heads (attention rollout, Abnar & Zuidema
  /// 2020). Undefined without layers.
  at::Tensor rollout;
};

/// The maps of a forward pass over one image whose tokens lie on `grid`. Of a decoder's learned queries, that look at the tokens, row
/// `query` is shown; what they see of each other is left out. Throws ModelError where there are none.
ImageMaps image_maps(const std::vector<Map>& calls, const TokenGrid& grid, int64_t query = 0);

/// Runs the model on one image (1, C, h, w) and looks at its attention: from q, k and the row
/// numbers, a block of rows at a time. The model should be in evaluation mode. Throws ModelError
/// for a model without attention, UsageError for more than one image. Cost: the forward pass and
/// as many score operations again, twice.
ImageMaps look(ImageClassifier& model, const at::Tensor& image);

/// Keeps one layer (its title, or its number alone: "3", "pooling") and, where `head` is not 0, one
/// head (from 1); both empty keep all. What remains has no rollout. Throws UsageError with those
/// that there are.
ImageMaps selected(const ImageMaps& all, const std::string& layer, int64_t head);

/// A strip a map: its heads ("layer 1 head 2"), their mean, what is received; then the rollout.
/// `first_head` numbers the heads of a selection.
Figure figure_of(const ImageMaps& maps, data::Image image, int64_t first_head = 1);

}  // namespace heed::lens
