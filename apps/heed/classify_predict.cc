// heed predict, task classify: images to classes, one line per input, in the order of the inputs.
#include <iostream>
#include <nlohmann/json.hpp>

#include "heed/data/idx.h"
#include "heed/tasks/classify.h"
#include "task_verbs.h"

namespace heed::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kPredictBatch = 64;

/// Collects inputs to batches and prints a line each; what stands before a bad input is printed
/// before it is reported.
class Predictor {
 public:
  Predictor(Classifier classifier, const PredictFlags& flags)
      : classifier_(std::move(classifier)), json_(flags.json) {
    top_ = std::min(flags.top.value_or(5), static_cast<int64_t>(classifier_.classes().size()));
  }

  void add(const std::string& name, data::Image image) {
    tensors_.push_back(classifier_.input(std::move(image), name));
    names_.push_back(name);
    if (names_.size() == kPredictBatch) flush();
  }

  void flush() {
    if (names_.empty()) return;
    const auto probabilities = classifier_.probabilities(at::cat(tensors_)).to(at::kDouble);
    const auto [best, classes] = probabilities.topk(top_, 1);
    for (size_t i = 0; i < names_.size(); ++i) {
      const auto row = static_cast<int64_t>(i);
      print(names_[i], best[row].contiguous(), classes[row].contiguous());
    }
    std::cout.flush();
    names_.clear(), tensors_.clear();
  }

 private:
  void print(const std::string& name, const at::Tensor& best, const at::Tensor& classes) const {
    const auto class_name = [&](int64_t i) {
      return classifier_.classes()[static_cast<size_t>(classes[i].item<int64_t>())];
    };
    if (!json_) {
      char probability[32];
      std::snprintf(probability, sizeof probability, "%.4f", best[0].item<double>());
      std::cout << name << '\t' << class_name(0) << '\t' << probability << '\n';
      return;
    }
    auto top = nlohmann::ordered_json::array();
    for (int64_t i = 0; i < top_; ++i) {
      top.push_back({{"class", class_name(i)}, {"probability", best[i].item<double>()}});
    }
    const nlohmann::ordered_json line = {{"input", name},
                                         {"class", class_name(0)},
                                         {"probability", best[0].item<double>()},
                                         {"top", top}};
    std::cout << line.dump() << '\n';
  }

  Classifier classifier_;
  bool json_;
  int64_t top_;
  std::vector<std::string> names_;
  std::vector<at::Tensor> tensors_;
};

/// The IDX file that an input means: itself, or the images of a prefix; empty where it means
/// none.
fs::path idx_file(const std::string& input) {
  std::error_code error;
  if (fs::path(input).filename().string().find("-idx3-ubyte") != std::string::npos) return input;
  for (const char* ending : {"-images-idx3-ubyte", "-images-idx3-ubyte.gz"}) {
    if (fs::is_regular_file(input + ending, error)) return input + ending;
  }
  return {};
}

void add_idx(Predictor& predictor, const fs::path& file) {
  const auto images = data::read_idx_images(file);
  const int64_t pixels = images.height * images.width;
  for (int64_t i = 0; i < images.count; ++i) {
    const auto* first = images.values.data() + i * pixels;
    predictor.add(file.string() + "#" + std::to_string(i),
                  {{1, images.height, images.width}, {first, first + pixels}});
  }
}

void add_input(Predictor& predictor, const std::string& input) {
  std::error_code error;
  if (fs::is_directory(input, error)) {
    throw DataError(input + ": a folder; name the images in it, or pass their names by '-'");
  }
  const fs::path idx = fs::exists(input, error) && idx_file(input) != input ? "" : idx_file(input);
  if (idx.empty()) {
    predictor.add(input, data::read_image(input));
  } else {
    add_idx(predictor, idx);
  }
}

/// Names from standard input, one per line. Waits for more only after what is known has been
/// answered.
void add_from_stdin(Predictor& predictor) {
  for (std::string line; std::getline(std::cin, line);) {
    if (!line.empty()) add_input(predictor, line);
    if (std::cin.rdbuf()->in_avail() <= 0) predictor.flush();
  }
}

void refuse_text_flags(const PredictFlags& flags) {
  if (flags.set.empty() && flags.with.empty() && flags.prefix.empty() && flags.target.empty()) {
    return;
  }
  throw UsageError("--set, --with, --prefix and --target are for models that write text; " +
                   flags.model + " is a classifier");
}

}  // namespace

void predict_classes(const PredictFlags& flags) {
  refuse_text_flags(flags);
  Predictor predictor(Classifier::load(flags.model), flags);
  try {
    for (const auto& input : flags.inputs) {
      if (input == "-") {
        add_from_stdin(predictor);
      } else {
        add_input(predictor, input);
      }
    }
  } catch (const Error&) {
    predictor.flush();
    throw;
  }
  predictor.flush();
}

}  // namespace heed::cli
