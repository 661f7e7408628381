// heed embed: vectors of inputs, and search among them.
#include <filesystem>

#include "core/printable.h"
#include "frame/twice.h"
#include "heed/core/error.h"
#include "heed/formats/npy.h"
#include "heed/formats/safetensors.h"
#include "heed/tasks/predictor.h"
#include "output.h"
#include "verbs.h"

namespace heed::cli {
namespace {

/// Inputs that are read before their vectors are made: among many are more of one length.
constexpr int64_t kReadTogether = 1024;
constexpr int64_t kTop = 5;

/// Calls `use` with some examples and their vectors (n, W), until the inputs end.
template <class Use>
void each(Predictor& predictor, const std::vector<std::string>& inputs, const Use& use) {
  const auto stream = predictor.stream(inputs);
  while (const auto examples = stream->next(kReadTogether))
    use(*examples, predictor.embed(examples));
}

Json numbers_of(const at::Tensor& vector) {
  const auto row = vector.contiguous();
  return std::vector<float>(row.data_ptr<float>(), row.data_ptr<float>() + row.numel());
}

std::string json_line(const Split& examples, int64_t i, const at::Tensor& vectors) {
  return one_line({{"input", examples.show(i).text},
                   {"place", examples.place(i)},
                   {"vector", numbers_of(vectors[i])}});
}

/// The bytes of a file of all vectors.
using Format = std::string (*)(const at::Tensor& vectors);

Format format_of(const std::string& output) {
  const auto extension = std::filesystem::path(output).extension();
  if (extension == ".npy") return npy_bytes;
  if (extension == ".safetensors")
    return [](const at::Tensor& vectors) { return safetensors_bytes({{"embeddings", vectors}}); };
  if (extension == ".jsonl") return nullptr;
  throw UsageError("--output " + output +
                   ": expected a name that ends in .npy, .safetensors or .jsonl");
}

void write_vectors(Predictor& predictor, const std::vector<std::string>& inputs,
                   const std::string& output) {
  const Format format = format_of(output);
  std::vector<at::Tensor> parts;
  std::string lines;
  each(predictor, inputs, [&](const Split& examples, const at::Tensor& vectors) {
    if (format) return parts.push_back(vectors);
    for (int64_t i = 0; i < examples.size(); ++i) lines += json_line(examples, i, vectors) + '\n';
  });
  if (format && parts.empty()) throw DataError("--output: there is no input, so no vector");
  write_file(output, format ? format(at::cat(parts)) : lines);
}

at::Tensor unit(const at::Tensor& vectors) {
  return vectors / vectors.norm(2, {1}, true).clamp_min(1e-12);
}

/// What is searched.
struct Collection {
  std::vector<std::string> places, texts;
  at::Tensor vectors;  ///< (N, W) of length 1
};

Collection read_collection(Predictor& predictor, const std::string& file) {
  Collection all;
  std::vector<at::Tensor> parts;
  each(predictor, {file}, [&](const Split& examples, const at::Tensor& vectors) {
    parts.push_back(unit(vectors));
    for (int64_t i = 0; i < examples.size(); ++i) {
      all.places.push_back(examples.place(i));
      all.texts.push_back(examples.show(i).text);
    }
  });
  if (parts.empty()) throw DataError("--search " + file + ": it holds no record");
  all.vectors = at::cat(parts);
  return all;
}

void print_found(const Split& queries, int64_t i, const Collection& all, const at::Tensor& cosines,
                 const at::Tensor& numbers, bool json) {
  Json found = Json::array();
  for (int64_t k = 0; k < numbers.size(1); ++k) {
    const auto number = static_cast<size_t>(numbers[i][k].item<int64_t>());
    const double cosine = cosines[i][k].item<double>();
    if (json) {
      found.push_back(
          {{"cosine", cosine}, {"place", all.places[number]}, {"text", all.texts[number]}});
      continue;
    }
    char text[16];
    std::snprintf(text, sizeof text, "%.4f", cosine);
    std::cout << text << '\t' << printable(all.places[number], "\t") << '\t'
              << printable(all.texts[number], "\t") << '\n';
  }
  if (json) std::cout << one_line({{"input", queries.show(i).text}, {"found", found}});
  std::cout << '\n';
}

void search(Predictor& predictor, const EmbedFlags& flags, const std::vector<std::string>& inputs) {
  const auto all = read_collection(predictor, flags.search);
  const int64_t top = std::min(flags.top.value_or(kTop), all.vectors.size(0));
  each(predictor, inputs, [&](const Split& queries, const at::Tensor& vectors) {
    // Equal cosines: the one that stands first.
    const auto cosines = unit(vectors).matmul(all.vectors.t());  // (n, N)
    const auto [sorted, numbers] = cosines.sort(/*stable=*/true, 1, /*descending=*/true);
    for (int64_t i = 0; i < queries.size(); ++i)
      print_found(queries, i, all, sorted.narrow(1, 0, top), numbers.narrow(1, 0, top), flags.json);
    std::cout.flush();
  });
}

void check_embed(const EmbedFlags& flags) {
  refuse_twice("--set", flags.set);
  if (!flags.output.empty() && !flags.search.empty())
    throw UsageError("--output writes vectors and --search lists inputs; give one of them");
  if (flags.search.empty() && flags.top)
    throw UsageError("--top says how many --search lists; there is no --search");
  if (flags.search.empty() && flags.json)
    throw UsageError("--json: vectors are printed as JSON anyway; leave it out");
}

}  // namespace

void run(const EmbedFlags& flags) {
  check_embed(flags);
  const auto inputs = flags.inputs.empty() ? std::vector<std::string>{"-"} : flags.inputs;
  auto predictor = Predictor::load(flags.model, flags.set,
                                   flags.truncate ? Truncation::cut : Truncation::as_recipe);
  check_outputs({flags.output}, flags.model, inputs);
  if (!flags.output.empty()) {
    write_vectors(predictor, inputs, flags.output);
  } else if (!flags.search.empty()) {
    search(predictor, flags, inputs);
  } else {
    each(predictor, inputs, [&](const Split& examples, const at::Tensor& vectors) {
      for (int64_t i = 0; i < examples.size(); ++i)
        std::cout << json_line(examples, i, vectors) << '\n';
      std::cout.flush();
    });
  }
  const auto note = predictor.finish();
  if (!note.empty()) std::cerr << "heed: note: " << note << '\n';
}

}  // namespace heed::cli
