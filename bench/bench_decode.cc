// Measures decoding against the weights that a step must read and the products that it must make.
#include "bench_decode.h"

#include <torch/torch.h>

#include <algorithm>

#include "heed/core/error.h"
#include "heed/core/threads.h"
#include "heed/models/generate.h"
#include "heed/models/transformer.h"
#include "heed/tasks/predictor.h"
#include "measure.h"

namespace heed::cli {
namespace {

constexpr int64_t kVocabulary = 8000;

SequenceModelPtr new_model() {
  torch::manual_seed(1);
  TransformerOptions options;
  options.preset(TransformerPreset::small);
  auto model = Transformer(options, kVocabulary, kVocabulary).ptr();
  model->eval();
  return model;
}

/// Numbers that one step of the decoder multiplies by: its matrices, without those that only the
/// source meets.
double weights_of_step(SequenceModel& model) {
  double weights = static_cast<double>(model.output_weight().numel());
  for (const auto& item : model.named_parameters()) {
    const bool of_source = item.key().find("key_value") != std::string::npos;
    if (item.key().starts_with("decoder") && item.value().dim() == 2 && !of_source) {
      weights += static_cast<double>(item.value().numel());
    }
  }
  return weights;
}

using Lines = std::vector<std::vector<int64_t>>;

Lines random_lines(const SequenceModel& model, int64_t count, int64_t length) {
  Lines lines;
  for (int64_t i = 0; i < count; ++i) {
    const auto ids = torch::randint(4, model.source_vocabulary(), {length}, at::kLong);
    lines.emplace_back(ids.data_ptr<int64_t>(), ids.data_ptr<int64_t>() + length);
  }
  return lines;
}

/// The first lines of a file, as many as the largest batch has.
Lines lines_of(const DecodeBench& bench, const Predictor& predictor) {
  const auto count =
      static_cast<size_t>(*std::max_element(bench.batches.begin(), bench.batches.end()));
  const auto stream = predictor.stream({bench.input});
  Lines lines;
  while (lines.size() < count) {
    const auto some = stream->next(1);
    if (!some) break;
    const auto tokens = some->batch({0}, {}).at("source").contiguous();  // (1, Ls)
    lines.emplace_back(tokens.data_ptr<int64_t>(), tokens.data_ptr<int64_t>() + tokens.numel());
  }
  if (lines.size() < count)
    throw DataError(bench.input + ": expected " + std::to_string(count) +
                    " lines, as many as the largest batch has, found " +
                    std::to_string(lines.size()));
  return lines;
}

DecodeRow measure(const DecodeBench& bench, const SequenceModelPtr& model, const Lines& given,
                  int64_t batch, int64_t beam_size, int threads) {
  const auto options = GenerateOptions()
                           .beam_size(beam_size)
                           .batch(batch)
                           .end(-1)
                           .max_length(bench.target)
                           .min_length(bench.target);
  const auto lines = given.empty() ? random_lines(*model, batch, bench.source)
                                   : Lines(given.begin(), given.begin() + batch);
  constexpr int64_t kSide = 1024;
  const auto a = torch::randn({kSide, kSide}), b = torch::randn({kSide, kSide});
  auto c = torch::empty({kSide, kSide});
  const auto memory = torch::randn({int64_t{32} << 20});  // 128 MB
  // Not in turns with the limits: what these read would take the weights out of the caches each time.
  const auto own = take_turns({[&] { generate({model}, lines, options); }}, bench.seconds)[0];
  const auto limits =
      take_turns({[&] { at::mm_out(c, a, b); }, [&] { memory.sum(); }}, bench.seconds);
  const double weights = weights_of_step(*model);
  const double bandwidth = 4.0 * static_cast<double>(memory.numel()) / limits[1].seconds;
  const double sgemm = 2.0 * kSide * kSide * kSide / limits[0].seconds;
  const double reading = 4 * weights / bandwidth;
  const double multiplying = 2 * weights * static_cast<double>(batch * beam_size) / sgemm;
  const double tokens = static_cast<double>(batch * bench.target);
  DecodeRow row;
  row.batch = batch, row.beam_size = beam_size, row.threads = threads;
  row.ms = 1e3 * own.seconds, row.spread = own.spread;
  row.tokens_per_second = tokens / own.seconds;
  row.limit = static_cast<double>(batch) / std::max(reading, multiplying);
  row.limited_by = reading > multiplying ? "memory" : "sgemm";
  row.of_limit = row.tokens_per_second / row.limit;
  return row;
}

}  // namespace

void bench_decode(const DecodeBench& bench, const std::function<void(const DecodeRow&)>& done) {
  SequenceModelPtr model;
  Lines lines;
  if (bench.model.empty()) {
    if (!bench.input.empty())
      throw UsageError("bench decode: --input needs a model that reads it; name a MODEL");
    model = new_model();
  } else {
    auto predictor = Predictor::load(bench.model);
    const auto children = predictor.module().named_children();
    if (const auto* head = children.find("head"))
      model = std::dynamic_pointer_cast<SequenceModel>(*head);
    if (!model || !model->has_encoder())
      throw UsageError(bench.model + ": not a model that writes text from text");
    if (!bench.input.empty()) lines = lines_of(bench, predictor);
  }
  for (const int threads : bench.threads) {
    set_num_threads(threads);
    at::set_num_threads(threads);
    for (const int64_t batch : bench.batches) {
      for (const int64_t beam_size : bench.beam_sizes)
        done(measure(bench, model, lines, batch, beam_size, threads));
    }
  }
}

}  // namespace heed::cli
