// Texts of many who come and go, written by one model: continuous batching (Yu et al. 2022, Orca) on pages of keys and values
// (Kwon et al. 2023, vLLM).
#pragma once

#include <list>
#include <string>
#include <vector>

#include "models/search.h"
#include "models/transformer_state.h"

namespace heed::models {

/// A text that is asked for.
struct Asked {
  /// Of a model without a source: at least one token; the first is what GenerateOptions calls <s>.
  std::vector<int64_t> prompt = {};
  SourceBatch source = {};  ///< of a model with a source: one line
  GenerateOptions options =
      {};                   ///< without on_token; `prefixes`: one of a model with a source, at most
  std::string client = {};  ///< texts of clients take turns
};

/// More tokens of a text, or its end.
struct Written {
  int64_t id = 0;
  std::vector<int64_t> tokens =
      {};  ///< that stay, without an end token; of several beams all come with the last
  std::vector<double> log_probabilities = {};  ///< theirs
  bool is_last = false;
  std::vector<Hypothesis> found = {};  ///< with is_last: what generate() finds
  std::string error = {};              ///< with is_last: why it could not be written
  bool is_refused = false;             ///< with error: by what was asked for
};

struct ContinuousLimits {
  int64_t cache_bytes = int64_t{1} << 30;  ///< of pages of keys and values
  int64_t rows = 64;                       ///< sequences that are written at a time
  int64_t prefill =
      256;  ///< tokens of prompts that a step reads beside those that are written, and of sources
};

/// A text joins at the next step for which there is room, clients in turn, and leaves when it is at its end or when it is told
/// to. A source is encoded once, when its text joins; the beams of a text move together.
///
/// Keys and values are in pages of 72 tokens, which a text takes as it grows. Sequences share the pages of what they have in common:
/// beams, and prompts that begin with what another has read, as long as there is room to keep it. Who writes into a
/// page that others have gets a copy first. Where no page is left the text that came last gives its own back, waits, and
/// reads again what it has written; the first always goes on.
///
/// Every text has the bits that generate() gives it alone, whoever is written beside it, whenever they come and go. A step
/// of a Transformer multiplies the tokens of all rows at once; other models are asked text by text. One thread.
class Continuous {
 public:
  Continuous(SequenceModelPtr model, const ContinuousLimits& limits);

  /// Throws UsageError for a prompt that is empty or has tokens that there are not, for a source that there is none of or that is
  /// missing, for what generate() refuses, and for a text that no memory or no position is left for.
  int64_t join(Asked asked);
  /// The text is gone before the next step; ids of others are as before. One that is gone already is none of them.
  void leave(int64_t id);
  /// One step of all texts that are written. A text whose source cannot be read ends alone. Where it throws, texts of a Transformer
  /// are as before it.
  std::vector<Written> step();

  int64_t running() const { return std::ssize(running_); }
  int64_t waiting() const { return std::ssize(waiting_) + std::ssize(preempted_); }
  int64_t page_bytes() const { return pool_ ? pool_->page_bytes() : 0; }
  int64_t pages() const { return pool_ ? pool_->most() : 0; }
  int64_t used_pages() const {
    return pool_ ? pool_->used() : 0;
  }  ///< of texts, and what is kept of others
  int64_t free_pages() const { return pool_ ? pool_->free() : 0; }
  int64_t asked_tokens() const { return asked_tokens_; }    ///< of prompts
  int64_t reused_tokens() const { return reused_tokens_; }  ///< of prompts that were not read again
  int64_t preemptions() const { return preemptions_; }

 private:
  struct Sequence {
    TransformerText text;
    std::vector<int64_t> read, pending;  // what it has read, and what it is to read
  };
  struct Text {
    int64_t id = 0, worst = 0;  // pages that it can need at most
    Asked asked;
    std::unique_ptr<Ensemble> ensemble;
    std::unique_ptr<Search> search;
    std::vector<std::vector<Hypothesis>> results;
    std::vector<Sequence> rows;  // as the search has them
    size_t told = 0;             // tokens
    std::shared_ptr<const nn::PageTable> source;
    std::unique_ptr<DecoderState> state;  // of a model that has no pages
    int64_t count = 0;                    // tokens that each row reads in this step
  };
  struct Kept {
    std::vector<int64_t> tokens;
    nn::PageTable pages;
  };
  using Texts = std::list<Text>;

  void begin(Text& text);
  void admit();
  Texts::iterator next_waiting();
  void encode(const std::vector<Text*>& joined);
  void encode_each(const std::vector<Text*>& joined);
  void reuse(Sequence& row);
  void keep(Text& text);
  bool make_room(int64_t pages);
  bool preempt_behind(const Text& text);
  void plan();
  /// Whether its rows have read all after this step.
  static bool has_all(const Text& text) {
    return text.count > 0 && text.count == std::ssize(text.rows.front().pending);
  }
  at::Tensor logits_of(const at::Tensor& hidden);
  at::Tensor read();
  at::Tensor read_together();
  at::Tensor read_apart();
  Written advance(Text& text, const at::Tensor& logits);
  void move_rows(Text& text);

  SequenceModelPtr model_;
  ContinuousLimits limits_;
  std::shared_ptr<nn::PagePool> pool_;
  int64_t next_id_ = 1, asked_tokens_ = 0, reused_tokens_ = 0, preemptions_ = 0;
  Texts waiting_, preempted_, running_;
  std::list<Kept> kept_;  // the latest first
  std::vector<Written>
      ended_;  // whose sources could not be read; told by the next step that is done
};

}  // namespace heed::models
