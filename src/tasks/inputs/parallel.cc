// Two texts side by side: what is read, and what is to be written of it.
#include <nlohmann/json.hpp>

#include "data/permutation.h"
#include "heed/core/error.h"
#include "tasks/by_key.h"
#include "tasks/inputs.h"
#include "tasks/inputs/line_stream.h"
#include "tasks/inputs/parallel_split.h"
#include "tasks/inputs/tokenizer_file.h"
#include "tasks/share_rows.h"

namespace heed {
namespace {

constexpr const char* kSharedTokenizer = "shared.tokenizer";
constexpr const char* kSourceTokenizer = "source.tokenizer";
constexpr const char* kTargetTokenizer = "target.tokenizer";
constexpr int64_t kPairTokens = 32;

/// Batches of a corpus that is read as a stream. They hold the targets, too.
class PairBatches : public BatchSource {
 public:
  explicit PairBatches(data::SequenceLoader loader) : loader_(std::move(loader)) {}

  std::optional<Batch> next() override {
    auto found = loader_.next();
    if (!found) return std::nullopt;
    return rows_of(share_, {{{"source", found->source},
                             {"source_lengths", found->source_lengths},
                             {"target", found->target},
                             {"target_lengths", found->target_lengths},
                             {"labels", found->labels}},
                            found->indices});
  }
  int64_t batches() const override { return loader_.batches(); }
  data::Cursor cursor() const override { return loader_.cursor(); }
  void seek(const data::Cursor& cursor) override { loader_.seek(cursor); }
  void take(const data::Share& share) override { share_ = share; }

 private:
  data::SequenceLoader loader_;
  data::Share share_;
};

/// The sides of all pairs, a text after another.
data::Lines texts_of(const data::TextPairs& pairs, bool sources, bool targets) {
  struct Reading {
    std::shared_ptr<data::PairReader> reader;
    data::TextPair pair;
    bool target_is_next = false;
  };
  auto reading = std::make_shared<Reading>();
  reading->reader = pairs.read();
  return [=](std::string& line) {
    if (reading->target_is_next) {
      reading->target_is_next = false;
      line = reading->pair.target;
      return true;
    }
    if (!reading->reader->next(reading->pair)) return false;
    line = sources ? reading->pair.source : reading->pair.target;
    reading->target_is_next = sources && targets;
    return true;
  };
}

class ParallelInput : public Input {
 public:
  void read(FieldReader& reader) override { reader.read(state_->options); }
  void list(FieldLister& lister) const override { ParallelOptions(state_->options).fields(lister); }

  SplitPtr open(const Source& source) override {
    const auto pairs = open_pairs(source);
    pairs->read();  // a file that cannot be opened is named here, with its key
    return std::make_shared<ParallelSplit>(pairs, state_, true);
  }

  void learn(const Split& train, uint64_t seed) override {
    const auto& options = state_->options;
    const auto& pairs = *dynamic_cast<const ParallelSplit&>(train).pairs();
    if (options.share_vocabulary) {
      state_->source = state_->target =
          data::train_tokenizer(options.source, texts_of(pairs, true, true), seed);
    } else {
      state_->source = data::train_tokenizer(options.source, texts_of(pairs, true, false), seed);
      state_->target = data::train_tokenizer(options.target, texts_of(pairs, false, true), seed);
    }
  }

  Files files() const override {
    if (state_->options.share_vocabulary) return {{kSharedTokenizer, state_->source->file()}};
    return {{kSourceTokenizer, state_->source->file()}, {kTargetTokenizer, state_->target->file()}};
  }
  void load(const Files& files) override {
    const auto& options = state_->options;
    if (options.share_vocabulary) {
      state_->source = state_->target = tokenizer_file(files, kSharedTokenizer, options.source);
    } else {
      state_->source = tokenizer_file(files, kSourceTokenizer, options.source);
      state_->target = tokenizer_file(files, kTargetTokenizer, options.target);
    }
  }

  std::pair<SplitPtr, SplitPtr> hold_out(const SplitPtr& train, double fraction,
                                         uint64_t seed) const override {
    const auto& whole = dynamic_cast<const ParallelSplit&>(*train);
    const auto [rest, held] = data::hold_out_numbers(whole.size(), fraction, seed);
    const auto picked = [&](const std::vector<int64_t>& numbers, const char* what) {
      std::vector<data::TextPair> pairs;
      for (const int64_t number : numbers) pairs.push_back(whole.pair(number));
      return std::make_shared<ParallelSplit>(
          pairs_in_memory(std::move(pairs), whole.pairs()->name() + what), state_, true);
    };
    return {picked(rest, " (what is not held out)"), picked(held, " (held out)")};
  }

  /// A batch holds at most options.batch tokens, sources and targets with their padding. Limits and
  /// what is left out are the same for what is learned from and what is measured.
  std::unique_ptr<BatchSource> batches(const SplitPtr& split,
                                       const BatchOptions& options) const override {
    const auto& pairs = dynamic_cast<const ParallelSplit&>(*split);
    auto own = state_->options.batches;
    own.tokens = options.batch;
    own.seed = options.seed;
    own.shuffle = options.training;
    return by_key({{"sequence loader: tokens", "train.batch"}, {"sequence loader: ", "input."}},
                  [&]() -> std::unique_ptr<BatchSource> {
                    data::SequenceLoader loader(pairs.pairs(), state_->source, state_->target, own);
                    pairs.counts = loader.counts();
                    return std::make_unique<PairBatches>(std::move(loader));
                  });
  }

  void check(const SplitPtr& split, const BatchOptions& options) const override {
    batches(split, options);
  }

  std::unique_ptr<Stream> stream(const std::vector<std::string>& inputs) const override {
    return std::make_unique<LineStream>(
        inputs, [this](const TextLine& line) { state_->encode(line.text, line.place); },
        [this](std::vector<TextLine> lines) { return sources(std::move(lines)); });
  }
  SplitPtr texts(std::vector<TextLine> lines) const override { return sources(std::move(lines)); }
  SplitPtr find(const std::string& input) const override { return sources({find_line(input)}); }

  data::TokenizerPtr target_tokenizer() const override { return state_->target; }
  int64_t target_begin() const override {
    const auto given = state_->options.batches.target_begin;
    return given >= 0 ? given : state_->target->begin();
  }
  std::string target_tokenizer_kind() const override {
    return word_of(state_->options.of_target().kind);
  }
  Sizes sizes() const override {
    return {{"source_vocabulary", {state_->source->size()}},
            {"target_vocabulary", {state_->target->size()}}};
  }
  bool has_pieces() const override { return true; }
  std::vector<PieceNumbers> pieces() const override {
    auto labels = piece_numbers("labels", *state_->target);
    labels.none.push_back(data::kIgnoredLabel);
    return {piece_numbers("source", *state_->source), labels};
  }
  std::string default_encoder() const override { return "none"; }
  bool reads_records(const std::vector<std::string>&) const override { return false; }
  int64_t default_batch() const override { return 4096; }
  const char* unit() const override { return "tokens"; }

  Metrics stats(const Split& split) const override {
    const auto& counts = dynamic_cast<const ParallelSplit&>(split).counts;
    if (!counts) return {};
    const auto number = [](int64_t n) { return static_cast<double>(n); };
    return {{"pairs left out: a side is empty", number(counts->left_out_empty)},
            {"pairs left out: too long", number(counts->left_out_longer)},
            {"source tokens", number(counts->source_tokens)},
            {"target tokens", number(counts->target_tokens)},
            {"pieces of the source's vocabulary", number(state_->source->size())},
            {"pieces of the target's vocabulary", number(state_->target->size())}};
  }

  Batch example() const override {
    const auto tokens = at::zeros({1, kPairTokens}, at::kLong);
    return {{{"source", tokens},
             {"source_lengths", at::full({1}, kPairTokens, at::kLong)},
             {"target", tokens}},
            at::zeros({1}, at::kLong)};
  }

  DataReport examine(const Source& source) override;

 private:
  data::TextPairsPtr open_pairs(const Source& source) const {
    const auto format = state_->options.pairs.format;
    const size_t files = format == data::PairFormat::lines ? 2 : 1;
    const auto& paths = source.paths;
    if (paths.size() != files)
      throw ModelError(source.called() + ": expected " +
                       (files == 2 ? "[source, target], two files side by side"
                                   : "[file], which holds both sides") +
                       ", given " + std::to_string(paths.size()) +
                       (paths.size() == 1 ? " file" : " files") + "; input.format is \"" +
                       word_of(format) + "\"");
    return data::open_text_pairs(paths[0], files == 2 ? paths[1] : "", state_->options.pairs);
  }

  SplitPtr sources(std::vector<TextLine> lines) const {
    std::vector<data::TextPair> pairs;
    for (auto& line : lines) pairs.push_back({std::move(line.text), "", std::move(line.place)});
    return std::make_shared<ParallelSplit>(pairs_in_memory(std::move(pairs), "input"), state_,
                                           false);
  }

  std::shared_ptr<ParallelState> state_ = std::make_shared<ParallelState>();
};

DataReport ParallelInput::examine(const Source& source) {
  constexpr size_t kShownProblems = 10;
  DataReport report;
  int64_t source_bytes = 0, target_bytes = 0;
  const auto reader = open_pairs(source)->read();
  for (data::TextPair pair; reader->next(pair); ++report.records) {
    source_bytes += std::ssize(pair.source), target_bytes += std::ssize(pair.target);
    if (!pair.source.empty() && !pair.target.empty()) continue;
    if (state_->options.batches.skip_empty) continue;
    ++report.problem_count;
    if (report.problems.size() < kShownProblems)
      report.problems.push_back(pair.place + ": the " +
                                (pair.source.empty() ? "source" : "target") + " is empty");
  }
  report.lines = {std::to_string(report.records) + " pairs",
                  std::to_string(source_bytes) + " bytes of sources, " +
                      std::to_string(target_bytes) + " of targets"};
  report.json =
      nlohmann::ordered_json{{"source_bytes", source_bytes}, {"target_bytes", target_bytes}}.dump();
  return report;
}

}  // namespace

std::shared_ptr<Input> make_parallel_input() { return std::make_shared<ParallelInput>(); }

}  // namespace heed
