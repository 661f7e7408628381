// What encoders refuse: options that do not fit, and batches of other tensors.
#pragma once

#include <string>
#include <type_traits>
#include <vector>

#include "core/text.h"
#include "heed/core/fields.h"
#include "heed/models/block_stack.h"
#include "heed/models/encoder.h"
#include "heed/ops/attention.h"

namespace heed::models {

/// Visits fields and throws ModelError for one that its bounds or words do not allow.
struct FieldCheck {
  void operator()(const char* field, int64_t given, const char*, const Bounds& bounds) const {
    check(field, static_cast<double>(given), bounds);
  }
  void operator()(const char* field, double given, const char*, const Bounds& bounds) const {
    check(field, given, bounds);
  }
  void operator()(const char* field, const std::string& given, const char*,
                  const OneOf& known = {}) const {
    if (!known.words.empty()) check_word(std::string("encoder.") + field, given, known.words);
  }
  template <EnumWithWords E>
  void operator()(const char*, E, const char*) const {}
  void operator()(const char*, bool, const char*) const {}
  void operator()(const char*, const std::vector<std::string>&, const char*) const {}
  void operator()(const char* field, const std::vector<int64_t>& given, const char*,
                  const Bounds& bounds) const {
    for (const int64_t number : given) check(field, static_cast<double>(number), bounds);
  }
  void operator()(const char*, const Attention&, const char*) const {}

 private:
  static void check(const char* field, double given, const Bounds& bounds) {
    if (!bounds.allow(given))
      throw ModelError(text_of("encoder.", field, ": expected ", bounds.text(), ", given ", given));
  }
};

/// Throws ModelError that names the field: the bounds and words that `fields` states.
template <HasFields Options>
void check_fields(Options options) {
  options.fields(FieldCheck());
}

/// Whether one of the masks or of their alternatives is that.
bool has_anywhere(const std::vector<OpSpec>& masks, std::string_view name);

/// What an attention may ask of an input.
struct Brings {
  const char* name;      ///< "texts", "tables"
  bool lengths = false;  ///< of records, for the mask of that name
  bool grid = false;     ///< for positions of one
};

/// Throws ModelError that names the field where an attention of the blocks is none, its heads do not
/// divide the width, or it needs what the input does not bring; and for local layers that are none.
void check_blocks(const BlockStackOptions& options, const Brings& input);

/// The same of one attention.
void check_attention(const Attention& attention, const std::string& field, const Brings& input);

/// Throws ModelError unless heads of that width can be made; `who` begins the message: "encoder.".
void check_heads(const Attention& attention, const std::string& field, int64_t width,
                 int64_t head_width, const std::string& who);

/// Throws ModelError unless `local_layers` are different numbers below `layers`, and
/// `local_attention` adds no position.
void check_local(const std::vector<int64_t>& local_layers, const Attention& local_attention,
                 int64_t layers, const std::string& who);

/// The attention with one mask more, unless it has it.
Attention with_mask(Attention attention, const char* mask);
/// In every attention of the blocks.
BlockStackOptions with_mask(BlockStackOptions options, const char* mask);

/// A dimension of a tensor: what it is called, and its size where that is known.
struct Axis {
  const char* name;
  int64_t size = -1;
};
enum class Dtype { int64, floating, boolean };

/// batch.at(name). Throws UsageError unless it has that shape and dtype.
const at::Tensor& taken(const Batch& batch, const char* name, const std::vector<Axis>& shape,
                        Dtype dtype);

/// batch.at("lengths"), (B) int64 of 0 to L. Throws UsageError.
const at::Tensor& taken_lengths(const Batch& batch, int64_t B, int64_t L);

/// Throws UsageError unless all ids are least .. most; `name` is what the batch calls them.
void check_ids(const char* name, const at::Tensor& ids, int64_t least, int64_t most);

}  // namespace heed::models
