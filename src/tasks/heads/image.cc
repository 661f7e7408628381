// New images: a model of sequences draws them patch by patch, and says how likely it finds given ones.
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/text.h"
#include "data/image_writer.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/models/generate.h"
#include "heed/models/transformer.h"
#include "heed/nn/recording.h"
#include "heed/ops/cross_entropy.h"
#include "nn/sequence_part.h"
#include "tasks/by_key.h"
#include "tasks/heads.h"
#include "tasks/heads/classes.h"
#include "tasks/heads/image_patches.h"
#include "tasks/heads/image_requests.h"
#include "tasks/heads/image_scorer.h"
#include "tasks/heads/image_sheet.h"
#include "tasks/heads/unseen.h"
#include "tasks/sequence_parts.h"

namespace heed {
namespace {

constexpr const char* kLevelsFile = "pixel_levels.json";
constexpr const char* kImageClassesFile = "classes.json";
constexpr const char* kPatchTokens = "tokens";
constexpr const char* kPatchClasses = "class";

/// How images are drawn.
struct DrawingOptions {
  double temperature = 1;
  int64_t top_k = 0;
  double top_p = 1;
  double given = 0.5;
  int64_t seed = 1;
  int64_t batch = 32;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("temperature", temperature, "of drawing: logits are divided by it", between(1e-6, 1e6));
    v("top_k", top_k, "draws among this many likeliest patches; 0: all", between(0, kMostCount));
    v("top_p", top_p, "draws among the likeliest patches that have this probability together",
      above(0, 1));
    v("given", given,
      "where an image is given, the share of its patches, from its top, that stay; the others are "
      "drawn",
      from_to_below(0, 1));
    v("seed", seed, "of drawing", between(0, kMostSeed));
    v("batch", batch, "images at a time; changes no result", between(1, kMostCount));
  }
};

struct ImageHeadOptions : PatchOptions {
  std::string column;
  TransformerOptions transformer = TransformerOptions().preset(TransformerPreset::gpt);
  DrawingOptions generate;

  template <class Visitor>
  void fields(Visitor&& v) {
    PatchOptions::fields(v);
    v("column", column,
      "of the class of which an image is drawn (\"label\" of images that have one); empty: of "
      "none");
    transformer.fields(v);
    v("generate", generate, "");
  }
  void check() const {
    PatchOptions::check();
    if (transformer.has_source())
      throw ModelError(
          "encoder_layers and from_encoder: an image is drawn from nothing but its class; expected "
          "0 "
          "and false");
    if (transformer.memory() > 0)
      throw ModelError("memory: images do not go on where others ended; expected 0");
  }
};

class ImageHead : public WithOptions<Head, ImageHeadOptions> {
 public:
  std::vector<std::string> columns() const override {
    return by_class() ? std::vector{options.column} : std::vector<std::string>();
  }
  std::vector<std::string> label_columns() const override { return columns(); }
  void learn(const Split& train, const Input& input) override;
  Files files() const override;
  void load(const Files& files) override;
  std::shared_ptr<torch::nn::Module> make(const EncoderPtr& encoder, const Input& input,
                                          const HeadContext& context) override;

  void add_targets(const Split& split, const std::vector<int64_t>& examples, const Draw& draw,
                   Batch& batch) const override;
  at::Tensor output(const Tokens&, const Batch& batch) override {
    auto classes = by_class() ? at::zeros({batch.size()}, at::kLong) : at::Tensor();
    return logits(patches_.tokens(levels_of(batch, {})), classes);  // (B, N, V)
  }
  HeadLoss loss(const Tokens&, const Batch& batch) override;
  void part_sequences(Ring& ring) override;
  std::unique_ptr<Scorer> scorer(const SplitPtr& split, bool quick) override;

  std::unique_ptr<Stream> requests(const std::vector<std::string>& inputs) const override {
    return image_requests(inputs, classes_);
  }
  void answer_by(const AnswerOptions& answer) override;
  std::vector<Prediction> predict(const Tokens&, const Batch& batch, const Split& split) override;
  void finish() override;
  Looked explain(const Tokens&, const Batch& batch, const Split& split,
                 const std::string& target) override;

  std::string expected(const Split& split, int64_t example) const override {
    return by_class() && split.has(options.column) ? split.value(example, options.column) : "";
  }
  void check(const Split& split, bool training) const override;
  SelectionMetric selection_metric() const override { return {"nats_per_image", false}; }

 private:
  bool by_class() const { return !options.column.empty(); }
  int64_t begin() const { return patches_.vocabulary(); }
  int64_t class_token(int64_t number) const { return begin() + 1 + number; }
  int64_t class_number(const Split& split, int64_t example) const;
  at::Tensor levels_of(const Batch& batch, const Draw& draw) const;
  /// What stands before each patch: tokens (B, N), classes (B) of models that draw by class -> (B, N [+ 1]).
  at::Tensor read_before(const at::Tensor& tokens, const at::Tensor& classes) const;
  at::Tensor hidden(const at::Tensor& tokens, const at::Tensor& classes);
  at::Tensor logits(const at::Tensor& tokens, const at::Tensor& classes);
  at::Tensor log_probabilities(const at::Tensor& tokens, const at::Tensor& classes);
  at::Tensor weight() const { return model_->output_weight().narrow(0, 0, begin()); }
  at::Tensor bias() const {
    const auto all = model_->output_bias();
    return all.defined() ? all.narrow(0, 0, begin()) : all;
  }
  std::vector<std::vector<int64_t>> beginnings(const Batch& batch, const Split& split) const;
  Prediction prediction(const std::vector<int64_t>& tokens, double nats, const std::string& name);
  nlohmann::ordered_json likelihood_json(double nats) const;

  LevelCounts counts_;
  std::shared_ptr<const Classes> classes_;  // null: an image has none
  ImagePatches patches_;
  std::optional<NormalizedPixels> pixels_;
  HeadContext context_;
  Transformer model_{nullptr};
  Ring* ring_ = nullptr;
  std::string sheet_file_;
  std::vector<data::Image> drawn_;  // for the sheet
  int64_t answered_ = 0;
};

void ImageHead::learn(const Split& train, const Input&) {
  if (by_class()) classes_ = std::make_shared<const Classes>(Classes::of(train, options.column));
  counts_ = LevelCounts(options.levels);
  for (int64_t i = 0; i < train.size(); ++i) {
    const auto shown = train.show(i);
    if (!shown.image) return;  // make() says that the input has no images
    counts_.add(*shown.image, options.quantize);
  }
}

Files ImageHead::files() const {
  Files all{{kLevelsFile, counts_.file()}};
  if (classes_) all.emplace(kImageClassesFile, classes_->file());
  return all;
}

void ImageHead::load(const Files& files) {
  if (by_class())
    classes_ = std::make_shared<const Classes>(Classes::from_file(files, kImageClassesFile));
  counts_ = LevelCounts::from_file(files, kLevelsFile, options.levels);
}

std::shared_ptr<torch::nn::Module> ImageHead::make(const EncoderPtr& encoder, const Input& input,
                                                   const HeadContext& context) {
  if (!encoder->parameters().empty())
    throw ModelError(
        "encoder.kind: the head 'image' reads the image's patches by itself and would leave this "
        "one "
        "unused; expected \"none\"");
  const auto sizes = input.sizes();
  const auto shape = sizes.find("image");
  pixels_ = input.pixels();
  if (shape == sizes.end() || !pixels_)
    throw ModelError("head.kind: 'image' learns from images; expected input.kind = image");
  const ImageShape image{shape->second[0], shape->second[1], shape->second[2]};
  patches_ = ImagePatches(options, image);
  counts_.check(image, kLevelsFile);
  context_ = context;
  const int64_t vocabulary = begin() + 1 + (classes_ ? classes_->size() : 0);
  model_ = by_key({{"transformer: ", "head."}},
                  [&] { return Transformer(options.transformer, vocabulary); });
  const int64_t positions = model_->max_positions(), needed = patches_.count() + by_class();
  if (positions > 0 && positions < needed)
    throw ModelError(text_of("head.decoder_attention: the model has positions for ", positions,
                             " tokens, and an image is ", needed,
                             (by_class() ? ", its class among them" : ""), "; give as many"));
  return model_.ptr();
}

int64_t ImageHead::class_number(const Split& split, int64_t example) const {
  if (!split.has(options.column))
    throw DataError(split.place(example) +
                    ": the model draws images of a class, and this one has no '" + options.column +
                    "'; give a file of records that has it");
  const auto value = split.value(example, options.column);
  const int64_t number = classes_->number(value);
  if (number < 0) throw DataError(split.place(example) + ": training had no class '" + value + "'");
  return number;
}

at::Tensor ImageHead::levels_of(const Batch& batch, const Draw& draw) const {
  return quantized(options, values_of(batch.at(pixels_->tensor), *pixels_), batch.records, draw);
}

void ImageHead::add_targets(const Split& split, const std::vector<int64_t>& examples,
                            const Draw& draw, Batch& batch) const {
  batch.tensors[in_batch(kPatchTokens)] = patches_.tokens(levels_of(batch, draw));
  if (!by_class()) return;
  auto classes = at::empty({std::ssize(examples)}, at::kLong);
  for (size_t i = 0; i < examples.size(); ++i)
    classes.data_ptr<int64_t>()[i] = class_number(split, examples[i]);
  batch.tensors[in_batch(kPatchClasses)] = classes;
}

at::Tensor ImageHead::read_before(const at::Tensor& tokens, const at::Tensor& classes) const {
  std::vector<at::Tensor> read{at::full({tokens.size(0), 1}, begin(), at::kLong)};
  if (classes.defined()) read.push_back(class_token(0) + classes.unsqueeze(1));
  read.push_back(tokens.narrow(1, 0, tokens.size(1) - 1));
  return at::cat(read, 1);
}

at::Tensor ImageHead::hidden(const at::Tensor& tokens, const at::Tensor& classes) {
  return model_->hidden({}, read_before(tokens, classes))
      .narrow(1, by_class(), patches_.count());  // (B, N, M)
}

at::Tensor ImageHead::logits(const at::Tensor& tokens, const at::Tensor& classes) {
  return model_->SequenceModel::project(hidden(tokens, classes), weight(), bias());
}

at::Tensor ImageHead::log_probabilities(const at::Tensor& tokens, const at::Tensor& classes) {
  return logits(tokens, classes)
      .to(at::kFloat)
      .log_softmax(2)
      .gather(2, tokens.unsqueeze(2))
      .squeeze(2);  // (B, N)
}

HeadLoss ImageHead::loss(const Tokens&, const Batch& batch) {
  const auto& tokens = batch.at(in_batch(kPatchTokens));
  const auto classes = by_class() ? batch.at(in_batch(kPatchClasses)) : at::Tensor();
  const CrossEntropyOptions how{.label_smoothing = context_.train.label_smoothing,
                                .softcap = model_->output_softcap()};
  auto read = read_before(tokens, classes);
  auto labels = at::constant_pad_nd(tokens, {read.size(1) - tokens.size(1), 0}, how.ignore);
  const nn::SequencePart here(ring_, read.size(1));
  if (ring_) {
    const auto part = nn::SequencePart::here().part(read.size(1));
    read = part.of(read, 1), labels = part.of(labels, 1);
  }
  const auto found = linear_cross_entropy(model_->hidden({}, read).flatten(0, 1), weight(), bias(),
                                          labels.flatten(), how);
  return {found.loss / static_cast<double>(std::max<int64_t>(found.count, 1)), found.count};
}

void ImageHead::part_sequences(Ring& ring) {
  check_parts(options.transformer);
  ring_ = &ring;
}

std::unique_ptr<Scorer> ImageHead::scorer(const SplitPtr& split, bool quick) {
  return make_image_scorer(
      [this](const Batch& batch) {
        const auto& tokens = batch.at(in_batch(kPatchTokens));
        const auto classes = by_class() ? batch.at(in_batch(kPatchClasses)) : at::Tensor();
        return ImageLikelihoods{patches_.levels(tokens), log_probabilities(tokens, classes)};
      },
      counts_, split->size(), quick);
}

void ImageHead::answer_by(const AnswerOptions& answer) {
  auto rest = answer;
  rest.output.clear();
  Head::answer_by(rest);
  if (!answer.output.empty() && !answer.output.ends_with(".png"))
    throw UsageError("--output " + answer.output +
                     ": the images that are drawn go into one file; expected a name that ends with "
                     ".png");
  sheet_file_ = answer.output;
  drawn_.clear();
  answered_ = 0;
}

/// What each image that is to be drawn begins with: its class, and of one that is given its first patches.
std::vector<std::vector<int64_t>> ImageHead::beginnings(const Batch& batch,
                                                        const Split& split) const {
  std::vector<std::vector<int64_t>> all(static_cast<size_t>(batch.size()));
  const auto* asked = dynamic_cast<const AskedImages*>(&split);
  const auto* records = batch.records.data_ptr<int64_t>();
  for (size_t i = 0; by_class() && i < all.size(); ++i)
    all[i].push_back(class_token(asked ? classes_->number(asked->class_of(records[i]))
                                       : class_number(split, records[i])));
  if (asked) return all;
  const auto tokens = patches_.tokens(levels_of(batch, {})).contiguous();
  const auto kept =
      static_cast<int64_t>(options.generate.given * static_cast<double>(patches_.count()));
  for (size_t i = 0; i < all.size(); ++i) {
    const auto* first = tokens.data_ptr<int64_t>() + static_cast<int64_t>(i) * patches_.count();
    all[i].insert(all[i].end(), first, first + kept);
  }
  return all;
}

std::vector<Prediction> ImageHead::predict(const Tokens&, const Batch& batch, const Split& split) {
  std::vector<int64_t> patches(static_cast<size_t>(begin()));
  std::iota(patches.begin(), patches.end(), int64_t{0});
  const auto& how = options.generate;
  const auto found = generate({model_.ptr()}, {},
                              GenerateOptions()
                                  .sample(true)
                                  .temperature(how.temperature)
                                  .top_k(how.top_k)
                                  .top_p(how.top_p)
                                  .seed(how.seed)
                                  .batch(how.batch)
                                  .max_length(patches_.count() + by_class())
                                  .begin(begin())
                                  .end(-1)
                                  .shortlist(patches)
                                  .first_line(answered_)
                                  .prefixes(beginnings(batch, split)));
  answered_ += batch.size();
  std::vector<Prediction> all;
  for (int64_t i = 0; i < batch.size(); ++i) {
    const auto& one = found[static_cast<size_t>(i)].front();
    const auto shown = split.show(batch.records[i].item<int64_t>());
    all.push_back(prediction({one.tokens.begin() + by_class(), one.tokens.end()},
                             -one.log_probability, shown.name));
  }
  return all;
}

nlohmann::ordered_json ImageHead::likelihood_json(double nats) const {
  return {{"nats", nats},
          {"bits_per_dimension",
           nats / std::log(2.0) / static_cast<double>(patches_.shape().values())}};
}

/// `name`: of the file that was given; empty: none was.
Prediction ImageHead::prediction(const std::vector<int64_t>& tokens, double nats,
                                 const std::string& name) {
  const auto levels = patches_.levels(at::tensor(tokens, at::kLong).unsqueeze(0))[0].contiguous();
  if (!sheet_file_.empty()) {
    std::error_code none;
    if (std::filesystem::equivalent(sheet_file_, name, none))
      throw UsageError("--output " + sheet_file_ +
                       ": it would be written over the image that is read; choose another name");
    drawn_.push_back(patches_.image(levels));
  }
  auto json = likelihood_json(nats);
  auto& channels = json["levels"] = nlohmann::ordered_json::array();
  for (int64_t c = 0; c < levels.size(0); ++c) {
    auto rows = nlohmann::ordered_json::array();
    for (int64_t y = 0; y < levels.size(1); ++y) {
      const auto* row = levels.data_ptr<int64_t>() + (c * levels.size(1) + y) * levels.size(2);
      rows.push_back(std::vector<int64_t>(row, row + levels.size(2)));
    }
    channels.push_back(std::move(rows));
  }
  return {nats_text(nats), json.dump()};
}

void ImageHead::finish() {
  if (!drawn_.empty()) replace_file(sheet_file_, data::encode_image(sheet_of(drawn_)));
  drawn_.clear();
}

Looked ImageHead::explain(const Tokens&, const Batch& batch, const Split& split,
                          const std::string& target) {
  if (!target.empty()) throw UsageError("--target is for models that write text");
  const auto tokens = patches_.tokens(levels_of(batch, {})).narrow(0, 0, 1);
  at::Tensor classes;
  if (by_class()) classes = at::tensor({class_number(split, batch.records[0].item<int64_t>())});
  double nats = 0;
  {
    const nn::MapPaths paths(*model_);  // "decoder.0.attention", as its maps are sorted
    nats = -log_probabilities(tokens, classes).to(at::kDouble).sum().item<double>();
  }
  Looked looked{{nats_text(nats), likelihood_json(nats).dump()}};
  looked.read.push_back({"begin"});
  looked.read.back().special = true;
  if (by_class()) {
    looked.read.push_back({"class"}), looked.predicted.push_back({"class"});
    looked.read.back().special = true;
  }
  for (int64_t i = 0; i < patches_.count(); ++i) {
    if (i + 1 < patches_.count()) looked.read.push_back({patches_.name(i)});
    looked.predicted.push_back({patches_.name(i)});
  }
  return looked;
}

void ImageHead::check(const Split& split, bool) const {
  if (!by_class()) return;
  int64_t unknown = 0;
  std::string first;
  for (int64_t i = 0; i < split.size(); ++i) {
    const auto value = split.value(i, options.column);
    if (classes_->number(value) >= 0) continue;
    if (unknown++ == 0) first = split.place(i) + ": training had no class '" + value + "'";
  }
  if (unknown > 0) throw DataError(first + nor_are_others(unknown, "example"));
}

}  // namespace

std::shared_ptr<Head> make_image_head() { return std::make_shared<ImageHead>(); }

}  // namespace heed
