#include "bench_lens.h"

#include <torch/torch.h>

#include <chrono>

#include "heed/core/threads.h"
#include "heed/lens/map_pyramid.h"
#include "heed/nn/recording.h"
#include "heed/nn/transformer_block.h"
#include "measure.h"

namespace heed::cli {
namespace {

using Done = std::function<void(const GoalRow&)>;

constexpr int64_t kHeadWidth = 64, kDocument = 32768, kDocumentLayers = 4, kDocumentHeads = 8;
constexpr double kMiB = 1024;  // KiB

/// A map of random queries and keys, and the forward pass that it came from.
struct Looked {
  at::Tensor q, k, v;
  Attention how;
  Map map;

  void forward() const { attend(q, k, v, how); }
};

Looked looked(const std::string& how, int64_t heads, int64_t length) {
  const auto q = torch::randn({1, heads, length, kHeadWidth});
  const auto k = torch::randn({1, heads, length, kHeadWidth});
  const auto parsed = Attention::parse(how);
  const auto row_stats = std::get<1>(attend_with_row_stats(q, k, k, parsed));
  return {q, k, torch::randn_like(k), parsed, Map("attention", q, k, row_stats, parsed, {})};
}

GoalRow row_of(const std::string& what, const std::string& measured, int threads, double value,
               double most) {
  GoalRow row;
  row.what = what, row.measured = measured, row.threads = threads;
  row.value = value, row.floor = row.goal = most;
  return row;
}

/// The time of `ours` as a part of that of `theirs`.
GoalRow share_of(const std::string& what, const std::string& theirs_name, int threads, double most,
                 const Work& ours, const Work& theirs, double seconds) {
  set_num_threads(threads);
  const auto timings = take_turns({ours, theirs}, seconds);
  auto row = row_of(what, "part of " + theirs_name, threads,
                    timings[0].seconds / timings[1].seconds, most);
  row.ms = 1e3 * timings[0].seconds, row.beside_ms = 1e3 * timings[1].seconds;
  return row;
}

struct TwoBlocks : torch::nn::Module {
  TwoBlocks() {
    const auto options =
        nn::TransformerBlockOptions(256).attention(Attention::parse("num_heads=8; causal"));
    first = register_module("first", nn::TransformerBlock(options));
    second = register_module("second", nn::TransformerBlock(options));
  }
  at::Tensor forward(const at::Tensor& x) { return second->forward(first->forward(x)); }

  nn::TransformerBlock first{nullptr}, second{nullptr};
};

class Cases {
 public:
  Cases(const LensBench& bench, const Done& done) : bench_(bench), done_(done) {}

  void of_length(int64_t length, int threads) {
    for (const std::string how : {"scaled_dot", "causal", "window(256, 0)"}) {
      const std::string at = how + ", L = " + std::to_string(length);
      if (asked("overview, " + at) || asked("overview with sums, " + at))
        overviews(looked(how, 1, length), at, threads);
    }
    const std::string at = "scaled_dot, L = " + std::to_string(length);
    if (asked("pyramid, " + at)) pyramid(looked("scaled_dot", 1, length), at, threads);
    if (threads == 1 && asked("tile, " + at)) tiles(looked("scaled_dot", 1, length), at);
    if (asked("memory, " + at)) memory(at, length, threads);
  }

  void of_models(int threads) {
    if (asked("document")) document(threads);
    if (asked("recording")) recording(threads);
  }

 private:
  bool asked(const std::string& what) const { return what.find(bench_.only) != std::string::npos; }

  void overviews(const Looked& one, const std::string& at, int threads) {
    const auto forward = [&] { one.forward(); };
    const auto beside = [&](const std::string& what, double most, const Work& work) {
      if (asked(what))
        done_(share_of(what, "forward's time", threads, most, work, forward, bench_.seconds));
    };
    beside("overview, " + at, 1.1, [&] { one.map.overview(); });
    beside("overview with sums, " + at, 1.1,
           [&] { one.map.overview({.received = true, .entropy = true}); });
  }

  void pyramid(const Looked& one, const std::string& at, int threads) {
    done_(share_of(
        "pyramid, " + at, "forward's time", threads, 1.1,
        [&] { lens::MapPyramid(one.map, 0, 0, MapPool::max); }, [&] { one.forward(); },
        bench_.seconds));
  }

  /// Tiles of 256 x 256 cells, where the map has so many.
  void tiles(const Looked& one, const std::string& at) {
    set_num_threads(1);
    for (const int64_t block : {1, 2, 4, 8}) {
      const int64_t side = std::min(256 * block, one.map.queries());
      const int64_t end = one.map.queries(), middle = (end - side) / 2;
      const auto timing = take_turns(
          {[&] {
            one.map.tile({end - side, end}, {middle, middle + side}, block, MapPool::max);
          }},
          bench_.seconds)[0];
      auto row = row_of(
          "tile, " + at + ", cells of " + std::to_string(block) + " x " + std::to_string(block),
          "ms", 1, 1e3 * timing.seconds, 20);
      row.ms = row.value;
      done_(row);
    }
  }

  /// What is needed at the peak, in bytes a token: the picture of 1021 x 1021 cells is part of it.
  void memory(const std::string& at, int64_t length, int threads) {
    set_num_threads(threads);
    const auto one = looked("scaled_dot", 1, length);
    const double overview = peak_of([&] { one.map.overview({.received = true, .entropy = true}); });
    done_(row_of("memory, " + at + ": overview with sums", "MiB", threads, overview / kMiB,
                 8 + 600.0 * static_cast<double>(length) / (1 << 20)));
    const double pyramid = peak_of([&] { lens::MapPyramid(one.map, 0, 0, MapPool::max); });
    const double cells = static_cast<double>(length) * static_cast<double>(length) / 256;
    done_(row_of("memory, " + at + ": pyramid, stored and while it is made", "MiB", threads,
                 pyramid / kMiB, 8 + 3.5 * cells / (1 << 20)));
  }

  /// The first overview of all maps of a long document.
  void document(int threads) {
    set_num_threads(threads);
    std::vector<Looked> layers;
    double forward = 0, overview = 0;
    const auto seconds = [](const Work& work) {
      const auto start = std::chrono::steady_clock::now();
      work();
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    const double peak = peak_of([&] {
      forward = seconds([&] {
        for (int64_t layer = 0; layer < kDocumentLayers; ++layer)
          layers.push_back(looked("scaled_dot", kDocumentHeads, kDocument));
      });
      overview = seconds([&] {
        for (const auto& layer : layers) layer.map.overview({.rows = 256, .columns = 256});
      });
    });
    auto row = row_of("document of 32768 tokens, 4 layers x 8 heads: first overview of all", "s",
                      threads, overview, 60);
    row.ms = 1e3 * overview, row.beside_ms = 1e3 * forward;
    done_(row);
    done_(row_of("document: memory, q, k, v and forward included", "MiB", threads, peak / kMiB,
                 2048));
  }

  /// Of a training step, of a call without a recording, and what a recording holds.
  void recording(int threads) {
    set_num_threads(threads);
    TwoBlocks net;
    torch::optim::Adam optimizer(net.parameters(), 1e-3);
    const auto x = torch::randn({4, 512, 256});
    const auto step = [&] {
      optimizer.zero_grad();
      net.forward(x).square().mean().backward();
      optimizer.step();
    };
    const auto recorded = [&] {
      const Recording seen(net);
      step();
    };
    done_(share_of("recording on, training step of 2 layers, B = 4, L = 512", "the step without",
                   threads, 1.05, recorded, step, bench_.seconds));
    struct Source : nn::MapSource {
      using nn::MapSource::attend;
    } source;
    const auto q = torch::randn({1, 8, 128, 32});
    const Attention how;
    done_(share_of(
        "recording off, a module's call of attend, L = 128", "attend's time", threads, 1.01,
        [&] { source.attend(q, q, q, how, {}); }, [&] { attend(q, q, q, how); }, bench_.seconds));
    const torch::NoGradGuard no_gradient;
    const auto large = torch::randn({1, 16384, 256});
    const double without = peak_of([&] { net.forward(large); });
    std::optional<Recording> seen;
    const double with = peak_of([&] {
      seen.emplace(net);
      net.forward(large);
    });
    const double held = 2 * 16384 * (3 * 256 + 2 * 8) * 4.0 / 1024;  // q, k, v of two layers
    done_(row_of("recording on, L = 16384: memory beyond forward's", "part of q, k, v, numbers",
                 threads, (with - without) / held, 1.0));
  }

  const LensBench& bench_;
  const Done& done_;
};

}  // namespace

void bench_lens(const LensBench& bench, const Done& done) {
  torch::manual_seed(1);
  Cases cases(bench, done);
  for (const int threads : bench.threads) {
    for (const int64_t length : bench.lengths) cases.of_length(length, threads);
    cases.of_models(threads);
  }
}

}  // namespace heed::cli
