// Choices that several modules offer.
#pragma once

#include <array>

namespace heed::nn {

/// Where a block normalises: x + f(norm(x)) (pre), norm(x + f(x)) (post) or x + norm(f(norm(x)))
/// with two norms (sandwich).
enum class Norm { pre, post, sandwich };
constexpr std::array<const char*, 3> words(Norm) { return {"pre", "post", "sandwich"}; }

/// Whether branches get normalised numbers, so that what leaves a stack wants a norm of its own.
constexpr bool is_before(Norm norm) { return norm != Norm::post; }

/// What a norm takes off and divides by: see RowNorm.
enum class NormType { layer, rms };
constexpr std::array<const char*, 2> words(NormType) { return {"layer", "rms"}; }

/// See activate().
enum class Activation { gelu, relu, gelu_tanh, silu, quick_gelu };
constexpr std::array<const char*, 5> words(Activation) {
  return {"gelu", "relu", "gelu_tanh", "silu", "quick_gelu"};
}

/// What a block attends by: weights over all keys, or a state of fixed size.
enum class AttentionType { softmax, linear };
constexpr std::array<const char*, 2> words(AttentionType) { return {"softmax", "linear"}; }

/// Which embeddings of a sequence model are one matrix: none; the target's and the output's; the
/// source's too; the source's and the target's alone.
enum class Tied { none, decoder, all, embeddings };
constexpr std::array<const char*, 4> words(Tied) {
  return {"none", "decoder", "all", "embeddings"};
}
constexpr bool shares_source(Tied tied) { return tied == Tied::all || tied == Tied::embeddings; }
constexpr bool shares_output(Tied tied) { return tied == Tied::all || tied == Tied::decoder; }

}  // namespace heed::nn
