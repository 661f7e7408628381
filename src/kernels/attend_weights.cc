// Weights again. Tile by tile: scores, modifiers, masks and what the normalizer makes of a row's two
// numbers, all as forward computed them, so that a weight is the one that met the values; then each
// of what is wanted passes over the tile, which lies in the first-level cache. Operations 2 Lq Lk D
// a head, half of forward's.
//
// A cell is pooled down its keys first, a vector holding neighbouring queries, and then over its
// queries, number by number, once for each of a tile's columns of cells.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attend_weights.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

#include "kernels/cell_band.h"
#include "kernels/long_sum-inl.h"
#include "kernels/normalizers-inl.h"
#include "kernels/scores-inl.h"
#include "kernels/weights_block-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace {

template <class T>
class LookChunk {
 public:
  LookChunk(const LookJob<T>& job, const Score<T>& score, const Normalizer<T>& normalizer,
            int64_t chunk, const WeightsBuffers<T>& at)
      : job_(job),
        part_(job.part),
        score_(score),
        normalizer_(normalizer),
        at_(at),
        begin_(part_.rows.begin + chunk * job.chunk_rows),
        end_(std::min(part_.rows.end, begin_ + job.chunk_rows)),
        columns_(part_.columns.end - part_.columns.begin),
        sums_(job.looks.column_sums ? job.sums + chunk * columns_ : nullptr),
        band_(job.looks.cells, part_.rows.end - part_.rows.begin, columns_,
              begin_ - part_.rows.begin, 0) {}

  /// Returns the greatest weight.
  HWY_NOINLINE double run() {
    const bool cells = static_cast<bool>(job_.looks.cells.take);
    for (int64_t row = begin_, next; row < end_; row = next) {
      const int64_t end = job_.aligned ? round_up(row + 1, job_.block) : row + job_.block;
      next = std::min(end, end_);
      if (cells) band_.open(next - part_.rows.begin);
      std::fill_n(at_.entropy, kStride, 0.0);
      block({part_.batch, part_.head, row, next - row});
      for (int64_t i = 0; job_.looks.entropy && i < next - row; ++i)
        job_.looks.entropy[row - part_.rows.begin + i] = static_cast<T>(at_.entropy[i]);
      if (cells) band_.close(next - part_.rows.begin);
    }
    return greatest_;
  }

 private:
  /// Rows of a tile that belong to one row of cells.
  struct Run {
    int64_t end;
    double* cells;
  };

  HWY_INLINE void block(const Rows& rows) {
    WeightsBlock<T> weights(job_.problem, job_.row_stats, score_, normalizer_, rows, at_);
    weights.for_each(part_.columns, [&](const Tile<T>& tile, int64_t first) HWY_ATTR {
      find_greatest(tile);
      if (sums_) add_columns(tile);
      if (job_.looks.entropy) add_entropy(tile, at_.entropy + first);
      if (!job_.looks.cells.take) return;
      job_.looks.cells.pooling == Pooling::mean ? pool<true>(tile) : pool<false>(tile);
    });
  }

  HWY_NOINLINE void find_greatest(const Tile<T>& tile) {
    const Vector<T> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    auto most = hn::Zero(d);
    for (int64_t i = 0; i < tile.rows; i += lanes) {
      const T* HWY_RESTRICT at = tile.data + i;
      for (int64_t j = 0; j < tile.columns; ++j) {
        const auto w = hn::LoadU(d, at + j * tile.stride);
        most = hn::IfThenElse(hn::Gt(w, most), w, most);
      }
    }
    greatest_ = std::max(greatest_, static_cast<double>(hn::GetLane(hn::MaxOfLanes(d, most))));
  }

  HWY_NOINLINE void add_columns(const Tile<T>& tile) const {
    const Vector<T> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    double* HWY_RESTRICT sums = sums_ + tile.column - part_.columns.begin;
    for (int64_t j = 0; j < tile.columns; ++j) {
      const T* HWY_RESTRICT at = tile.data + j * tile.stride;
      auto sum = hn::LoadU(d, at);
      for (int64_t i = lanes; i < tile.rows; i += lanes) sum = hn::Add(sum, hn::LoadU(d, at + i));
      sums[j] += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, sum)));
    }
  }

  HWY_NOINLINE void add_entropy(const Tile<T>& tile, double* HWY_RESTRICT entropy) const {
    const Vector<T> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    HWY_ALIGN T sums[kMaxLanes];
    for (int64_t i = 0; i < tile.rows; i += lanes) {
      auto sum = hn::Zero(d);
      for (int64_t j = 0; j < tile.columns; ++j) {
        const auto w = hn::LoadU(d, tile.data + j * tile.stride + i);
        const auto none = hn::Eq(w, hn::Zero(d));
        const auto log = hn::Log(d, hn::IfThenElse(none, hn::Set(d, T{1}), w));
        sum = hn::NegMulAdd(w, hn::IfThenElse(hn::IsNaN(w), w, log), sum);
      }
      hn::Store(sum, d, sums);
      for (int64_t x = 0; x < std::min(lanes, tile.rows - i); ++x) entropy[i + x] += sums[x];
    }
  }

  /// Calls visit(first, end, cells) for the rows of the tile by rows of cells.
  int64_t find_runs(const Tile<T>& tile, Run* runs) {
    const int64_t size = job_.looks.cells.rows;
    int64_t count = 0;
    for (int64_t i = 0; i < tile.rows;) {
      const int64_t row = tile.row + i - part_.rows.begin;
      i = std::min(tile.rows, i + size - row % size);
      runs[count++] = {i, band_.of_row(row)};
    }
    return count;
  }

  /// Pools columns begin .. end - 1 down the keys, NaN where there is one.
  template <bool kMean>
  HWY_INLINE void pool_columns(const Tile<T>& tile, int64_t begin, int64_t end) const {
    const Vector<T> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    for (int64_t i = 0; i < tile.rows; i += lanes) {
      const T* HWY_RESTRICT at = tile.data + i;
      auto all = hn::LoadU(d, at + begin * tile.stride);
      for (int64_t j = begin + 1; j < end; ++j) {
        const auto w = hn::LoadU(d, at + j * tile.stride);
        if constexpr (kMean) {
          all = hn::Add(all, w);
        } else {
          all = hn::IfThenElse(hn::Or(hn::Gt(w, all), hn::IsNaN(w)), w, all);
        }
      }
      hn::StoreU(all, d, at_.pooled + i);
    }
  }

  template <bool kMean>
  HWY_NOINLINE void pool(const Tile<T>& tile) {
    Run runs[kQueries];
    const int64_t count = find_runs(tile, runs), size = job_.looks.cells.columns;
    for (int64_t j = 0, end; j < tile.columns; j = end) {
      const int64_t column = tile.column + j - part_.columns.begin, cell = column / size;
      end = std::min(tile.columns, j + (cell + 1) * size - column);
      pool_columns<kMean>(tile, j, end);
      int64_t i = 0;
      for (int64_t r = 0; r < count; ++r) {
        double all = runs[r].cells[cell];
        for (; i < runs[r].end; ++i) {
          const double one = at_.pooled[i];
          if constexpr (kMean) {
            all += one;
          } else {
            all = one > all || one != one ? one : all;
          }
        }
        runs[r].cells[cell] = all;
      }
    }
  }

  const LookJob<T>& job_;
  const Part& part_;
  const Score<T>& score_;
  const Normalizer<T>& normalizer_;
  const WeightsBuffers<T>& at_;
  const int64_t begin_, end_, columns_;
  double* const sums_;
  CellBand band_;
  double greatest_ = 0;  ///< no weight of these normalizers is less
};

template <class T>
HWY_NOINLINE void run_transposed(const TransposedJob<T>& job, const Score<T>& score,
                                 const Normalizer<T>& normalizer, int64_t batch, int64_t head,
                                 int64_t chunk, const WeightsBuffers<T>& at, T* memory) {
  const Sizes& n = job.problem.sizes;
  const Span keys{chunk * job.chunk_keys, std::min(n.Lk, (chunk + 1) * job.chunk_keys)};
  const int64_t width = round_up(job.width, panel_width<T>());
  LongSum<T> sums(memory, memory + job.chunk_keys * width);
  sums.clear((keys.end - keys.begin) * width);
  int64_t together = 0;
  for (int64_t row = 0; row < n.Lq; row += job.block) {
    const Rows rows{batch, head, row, std::min(job.block, n.Lq - row)};
    const Right<T> x = plain_rows(rows_of(job.x, batch, head, row), rows.rows, job.width, at.x);
    bool any = false;
    WeightsBlock<T>(job.problem, job.row_stats, score, normalizer, rows, at)
        .for_each(keys, [&](const Tile<T>& weights, int64_t first) HWY_ATTR {
          any = true;
          accumulate(weights.columns, job.width, weights.rows,
                     Left<T>{weights.data, weights.stride, 1}, nullptr,
                     Right<T>{x.data + first * x.stride, x.stride},
                     Result<T>{sums.sum + (weights.column - keys.begin) * width, width});
        });
    if (any && ++together % kTogether == 0) sums.join();
  }
  sums.close();
  for (int64_t j = keys.begin; j < keys.end; ++j)
    store_row(sums.sum + (j - keys.begin) * width, job.width, T{1},
              job.out.at(batch, head) + j * job.out.row, job.out.column);
}

template <class T>
void look_at(const LookJob<T>& job, int64_t chunk, const WeightsBuffers<T>& at) {
  with_score(job.problem, [&](const Score<T>& score) {
    with_normalizer(job.problem, [&](const Normalizer<T>& normalizer) {
      job.greatest[chunk] = LookChunk<T>(job, score, normalizer, chunk, at).run();
    });
  });
}

template <class T>
void transposed_of(const TransposedJob<T>& job, int64_t batch, int64_t head, int64_t chunk,
                   const WeightsBuffers<T>& at, T* sums) {
  with_score(job.problem, [&](const Score<T>& score) {
    with_normalizer(job.problem, [&](const Normalizer<T>& normalizer) {
      run_transposed(job, score, normalizer, batch, head, chunk, at, sums);
    });
  });
}

}  // namespace

void look_at_chunk_float(const LookJob<float>& job, int64_t chunk,
                         const WeightsBuffers<float>& at) {
  look_at(job, chunk, at);
}
void look_at_chunk_double(const LookJob<double>& job, int64_t chunk,
                          const WeightsBuffers<double>& at) {
  look_at(job, chunk, at);
}
void transposed_chunk_float(const TransposedJob<float>& job, int64_t batch, int64_t head,
                            int64_t chunk, const WeightsBuffers<float>& at, float* sums) {
  transposed_of(job, batch, head, chunk, at, sums);
}
void transposed_chunk_double(const TransposedJob<double>& job, int64_t batch, int64_t head,
                             int64_t chunk, const WeightsBuffers<double>& at, double* sums) {
  transposed_of(job, batch, head, chunk, at, sums);
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(look_at_chunk_float);
HWY_EXPORT(look_at_chunk_double);
HWY_EXPORT(transposed_chunk_float);
HWY_EXPORT(transposed_chunk_double);

void look_at_chunk(const LookJob<float>& job, int64_t chunk, const WeightsBuffers<float>& at) {
  HWY_DYNAMIC_DISPATCH(look_at_chunk_float)(job, chunk, at);
}

void look_at_chunk(const LookJob<double>& job, int64_t chunk, const WeightsBuffers<double>& at) {
  HWY_DYNAMIC_DISPATCH(look_at_chunk_double)(job, chunk, at);
}

void transposed_chunk(const TransposedJob<float>& job, int64_t batch, int64_t head, int64_t chunk,
                      const WeightsBuffers<float>& at, float* sums) {
  HWY_DYNAMIC_DISPATCH(transposed_chunk_float)(job, batch, head, chunk, at, sums);
}

void transposed_chunk(const TransposedJob<double>& job, int64_t batch, int64_t head, int64_t chunk,
                      const WeightsBuffers<double>& at, double* sums) {
  HWY_DYNAMIC_DISPATCH(transposed_chunk_double)(job, batch, head, chunk, at, sums);
}

}  // namespace heed::kernels
#endif
