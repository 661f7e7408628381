#include "models/encoder_check.h"

#include <algorithm>

#include "heed/nn/positions.h"
#include "ops/beyond.h"

namespace heed::models {
namespace {

std::string shape_text(const std::vector<Axis>& shape) {
  std::string text;
  for (const auto& axis : shape) {
    text += text.empty() ? "(" : ", ";
    text += axis.name;
    if (axis.size >= 0) text += " = " + std::to_string(axis.size);
  }
  return text + ")";
}

bool fits(const at::Tensor& tensor, const std::vector<Axis>& shape) {
  if (!tensor.defined() || tensor.dim() != static_cast<int64_t>(shape.size())) return false;
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i].size >= 0 && tensor.size(static_cast<int64_t>(i)) != shape[i].size) return false;
  return true;
}

bool fits(const at::Tensor& tensor, Dtype dtype) {
  if (dtype == Dtype::floating) return tensor.is_floating_point();
  return tensor.scalar_type() == (dtype == Dtype::int64 ? at::kLong : at::kBool);
}

const char* text_of_dtype(Dtype dtype) {
  constexpr const char* kNames[] = {"int64", "a floating dtype", "bool"};
  return kNames[static_cast<int>(dtype)];
}

}  // namespace

bool has_anywhere(const std::vector<OpSpec>& masks, std::string_view name) {
  for (const auto& mask : masks)
    if (mask.name == name || has_anywhere(mask.alternatives, name)) return true;
  return false;
}

void check_attention(const Attention& attention, const std::string& field, const Brings& input) {
  try {
    attention.check();
  } catch (const UsageError& error) {
    throw ModelError(text_of("encoder.", field, ": ", error.what()));
  }
  std::vector<const char*> missing = {"attn_mask", "segment_ids", "block_mask"};
  if (!input.lengths) missing.push_back("key_lengths");
  for (const char* needed : missing)
    if (has_anywhere(attention.masks, needed))
      throw ModelError(text_of("encoder.", field, ".masks: '", needed,
                               "' needs a tensor with each input, and ", input.name,
                               " bring none; remove it"));
  if (attention.has_modifier("bias"))
    throw ModelError(text_of("encoder.", field, ".modifiers: 'bias' needs a tensor with each ",
                             "input, and ", input.name, " bring none; remove it"));
  if (!input.grid && nn::is_of_grid(attention.position))
    throw ModelError(text_of("encoder.", field, ".position: '", attention.position.name,
                             "' is one of a grid, on which ", input.name, " do not lie; say ",
                             "sinusoidal, learned or rope"));
}

void check_heads(const Attention& attention, const std::string& field, int64_t width,
                 int64_t head_width, const std::string& who) {
  if (head_width == 0 && width % attention.num_heads != 0)
    throw ModelError(text_of(who, "width: expected a multiple of ", field,
                             ".num_heads = ", attention.num_heads, ", given ", width));
}

void check_local(const std::vector<int64_t>& local_layers, const Attention& local_attention,
                 int64_t layers, const std::string& who) {
  for (size_t i = 0; i < local_layers.size(); ++i) {
    const int64_t layer = local_layers[i];
    if (layer < 0 || layer >= layers)
      throw ModelError(
          text_of(who, "local_layers: expected numbers from 0 to ", layers - 1, ", given ", layer));
    if (std::find(local_layers.begin(), local_layers.begin() + std::ptrdiff_t(i), layer) !=
        local_layers.begin() + std::ptrdiff_t(i))
      throw ModelError(text_of(who, "local_layers: ", layer, " stands twice"));
  }
  if (!local_layers.empty() && nn::is_additive(local_attention.position))
    throw ModelError(
        text_of(who, "local_attention.position: '", local_attention.position.name,
                "' is added to the inputs, which the other attention does; remove it"));
}

void check_blocks(const BlockStackOptions& options, const Brings& input) {
  nn::check_parts(options, "encoder.");
  const auto check = [&](const Attention& attention, const char* field) {
    check_attention(attention, field, input);
    check_heads(attention, field, options.width, options.head_width, "encoder.");
  };
  check(options.attention, "attention");
  if (options.local_layers.empty()) return;
  check(options.local_attention, "local_attention");
  check_local(options.local_layers, options.local_attention, options.layers, "encoder.");
}

Attention with_mask(Attention attention, const char* mask) {
  if (!attention.has_mask(mask)) attention.masks.push_back(OpSpec{mask});
  return attention;
}

BlockStackOptions with_mask(BlockStackOptions options, const char* mask) {
  options.attention = with_mask(std::move(options.attention), mask);
  if (!options.local_layers.empty())
    options.local_attention = with_mask(std::move(options.local_attention), mask);
  return options;
}

const at::Tensor& taken(const Batch& batch, const char* name, const std::vector<Axis>& shape,
                        Dtype dtype) {
  const auto& tensor = batch.at(name);
  if (!fits(tensor, shape) || !fits(tensor, dtype))
    throw UsageError(
        text_of("encoder: ", name, ": expected shape ", shape_text(shape), " of ",
                text_of_dtype(dtype), ", given ",
                tensor.defined() ? text_of(tensor.sizes(), " of ", tensor.dtype()) : "no tensor"));
  return tensor;
}

const at::Tensor& taken_lengths(const Batch& batch, int64_t B, int64_t L) {
  const auto& lengths = taken(batch, "lengths", {{"B", B}}, Dtype::int64);
  if (const auto wrong = ops::beyond(lengths, L))
    throw UsageError(text_of("encoder: lengths: expected 0 to L = ", L, ", given ", *wrong));
  return lengths;
}

void check_ids(const char* name, const at::Tensor& ids, int64_t least, int64_t most) {
  if (const auto wrong = ops::beyond(ids - least, most - least))
    throw UsageError(
        text_of("encoder: ", name, ": expected ", least, " to ", most, ", given ", *wrong + least));
}

}  // namespace heed::models
