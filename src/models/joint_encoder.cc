#include "heed/models/joint_encoder.h"

#include "heed/nn/cross_modal_attention.h"
#include "heed/ops/dropout.h"
#include "models/encoder_check.h"
#include "models/encoder_parts.h"
#include "nn/linear.h"
#include "nn/model_memory.h"

namespace heed {
namespace {

/// The tensors of one input under their own names.
Batch part_of(const Batch& batch, const std::string& name) {
  const auto prefix = name + ".";
  Batch part{.tensors = {}, .records = batch.records};
  for (const auto& [key, tensor] : batch.tensors)
    if (key.starts_with(prefix)) part.tensors[key.substr(prefix.size())] = tensor;
  return part;
}

/// (B, L) bool: which tokens are real.
at::Tensor real_tokens(const Tokens& tokens) {
  const int64_t B = tokens.states.size(0), L = tokens.states.size(1);
  if (!tokens.lengths.defined())
    return torch::ones({B, L}, tokens.states.options().dtype(at::kBool).requires_grad(false));
  return torch::arange(L, tokens.lengths.options()).lt(tokens.lengths.unsqueeze(1));
}

/// One sequence of all, real tokens first. `numbers`: of their inputs.
Tokens side_by_side(const std::vector<Tokens>& parts, const std::vector<int64_t>& numbers) {
  std::vector<at::Tensor> states, real, input;
  bool padded = false;
  for (size_t i = 0; i < parts.size(); ++i) {
    states.push_back(parts[i].states), real.push_back(real_tokens(parts[i]));
    input.push_back(torch::full_like(real.back(), numbers[i], at::kLong));
    padded = padded || parts[i].lengths.defined();
  }
  Tokens all{.states = torch::cat(states, 1)};
  auto inputs = torch::cat(input, 1);
  if (padded) {
    const auto is_real = torch::cat(real, 1);
    const auto hidden = is_real.logical_not().to(at::kByte);
    const auto order = std::get<1>(at::sort(hidden, /*stable=*/true, 1, /*descending=*/false));
    all.states = all.states.gather(1, order.unsqueeze(2).expand_as(all.states));
    all.lengths = is_real.sum(1), inputs = inputs.gather(1, order);
  }
  all.extra["input"] = inputs;
  return all;
}

}  // namespace

JointEncoderImpl::JointEncoderImpl(const JointEncoderOptions& given, Inputs encoders)
    : options(given), inputs(std::move(encoders)) {
  check();
  make_inputs();
  if (options.join == JoinType::cross) make_crossings();
  if (options.join == JoinType::concat) make_joining();
}

std::shared_ptr<JointEncoderImpl> JointEncoderImpl::remade() const {
  Inputs copies;
  for (const auto& [name, encoder] : inputs)
    copies.emplace_back(name, std::dynamic_pointer_cast<Encoder>(encoder->clone()));
  return std::make_shared<JointEncoderImpl>(options, std::move(copies));
}

void JointEncoderImpl::check() const {
  models::check_fields(options);
  const auto& how = options.attention;
  if (options.join != JoinType::apart)
    models::check_blocks(options, {.name = "joined inputs", .lengths = true});
  if (inputs.size() < 2)
    throw ModelError(text_of("inputs: expected two or more to join, given ", inputs.size()));
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto& name = inputs[i].first;
    if (name.empty() || name.find('.') != std::string::npos)
      throw ModelError("inputs: expected names without a dot, given '" + name + "'");
    for (size_t j = 0; j < i; ++j)
      if (inputs[j].first == name) throw ModelError("inputs: '" + name + "' stands twice");
  }
  if (options.join != JoinType::cross) return;
  if (how.position.name != "none" || !how.masks.empty())
    throw ModelError(
        "encoder.attention: join = cross compares tokens of different inputs, between "
        "which there is no distance; remove position and masks or say join = concat");
  if (options.attention_type != nn::AttentionType::softmax || options.stochastic_depth != 0)
    throw ModelError(
        "encoder.join: cross has neither attention_type = linear nor "
        "stochastic_depth; remove them or say join = concat");
  if (options.norm == nn::Norm::sandwich ||
      static_cast<const nn::BlockParts&>(options) != nn::BlockParts() ||
      static_cast<const StackLayers&>(options) != StackLayers())
    throw ModelError(
        "encoder.join: cross has pre- or post-norm and layers that are alike, with norm_type = "
        "layer, biases and neither gates nor qk_norm; leave these keys out or say join = concat");
}

void JointEncoderImpl::make_inputs() {
  const auto encoders = register_module("inputs", std::make_shared<torch::nn::Module>());
  const auto projections = std::make_shared<torch::nn::Module>();
  for (const auto& [name, encoder] : inputs) {
    encoders->register_module(name, encoder);
    projections_.emplace_back(nullptr);
    if (encoder->width() != options.width)
      projections_.back() =
          projections->register_module(name, nn::xavier_linear(encoder->width(), options.width));
  }
  if (!projections->children().empty()) register_module("projections", projections);
}

void JointEncoderImpl::make_joining() {
  input_embedding = models::embedding_table(*this, "input_embedding",
                                            static_cast<int64_t>(inputs.size()), options.width);
  position =
      models::additive_position(*this, "position", options.attention.position, options.width);
  blocks = BlockStack(*this, models::with_mask(options, "key_lengths"));
}

void JointEncoderImpl::make_crossings() {
  const int64_t M = options.width, F = options.hidden ? options.hidden : 4 * M;
  crossings = register_module("crossings", torch::nn::ModuleList());
  for (int64_t i = 0; i < options.layers; ++i) {
    torch::nn::ModuleList pairs;
    for (size_t j = 0; j < inputs.size() * (inputs.size() - 1) / 2; ++j)
      pairs->push_back(nn::CrossModalAttention(nn::CrossModalAttentionOptions(M, M)
                                                   .attention(options.attention)
                                                   .norm(options.norm)
                                                   .x_hidden(F)
                                                   .y_hidden(F)
                                                   .activation(options.activation)
                                                   .dropout(options.dropout)));
    crossings->push_back(pairs);
    if (i == 0) nn::check_repeated(*crossings, options.layers);
  }
  if (options.norm == nn::Norm::pre) norm = register_module("norm", nn::RowNorm(M));
}

std::vector<int64_t> JointEncoderImpl::given_inputs(const Batch& batch) const {
  std::vector<int64_t> numbers;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (options.join != JoinType::apart || !part_of(batch, inputs[i].first).tensors.empty())
      numbers.push_back(static_cast<int64_t>(i));
  if (numbers.empty())
    throw UsageError("the batch has no tensor of any input, as " + inputs[0].first + ".tokens");
  return numbers;
}

std::vector<Tokens> JointEncoderImpl::read(const Batch& batch,
                                           const std::vector<int64_t>& numbers) {
  std::vector<Tokens> parts;
  for (const int64_t number : numbers) {
    const auto i = static_cast<size_t>(number);
    const auto& [name, encoder] = inputs[i];
    try {
      parts.push_back(encoder->forward(part_of(batch, name)));
    } catch (const UsageError& error) {
      throw UsageError("input '" + name + "': " + error.what());
    }
    auto& states = parts.back().states;
    if (projections_[i]) states = nn::affine(projections_[i], states);
    if (states.size(0) != parts[0].states.size(0))
      throw UsageError(text_of("input '", name, "': expected B = ", parts[0].states.size(0),
                               " records as of '", inputs[size_t(numbers[0])].first, "', given ",
                               states.size(0)));
  }
  return parts;
}

void JointEncoderImpl::cross(std::vector<Tokens>& parts) {
  for (const auto& layer : *crossings) {
    auto pair = layer->as<torch::nn::ModuleListImpl>()->begin();
    for (size_t i = 0; i < parts.size(); ++i)
      for (size_t j = i + 1; j < parts.size(); ++j, ++pair)
        std::tie(parts[i].states, parts[j].states) =
            (*pair)->as<nn::CrossModalAttentionImpl>()->forward(
                parts[i].states, parts[j].states, models::told_lengths(parts[j].lengths),
                models::told_lengths(parts[i].lengths));
  }
  if (!norm) return;
  for (auto& part : parts) part.states = norm->forward(part.states);
}

Tokens JointEncoderImpl::forward(const Batch& batch) {
  const auto numbers = given_inputs(batch);
  auto parts = read(batch, numbers);
  const bool joins = options.join == JoinType::concat;
  if (options.join == JoinType::cross) cross(parts);
  for (size_t i = 0; i < parts.size() && joins; ++i)
    parts[i].states = parts[i].states + input_embedding[static_cast<int64_t>(i)];
  auto all = side_by_side(parts, numbers);
  for (size_t i = 0; i < parts.size(); ++i)
    for (const auto& [key, tensor] : parts[i].extra)
      all.extra[inputs[size_t(numbers[i])].first + "." + key] = tensor;
  if (!joins) return all;
  if (position) all.states = position->forward(all.states);
  all.states = heed::dropout(all.states, options.dropout, is_training());
  auto lengths = all.lengths;
  if (!lengths.defined())
    lengths = torch::full({all.states.size(0)}, all.states.size(1), at::kLong);
  all.states = blocks.forward(all.states, models::told_lengths(lengths.to(all.states.device())));
  return all;
}

}  // namespace heed
