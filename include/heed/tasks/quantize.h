// Trained models with smaller weights.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "heed/metrics/metrics.h"

namespace heed {

/// How far answers and maps of one model lie from those of another, over examples.
struct ModelDifference {
  int64_t examples = 0;
  double outputs =
      0;  ///< root of the mean squared difference of outputs (logits, numbers), of that of the outputs
  double same_largest = 1;  ///< share of the rows of outputs whose largest stands at the same place
  double cosine = 1;        ///< of vectors, the mean; likewise
  double least_cosine = 1;
  double maps =
      0;  ///< mean of sum |p - p'| / 2 over rows of maps: the share of attention that moved
  double most_maps = 0;  ///< the same of the attention that moved most
  bool has_maps = false, has_vectors = false;
};

/// What weights become: int8, whole numbers of 8 bits, by which layers multiply in whole numbers
/// (PackedWeight::int8); bfloat16, the upper 16 bits of float32, rounded to the nearest, by which they
/// multiply and sum in float32.
enum class SmallWeights { int8, bfloat16 };
constexpr std::array<const char*, 2> words(SmallWeights) { return {"int8", "bfloat16"}; }

struct Quantized {
  int64_t weights = 0, numbers = 0;       ///< that are small now
  uint64_t bytes = 0, bytes_written = 0;  ///< of all tensors, before and behind
  std::vector<std::string> stay;          ///< weights of linear layers that stay float32
  Metrics before, behind;                 ///< on the data; empty: none were measured
  ModelDifference difference;             ///< examples: 0: none were compared
};

/// Writes a model to a new or empty folder with its linear layers' weights and the output matrix of a
/// model that writes in 8 bits or in bfloat16, and measures what that changed on `paths`, by default the recipe's data.valid, of which the first batches, until they are 64 examples, are compared. Of int8, what layers
/// multiply in these chooses scales of the weights' columns, too (src/tasks/int8_channels.h); without data there are none. A
/// head that gives vectors has no metric without its pairs: it takes texts as `heed embed` does. Weights
/// with less than 64 rows or columns stay, as do tables that are looked up, norms and biases: they
/// take next to no time. Throws UsageError where the folder is not empty; ModelError for a model that
/// is small already or has no such weight; what measuring throws, before which the folder is
/// written.
Quantized quantize_model(const std::filesystem::path& model, const std::filesystem::path& folder,
                         const std::vector<std::string>& paths = {},
                         SmallWeights weights = SmallWeights::int8);

}  // namespace heed
