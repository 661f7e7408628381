// What is answered: tokens and targets to a loss, tokens to predictions.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "heed/core/mask.h"
#include "heed/metrics/plot.h"
#include "heed/models/encoder.h"
#include "heed/tasks/input.h"
#include "heed/train/options.h"
#include "heed/train/task.h"

namespace heed {

/// An object that was found in an image, in pixels of its file, corners counted from 0.
struct PredictedBox {
  std::string name;  ///< its class
  double score;      ///< 0 .. 1
  double x0, y0, x1, y1;
  int64_t number = 0;  ///< of the object that is followed through frames; 0: none is
};

/// A number of each pixel of an image's file: its class, or the object that it is of.
struct PredictedMask {
  Mask numbers;
  std::vector<std::string> classes = {};  ///< their names; empty: the numbers are of objects
  int32_t first = 1;                      ///< what is below is background
};

/// What is answered of one example: a line, and the members of a JSON object.
struct Prediction {
  std::string text;
  std::string json;                      ///< {"class": "sports", ...}
  std::string title = {};                ///< of a picture, where the text is too long for one
  std::vector<std::string> lines = {};   ///< printed in place of the text: an n-best list
  std::vector<PredictedBox> boxes = {};  ///< to be drawn and followed, best first
  std::shared_ptr<const PredictedMask> mask = {};  ///< where AnswerOptions::keeps_masks asks for it
};

struct HeadLoss {
  at::Tensor mean;  ///< scalar with gradient
  int64_t count;    ///< examples or tokens that it is the mean of
  /// By name, what the batch's work depends on: see BatchLoss.
  std::vector<std::pair<std::string, int64_t>> sizes = {};
};

class Collected;

/// Collects what a head makes of a split's batches, in any order.
class Scorer {
 public:
  virtual ~Scorer() = default;
  virtual void add(const Tokens& tokens, const Batch& batch) = 0;
  /// Tells all that add() changes (src/tasks/collected.h), so that several processes measure a share of the examples each:
  /// what one wrote is added to a scorer of each. False, as by default: one scorer must see all examples.
  virtual bool collected(Collected& /*state*/) { return false; }
  /// The field's metrics; among them the loss, where there is one, and the selection metric.
  virtual Metrics metrics() = 0;
  /// The same of an answer that does not look at the input: the most frequent class, the last
  /// value. Names begin with "baseline_".
  virtual Metrics baseline() const { return {}; }
  /// More than numbers by name, for --json: a JSON object.
  virtual std::string details() const { return "{}"; }
  /// The same for a reader: lines.
  virtual std::string report() const { return ""; }
  /// What can be drawn of it, after metrics().
  virtual std::vector<Plot> plots() const { return {}; }
  /// A line an example, in their order, for --output.
  virtual std::vector<std::string> outputs() const { return {}; }
  /// Fitted to the examples: what logits are divided by so that their probabilities mean most; 1 where
  /// there is nothing to fit.
  virtual double temperature() const { return 1; }
};

/// What a head answers of one example while somebody looks.
struct Looked {
  Prediction prediction;
  std::vector<TokenPlace> read = {};  ///< what a decoder read of its own text; empty: it has none
  std::vector<TokenPlace> predicted = {};  ///< what it predicted behind each of these
  std::vector<int64_t> read_ids = {};      ///< of what it read, where that is text
  std::vector<int64_t> written_ids = {};   ///< of what it wrote behind the last of what was given
  std::string tokenizer = "";              ///< kind of the text's tokenizer
  std::string expected = "";               ///< the example's target; empty: not known
  int64_t query = -1;  ///< of learned queries that look at the tokens, the one that is shown
};

/// What a head's answer to B copies of an example comes to, with gradient history.
struct Aimed {
  at::Tensor value;  ///< (B): what is explained, not squashed: a logit, a log-probability, a number
  at::Tensor share;  ///< (B): the same as a share of 1, a probability; undefined: there is none
};

/// Which number of a head's answer is explained.
struct AimOptions {
  std::string target = "";  ///< a class, label, word, step or text; empty: what the model answers
  int64_t first = 0, last = 0;  ///< of a text that is written those tokens, from 1; 0: all
};

/// A number of a head's answer, of which an explanation says what moved it.
struct Aim {
  std::string value;  ///< "the logit of 'sports'"
  std::string share;  ///< "the probability of 'sports'"; empty: there is none
  std::function<Aimed(const Tokens&, const Batch&)> of;
};

/// How `heed predict` is to answer; a head refuses what it would ignore.
struct AnswerOptions {
  std::optional<int64_t> top = {};    ///< classes or items, best first, in JSON
  std::optional<double> refuse = {};  ///< probability of an answer below which none is given
  std::string prefix = {};            ///< a file with a line an example, with which its text begins
  std::string target = {};            ///< a file with a line an example: score these texts
  std::vector<std::string> with = {};  ///< folders of models that answer together
  std::string output = {};             ///< a folder for masks, or the file of a drawn image
  bool keeps_masks = false;            ///< masks are kept with their answers, to be drawn
};

/// What a head may know of the run.
struct HeadContext {
  TrainOptions train;
  uint64_t seed = 0;
};

/// A token of a text, and how likely a model finds it.
struct TokenLikelihood {
  int64_t token;
  double log_probability;  ///< in nats
};

class Ring;

class Head : public Component {
 public:
  static constexpr const char* kHelp = "what is answered";

  /// Columns of records that it answers, which an input leaves out where it would read all.
  virtual std::vector<std::string> columns() const { return {}; }
  /// Those of them that hold labels, of which training should have all.
  virtual std::vector<std::string> label_columns() const { return {}; }

  /// Finds in the training data what the options leave open: classes, how often they occur.
  /// Throws DataError where the data has no target for it.
  virtual void learn(const Split& train, const Input& input) = 0;
  virtual Files files() const { return {}; }
  virtual void load(const Files&) {}

  /// The module with new weights, on top of the encoder.
  virtual std::shared_ptr<torch::nn::Module> make(const EncoderPtr& encoder, const Input& input,
                                                  const HeadContext& context) = 0;
  /// Adds to the batch the tensors that loss and scorer take. Throws DataError with the place of a
  /// target that cannot be one.
  virtual void add_targets(const Split& split, const std::vector<int64_t>& examples,
                           const Draw& draw, Batch& batch) const = 0;
  /// What the module makes of the tokens: logits, numbers.
  virtual at::Tensor output(const Tokens& tokens, const Batch& batch) = 0;
  virtual HeadLoss loss(const Tokens& tokens, const Batch& batch) = 0;
  /// `quick`: while the model trains; otherwise everything that `heed eval` shows.
  virtual std::unique_ptr<Scorer> scorer(const SplitPtr& split, bool quick) = 0;
  virtual std::vector<Prediction> predict(const Tokens& tokens, const Batch& batch,
                                          const Split& split) = 0;
  /// Whether output() is a vector an example that stands for the whole of it.
  virtual bool gives_vectors() const { return false; }
  /// The only one of several inputs that answers depend on, so that the others need not be given; empty: all do.
  virtual std::string answered_input() const { return ""; }
  /// The first example's prediction. `target` is a text whose writing is looked at; by default
  /// UsageError where there is one.
  virtual Looked explain(const Tokens& tokens, const Batch& batch, const Split& split,
                         const std::string& target);
  /// What of the first example's answer is explained. `looked`: what explain() found. It holds for the same example with
  /// other vectors, too. Throws UsageError for heads whose answer has no such number, as by default, and for a target that
  /// there is not.
  virtual Aim aim(const Tokens& tokens, const Batch& batch, const Split& split,
                  const AimOptions& options, const Looked& looked);
  /// Whether a target is a text, of which explain() looks at the writing.
  virtual bool writes_text() const { return false; }
  /// How likely the text of each example is to a model of texts. A model that goes on from a text: log p of each token given
  /// those before it, behind the first. One that tells hidden tokens: of each while it alone is hidden, the parts of the
  /// pseudo-log-likelihood (Salazar et al. 2020). Throws UsageError for other heads, as by default.
  virtual std::vector<std::vector<TokenLikelihood>> likelihoods(const Tokens& tokens,
                                                                const Batch& batch);
  /// What `heed predict` is given, where it asks for answers that no example of the input stands for, as images that are
  /// drawn; null: examples, as by default.
  virtual std::unique_ptr<Stream> requests(const std::vector<std::string>&) const {
    return nullptr;
  }
  /// Throws UsageError for what it would ignore.
  virtual void answer_by(const AnswerOptions& options);
  /// After the last of the examples that were predicted.
  virtual void finish() {}
  /// The target of an example as a text, beside which the prediction is shown.
  virtual std::string expected(const Split& split, int64_t example) const = 0;
  /// Looks at all targets of a part of the data before training begins. Throws DataError with the
  /// number and the first place of those that cannot be one.
  virtual void check(const Split& split, bool training) const = 0;
  /// The same of what depends on the encoder, once make() was told it. By default nothing.
  virtual void check_made(const Split&) const {}
  /// What `heed check` says of its targets in a part's records, and which of them cannot be ones;
  /// by default nothing. Throws what reading throws.
  virtual void examine(const data::Records&, DataReport&) const {}
  virtual SelectionMetric selection_metric() const = 0;
  /// Key of its table that asks for validation data; empty: none does.
  virtual std::string validation_key() const { return ""; }
  /// What it learns of validation, after each while a model trains.
  virtual void validated(const Scorer&) {}
  /// Whether it answers where things stand in an image, so that it must look at Split::placements;
  /// then several images may be joined in one.
  virtual bool follows_placements() const { return false; }
  /// Whether an example is more than its batch shows, so that answers read it again, in parts.
  virtual bool reads_parts(const Split&, int64_t) const { return false; }
  /// Whether what an example learns is told by the others of its batch, which length must not choose then.
  virtual bool compares_examples() const { return false; }
  /// From now on loss() is that of this process' part of each text (train.sequence_parallel), whose tokens attend to those of
  /// the others through the ring. ModelError that says what prevents it, as by default.
  virtual void part_sequences(Ring& ring);
  /// Whether a batch goes on where the last one ended; reset_state() begins anew.
  virtual bool is_stateful() const { return false; }
  virtual void reset_state() {}
  virtual Metrics stats(const Split&) const { return {}; }

  /// The name that the recipe gives it among others.
  void set_name(std::string name) { name_ = std::move(name); }

 protected:
  /// What a target of this head is called in a batch.
  std::string in_batch(const char* target) const {
    return "target." + (name_.empty() ? "" : name_ + ".") + target;
  }

 private:
  std::string name_;
};

}  // namespace heed
