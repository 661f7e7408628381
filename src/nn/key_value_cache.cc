#include "heed/nn/key_value_cache.h"

#include <torch/utils.h>

#include <algorithm>
#include <cstring>

#include "core/text.h"
#include "heed/core/threads.h"
#include "ops/beyond.h"

namespace heed::nn {
namespace {

constexpr int64_t kLeast = 16;  // tokens of the first allocation

template <class... Pieces>
[[noreturn]] void refuse(const Pieces&... pieces) {
  throw UsageError(text_of("key-value cache: ", pieces...));
}

void check_four(const at::Tensor& t, const char* name, const char* shape) {
  if (!t.defined() || t.dim() != 4)
    refuse("append: ", name, ": expected shape ", shape, ", given ",
           t.defined() ? text_of(t.sizes()) : "no tensor");
}

/// Whether tokens of `t` can stand in `buffer`: all but the length agree.
bool same_kind(const at::Tensor& t, const at::Tensor& buffer) {
  return t.size(0) == buffer.size(0) && t.size(1) == buffer.size(1) &&
         t.size(3) == buffer.size(3) && t.scalar_type() == buffer.scalar_type() &&
         t.device() == buffer.device();
}

void check_same(const at::Tensor& t, const at::Tensor& buffer, const char* name) {
  if (same_kind(t, buffer)) return;
  refuse("append: ", name, ": expected shape (", buffer.size(0), ", ", buffer.size(1), ", L, ",
         buffer.size(3), ") of ", buffer.dtype(), " on ", buffer.device(), ", as before, given ",
         t.sizes(), " of ", t.dtype(), " on ", t.device());
}

void check_index(const at::Tensor& index, const char* call, int64_t batch) {
  if (!index.defined() || index.dim() != 1 || index.scalar_type() != at::kLong)
    refuse(call, ": index: expected shape (n) of int64, given ",
           index.defined() ? text_of(index.sizes(), " of ", index.dtype()) : "no tensor");
  if (const auto wrong = ops::beyond(index, batch - 1))
    refuse(call, ": index: expected sequences 0 to ", batch - 1, ", given ", *wrong);
}

at::Tensor empty_like_tokens(const at::Tensor& t, int64_t tokens) {
  return torch::empty({t.size(0), t.size(1), tokens, t.size(3)}, t.options().requires_grad(false));
}

}  // namespace

KeyValueCache::KeyValueCache(int64_t capacity) : capacity_(capacity) {
  if (capacity < 0) refuse("capacity: expected at least 0, given ", capacity);
}

void KeyValueCache::check_append(const at::Tensor& k, const at::Tensor& v) const {
  check_four(k, "k", "(B, G, L, D)"), check_four(v, "v", "(B, G, L, E)");
  if (k.sizes().slice(0, 3) != v.sizes().slice(0, 3) || k.scalar_type() != v.scalar_type() ||
      k.device() != v.device())
    refuse("append: v: expected batch, heads, length, dtype and device of k, ", k.sizes(), " of ",
           k.dtype(), " on ", k.device(), ", given ", v.sizes(), " of ", v.dtype(), " on ",
           v.device());
  if (position_ > 0) check_same(k, keys_, "k"), check_same(v, values_, "v");
  if (capacity_ != 0 && length_ + k.size(2) > capacity_)
    refuse("append: expected at most ", capacity_, " tokens, its capacity, given ", k.size(2),
           " after ", length_, "; give it more, or window() it");
}

/// What is kept goes to the front of these.
void KeyValueCache::move_to(const at::Tensor& keys, const at::Tensor& values) {
  const bool overlap = keys.is_same(keys_) && start_ < length_;
  const auto from_keys = kept(keys_), from_values = kept(values_);
  keys.narrow(2, 0, length_).copy_(overlap ? from_keys.clone() : from_keys);
  values.narrow(2, 0, length_).copy_(overlap ? from_values.clone() : from_values);
  keys_ = keys, values_ = values, start_ = 0;
}

void KeyValueCache::make_room(int64_t more, const at::Tensor& k, const at::Tensor& v) {
  const int64_t needed = length_ + more;
  if (position_ == 0 && keys_.defined() && !(same_kind(k, keys_) && same_kind(v, values_)))
    keys_ = values_ = at::Tensor();  // cleared, and now of other shapes
  if (!keys_.defined()) {
    const int64_t tokens = capacity_ ? capacity_ : std::max(2 * needed, kLeast);
    keys_ = empty_like_tokens(k, tokens), values_ = empty_like_tokens(v, tokens), start_ = 0;
    return;
  }
  if (start_ + needed <= keys_.size(2)) return;
  const bool slides = capacity_ != 0 || 2 * needed <= keys_.size(2);
  if (slides) return move_to(keys_, values_);
  move_to(empty_like_tokens(keys_, 2 * needed), empty_like_tokens(values_, 2 * needed));
}

void KeyValueCache::append(const at::Tensor& k, const at::Tensor& v) {
  check_append(k, v);
  const torch::NoGradGuard no_gradient;
  const int64_t L = k.size(2);
  make_room(L, k, v);
  keys_.narrow(2, start_ + length_, L).copy_(k);
  values_.narrow(2, start_ + length_, L).copy_(v);
  length_ += L, position_ += L;
}

bool KeyValueCache::has_room(int64_t batch, int64_t heads, int64_t key_width,
                             int64_t value_width) const {
  return length_ > 0 && start_ + length_ < keys_.size(2) && keys_.size(0) == batch &&
         keys_.size(1) == heads && keys_.size(3) == key_width && values_.size(3) == value_width &&
         keys_.scalar_type() == at::kFloat && keys_.is_cpu() && keys_.is_contiguous() &&
         values_.is_contiguous();
}

void KeyValueCache::append_rows(const Rows& keys, const Rows& values) {
  const auto copy = [at = start_ + length_](const Rows& rows, const at::Tensor& to) {
    const int64_t room = to.size(2), width = to.size(3);
    auto* data = to.data_ptr<float>() + at * width;
    for (int64_t b = 0; b < to.size(0); ++b)
      for (int64_t g = 0; g < to.size(1); ++g, data += room * width)
        std::copy_n(rows.data + b * rows.stride + g * width, width, data);
  };
  copy(keys, keys_), copy(values, values_);
  ++length_, ++position_;
}

at::Tensor KeyValueCache::keys() const {
  if (!keys_.defined()) refuse("keys: nothing was appended");
  return kept(keys_);
}

at::Tensor KeyValueCache::values() const {
  if (!values_.defined()) refuse("values: nothing was appended");
  return kept(values_);
}

void KeyValueCache::reorder(const at::Tensor& index) {
  check_index(index, "reorder", batch());
  if (!keys_.defined()) return;
  const torch::NoGradGuard no_gradient;
  if (reorder_in_place(index)) return;
  const auto chosen = [&](const at::Tensor& buffer) {
    auto all = torch::empty({index.size(0), buffer.size(1), buffer.size(2), buffer.size(3)},
                            buffer.options());
    auto to = kept(all);
    at::index_select_out(to, kept(buffer), 0, index.to(buffer.device()));
    return all;
  };
  keys_ = chosen(keys_), values_ = chosen(values_);
}

/// Where whoever is copied stays: only the others are written. False, and nothing done, otherwise.
bool KeyValueCache::reorder_in_place(const at::Tensor& index) {
  if (index.size(0) != batch() || !keys_.is_cpu()) return false;
  const auto order = index.contiguous();
  const int64_t* from = order.data_ptr<int64_t>();
  std::vector<int64_t> moved;
  for (int64_t i = 0; i < batch(); ++i) {
    if (from[i] == i) continue;
    if (from[from[i]] != from[i]) return false;
    moved.push_back(i);
  }
  for (const auto& buffer : {keys_, values_}) {
    const auto size = static_cast<int64_t>(buffer.element_size());
    const int64_t head = buffer.stride(1) * size, row = buffer.stride(0) * size;
    auto* data = static_cast<std::byte*>(buffer.data_ptr()) + start_ * buffer.stride(2) * size;
    const auto bytes = static_cast<size_t>(length_ * buffer.stride(2) * size);
    parallel_for(static_cast<int64_t>(moved.size()), [&](int64_t n) {
      const int64_t to = moved[static_cast<size_t>(n)];
      for (int64_t g = 0; g < buffer.size(1); ++g)
        std::memcpy(data + to * row + g * head, data + from[to] * row + g * head, bytes);
    });
  }
  return true;
}

void KeyValueCache::drop(const at::Tensor& index) {
  check_index(index, "drop", batch());
  auto stays = torch::ones({batch()}, at::kBool);
  reorder(stays.index_fill_(0, index.to(at::kCPU), false).nonzero().flatten());
}

void KeyValueCache::window(int64_t n) {
  if (n < 0) refuse("window: expected at least 0 tokens, given ", n);
  const int64_t forgotten = std::max<int64_t>(length_ - n, 0);
  start_ += forgotten, length_ -= forgotten;
}

void KeyValueCache::rewind(int64_t n) {
  if (n < 0 || n > length_)
    refuse("rewind: expected 0 to ", length_, " tokens, those kept, given ", n);
  length_ -= n, position_ -= n;
}

void KeyValueCache::clear() { start_ = length_ = position_ = 0; }

}  // namespace heed::nn
