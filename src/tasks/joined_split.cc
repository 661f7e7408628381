#include "tasks/joined_split.h"

#include "heed/core/error.h"

namespace heed {
namespace {

class JoinedSplit : public Split {
 public:
  explicit JoinedSplit(std::vector<NamedSplit> splits) : splits_(std::move(splits)) {
    for (const auto& [name, split] : splits_) {
      if (split->size() != first().size())
        throw DataError("input '" + name + "' has " + std::to_string(split->size()) +
                        " examples, input '" + splits_.front().name + "' has " +
                        std::to_string(first().size()) +
                        "; inputs that are joined need one example a record each");
    }
  }

  int64_t size() const override { return first().size(); }
  std::string place(int64_t example) const override { return first().place(example); }
  int64_t record(int64_t example) const override { return first().record(example); }

  Shown show(int64_t example) const override {
    Shown all;
    for (const auto& [name, split] : splits_) {
      auto shown = split->show(example);
      all.text += (all.text.empty() ? "" : " | ") + name + ": " + shown.text;
      for (auto& token : shown.tokens) {
        token.begin = token.end = -1;
        token.text = name + ":" + token.text;
        all.tokens.push_back(std::move(token));
      }
    }
    return all;
  }

  int64_t length(int64_t example) const override {
    int64_t sum = 0;
    for (const auto& [name, split] : splits_) sum += split->length(example);
    return sum;
  }

  bool has(const std::string& column) const override { return first().has(column); }
  bool is_list(const std::string& column) const override { return first().is_list(column); }
  std::string value(int64_t example, const std::string& column, const Draw& draw) const override {
    return first().value(example, column, draw);
  }
  std::vector<std::string> values(int64_t example, const std::string& column) const override {
    return first().values(example, column);
  }

  std::vector<std::string> categories(const std::string& column) const override {
    return first().categories(column);
  }

  SplitPtr with_noise(const std::string& kind, double strength, uint64_t seed) const override {
    auto parts = splits_;
    bool changed = false;
    for (auto& part : parts) {
      auto noisy = part.split->with_noise(kind, strength, seed);
      if (noisy) part.split = std::move(noisy), changed = true;
    }
    return changed ? std::make_shared<JoinedSplit>(std::move(parts)) : nullptr;
  }
  bool has_image() const override { return image_part() != nullptr; }
  std::vector<data::Placement> placements(int64_t example, const Draw& draw) const override {
    const auto* part = image_part();
    return part ? part->placements(example, draw) : Split::placements(example, draw);
  }
  ImageShape source_shape(int64_t example) const override {
    const auto* part = image_part();
    return part ? part->source_shape(example) : Split::source_shape(example);
  }
  data::Image source_image(int64_t example) const override {
    const auto* part = image_part();
    return part ? part->source_image(example) : Split::source_image(example);
  }

  Batch batch(const std::vector<int64_t>& examples, const Draw& draw) const override {
    Batch all{{}, at::tensor(examples, at::kLong)};
    for (const auto& [name, split] : splits_) {
      auto batch = split->batch(examples, draw);
      for (auto& [tensor, value] : batch.tensors)
        all.tensors.emplace(name + "." + tensor, std::move(value));
    }
    return all;
  }

 private:
  const Split& first() const { return *splits_.front().split; }
  /// The first that reads images; null: none does.
  const Split* image_part() const {
    for (const auto& [name, split] : splits_)
      if (split->has_image()) return split.get();
    return nullptr;
  }
  std::vector<NamedSplit> splits_;
};

}  // namespace

SplitPtr join(std::vector<NamedSplit> splits) {
  return std::make_shared<JoinedSplit>(std::move(splits));
}

}  // namespace heed
