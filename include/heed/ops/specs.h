// The words of an attention as functions, for what is written in C++:
//
//     using namespace heed::specs;
//     auto how = heed::Attention::of({additive(64), causal() | prefix(32), entmax15()});
//     how.num_heads = 8;
//
// is heed::Attention::parse("additive(64); causal | prefix(32); entmax15; num_heads=8"). What a word
// does, its arguments and their bounds say heed/ops/op_kinds.h and docs/mechanisms.md; a word that a
// program registered is OpSpec{"name", {{"argument", 2.0}}}. Throws UsageError for a number out of
// its bounds.
#pragma once

#include <cstdint>
#include <string>

#include "heed/ops/attention.h"

namespace heed {

/// Masks of which any is enough.
OpSpec operator|(OpSpec mask, const OpSpec& other);

namespace specs {

// Scores.
OpSpec scaled_dot(double scale = 0);  ///< 0: 1 / sqrt(D)
OpSpec dot();
OpSpec general();
OpSpec cosine(double scale = 10);
OpSpec additive(int64_t hidden = 0);
/// activation: tanh, relu or gelu.
OpSpec feed_forward(int64_t hidden = 0, const std::string& activation = "tanh", int64_t layers = 1,
                    bool query = true);
OpSpec location(int64_t length);
OpSpec uniform();

// Positions.
OpSpec none();
OpSpec sinusoidal(double base = 10000, bool halves = false, bool full = false, int64_t first = 0);
OpSpec learned(int64_t length = 0, int64_t first = 0);
struct RopeOptions {
  double base = 10000;
  bool interleaved = false;
  int64_t width = 0;    ///< 0: all channels
  int64_t scaling = 0;  ///< 0 none, 1 linear, 2 ntk, 3 yarn, 4 llama3, 5 yarn by channels
  double factor = 1;
  int64_t original = 0;
  double beta_fast = 32, beta_slow = 1;
  double attention = 0;
  bool truncate = true;
};
OpSpec rope(const RopeOptions& options = {});
OpSpec sinusoidal_2d(int64_t columns = 0, int64_t first = 0, double base = 10000);
OpSpec learned_2d(int64_t columns = 0, int64_t first = 0, int64_t rows = 0);
OpSpec rope_2d(int64_t columns = 0, int64_t first = 0, double base = 100, bool interleaved = false);
OpSpec alibi();
OpSpec relative(int64_t buckets = 32, int64_t distance = 128, bool both = true);
OpSpec shaw(int64_t distance = 16, bool values = false);
OpSpec transformer_xl();

// Modifiers.
OpSpec bias();
OpSpec softcap(double cap);
OpSpec sinks();
OpSpec talking();
OpSpec gate();

// Masks.
OpSpec causal();
OpSpec window(int64_t left, int64_t right);  ///< -1: all on that side
OpSpec prefix(int64_t length);
OpSpec global(int64_t count);
OpSpec dilated(int64_t left, int64_t right, int64_t step);
OpSpec strided(int64_t stride);
OpSpec fixed(int64_t stride, int64_t summary = 1);
OpSpec random_blocks(int64_t size = 64, int64_t count = 3, int64_t seed = 0);
OpSpec key_lengths();
OpSpec segment_ids();
OpSpec block_mask(int64_t size = 64);
OpSpec attn_mask();
OpSpec adaptive_span(double most, double ramp = 32, double span = 0.05);

// Normalizers.
OpSpec softmax();
OpSpec sparsemax();
OpSpec entmax15();
OpSpec entmax(double alpha = 1.5);
OpSpec sigmoid(double bias = 0);
OpSpec hard(double temperature = 1);
OpSpec geometric();

// Merges of heads.
OpSpec concat();
OpSpec sum();

}  // namespace specs
}  // namespace heed
