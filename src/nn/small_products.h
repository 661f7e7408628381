// Steps whose matrix products are small are computed by one thread.
#pragma once

#include <cstdint>

namespace heed::nn {

/// While one lives on a thread, LibTorch and OpenBLAS compute there by one thread what follows a
/// product of fewer than `kWorthThreads` multiplications, and by all of them what follows a larger
/// one. To wake a thread and to wait for it costs as much as some million multiplications, on a
/// busy machine many times that. Shapes alone decide, so a run of the same machine and number of
/// threads has the same bits whatever else runs there. Heed's own operators decide for themselves
/// (parallel_for). Nests: the outermost counts.
class SmallProducts {
 public:
  static constexpr double kWorthThreads = 4 << 20;

  SmallProducts();
  ~SmallProducts();
  SmallProducts(const SmallProducts&) = delete;
  SmallProducts& operator=(const SmallProducts&) = delete;

  /// A product of so many multiplications comes now. Does nothing where none lives.
  static void next(double multiplications);

  /// What runs while one lives counts for nothing that comes after it.
  class Aside {
   public:
    Aside();
    ~Aside();
    Aside(const Aside&) = delete;
    Aside& operator=(const Aside&) = delete;

   private:
    int threads_ = 0;  ///< of OpenMP at the time; 0: no SmallProducts lives
    double sum_ = 0;
    int64_t count_ = 0;
  };

  /// What comes now has the products of before in another order, as backward has: their mean
  /// decides.
  void mix();

 private:
  void use(double multiplications);

  int threads_ = 0;  ///< of OpenMP, when it began
  double sum_ = 0;
  int64_t count_ = 0;
};

}  // namespace heed::nn
