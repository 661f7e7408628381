#include "heed/tasks/classify.h"

#include <ATen/record_function.h>

#include "heed/core/threads.h"
#include "heed/train/model_folder.h"

namespace heed {
namespace {

ImageShape shape_of(const ClassifyRecipe& recipe) {
  const auto& shape = recipe.data.shape;
  if (shape.size() != 3) {
    throw ModelError("data.shape: expected [channels, height, width], given " +
                     std::to_string(shape.size()) + " numbers; train writes it into the recipe");
  }
  return {shape[0], shape[1], shape[2]};
}

Evaluation evaluate(ImageClassifier& model, const data::Images& images,
                    const ClassifyRecipe& recipe) {
  const at::NoGradGuard no_grad;
  data::Loader loader(images, {.batch = recipe.train.batch,
                               .normalize = recipe.data.normalize,
                               .workers = recipe.data.loading_threads()});
  const int64_t k = model->classes;
  Evaluation result{.confusion = at::zeros({k, k}, at::kLong)};
  double loss = 0;
  while (const auto batch = loader.next()) {
    const auto logits = model->forward(batch->images);  // (B, K)
    loss += at::cross_entropy_loss(logits, batch->labels, {}, at::Reduction::Sum).item<double>();
    const auto cells = batch->labels * k + logits.argmax(1);
    result.confusion += at::bincount(cells, {}, k * k).view({k, k});
    result.records += batch->labels.size(0);
  }
  result.loss = loss / static_cast<double>(result.records);
  return result;
}

class ClassifyTask : public Task {
 public:
  explicit ClassifyTask(const ClassifyRecipe& recipe) : recipe_(recipe) {
    open_data();
    at::manual_seed(static_cast<uint64_t>(recipe_.seed));
    model_ = ImageClassifier(recipe_.model, shape_of(recipe_),
                             static_cast<int64_t>(recipe_.data.images.classes.size()));
    data::LoaderOptions options;
    options.batch = recipe_.train.batch;
    options.shuffle = true;
    options.seed = static_cast<uint64_t>(recipe_.seed);
    options.augment = recipe_.data.augment;
    options.normalize = recipe_.data.normalize;
    options.workers = recipe_.data.loading_threads();
    loader_.emplace(train_, options);
  }

  torch::nn::Module& model() override { return *model_; }
  std::vector<RecipeEntry> recipe() const override { return list_fields(recipe_); }

  int64_t batches() const override { return loader_->batches(); }
  data::Cursor cursor() const override { return loader_->cursor(); }
  void seek(const data::Cursor& cursor) override { loader_->seek(cursor); }

  BatchLoss next() override {
    auto batch = next_batch();
    const auto logits = model_->forward(batch->images).to(at::kFloat);  // (B, K)
    const auto loss = at::cross_entropy_loss(logits, batch->labels, {}, at::Reduction::Mean, -100,
                                             recipe_.train.label_smoothing);
    const auto* first = batch->indices.data_ptr<int64_t>();
    return {loss, logits.size(0), {first, first + batch->indices.numel()}};
  }

  std::string record_name(int64_t record) const override { return train_->name(record); }

  SelectionMetric selection_metric() const override { return {"accuracy", true}; }
  std::optional<Metrics> validate() override { return metrics_of(valid_); }
  std::optional<Metrics> test() override { return metrics_of(test_); }

 private:
  std::optional<data::Batch> next_batch() {
    RECORD_USER_SCOPE("heed::data");
    auto batch = loader_->next();
    return batch ? std::move(batch) : loader_->next();
  }

  std::optional<Metrics> metrics_of(const data::Images& images) {
    if (!images) return std::nullopt;
    return evaluate(model_, images, recipe_).metrics();
  }

  void open_data() {
    auto& data = recipe_.data;
    if (data.train.empty()) throw ModelError("data.train is missing: the training images");
    train_ = data::open_images(data.train, data.images);
    data.images.classes = train_->classes();
    const auto found = train_->shape();
    const std::vector<int64_t> shape{found.channels, found.height, found.width};
    if (!data.shape.empty() && data.shape != shape) {
      throw DataError(data.train + ": the images are " + to_text(found) +
                      ", which is not the recipe's data.shape");
    }
    data.shape = shape;
    if (!data.valid.empty()) valid_ = open_like_train(data.valid);
    if (!data.test.empty()) test_ = open_like_train(data.test);
    if (data.holdout > 0) {
      std::tie(train_, valid_) =
          data::hold_out(train_, data.holdout, static_cast<uint64_t>(recipe_.seed));
    }
    const auto measured = data.normalize.mean.empty() || data.normalize.std.empty()
                              ? data::measure(*train_)
                              : data.normalize;
    if (data.normalize.mean.empty()) data.normalize.mean = measured.mean;
    if (data.normalize.std.empty()) data.normalize.std = measured.std;
  }

  data::Images open_like_train(const std::string& path) const {
    const auto images = data::open_images(path, recipe_.data.images);
    if (images->shape() == train_->shape()) return images;
    throw DataError(path + ": the images are " + to_text(images->shape()) + ", those of " +
                    recipe_.data.train + " are " + to_text(train_->shape()) +
                    "; set data.size and data.channels, to which all are converted");
  }

  ClassifyRecipe recipe_;
  data::Images train_, valid_, test_;
  ImageClassifier model_{nullptr};
  std::optional<data::Loader> loader_;
};

}  // namespace

int64_t ClassifyData::loading_threads() const { return workers ? workers : num_threads(); }

void ClassifyData::check() const {
  if (!valid.empty() && holdout > 0) {
    throw ModelError("both valid and holdout are given; the best model is chosen by one of them");
  }
  const bool is_size = images.size.size() == 2 && images.size[0] > 0 && images.size[1] > 0;
  if (!images.size.empty() && !is_size) {
    throw ModelError("size: expected [height, width] in pixels, given " +
                     std::to_string(images.size.size()) + " numbers");
  }
  if (images.channels != 0 && images.channels != 1 && images.channels != 3) {
    throw ModelError("channels: expected 1, 3 or 0, given " + std::to_string(images.channels));
  }
  if (!shape.empty() && shape.size() != 3) {
    throw ModelError("shape: expected [channels, height, width], given " +
                     std::to_string(shape.size()) + " numbers");
  }
}

double Evaluation::accuracy() const {
  return confusion.diagonal().sum().item<double>() / static_cast<double>(records);
}

std::unique_ptr<Task> make_task(const ClassifyRecipe& recipe) {
  try {
    return std::make_unique<ClassifyTask>(recipe);
  } catch (const UsageError& error) {  // the recipe gave the arguments
    throw ModelError(error.what());
  }
}

Classifier::Classifier(const ClassifyRecipe& recipe) : recipe_(recipe) {
  if (classes().empty()) throw ModelError("data.classes is empty; train writes it into the recipe");
  model_ =
      ImageClassifier(recipe_.model, shape_of(recipe_), static_cast<int64_t>(classes().size()));
  model_->eval();
}

Classifier Classifier::load(const std::filesystem::path& where) {
  const auto folder = find_model(where);
  const ModelFiles files = load_model(folder);
  const auto recipe_file = (folder / "recipe.toml").string();
  const auto recipe = read_recipe<ClassifyRecipe>(RecipeFile::parse(files.recipe, recipe_file));
  auto classifier = [&] {
    try {
      return Classifier(recipe);
    } catch (const Error& error) {
      throw ModelError(recipe_file + ": " + error.what());
    }
  }();
  load_into(*classifier.model_, files.tensors, folder / "model.safetensors");
  return classifier;
}

ImageShape Classifier::shape() const { return shape_of(recipe_); }

at::Tensor Classifier::input(data::Image image, const std::string& name) const {
  image = data::fit(std::move(image), recipe_.data.images);
  const auto wanted = shape();
  if (image.shape != wanted) {
    throw DataError(name + ": the image is " + to_text(image.shape) + ", the model reads " +
                    to_text(wanted) +
                    " (channels x height x width); convert it, or train with data.size and"
                    " data.channels set");
  }
  auto input = at::empty({1, wanted.channels, wanted.height, wanted.width}, at::kFloat);
  const data::Transform transform(wanted, {}, recipe_.data.normalize);
  transform(image, Random(0), input.data_ptr<float>());
  return input;
}

at::Tensor Classifier::probabilities(const at::Tensor& images) {
  const at::NoGradGuard no_grad;
  return model_->forward(images).softmax(1);
}

data::Images Classifier::open(const std::filesystem::path& path) const {
  auto images = data::open_images(path, recipe_.data.images);
  if (images->shape() == shape()) return images;
  throw DataError(path.string() + ": the images are " + to_text(images->shape()) +
                  ", the model reads " + to_text(shape()) + " (channels x height x width)");
}

Evaluation Classifier::evaluate(const data::Images& images) {
  return heed::evaluate(model_, images, recipe_);
}

}  // namespace heed
