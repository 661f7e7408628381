// Masks that go by blocks: blocks of queries and tiles of keys are cut where theirs are, and chunks
// of keys that a block of queries does not see have no part in its gradient.
#include "kernels/given_masks.h"
#include "kernels/random_blocks.h"
#include "run.h"

namespace heed::kernels::test {
namespace {

TYPED_TEST_SUITE(Kernels, Floats);

/// Four chunks of keys in backward, the last of them cut, and queries that end within a block.
constexpr Sizes kSizes{1, 2, 1, 300, 520, 16, 16};

/// Alignments that are a part of a block of queries, of a tile, several of them, and neither.
constexpr int64_t kAlignments[] = {1, 8, 32, 40, 64, 72, 96, 100, 128, 256, 600};

TYPED_TEST(Kernels, BlocksOfEveryAlignmentAndOffset) {
  using T = TypeParam;
  const Inputs<T> in(kSizes, 17);
  for (const int64_t alignment : kAlignments) {
    for (const int64_t offset : {0, 30, -70}) {
      SCOPED_TRACE(testing::Message() << "blocks of " << alignment << ", offset " << offset);
      const RandomBlocks drawn(alignment, 2, 5, offset, kSizes.Lq, kSizes.Lk);
      const RandomBlockMask<T> mask(drawn, offset);
      auto problem = in.problem();
      problem.masks = {&mask};
      Rules rules;
      rules.hidden = [&](int64_t, int64_t, int64_t i, int64_t j) {
        return !drawn.sees(i + offset, j);
      };
      expect_matches(run(problem, in.grad_out),
                     reference(in.n, in.q, in.k, in.v, in.grad_out, in.scale, rules));
    }
  }
}

TYPED_TEST(Kernels, GivenBlocksThatMostQueriesDoNotSee) {
  using T = TypeParam;
  const Inputs<T> in(kSizes, 18);
  std::mt19937 random(4);
  for (const int64_t alignment : kAlignments) {
    SCOPED_TRACE(alignment);
    const int64_t down = (kSizes.Lq + alignment - 1) / alignment,
                  across = (kSizes.Lk + alignment - 1) / alignment;
    const std::unique_ptr<bool[]> seen(new bool[2 * down * across]);
    for (int64_t x = 0; x < 2 * down * across; ++x) seen[x] = random() % 8 == 0;
    const bool* bits = seen.get();
    const BlockMask<T> mask(View<const bool>{bits, 0, down * across, across, 1}, alignment);
    auto problem = in.problem();
    problem.masks = {&mask};
    Rules rules;
    rules.hidden = [&](int64_t, int64_t h, int64_t i, int64_t j) {
      return !bits[(h * down + i / alignment) * across + j / alignment];
    };
    expect_matches(run(problem, in.grad_out),
                   reference(in.n, in.q, in.k, in.v, in.grad_out, in.scale, rules));
  }
}

}  // namespace
}  // namespace heed::kernels::test
