// Keys and values of many sequences in pages that they share (paged attention, Kwon et al. 2023).
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/attend.h"
#include "kernels/scratch.h"

namespace heed::nn {

/// What an attention keeps of a token: keys (G, D) and values (G, E).
struct PageLayer {
  int64_t heads = 0, key_width = 0, value_width = 0;
};

/// Where the layers of a model stand in a page: each has keys (G, kPageRows, D), then values (G, kPageRows, E).
struct PageLayout {
  PageLayout() = default;
  explicit PageLayout(std::vector<PageLayer> layers);

  std::vector<PageLayer> layers;
  std::vector<int64_t> keys_at, values_at;  ///< a layer, in numbers
  int64_t numbers = 0;                      ///< of a page
};

/// Pages of kPageRows tokens each. A page's memory is taken from the system when it is first used, and kept for the next who
/// wants one. A page has as many owners as tables name it. Not thread-safe.
class PagePool {
 public:
  /// At most so many bytes of pages, for two kinds of sequences: what is written, and what it is written from.
  PagePool(PageLayout own, PageLayout source, at::ScalarType type, int64_t bytes);

  static int64_t pages_of(int64_t tokens) {
    return (tokens + kernels::kPageRows - 1) / kernels::kPageRows;
  }
  at::ScalarType type() const { return type_; }
  const PageLayout& own() const { return own_; }
  const PageLayout& source() const { return source_; }
  int64_t page_bytes() const { return page_bytes_; }
  int64_t most() const { return most_; }
  int64_t used() const { return used_; }
  int64_t free() const { return most_ - used_; }

  /// A page with one owner. Throws std::bad_alloc where the system has no memory; at least one must be free().
  int32_t take();
  void share(int32_t page) { ++owners_[static_cast<size_t>(page)]; }
  void release(int32_t page);
  bool is_shared(int32_t page) const { return owners_[static_cast<size_t>(page)] > 1; }
  std::byte* data(int32_t page) const { return memory_[static_cast<size_t>(page)].get(); }
  /// The first tokens of a page become those of another.
  void copy(const PageLayout& layout, int32_t from, int32_t to, int64_t tokens) const;

 private:
  PageLayout own_, source_;
  at::ScalarType type_;
  int64_t page_bytes_ = 0, most_ = 0, used_ = 0;
  std::vector<kernels::AlignedMemory<std::byte>> memory_;
  std::vector<int32_t> owners_, unused_;
};

/// The pages of one sequence. A copy shares them; who writes into a page that others have, too, gets one of his own first.
class PageTable {
 public:
  PageTable() = default;
  /// `layout`: one of the pool's.
  PageTable(std::shared_ptr<PagePool> pool, const PageLayout& layout)
      : pool_(std::move(pool)), layout_(&layout) {}
  PageTable(const PageTable& other);
  PageTable(PageTable&& other) noexcept;
  PageTable& operator=(PageTable other) noexcept;
  ~PageTable();

  /// Its first tokens, of the same pages.
  PageTable beginning(int64_t tokens) const;

  int64_t tokens() const { return tokens_; }
  const std::vector<int32_t>& pages() const { return pages_; }
  const PagePool& pool() const { return *pool_; }
  const PageLayout& layout() const { return *layout_; }
  /// How many pages make_room(more) takes.
  int64_t wanted(int64_t more) const;
  /// Sees to it that `more` tokens can be written behind the others. Throws std::bad_alloc, after which all is as before.
  void make_room(int64_t more);
  /// So many tokens were written.
  void advance(int64_t tokens) { tokens_ += tokens; }

 private:
  std::shared_ptr<PagePool> pool_;
  const PageLayout* layout_ = nullptr;
  std::vector<int32_t> pages_;
  int64_t tokens_ = 0;
};

/// k (1, G, L, D) and v (1, G, L, E) of the next L tokens into a layer of the pages, where there is room for them.
void write_tokens(const PageTable& table, size_t layer, const at::Tensor& k, const at::Tensor& v);

}  // namespace heed::nn
