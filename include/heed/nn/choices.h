// Choices that several modules offer.
#pragma once

#include <array>

namespace heed::nn {

/// Where a block normalises: x + f(norm(x)) (pre) or norm(x + f(x)) (post).
enum class Norm { pre, post };
constexpr std::array<const char*, 2> words(Norm) { return {"pre", "post"}; }

enum class Activation { gelu, relu };
constexpr std::array<const char*, 2> words(Activation) { return {"gelu", "relu"}; }

/// What a block attends by: weights over all keys, or a state of fixed size.
enum class AttentionType { softmax, linear };
constexpr std::array<const char*, 2> words(AttentionType) { return {"softmax", "linear"}; }

/// Which embeddings of a sequence model are one matrix: none; the target's and the output's; the
/// source's too.
enum class Tied { none, decoder, all };
constexpr std::array<const char*, 3> words(Tied) { return {"none", "decoder", "all"}; }

}  // namespace heed::nn
