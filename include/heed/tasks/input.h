// What is read: files to batches of named tensors.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "heed/data/cursor.h"
#include "heed/data/image.h"
#include "heed/data/placement.h"
#include "heed/data/record_files.h"
#include "heed/data/records.h"
#include "heed/data/share.h"
#include "heed/data/tokenizer.h"
#include "heed/metrics/metrics.h"
#include "heed/models/encoder.h"
#include "heed/tasks/check.h"
#include "heed/tasks/component.h"

namespace heed {

/// What a batch is made for. Random changes of an example are drawn from (seed, epoch, example), and
/// from nothing else.
struct Draw {
  uint64_t seed = 0;
  int64_t epoch = 0;
  bool training = false;  ///< false: nothing is changed
};

/// Where a token of an encoder stands in its example.
struct TokenPlace {
  std::string text;              ///< as it is shown: a piece, a word, "12:00", a column
  int64_t begin = -1, end = -1;  ///< in characters of the example's text; -1: in none
  bool special = false;          ///< <s>, </s>, padding: no text
  double seconds = -1;           ///< where it begins in a recording; -1: in none
};

/// What a text is beside what an encoder reads of it: for drawings and answers.
struct Shown {
  std::string text;                       ///< the example in one line
  std::vector<TokenPlace> tokens = {};    ///< of each token of the encoder; empty: on an image
  std::optional<data::Image> image = {};  ///< the tokens' grid lies on it
  std::string tokenizer = "";             ///< kind of what made the tokens; empty: they are whole
  std::string name = "";                  ///< of a file that is the example; empty: it is no file
};                                        // namespace heed

/// Pieces of a text among the tokens of an encoder.
struct TextTokens {
  int64_t first = 0;                          ///< the first one's number
  std::vector<data::ByteRange> offsets = {};  ///< of each, in the text
};

/// A way in which what is read can be worse, for `heed eval --noise`.
struct Noise {
  std::string kind;               ///< "blur"
  std::string unit;               ///< of its strengths
  std::vector<double> strengths;  ///< the mildest first
  bool from_zero = true;          ///< strength 0 changes nothing; of decibels none does
};

/// Pixels of a batch, which were normalised: (value / 255 - mean) / std, a channel each.
struct NormalizedPixels {
  std::string tensor;  ///< (B, C, h, w)
  std::vector<double> mean, std;
};

/// Examples of one part of the data (training, validation, test, or what is to be answered), by
/// number. Every function is const and may be called by several threads at once.
class Split {
 public:
  virtual ~Split() = default;
  virtual int64_t size() const = 0;
  /// The tensors that the encoder takes, and `records`.
  virtual Batch batch(const std::vector<int64_t>& examples, const Draw& draw) const = 0;
  /// What to call an example in a message: "train.csv:17".
  virtual std::string place(int64_t example) const = 0;
  virtual Shown show(int64_t example) const = 0;
  /// The record that an example is of; several may be of one, one behind the other.
  virtual int64_t record(int64_t example) const { return example; }
  /// Tokens of an example, by which batches are made of examples that are equally long; 0: all are.
  virtual int64_t length(int64_t) const { return 0; }

  /// Whether examples have a value called `column` beside what the encoder reads.
  virtual bool has(const std::string& column) const = 0;
  /// That value as text, as `draw` changes it together with the example. Empty: missing. Throws
  /// DataError for an unknown column, with the nearest.
  virtual std::string value(int64_t example, const std::string& column,
                            const Draw& draw = {}) const = 0;
  /// Whether a column holds lists.
  virtual bool is_list(const std::string&) const { return false; }
  /// A value that is a list of texts, one a word.
  virtual std::vector<std::string> values(int64_t example, const std::string& column) const;
  /// The values of a column in an order of their own; empty: there is none.
  virtual std::vector<std::string> categories(const std::string&) const { return {}; }
  /// Which of the encoder's tokens are pieces of the text in `column`; fewer than the text has where
  /// it is cut. Throws ModelError where the encoder does not read the column in pieces, as by
  /// default; what reading throws.
  virtual TextTokens text_tokens(int64_t example, const std::string& column) const;
  /// What to call an encoder's tokens where they lie in a table that is no image, row by row; empty:
  /// as `show` says.
  virtual std::vector<TokenPlace> grid_tokens(int64_t, const TokenGrid&) const { return {}; }
  /// The encoder's tokens by their times in a recording; empty: the example is none.
  virtual std::vector<TokenPlace> frame_tokens(int64_t, const TokenFrames&) const { return {}; }
  /// The encoder's tokens where they are others than those of `show`, as pieces of words; empty: they
  /// are not.
  virtual std::vector<TokenPlace> read_tokens(int64_t) const { return {}; }

  /// Whether examples are read as images, of which the following tell. By default UsageError.
  virtual bool has_image() const { return false; }
  /// Where an example's image lies in that of a batch made with `draw`; several where images are
  /// joined. What lies outside the batch's image is cut off.
  virtual std::vector<data::Placement> placements(int64_t example, const Draw& draw) const;
  /// The image of an example's file, which placements speak of.
  virtual ImageShape source_shape(int64_t example) const;
  /// The same as data::ImageDataset::source.
  virtual data::Image source_image(int64_t example) const;
  /// Parts of that image as a batch has them without random changes: (N, C, h, w).
  virtual at::Tensor image_parts(int64_t example, const std::vector<data::Placement>& parts) const;

  /// The same examples, read with a noise of Input::noises; null: nothing of them is. What is random is
  /// drawn from (seed, example).
  virtual std::shared_ptr<const Split> with_noise(const std::string& /*kind*/, double /*strength*/,
                                                  uint64_t /*seed*/) const {
    return nullptr;
  }

  /// Some of the examples, in that order, numbered anew; null: `subset` picks them.
  virtual std::shared_ptr<const Split> select(const std::vector<int64_t>&) const { return nullptr; }
};
using SplitPtr = std::shared_ptr<const Split>;

/// The examples `numbers` of a split, in that order.
SplitPtr subset(SplitPtr split, std::vector<int64_t> numbers);

/// Batches of an epoch; the call after the last gives none and begins the next epoch.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  virtual std::optional<Batch> next() = 0;
  virtual int64_t batches() const = 0;
  /// A source of the same data that seeks there goes on with the same batches.
  virtual data::Cursor cursor() const = 0;
  virtual void seek(const data::Cursor& cursor) = 0;
  /// From now on a share of each batch alone; it may have no example. The cursor counts whole batches.
  virtual void take(const data::Share& share) = 0;
};

struct BatchOptions {
  int64_t batch = 128;    ///< examples, or tokens where the input counts these
  bool training = false;  ///< shuffled and changed
  uint64_t seed = 0;
  bool contiguous = false;  ///< each row of a batch goes on where that of the last one ended
  bool mixed = false;  ///< not sorted by length, because examples of a batch learn from each other
};

/// Examples as they come, for `heed predict`.
class Stream {
 public:
  virtual ~Stream() = default;
  /// Up to `most` examples; fewer where standard input would keep it waiting. Null at the end.
  virtual SplitPtr next(int64_t most) = 0;
};

/// The files of one part of the data.
struct Source {
  std::string role;  ///< "train", "valid", "test" or "input"
  std::vector<std::string> paths;
  data::RecordsPtr records = {};          ///< what they hold, for inputs that read records
  std::vector<std::string> targets = {};  ///< columns that heads answer
  std::string flag = {};                  ///< what named the paths, where the recipe did not

  /// "data.train", "--data": what the user calls these paths.
  std::string called() const { return flag.empty() ? "data." + role : flag; }
};

/// Where a batch has numbers of pieces of text, or of categories, and which of them stand for
/// unknown ones.
struct PieceNumbers {
  std::string tensor;              ///< "tokens"
  int64_t unknown = -1;            ///< -1: every piece is known
  std::vector<int64_t> none = {};  ///< of no piece of the text: padding, begin, end
  std::string what = "pieces of text";
};

/// What an encoder must know of its input, by name: "vocabulary" {8000}, "image" {1, 28, 28}.
using Sizes = std::map<std::string, std::vector<int64_t>>;

/// Files of a model folder beside recipe and weights, by name.
using Files = std::map<std::string, std::string>;

/// A text and what to call it in messages.
struct TextLine {
  std::string text, place;
};

/// Reads the parts of the data and gives batches of them. The training data is opened first, then
/// `learn` is told what is left of it when some was held out; a trained model calls `load` instead.
/// Only then are batches asked of any split.
class Input : public Component {
 public:
  static constexpr const char* kHelp = "what is read";

  /// Opens a part. Where source.role is "train" what the options leave open, such as the shape of
  /// images, is taken from it, and the others must fit.
  virtual SplitPtr open(const Source& source) = 0;
  /// Finds in the training data what depends on all of it: a vocabulary, means.
  virtual void learn(const Split&, uint64_t) {}
  /// What was learned, as files of the model folder, and back.
  virtual Files files() const { return {}; }
  virtual void load(const Files&) {}

  /// {the rest, held out} of the training data, both with at least one example. By default examples
  /// are drawn by the seed.
  virtual std::pair<SplitPtr, SplitPtr> hold_out(const SplitPtr& train, double fraction,
                                                 uint64_t seed) const;
  /// By default batches of equally many examples, sorted by length within windows where they have
  /// lengths.
  virtual std::unique_ptr<BatchSource> batches(const SplitPtr& split,
                                               const BatchOptions& options) const;
  /// Refuses, before training begins, a part that is measured and whose batches could not be
  /// made. By default all can.
  virtual void check(const SplitPtr&, const BatchOptions&) const {}
  /// Whether valid and test are parts of the files of data.train, which `open` takes by the role.
  virtual bool parts_training_data() const { return false; }
  /// The column that a line of plain text stands for; empty: lines say nothing to this input.
  virtual std::string line_column() const { return ""; }
  /// What `heed predict` is given: files, or "-" for standard input. Asked of inputs that do not
  /// read records.
  virtual std::unique_ptr<Stream> stream(const std::vector<std::string>& inputs) const;

  /// The same of inputs that read records, and one example by its place; null: an example is a
  /// record.
  virtual std::unique_ptr<Stream> record_stream(const std::vector<std::string>&,
                                                const data::RecordOptions&) const {
    return nullptr;
  }
  virtual SplitPtr find_record(const std::string&, const data::RecordOptions&) const {
    return nullptr;
  }
  /// Columns of the texts that are read, whose words may be swapped; empty: it reads none.
  virtual std::vector<std::string> text_columns() const { return {}; }
  /// Texts as examples, for inputs that do not read records. By default UsageError.
  virtual SplitPtr texts(std::vector<TextLine> lines) const;
  /// How what is read of files can be worse; of texts in columns everybody knows it.
  virtual std::vector<Noise> noises() const { return {}; }
  /// Takes a recording, or a folder of them, as one more noise; false where it hears no sounds. Throws what reading throws.
  virtual bool take_background(const std::string& /*path*/) { return false; }
  /// What of a batch is pixels, which an adversary may change; nothing: there are none.
  virtual std::optional<NormalizedPixels> pixels() const { return {}; }
  /// Of the text whose pieces the encoder reads as `tokens`; null: it reads no such text.
  virtual data::TokenizerPtr tokenizer() const { return nullptr; }
  /// Of the texts that a head writes; null: the input knows none.
  virtual data::TokenizerPtr target_tokenizer() const { return nullptr; }
  virtual std::string target_tokenizer_kind() const { return ""; }
  /// The token that a text to be written begins with; -1: there is none.
  virtual int64_t target_begin() const {
    const auto tokenizer = target_tokenizer();
    return tokenizer ? tokenizer->begin() : -1;
  }
  /// Tensors with pieces of text or categories, of which unknown ones are counted.
  virtual std::vector<PieceNumbers> pieces() const { return {}; }
  /// Whether pieces() may have some: it is asked before anything was learned.
  virtual bool has_pieces() const { return false; }
  /// What is to be said of all that was read, in a sentence; empty: nothing.
  virtual std::string note() const { return ""; }
  virtual Sizes sizes() const = 0;
  virtual std::string default_encoder() const = 0;
  /// Whether such paths are files of records, and [data] says how these are read; otherwise the input
  /// reads its paths by itself.
  virtual bool reads_records(const std::vector<std::string>&) const { return true; }
  /// Whether what is read of an example in training may show several.
  virtual bool joins_examples() const { return false; }
  virtual int64_t default_batch() const { return 128; }
  /// Background threads that make batches ahead.
  virtual int64_t workers() const { return 1; }
  virtual const char* unit() const { return "examples"; }
  virtual Metrics stats(const Split&) const { return {}; }
  /// Reads all of a part, for `heed check`, which itself says what every column of records holds.
  /// By default nothing more. Throws what reading throws.
  virtual DataReport examine(const Source& source);
  /// One example by its place, or what stands for it, for `heed map`. Asked of inputs that do not
  /// read records.
  virtual SplitPtr find(const std::string& input) const;
  /// A batch of one example of typical size, for `heed summary`.
  virtual Batch example() const = 0;
};

}  // namespace heed
