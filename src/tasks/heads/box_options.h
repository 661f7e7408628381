// What the head `boxes` is told.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "heed/core/fields.h"
#include "heed/ops/attention.h"

namespace heed {

enum class BoxDecoderKind { dense, queries };
constexpr std::array<const char*, 2> words(BoxDecoderKind) { return {"dense", "queries"}; }

enum class BoxMetric { ap, ap50, loss };
constexpr std::array<const char*, 3> words(BoxMetric) { return {"ap", "ap50", "loss"}; }

/// A place of the grid says what stands there (Tian et al. 2019, "FCOS").
struct DenseBoxOptions {
  int64_t convolutions = 2;
  double radius = 1.5, overlap = 0.6;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("convolutions", convolutions,
      "3 x 3, of the tokens' grid before the last, for classes and for boxes each", between(0, 64));
    v("radius", radius,
      "tokens from a box's middle within which tokens learn to say it, if they lie in it",
      above(0, 1000));
    v("overlap", overlap, "IoU with a better box of its class above which a box is not answered",
      between(0, 1));
  }
};

/// A set of learned queries, of which each says an object or none (Carion et al. 2020, "DETR").
struct QueryBoxOptions {
  int64_t queries = 100, layers = 3, hidden = 0;
  double dropout = 0.1;
  Attention attention = Attention::parse("num_heads=4"), cross = Attention::parse("num_heads=4");
  double no_object = 0.1;
  double class_cost = 1, distance_cost = 5, overlap_cost = 2;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("queries", queries, "objects that an image may have at most", between(1, 10000));
    v("layers", layers, "decoder blocks; each answers, and learns, by the same last layers",
      between(1, kMostLayers));
    v("hidden", hidden, "channels inside a block's feed-forward part; 0: four times the width",
      between(0, kMostChannels));
    v("dropout", dropout, "of branches and hidden values", from_to_below(0, 1));
    v("attention", attention, "of queries to each other");
    v("cross", cross, "of queries to the image");
    v("no_object", no_object, "weight of queries that are to say none, in the loss of classes",
      above(0, 1));
    v("class_cost", class_cost, "of a probability of 0, when queries are given objects",
      between(0, 1000));
    v("distance_cost", distance_cost,
      "of middle and sides, L1 in parts of the image; in the loss, too", between(0, 1000));
    v("overlap_cost", overlap_cost, "of generalized IoU; in the loss, too", between(0, 1000));
  }
};

struct BoxesHeadOptions {
  std::string column = "boxes";
  std::vector<std::string> classes = {};
  BoxDecoderKind decoder = BoxDecoderKind::dense;
  DenseBoxOptions dense;
  QueryBoxOptions set;
  double threshold = 0.3;
  int64_t most = 100;
  BoxMetric metric = BoxMetric::ap;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("column", column,
      "of the boxes: a list whose items are \"class x0 y0 x1 y1\" in pixels of the image's file, "
      "or these in one text with ';' between them");
    v("classes", classes, "in order; empty: those of the training data");
    v("decoder", decoder,
      "dense: every token says what stands there, and what overlaps is sorted out (FCOS); queries: "
      "learned queries look at the image, and each says an object or none (DETR)");
    if (decoder == BoxDecoderKind::dense)
      dense.fields(v);
    else
      set.fields(v);
    v("threshold", threshold, "score below which heed predict leaves a box out", between(0, 1));
    v("most", most, "boxes of an image that are answered at most", between(1, 10000));
    v("metric", metric,
      "by which the best model is chosen: mean average precision, over IoU 0.5 to "
      "0.95 or at 0.5, or the loss");
  }
};

}  // namespace heed
