// The tile pipeline on raw memory: score -> modify -> normalize -> accumulate, one tile of scores
// at a time. No LibTorch here. Checks stand in ops/; everything below is noexcept and trusts its
// arguments.
#pragma once

#include <cstdint>
#include <vector>

namespace heed::kernels {

/// A (B, H, L, D) array; strides in elements, any sign or zero.
template <class T>
struct View {
  T* data = nullptr;
  int64_t batch = 0, head = 0, row = 0, column = 0;

  T* at(int64_t b, int64_t h) const noexcept { return data + b * batch + h * head; }
};

/// B batch, H query heads, G key-value heads (G divides H), Lq queries, Lk keys, D query-key width,
/// E value width.
struct Sizes {
  int64_t B = 0, H = 0, G = 0, Lq = 0, Lk = 0, D = 0, E = 0;
};

/// A block of scores, a key after the other (so that a vector holds one key's scores of
/// neighbouring queries): element (i, j) is data[j * stride + i] and belongs to query row + i and
/// key column + j of batch and head.
template <class T>
struct Tile {
  T* data;
  int64_t stride;
  int64_t batch, head;
  int64_t row, rows;
  int64_t column, columns;
  int64_t chunk = 0;  ///< of backward: which of its chunks of keys, see Modifier::begin_backward

  T& operator()(int64_t i, int64_t j) const noexcept { return data[j * stride + i]; }
};

enum class Coverage { none, part, all };

/// The keys begin .. end - 1; empty where end <= begin.
struct Span {
  int64_t begin, end;
};

/// Who may see whom. Shared by all threads: const, no state.
template <class T>
class Mask {
 public:
  virtual ~Mask() = default;
  /// Exact or pessimistic: `part` is always allowed, `none` and `all` must be true of every
  /// element.
  virtual Coverage coverage(int64_t batch, int64_t head, int64_t row, int64_t rows, int64_t column,
                            int64_t columns) const noexcept = 0;
  /// The part of the keys `within` outside of which none of these queries may see any of them: what
  /// spares causal attention half of the work.
  virtual Span span(int64_t batch, int64_t head, int64_t row, int64_t rows,
                    Span within) const noexcept {
    (void)batch, (void)head, (void)row, (void)rows;
    return within;
  }
  /// Where the mask goes by blocks of queries and keys that begin at multiples of a number, that
  /// number: tiles then begin and end with blocks. 1: any.
  virtual int64_t alignment() const noexcept { return 1; }
  /// Writes -inf over what may not be seen, whatever stands there (NaN too).
  virtual void apply(const Tile<T>& scores) const noexcept = 0;
};

/// A change to a tile of scores. `backward` gets the gradient of the tile after `forward` and turns
/// it into that of the tile before; `scores` holds the tile as forward left it. Where a mask hides,
/// both are 0 (not what stood there, which may be NaN).
template <class T>
class Modifier {
 public:
  virtual ~Modifier() = default;
  virtual void forward(const Tile<T>& scores) const noexcept = 0;
  virtual void backward(const Tile<T>& scores, const Tile<T>& gradient) const noexcept = 0;
  /// Whether backward looks at `scores`; without that they are not kept.
  virtual bool looks_back() const noexcept { return true; }
  /// Whether these are the scores before forward instead of after it.
  virtual bool looks_before() const noexcept { return false; }
  /// The dimensions (batch, head, key) over which tasks that run at the same time must not differ,
  /// because backward adds into memory that they share (a bias broadcast over them).
  virtual bool shares_batch() const noexcept { return false; }
  virtual bool shares_head() const noexcept { return false; }
  virtual bool shares_key() const noexcept { return false; }
  /// Before backward, which cuts the keys into so many chunks: tiles of the same batch, head and
  /// chunk come from one task. May throw std::bad_alloc.
  virtual void begin_backward(int64_t chunks) { (void)chunks; }
  /// After it: the place to add up what tasks collected apart.
  virtual void end_backward() {}
};

/// How a query meets a key: scale q . k, or sum_e weight_e act(q_e + k_e).
enum class ScoreKind { dot, additive_tanh, additive_relu };

/// How scores become weights; see normalizers-inl.h.
enum class NormalizerKind { softmax, sigmoid, sparsemax, entmax15, entmax, hard };

/// Values that belong to a distance and are added to those of the keys, see distance_values-inl.h.
template <class T>
struct DistanceValues {
  const T* table = nullptr;  ///< (H, 2 most + 1, width), contiguous; null: none
  int64_t most = 0;          ///< the distance from which on all share one
  int64_t offset = 0;        ///< position of query 0 among the keys
  int64_t width = 0;         ///< E rounded up to kAlign

  int64_t count() const noexcept { return table ? 2 * most + 1 : 0; }
};

inline constexpr int64_t kPageRows =
    72;  ///< a block of keys (kernels/blocks.h): no tile meets two pages

/// Keys and values in pages: row j of batch b and head g of the keys lies at
/// pages[b * per_batch + j / kPageRows] + keys_at + g * k.head + j % kPageRows * k.row, that of the values alike.
template <class T>
struct Paged {
  const T* const* pages = nullptr;  ///< null: there are none
  int64_t per_batch = 0;
  int64_t keys_at = 0, values_at = 0;
};

template <class T>
struct Problem {
  Sizes sizes;
  View<const T> q, k, v;
  Paged<T> paged = {};  ///< of forward: in place of k.data, k.batch, v.data and v.batch
  ScoreKind score = ScoreKind::dot;
  T scale = 1;                      ///< of dot; 1 for the others
  const T* score_weight = nullptr;  ///< (H, D), of the additive scores
  std::vector<const Modifier<T>*> modifiers;
  std::vector<const Mask<T>*> masks;
  /// The first query's and key's place in a call of which this is a part: masks are asked, and weights dropped, by the
  /// places there. Modifiers go by those here.
  int64_t row = 0, column = 0;
  NormalizerKind normalizer = NormalizerKind::softmax;
  /// A number per head (H): the score of softmax's sink (null: none), alpha - 1 of entmax.
  const T* per_head = nullptr;
  /// Added to the scores by sigmoid; the temperature of hard's gradient.
  T normalizer_argument = 0;
  double dropout = 0;  ///< probability; 0: off
  /// Of dropout: whether (b, h, i, j) is dropped depends on seed and these four alone.
  uint64_t seed = 0;
  DistanceValues<T> distance_values;
};

/// Where gradients go, written (not added). Null data: not wanted.
template <class T>
struct Gradients {
  View<T> q, k, v;
  T* score_weight = nullptr;     ///< (H, D)
  T* per_head = nullptr;         ///< (H)
  T* distance_values = nullptr;  ///< as the table
};

/// Numbers per row (B, H, Lq), contiguous. `first` and `second` are those from which the weights
/// follow, wherever the scores lie; `logsumexp` stands for both where one is asked for (null: not):
///
///   normalizer           first                    second                       logsumexp
///   softmax              m = max_j s_j            sum_j e^(s_j - m)            logsumexp
///   sparsemax, entmax    m                        see entmax_tile-inl.h        the threshold
///   hard                 the chosen key or -1     its score                    the key
///   sigmoid              0                        0                            0
///
/// A row that sees nothing has the largest score -inf and the logsumexp -inf.
template <class T>
struct RowStats {
  T *first, *second;
  T* logsumexp = nullptr;
};

/// out (B, H, Lq, E) = normalize(scores) v, and the numbers per row. Throws std::bad_alloc and
/// nothing else.
template <class T>
void attend_forward(const Problem<T>& problem, View<T> out, const RowStats<T>& row_stats);

/// How many chunks of keys attend_backward makes: what Modifier::begin_backward must be told.
template <class T>
int64_t backward_chunks(const Problem<T>& problem) noexcept;

/// The gradients from out, the two numbers per row and grad_out. Throws std::bad_alloc and nothing
/// else.
template <class T>
void attend_backward(const Problem<T>& problem, View<const T> out,
                     const RowStats<const T>& row_stats, View<const T> grad_out,
                     const Gradients<T>& gradients);

/// out[j] = whether (b, h, i, first + j) is kept by dropout, for count keys: what the reference
/// uses.
void dropout_keep(double probability, uint64_t seed, int64_t batch, int64_t head, int64_t row,
                  int64_t first, int64_t count, uint8_t* keep) noexcept;

}  // namespace heed::kernels
