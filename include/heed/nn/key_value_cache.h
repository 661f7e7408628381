// What a decoder has seen: the keys and values of one attention layer, kept from step to step.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace heed::nn {

/// Keys (B, G, n, D) and values (B, G, n, E) of the tokens so far, for MultiHeadAttention::step and
/// for calls of heed::attend of one's own. Batch, heads, widths, dtype and device are those of the
/// first append; clear() forgets them too.
///
/// Without a capacity the memory grows to twice what is needed, so that n appends of one token copy
/// O(n) tokens in all; with one it is allocated once and an append past its end is an error. No
/// gradient flows through a cache. Not thread-safe. Throws UsageError for what does not fit.
class KeyValueCache {
 public:
  explicit KeyValueCache(int64_t capacity = 0);  ///< tokens; 0: it grows

  /// k (B, G, L, D), v (B, G, L, E) of the next L tokens; copied. Cost: amortised B G L (D + E).
  void append(const at::Tensor& k, const at::Tensor& v);

  /// Whether a token of `batch` sequences, `heads` heads and these widths, float32 on the CPU, finds its memory
  /// made: the cache is of that kind and not full.
  bool has_room(int64_t batch, int64_t heads, int64_t key_width, int64_t value_width) const;
  /// Rows of numbers, `stride` apart, one a sequence.
  struct Rows {
    const float* data;
    int64_t stride;
  };
  /// The next token of every sequence, (B, G D) and (B, G E), where has_room() says that it may.
  void append_rows(const Rows& keys, const Rows& values);
  /// Their memory, (B, G, capacity(), D or E), of which length() tokens from start() on are kept.
  const at::Tensor& key_memory() const { return keys_; }
  const at::Tensor& value_memory() const { return values_; }
  int64_t start() const { return start_; }

  /// Views of what is kept, (B, G, length, D) and (B, G, length, E), not copies: for
  /// heed::attend(q, keys(), values(), ...). What changes the cache changes them. Error before the
  /// first append.
  at::Tensor keys() const;
  at::Tensor values() const;

  int64_t length() const { return length_; }      ///< tokens kept
  int64_t position() const { return position_; }  ///< tokens appended: where the next one stands
  int64_t first() const { return position_ - length_; }  ///< position of the first token kept
  int64_t batch() const { return keys_.defined() ? keys_.size(0) : 0; }
  int64_t capacity() const { return keys_.defined() ? keys_.size(2) : capacity_; }  ///< allocated

  /// Sequence b becomes a copy of sequence index[b], (B') int64: beams that live on, in any order
  /// and number. Cost: a copy of what is kept; where B' = B and all who are copied stay where they
  /// are, on the CPU, of the others alone.
  void reorder(const at::Tensor& index);
  void drop(const at::Tensor& index);  ///< removes those sequences, (n) int64: they are finished
  /// Keeps the last n tokens only; positions keep counting. For an attention with window(left, 0)
  /// n = left is enough between steps. Copies nothing now; with room for 2 n tokens or more, an
  /// append copies each token O(1) times.
  void window(int64_t n);
  void rewind(int64_t n);  ///< takes the last n tokens back, as if they had not been appended
  void clear();            ///< empty, at position 0; the memory is kept for the same shapes

 private:
  void check_append(const at::Tensor& k, const at::Tensor& v) const;
  void make_room(int64_t more, const at::Tensor& k, const at::Tensor& v);
  void move_to(const at::Tensor& keys, const at::Tensor& values);
  bool reorder_in_place(const at::Tensor& index);
  at::Tensor kept(const at::Tensor& buffer) const { return buffer.narrow(2, start_, length_); }

  int64_t capacity_;
  int64_t start_ = 0, length_ = 0, position_ = 0;
  at::Tensor keys_, values_;  ///< (B, G, allocated, D or E)
};

}  // namespace heed::nn
