#include "tasks/heads/image_scorer.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "formats/json_object.h"
#include "heed/core/error.h"
#include "heed/tasks/head.h"

namespace heed {
namespace {

class ImageScorer : public Scorer {
 public:
  ImageScorer(ImageLikelihoodsOf likelihoods, const LevelCounts& counts, int64_t examples,
              bool quick)
      : likelihoods_(std::move(likelihoods)),
        counts_(counts),
        quick_(quick),
        nats_(static_cast<size_t>(examples)) {}

  void add(const Tokens&, const Batch& batch) override {
    const auto found = likelihoods_(batch);
    const auto sums = found.log_probabilities.to(at::kDouble).sum(1).neg().contiguous();
    tokens_ += found.log_probabilities.numel();
    dimensions_ = found.levels[0].numel();
    for (int64_t i = 0; i < batch.size(); ++i) {
      const double nats = sums.data_ptr<double>()[i];
      nats_.at(static_cast<size_t>(batch.records.data_ptr<int64_t>()[i])) = nats;
      sum_ += nats, ++images_;
      if (!quick_) baseline_ += counts_.nats(found.levels[i]);
    }
  }

  Metrics metrics() override {
    return {{"nats_per_image", per_image(sum_)},
            {"bits_per_dimension", bits(sum_)},
            {"loss", sum_ / static_cast<double>(std::max<int64_t>(tokens_, 1))}};
  }
  Metrics baseline() const override {
    return {{"baseline_nats_per_image", per_image(baseline_)},
            {"baseline_bits_per_dimension", bits(baseline_)}};
  }
  std::vector<std::string> outputs() const override {
    std::vector<std::string> lines;
    for (const double nats : nats_) lines.push_back(nats_text(nats));
    return lines;
  }

 private:
  double per_image(double sum) const {
    return sum / static_cast<double>(std::max<int64_t>(images_, 1));
  }
  double bits(double sum) const {
    return per_image(sum) / std::log(2.0) / static_cast<double>(std::max<int64_t>(dimensions_, 1));
  }

  ImageLikelihoodsOf likelihoods_;
  const LevelCounts& counts_;
  bool quick_;
  std::vector<double> nats_;  // of each example
  double sum_ = 0, baseline_ = 0;
  int64_t images_ = 0, tokens_ = 0, dimensions_ = 0;
};

}  // namespace

std::string nats_text(double nats) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", nats);
  return text;
}

void LevelCounts::add(const data::Image& image, Quantize quantize) {
  counts_.resize(image.values.size() * static_cast<size_t>(levels_));
  ++images_;
  const auto last = static_cast<double>(levels_ - 1);
  for (size_t i = 0; i < image.values.size(); ++i) {
    const double exact = image.values[i] * last / 255;
    const double below = std::floor(exact + (quantize == Quantize::nearest ? 0.5 : 0));
    const double above = quantize == Quantize::nearest ? 0 : exact - below;
    auto* own = &counts_[i * static_cast<size_t>(levels_) + static_cast<size_t>(below)];
    own[0] += 1 - above;
    if (above > 0) own[1] += above;
  }
}

double LevelCounts::nats(const at::Tensor& levels) const {
  const auto all = levels.contiguous();
  const auto* level = all.data_ptr<int64_t>();
  const double seen = std::log(images_ + static_cast<double>(levels_));
  double sum = 0;
  for (int64_t i = 0; i < all.numel(); ++i)
    sum += seen - std::log(counts_[static_cast<size_t>(i * levels_ + level[i])] + 1);
  return sum;
}

std::string LevelCounts::file() const {
  return nlohmann::ordered_json{{"images", images_}, {"counts", counts_}}.dump() + "\n";
}

LevelCounts LevelCounts::from_file(const Files& files, const std::string& name, int64_t levels) {
  const auto found = files.find(name);
  if (found == files.end())
    throw ModelError("the model folder lacks its counts of levels, the file " + name);
  const JsonObject json(found->second, name);
  LevelCounts read(levels);
  read.images_ = json.number("images");
  read.counts_ = json.numbers("counts");
  for (const double count : read.counts_)
    if (count < 0 || count > read.images_ + 0.5)
      json.refuse("counts",
                  text_of("expected 0 to ", read.images_, ", the number of images, found ", count));
  return read;
}

void LevelCounts::check(const ImageShape& shape, const std::string& file) const {
  const auto expected = shape.values() * levels_;
  if (std::ssize(counts_) != expected)
    throw ModelError(text_of(file, ": counts: expected ", expected, " numbers, those of ", levels_,
                             " levels of images of ", to_text(shape), ", found ", counts_.size()));
}

std::unique_ptr<Scorer> make_image_scorer(ImageLikelihoodsOf likelihoods, const LevelCounts& counts,
                                          int64_t examples, bool quick) {
  return std::make_unique<ImageScorer>(std::move(likelihoods), counts, examples, quick);
}

}  // namespace heed
