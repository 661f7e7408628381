#include "nn/pages.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace heed::nn {
namespace {

constexpr int64_t kPart = 32;  // numbers that what begins in a page is a multiple of

int64_t whole_parts(int64_t numbers) { return (numbers + kPart - 1) / kPart * kPart; }

}  // namespace

PageLayout::PageLayout(std::vector<PageLayer> given) : layers(std::move(given)) {
  for (const auto& layer : layers) {
    keys_at.push_back(numbers);
    numbers += whole_parts(layer.heads * kernels::kPageRows * layer.key_width);
    values_at.push_back(numbers);
    numbers += whole_parts(layer.heads * kernels::kPageRows * layer.value_width);
  }
}

PagePool::PagePool(PageLayout own, PageLayout source, at::ScalarType type, int64_t bytes)
    : own_(std::move(own)), source_(std::move(source)), type_(type) {
  page_bytes_ =
      std::max(own_.numbers, source_.numbers) * static_cast<int64_t>(c10::elementSize(type));
  most_ = page_bytes_ > 0 ? bytes / page_bytes_ : 0;
}

int32_t PagePool::take() {
  if (unused_.empty()) {
    owners_.reserve(owners_.size() + 1), unused_.reserve(owners_.size() + 1);
    memory_.push_back(kernels::aligned_memory<std::byte>(page_bytes_));
    owners_.push_back(0), unused_.push_back(static_cast<int32_t>(memory_.size()) - 1);
  }
  const int32_t page = unused_.back();
  unused_.pop_back();
  owners_[static_cast<size_t>(page)] = 1, ++used_;
  return page;
}

void PagePool::release(int32_t page) {
  if (--owners_[static_cast<size_t>(page)] > 0) return;
  unused_.push_back(page), --used_;  // there is room: take() saw to it
}

void PagePool::copy(const PageLayout& layout, int32_t from, int32_t to, int64_t tokens) const {
  const auto size = static_cast<int64_t>(c10::elementSize(type_));
  const auto part = [&](int64_t at, int64_t heads, int64_t width) {
    for (int64_t g = 0; g < heads; ++g) {
      const int64_t first = (at + g * kernels::kPageRows * width) * size;
      std::memcpy(data(to) + first, data(from) + first, static_cast<size_t>(tokens * width * size));
    }
  };
  for (size_t i = 0; i < layout.layers.size(); ++i) {
    part(layout.keys_at[i], layout.layers[i].heads, layout.layers[i].key_width);
    part(layout.values_at[i], layout.layers[i].heads, layout.layers[i].value_width);
  }
}

PageTable::PageTable(const PageTable& other) : PageTable(other.beginning(other.tokens_)) {}

PageTable::PageTable(PageTable&& other) noexcept
    : pool_(other.pool_),
      layout_(other.layout_),
      pages_(std::exchange(other.pages_, {})),
      tokens_(std::exchange(other.tokens_, 0)) {}

PageTable& PageTable::operator=(PageTable other) noexcept {
  std::swap(pool_, other.pool_), std::swap(layout_, other.layout_);
  std::swap(pages_, other.pages_), std::swap(tokens_, other.tokens_);
  return *this;
}

PageTable::~PageTable() {
  for (const int32_t page : pages_) pool_->release(page);
}

PageTable PageTable::beginning(int64_t tokens) const {
  PageTable part;
  part.pool_ = pool_, part.layout_ = layout_;
  part.pages_.assign(pages_.begin(), pages_.begin() + PagePool::pages_of(tokens));
  part.tokens_ = tokens;
  for (const int32_t page : part.pages_) pool_->share(page);
  return part;
}

int64_t PageTable::wanted(int64_t more) const {
  const int64_t has = std::ssize(pages_), all = PagePool::pages_of(tokens_ + more);
  const int64_t written = PagePool::pages_of(tokens_);
  const bool splits = more > 0 && tokens_ % kernels::kPageRows != 0 &&
                      pool_->is_shared(pages_[static_cast<size_t>(written) - 1]);
  return std::max<int64_t>(0, all - has) + (splits ? 1 : 0);
}

void PageTable::make_room(int64_t more) {
  const int64_t part = tokens_ % kernels::kPageRows;
  if (more > 0 && part != 0) {
    int32_t& last = pages_[static_cast<size_t>(tokens_ / kernels::kPageRows)];
    if (pool_->is_shared(last)) {
      const int32_t own = pool_->take();
      pool_->copy(*layout_, last, own, part);
      pool_->release(std::exchange(last, own));
    }
  }
  const int64_t all = PagePool::pages_of(tokens_ + more);
  pages_.reserve(static_cast<size_t>(all));
  while (std::ssize(pages_) < all) pages_.push_back(pool_->take());
}

}  // namespace heed::nn
