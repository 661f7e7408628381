// A trained model, whatever it reads and answers: all that a verb may know.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "heed/ops/map.h"
#include "heed/tasks/head.h"
#include "heed/tasks/quantize.h"
#include "heed/tasks/question.h"
#include "heed/tasks/recipe.h"
#include "heed/tasks/robustness.h"

namespace heed {

/// What a model makes of examples whose targets are known.
struct Evaluation {
  int64_t examples = 0;
  Metrics metrics;                   ///< of every head, its baseline behind them
  std::string details = "{}";        ///< a JSON object: what is more than a number
  std::string report;                ///< the same for a reader
  std::vector<std::string> outputs;  ///< a line an example, of the first head
  std::vector<Plot> plots;           ///< of every head
  std::string note;  ///< pieces that the model does not know, texts that were cut; empty: none
  double seconds = 0;
};

/// Where a model looked in one example.
struct Explanation {
  Shown shown;
  std::vector<Looked> heads;      ///< of each head
  std::vector<Map> maps;          ///< in the order of the calls
  std::optional<TokenGrid> grid;  ///< of the tokens on the image
};

/// What a change makes of a text; `record`: the number of the record that it stands in.
using TextChange = std::function<std::string(int64_t record, const std::string& text)>;

/// Examples whose texts a change moved.
struct ChangedData {
  SplitPtr before, after;        ///< of the same records; null where nothing changed
  std::vector<int64_t> records;  ///< of each example
  int64_t unchanged = 0;         ///< records that stayed as they are
  bool has_targets = false;      ///< whether the files have what the heads answer
};

class Cell;
class UnknownPieces;

/// What is done with texts of more tokens than the model takes.
enum class Truncation {
  as_recipe,  ///< what input.too_long says: mostly that they are refused
  cut,        ///< they are cut, and finish() says how much
};

/// A trained model in evaluation mode.
class Predictor {
 public:
  /// A model folder or run folder. `set` changes keys of its recipe: "head.generate.beam_size=8".
  /// Throws ModelError, FileError; UsageError where texts are to be cut and the model takes any length.
  static Predictor load(const std::filesystem::path& where,
                        const std::vector<std::string>& set = {},
                        Truncation truncation = Truncation::as_recipe);
  ~Predictor();
  Predictor(Predictor&&) noexcept;

  const Recipe& recipe() const;
  torch::nn::Module& module();
  /// Names of the heads; one head has none.
  std::vector<std::string> heads() const;

  /// `paths`: as data.test of the recipe, which they default to. Throws UsageError where there are
  /// none, DataError.
  Evaluation evaluate(const std::vector<std::string>& paths = {});

  Evaluation evaluate(const SplitPtr& examples);

  /// evaluate(paths) again under each noise that is known of what the model reads, at its strengths:
  /// those of its inputs (Input::noises), sounds of `background` (a recording or a folder of them) where one is given,
  /// typos and dropped words of texts in records; and under an
  /// adversary who moves pixels by the gradient of the loss, once (FGSM) and in ten steps (PGD), of the
  /// first 1,000 examples. The seed decides all that is random. Throws UsageError where none is known, and for a background
  /// that no input hears.
  Robustness robustness(const std::vector<std::string>& paths = {}, uint64_t seed = 1,
                        const std::string& background = "");

  /// Files as data.test of the recipe, and where a line of text stands for an example text files (.txt); the examples
  /// among them of which `change` makes others, in every text that the input reads. Throws UsageError for inputs that read
  /// no texts, what reading throws.
  ChangedData change_texts(const std::vector<std::string>& files, const TextChange& change) const;
  /// Texts as examples. Throws UsageError where a line of text is no example.
  SplitPtr texts(std::vector<TextLine> lines) const;
  /// See Head::likelihoods; of the first head.
  std::vector<std::vector<TokenLikelihood>> likelihoods(const SplitPtr& examples);

  /// Files or "-" as examples.
  std::unique_ptr<Stream> stream(const std::vector<std::string>& inputs) const;
  void answer_by(const AnswerOptions& options);
  /// What heads are asked with: a batch of examples, and what the encoder gives of it.
  struct Read {
    Batch batch;
    Tokens tokens;
  };
  Read read(const SplitPtr& examples);
  /// Of each example what each head answers.
  std::vector<std::vector<Prediction>> predict(const SplitPtr& examples);
  /// A vector an example, (N, W) float32, of the first head that gives vectors. Examples of about
  /// the same length are read together, which moves vectors by their rounding alone. Throws
  /// UsageError where no head does.
  at::Tensor embed(const SplitPtr& examples);
  /// How many examples stand before the first that cannot be read: what predict() throws for all is
  /// the fault of one.
  int64_t readable(const SplitPtr& examples) const;
  /// After the last example: what is to be said of all that were predicted (unknown pieces, texts that were cut), in
  /// a sentence; empty: nothing. Throws DataError where a file that goes with the examples has more, and where more
  /// pieces of text than data.max_unknown of the recipe are unknown to the model.
  std::string finish();

  /// One example: FILE:LINE, or what stands for it.
  SplitPtr find(const std::string& input) const;
  /// Where the model looks in the first example. `target`: the text whose writing is looked at;
  /// empty: the model's own.
  Explanation explain(const SplitPtr& example, const std::string& target = "");

  /// The first example with a number of an answer, to be explained (heed/lens/explain.h). `head`: which of several; empty:
  /// the first. Throws UsageError for a head without such a number, and what explain() throws.
  Question ask(const SplitPtr& example, const AimOptions& options = {},
               const std::string& head = "");

  /// How far another model with the same recipe answers and looks from this one, over the first batches of
  /// `paths`, until they are 64 examples (as evaluate() takes them; 64 as of stream() where the head gives vectors).
  ModelDifference difference(Predictor& other, const std::vector<std::string>& paths);

  /// One pass of an example of typical size, for those who look at the modules.
  void run_example();

 private:
  Predictor();
  using RecordChange = std::function<data::RecordsPtr(const data::RecordsPtr&)>;
  /// What evaluate(paths) measures, of records that are changed.
  SplitPtr measured(const std::vector<std::string>& paths, const RecordChange& change = {}) const;
  std::string note(const UnknownPieces& unknown) const;
  std::unique_ptr<Cell> cell_;
  std::unique_ptr<UnknownPieces> unknown_;  // in what was predicted
  bool is_format_set_ = false;              // data.format, for this call
  std::string weights_;  // their file, and the folders of models beside, for messages
};

}  // namespace heed
