// What every split and every input has.
#include "data/permutation.h"
#include "heed/core/error.h"
#include "heed/tasks/input.h"
#include "tasks/split_batches.h"

namespace heed {
namespace {

class SubsetOfSplit : public Split {
 public:
  SubsetOfSplit(SplitPtr whole, std::vector<int64_t> numbers)
      : whole_(std::move(whole)), numbers_(std::move(numbers)) {
    for (const int64_t number : numbers_) {
      if (number < 0 || number >= whole_->size())
        throw UsageError("subset: no example " + std::to_string(number) + ", expected 0 .. " +
                         std::to_string(whole_->size() - 1));
    }
  }

  int64_t size() const override { return std::ssize(numbers_); }
  Batch batch(const std::vector<int64_t>& examples, const Draw& draw) const override {
    std::vector<int64_t> of_whole;
    for (const int64_t example : examples) of_whole.push_back(number(example));
    auto batch = whole_->batch(of_whole, draw);
    batch.records = at::tensor(examples, at::kLong);
    return batch;
  }
  std::string place(int64_t example) const override { return whole_->place(number(example)); }
  Shown show(int64_t example) const override { return whole_->show(number(example)); }
  std::vector<TokenPlace> read_tokens(int64_t example) const override {
    return whole_->read_tokens(number(example));
  }
  int64_t record(int64_t example) const override { return whole_->record(number(example)); }
  int64_t length(int64_t example) const override { return whole_->length(number(example)); }
  bool has(const std::string& column) const override { return whole_->has(column); }
  bool is_list(const std::string& column) const override { return whole_->is_list(column); }
  std::string value(int64_t example, const std::string& column, const Draw& draw) const override {
    return whole_->value(number(example), column, draw);
  }
  std::vector<std::string> values(int64_t example, const std::string& column) const override {
    return whole_->values(number(example), column);
  }
  std::vector<std::string> categories(const std::string& column) const override {
    return whole_->categories(column);
  }
  TextTokens text_tokens(int64_t example, const std::string& column) const override {
    return whole_->text_tokens(number(example), column);
  }
  std::vector<TokenPlace> grid_tokens(int64_t example, const TokenGrid& grid) const override {
    return whole_->grid_tokens(number(example), grid);
  }
  SplitPtr with_noise(const std::string& kind, double strength, uint64_t seed) const override {
    const auto noisy = whole_->with_noise(kind, strength, seed);
    return noisy ? std::make_shared<SubsetOfSplit>(noisy, numbers_) : nullptr;
  }
  bool has_image() const override { return whole_->has_image(); }
  std::vector<data::Placement> placements(int64_t example, const Draw& draw) const override {
    auto all = whole_->placements(number(example), draw);
    for (auto& placement : all) placement.example = example;
    return all;
  }
  ImageShape source_shape(int64_t example) const override {
    return whole_->source_shape(number(example));
  }
  data::Image source_image(int64_t example) const override {
    return whole_->source_image(number(example));
  }
  std::vector<TokenPlace> frame_tokens(int64_t example, const TokenFrames& frames) const override {
    return whole_->frame_tokens(number(example), frames);
  }
  at::Tensor image_parts(int64_t example,
                         const std::vector<data::Placement>& parts) const override {
    return whole_->image_parts(number(example), parts);
  }

 private:
  int64_t number(int64_t example) const { return numbers_.at(static_cast<size_t>(example)); }

  SplitPtr whole_;
  std::vector<int64_t> numbers_;
};

}  // namespace

std::vector<std::string> Split::values(int64_t example, const std::string& column) const {
  throw DataError(place(example) + ": the column '" + column +
                  "' is no list; expected one text a word");
}

TextTokens Split::text_tokens(int64_t, const std::string& column) const {
  throw ModelError("the column '" + column +
                   "' is not read as pieces of a text; expected one input of kind text whose "
                   "column or second it is");
}

std::vector<data::Placement> Split::placements(int64_t example, const Draw&) const {
  throw UsageError(place(example) + ": it is not read as an image");
}

ImageShape Split::source_shape(int64_t example) const {
  throw UsageError(place(example) + ": it is not read as an image");
}

data::Image Split::source_image(int64_t example) const {
  throw UsageError(place(example) + ": it is not read as an image");
}

at::Tensor Split::image_parts(int64_t example, const std::vector<data::Placement>&) const {
  throw UsageError(place(example) + ": it is not read as an image");
}

SplitPtr subset(SplitPtr split, std::vector<int64_t> numbers) {
  if (auto own = split->select(numbers)) return own;
  return std::make_shared<SubsetOfSplit>(std::move(split), std::move(numbers));
}

std::pair<SplitPtr, SplitPtr> Input::hold_out(const SplitPtr& train, double fraction,
                                              uint64_t seed) const {
  auto [rest, held] = data::hold_out_numbers(train->size(), fraction, seed);
  return {subset(train, std::move(rest)), subset(train, std::move(held))};
}

std::unique_ptr<Stream> Input::stream(const std::vector<std::string>&) const {
  throw UsageError("this input reads records, and no files of its own");
}

SplitPtr Input::find(const std::string& input) const {
  throw UsageError(input + ": this input reads records, and no files of its own");
}

SplitPtr Input::texts(std::vector<TextLine>) const {
  throw UsageError("this input reads no texts whose words could be others");
}

DataReport Input::examine(const Source& source) {
  DataReport report;
  if (source.records) report.records = source.records->size();
  return report;
}

std::unique_ptr<BatchSource> Input::batches(const SplitPtr& split,
                                            const BatchOptions& options) const {
  return std::make_unique<SplitBatches>(split, options, workers());
}

}  // namespace heed
