// Where a model looks on an image.
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
  /// `received` of each head. Of a decoder's cross attention the row of the learned query that is shown, or, of one that writes,
  /// what a patch received of each head.
  at::Tensor heads;
  /// (rows, columns): mean over queries and heads of the weight that a patch gets. Undefined where
  /// it is the mean of `heads`.
  at::Tensor received;
};

/// What a decoder saw of the image when it wrote a token.
struct WordMap {
  std::string word;
  at::Tensor
      weights;  ///< (rows, columns) float64: the mean of its row over the heads of all cross attentions
};

/// What looks at an image's tokens from elsewhere.
struct ImageQueries {
  int64_t query = -1;                   ///< of learned queries the one that is shown
  std::vector<std::string> words = {};  ///< that a decoder wrote, a row of its cross attention each
};

struct ImageMaps {
  TokenGrid grid;
  at::Tensor probabilities;    ///< (K) float64
  std::vector<ImageMap> maps;  ///< layers in order, then the pooling
  /// (rows, columns): how much of each patch reaches the output when a layer passes on half of what
  /// it gets and half of what it attends to, mean over heads (attention rollout, Abnar & Zuidema
  /// 2020). Undefined without layers.
  at::Tensor rollout;
  std::vector<WordMap> words = {};
};

/// The maps of a forward pass over one image whose tokens lie on `grid`. What a decoder's queries or words see of each other is left
/// out. Throws ModelError where there are none.
ImageMaps image_maps(const std::vector<Map>& calls, const TokenGrid& grid,
                     const ImageQueries& queries = {});

/// Runs the model on one image (1, C, h, w) and looks at its attention: from q, k and the row
/// numbers, a block of rows at a time. The model should be in evaluation mode. Throws ModelError
/// for a model without attention, UsageError for more than one image. Cost: the forward pass and
/// as many score operations again, twice.
ImageMaps look(ImageClassifier& model, const at::Tensor& image);

/// Keeps one layer (its title, or its number alone: "3", "pooling") and, where `head` is not 0, one
/// head (from 1); both empty keep all. What remains has neither rollout nor words. Throws UsageError with those
/// that there are.
ImageMaps selected(const ImageMaps& all, const std::string& layer, int64_t head);

/// The words, if any; a strip a map: its heads ("layer 1 head 2"), their mean, what is received; then the rollout.
/// `first_head` numbers the heads of a selection.
Figure figure_of(const ImageMaps& maps, data::Image image, int64_t first_head = 1);

}  // namespace heed::lens
