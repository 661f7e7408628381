// What every kernel promises whatever it computes: the same bits for any number of threads, on
// every SIMD target the right result, and memory that grows with Lq + Lk.
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "every_target.h"
#include "heed/core/threads.h"
#include "kernels/bias.h"
#include "kernels/masks.h"
#include "run.h"

namespace {

// Counts what operator new holds: the kernels allocate by no other means.
std::atomic<int64_t> held{0}, most{0};

void* counted(void* p) {
  if (!p) throw std::bad_alloc();
  const int64_t now = held += static_cast<int64_t>(malloc_usable_size(p));
  for (int64_t seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
  }
  return p;
}

void release(void* p) noexcept {
  held -= static_cast<int64_t>(malloc_usable_size(p));
  std::free(p);
}

}  // namespace

void* operator new(size_t n) { return counted(std::malloc(n ? n : 1)); }
void* operator new[](size_t n) { return counted(std::malloc(n ? n : 1)); }
void* operator new(size_t n, std::align_val_t a) {
  const size_t align = static_cast<size_t>(a);
  return counted(std::aligned_alloc(align, (n + align - 1) / align * align));
}
void* operator new[](size_t n, std::align_val_t a) { return operator new(n, a); }
void operator delete(void* p) noexcept { release(p); }
void operator delete[](void* p) noexcept { release(p); }
void operator delete(void* p, size_t) noexcept { release(p); }
void operator delete[](void* p, size_t) noexcept { release(p); }
void operator delete(void* p, std::align_val_t) noexcept { release(p); }
void operator delete[](void* p, std::align_val_t) noexcept { release(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept { release(p); }
void operator delete[](void* p, size_t, std::align_val_t) noexcept { release(p); }

namespace heed::kernels::test {
namespace {

TYPED_TEST_SUITE(Kernels, Floats);

/// Every stage at once.
template <class T>
struct Everything {
  Inputs<T> in;
  Array<T> bias, gradient;
  WindowMask<T> causal{kUnlimited, 0, 0};
  std::unique_ptr<Bias<T>> modifier;

  explicit Everything(const Sizes& n)
      : in(n, 31), bias(1, n.H, n.Lq, n.Lk), gradient(1, n.H, n.Lq, n.Lk) {
    std::mt19937 random(32);
    bias.randomize(random);
    const Array<T>& constant = bias;
    auto view = constant.view();
    auto grad = gradient.view();
    view.batch = grad.batch = 0;
    modifier = std::make_unique<Bias<T>>(view, grad, n);
  }
  Result4<T> run() {
    std::fill(gradient.memory().begin(), gradient.memory().end(), T{0});
    auto problem = in.problem();
    problem.masks = {&causal};
    problem.modifiers = {modifier.get()};
    problem.dropout = 0.2, problem.seed = 3;
    modifier->begin_backward(backward_chunks(problem));
    auto result = test::run(problem, in.grad_out);
    modifier->end_backward();
    return result;
  }
};

class Threads {
 public:
  explicit Threads(int n) : before_(num_threads()) { set_num_threads(n); }
  ~Threads() { set_num_threads(before_); }

 private:
  int before_;
};

TYPED_TEST(Kernels, SameBitsForAnyNumberOfThreads) {
  using T = TypeParam;
  for (const Sizes& n : {Sizes{1, 1, 1, 700, 700, 16, 16}, Sizes{3, 4, 2, 200, 333, 20, 12}}) {
    const Inputs<T> in(n, 30);
    Everything<T> everything(n);
    std::optional<Result4<T>> plain, all;
    std::vector<T> bias_gradient;
    for (const int threads : {1, 1, 2, 3}) {
      SCOPED_TRACE(threads);
      const Threads use(threads);
      auto first = run(in.problem(), in.grad_out);
      auto second = everything.run();
      if (!plain) {
        plain = std::move(first), all = std::move(second);
        bias_gradient = everything.gradient.memory();
        continue;
      }
      expect_same_bits(first, *plain);
      expect_same_bits(second, *all);
      EXPECT_TRUE(same_bits(everything.gradient.memory(), bias_gradient));
    }
  }
}

template <class T>
void expect_rows_alone(const Sizes& n, Order order) {
  SCOPED_TRACE(testing::Message() << "Lk " << n.Lk << " D " << n.D << " order "
                                  << static_cast<int>(order));
  const Inputs<T> in(n, 33, 1, {order, order, order, Order::contiguous});
  const std::vector<T> sinks(static_cast<size_t>(n.H), T{1});
  auto together = in.problem();
  if (n.Lk % 2) together.per_head = sinks.data();
  const auto all = run(together, in.grad_out);
  for (const int64_t row : {int64_t{0}, int64_t{1}, n.Lq / 2, n.Lq - 1}) {
    auto problem = together;
    problem.sizes.Lq = 1;
    problem.q.data += row * problem.q.row;
    Array<T> out(1, n.H, 1, n.E);
    RowStatsOf<T> row_stats(n.H);
    attend_forward(problem, out.view(), row_stats.write());
    for (int64_t h = 0; h < n.H; ++h) {
      for (int64_t e = 0; e < n.E; ++e) EXPECT_EQ(out(0, h, 0, e), all.out(0, h, row, e));
      EXPECT_EQ(row_stats.logsumexp[static_cast<size_t>(h)],
                all.lse[static_cast<size_t>(h * n.Lq + row)]);
    }
  }
}

// Where a row stands in its block, and how long the other rows' list is, does not change its bits.
TYPED_TEST(Kernels, ARowAloneHasTheSameBits) {
  using T = TypeParam;
  on_every_target([] {
    expect_rows_alone<T>({1, 1, 1, 130, 300, 16, 16}, Order::contiguous);
    for (const int64_t keys : {1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 71, 73, 80, 150})
      for (const int64_t width : {1, 3, 4, 6, 16, 32, 50, 64, 66, 130})
        for (const auto order : {Order::contiguous, Order::batch_length_head, Order::columns_first,
                                 Order::rows_backwards})
          expect_rows_alone<T>({1, 2, 2, 18, keys, width, width}, order);
  });
}

TYPED_TEST(Kernels, EveryTargetOfThisMachine) {
  using T = TypeParam;
  const Sizes n{2, 4, 2, 97, 131, 24, 20};
  const int count = on_every_target([&] {
    Everything<T> everything(n);
    const auto got = everything.run();
    Rules rules;
    rules.hidden = [](int64_t, int64_t, int64_t i, int64_t j) { return j > i; };
    rules.added = [&](int64_t, int64_t h, int64_t i, int64_t j) {
      return static_cast<double>(everything.bias(0, h, i, j));
    };
    const auto& in = everything.in;
    expect_matches(got, reference(n, in.q, in.k, in.v, in.grad_out, in.scale, rules, 0.2, 3), 2);
  });
  EXPECT_GE(count, 1);
}

/// The most bytes held at once by one forward and backward at Lq = Lk = length, beside inputs and
/// outputs.
int64_t memory_at(int64_t length, const Mask<float>* mask = nullptr) {
  const Inputs<float> in({1, 1, 1, length, length, 16, 16}, 34);
  auto problem = in.problem();
  if (mask) problem.masks = {mask};
  const int64_t outputs = 4 * length * (4 * 16 + 1);
  const int64_t before = held;
  most = before;
  run(problem, in.grad_out);
  return most - before - outputs;
}

TEST(Memory, GrowsWithTheLengthAndNotWithItsSquare) {
  const Threads use(2);
  memory_at(512);  // the threads' tiles
  const int64_t at_4k = memory_at(4096), at_8k = memory_at(8192), at_16k = memory_at(16384);
  const int64_t a_number_a_pair = int64_t{4} * 16384 * 16384;
  EXPECT_LE(at_8k, 2 * at_4k + (1 << 20)) << at_4k << ", " << at_8k << ", " << at_16k;
  EXPECT_LE(at_16k, 2 * at_8k + (1 << 20)) << at_4k << ", " << at_8k << ", " << at_16k;
  EXPECT_LT(at_16k, a_number_a_pair / 20);
  RecordProperty("bytes_at_16384", static_cast<int>(at_16k));
}

// Chunks of keys hold a part of the gradient of those queries that see them, and of no others.
TEST(Memory, OfAWindowIsThatOfTheQueriesThatSeeAChunk) {
  const Threads use(2);
  const WindowMask<float> window(256, 0, 0);
  memory_at(512);
  const int64_t part = int64_t{4} * 16384 * 16;  // of all queries, in one chunk of 16
  EXPECT_GT(memory_at(16384), 16 * part);
  EXPECT_LT(memory_at(16384, &window), 5 * part);
}

}  // namespace
}  // namespace heed::kernels::test
