#include "heed/nn/multi_head_attention.h"

#include "core/text.h"
#include "heed/ops/op_kinds.h"
#include "nn/learned.h"
#include "nn/linear.h"

namespace heed::nn {
namespace {

/// One layer that stands for several of these numbers of rows, each Xavier uniform by itself.
torch::nn::Linear stacked_linear(int64_t in, std::initializer_list<int64_t> parts, bool bias) {
  int64_t rows = 0, first = 0;
  for (const int64_t n : parts) rows += n;
  auto linear = small_linear(in, rows, bias);
  for (const int64_t n : parts) xavier_rows(linear->weight, first, n), first += n;
  return linear;
}

}  // namespace

MultiHeadAttentionImpl::MultiHeadAttentionImpl(const MultiHeadAttentionOptions& options)
    : options(options) {
  reset();
}

int64_t MultiHeadAttentionImpl::head_width() const {
  return options.head_width() ? options.head_width()
                              : options.width() / options.attention().num_heads;
}

int64_t MultiHeadAttentionImpl::score_width() const {  // D
  const auto& how = options.attention();
  const auto& arguments = find_op_kind(how.score.name)->arguments;
  const bool has_hidden = std::any_of(arguments.begin(), arguments.end(),
                                      [](const auto& a) { return a.name == "hidden"; });
  const auto hidden = has_hidden ? static_cast<int64_t>(how.score.at("hidden")) : 0;
  return hidden ? hidden : head_width();
}

int64_t MultiHeadAttentionImpl::query_rows() const {  // H D
  return options.attention().num_heads * score_width();
}

int64_t MultiHeadAttentionImpl::key_rows() const {  // G D
  return options.attention().kv_heads() * score_width();
}

int64_t MultiHeadAttentionImpl::value_rows() const {  // G E
  const auto& how = options.attention();
  const int64_t E = how.merge.name == "sum" ? options.width() : head_width();
  return how.kv_heads() * E;
}

void MultiHeadAttentionImpl::check_options() const {
  const auto& how = options.attention();
  how.check();
  const int64_t M = options.width();
  if (options.head_width() < 0)
    throw ModelError(text_of("head_width: expected 1 or more, or 0 for width / num_heads, given ",
                             options.head_width()));
  if (M < 1 || (options.head_width() == 0 && M % how.num_heads != 0))
    throw ModelError(text_of("width: expected a multiple of attention.num_heads = ", how.num_heads,
                             ", given ", M));
  if (options.key_width() < 0)
    throw ModelError(
        text_of("key_width: expected 1 or more, or 0 for width, given ", options.key_width()));
}

void MultiHeadAttentionImpl::reset() {
  check_options();
  make_projections();
  make_positions();
  make_learned();
  const auto& how = options.attention();
  if (how.has_modifier("gate"))
    gate = register_module("gate", xavier_linear(options.width(), how.num_heads));
  if (!options.qk_norm()) return;
  const auto norm = RowNormOptions(score_width()).type(NormType::rms).eps(options.norm_eps());
  query_norm = register_module("query_norm", RowNorm(norm));
  key_norm = register_module("key_norm", RowNorm(norm));
}

void MultiHeadAttentionImpl::make_learned() {
  const auto& how = options.attention();
  auto own = how;
  if (options.shares_position()) own.position = Attention().position;
  learned = register_learned(*this, own, how.num_heads, how.kv_heads(), score_width(),
                             value_rows() / how.kv_heads());
}

void MultiHeadAttentionImpl::share_position(const MultiHeadAttentionImpl& owner) {
  const auto &how = options.attention(), &theirs = owner.options.attention();
  if (!options.shares_position() || how.position != theirs.position ||
      how.num_heads != theirs.num_heads || score_width() != owner.score_width())
    throw ModelError(
        "share_position: expected attentions of one position, number and width of "
        "heads, of which one has shares_position, given '" +
        how.text() + "' and '" + theirs.text() + "'");
  const auto prefix = how.position.name + ".";
  for (const auto& [name, tensor] : owner.learned)
    if (name.starts_with(prefix)) learned[name] = tensor;
}

void MultiHeadAttentionImpl::make_projections() {
  const int64_t M = options.width(), nq = query_rows(), nk = key_rows(), nv = value_rows();
  if (key_width() == M) {
    qkv = register_module("qkv", stacked_linear(M, {nq, nk, nv}, options.bias()));
  } else {
    query = register_module("query", xavier_linear(M, nq, options.bias()));
    key_value = register_module("key_value", stacked_linear(key_width(), {nk, nv}, options.bias()));
  }
  if (options.attention().merge.name == "concat")
    output =
        register_module("output", xavier_linear(options.attention().num_heads * head_width(), M,
                                                options.output_bias().value_or(options.bias())));
}

void MultiHeadAttentionImpl::make_positions() {
  const auto& how = options.attention();
  if (!is_additive(how.position)) return;
  const auto of_width = [&](int64_t width) {
    return AdditivePosition(AdditivePositionOptions(width).position(how.position));
  };
  position = register_module("position", of_width(options.width()));
  if (key_width() != options.width())
    key_position = register_module("key_position", of_width(key_width()));
}

void MultiHeadAttentionImpl::pretty_print(std::ostream& stream) const {
  stream << "heed::nn::MultiHeadAttention(" << options.width() << "; " << options.attention().text()
         << ")";
}

}  // namespace heed::nn
