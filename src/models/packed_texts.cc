#include "models/packed_texts.h"

#include <algorithm>

#include "heed/nn/positions.h"

namespace heed::models {
namespace {

bool can_pack(const Attention& attention) {
  const auto& position = attention.position.name;
  if (position != "none" && position != "rope" && !nn::is_additive(attention.position))
    return false;
  return std::all_of(attention.masks.begin(), attention.masks.end(), [](const OpSpec& mask) {
    return mask.alternatives.empty() &&
           (mask.name == "key_lengths" || mask.name == "causal" || mask.name == "window");
  });
}

}  // namespace

std::optional<PackedTexts> PackedTexts::of(const at::Tensor& lengths, int64_t L) {
  const auto counts = lengths.cpu().contiguous();
  const auto* count = counts.data_ptr<int64_t>();
  const int64_t B = counts.numel();
  std::vector<int64_t> rows, segments;
  for (int64_t b = 0; b < B; ++b) {
    for (int64_t i = 0; i < count[b]; ++i) rows.push_back(b * L + i);
    segments.resize(rows.size(), b);
  }
  if (rows.empty() || std::ssize(rows) == B * L) return {};
  PackedTexts packed;
  packed.rows_ = at::tensor(rows, at::kLong);
  packed.segments_ = at::tensor(segments, at::kLong).unsqueeze(0);
  packed.B_ = B, packed.L_ = L;
  return packed;
}

at::Tensor PackedTexts::pack(const at::Tensor& x) const {
  return x.flatten(0, 1).index_select(0, rows_).unsqueeze(0);
}

at::Tensor PackedTexts::unpack(const at::Tensor& y) const {
  return at::zeros({B_ * L_, y.size(2)}, y.options())
      .index_copy(0, rows_, y.squeeze(0))
      .view({B_, L_, y.size(2)});
}

AttendInputs PackedTexts::inputs() const {
  AttendInputs inputs;
  inputs.key_lengths = at::full({1}, segments_.size(1), at::kLong);
  inputs.segment_ids = segments_;
  return inputs;
}

bool can_pack(const BlockStackOptions& options) {
  return options.attention_type == nn::AttentionType::softmax && can_pack(options.attention) &&
         (options.local_layers.empty() || can_pack(options.local_attention));
}

}  // namespace heed::models
