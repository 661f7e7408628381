#include "ops/packed_memory.h"

#include <sys/mman.h>

#include <algorithm>

#include "core/huge_pages.h"
#include "core/text.h"
#include "heed/core/error.h"

namespace heed {
namespace {

constexpr size_t kPage = size_t{2} << 20, kLine = 64;
constexpr size_t kLeastBlock = size_t{64} << 10, kMostBlock = size_t{32} << 20;

size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

/// Bytes that nobody has touched, from where a huge page begins. What lies before and behind is
/// never touched.
at::Tensor new_pages(size_t bytes) {
  const size_t mapped = bytes + kPage;
  void* const pages =
      mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED)
    throw Error(Failure::memory,
                text_of("not enough memory: ", mapped, " bytes for packed weights"));
  const auto begin = reinterpret_cast<size_t>(pages);
  return at::from_blob(
      static_cast<std::byte*>(pages) + (round_up(begin, kPage) - begin),
      {static_cast<int64_t>(bytes)}, [pages, mapped](void*) { munmap(pages, mapped); }, at::kByte);
}

}  // namespace

/// Blocks double, so that a small model takes little and most of a large one lies in huge pages.
void PackedMemory::begin_block(size_t at_least) {
  size_t size = std::max(at_least, std::clamp(2 * size_, kLeastBlock, kMostBlock));
  if (size >= kPage) size = round_up(size, kPage);
  block_ = size < kPage ? at::empty({static_cast<int64_t>(size)}, at::kByte) : new_pages(size);
  size_ = size, used_ = taken_ = 0;
}

at::Tensor PackedMemory::empty(at::IntArrayRef shape, const at::TensorOptions& options) {
  const size_t bytes =
      static_cast<size_t>(c10::multiply_integers(shape)) * options.dtype().itemsize();
  const size_t begin = round_up(used_, kLine);
  if (!block_.defined() || begin + bytes > size_) {
    begin_block(bytes);
    return empty(shape, options);
  }
  used_ = begin + bytes;
  if (size_ >= kPage && used_ > taken_) {
    const size_t end = round_up(used_, kPage);
    take_huge_pages(static_cast<std::byte*>(block_.data_ptr()) + taken_, end - taken_);
    taken_ = end;
  }
  return block_.narrow(0, static_cast<int64_t>(begin), static_cast<int64_t>(bytes))
      .view(options.dtype().toScalarType())
      .view(shape);
}

}  // namespace heed
