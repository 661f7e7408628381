// Pages of 2 MB, for memory that is written once and given back.
#pragma once

#include <cstddef>

namespace heed {

/// Asks for huge pages where new memory fills them; the system may decline. As pages of 4 KB are
/// first touched, 32 MB take 8 to 14 ms, as huge ones 1.5.
void ask_for_huge_pages(void* data, size_t bytes) noexcept;

}  // namespace heed
