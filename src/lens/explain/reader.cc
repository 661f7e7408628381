#include "lens/explain/reader.h"

#include "core/text.h"
#include "heed/core/error.h"

namespace heed::lens {
namespace {

/// What a question's example is at the places where its tokens get their vectors.
class Embeddings : public nn::Probe {
 public:
  at::Tensor embedded(const at::Tensor& x) override {
    seen.push_back(x.detach());
    return x;
  }
  std::vector<at::Tensor> seen;
};

/// Tokens of a batch that a machine of a few GB computes with ease.
constexpr int64_t kTokensTogether = 4096;

at::Tensor expanded(const at::Tensor& x, int64_t copies) {
  return x.unsqueeze(0).expand({copies, -1, -1, -1}).flatten(0, 1);  // (copies R, L, M)
}

}  // namespace

at::Tensor Replaced::embedded(const at::Tensor& x) {
  if (next_ >= vectors_.size() || vectors_[next_].sizes() != x.sizes())
    throw UsageError(
        "explain: the model reads other tokens than it did before; it draws, or its lengths depend "
        "on its numbers");
  return vectors_[next_++].to(x.scalar_type());
}

std::vector<TokenPlace> unnamed_tokens(int64_t count, const std::optional<TokenGrid>& grid) {
  std::vector<TokenPlace> tokens;
  const bool on_grid = grid && count == grid->rows * grid->columns;
  for (int64_t i = 0; i < count; ++i)
    tokens.push_back(
        {on_grid ? text_of("row ", i / grid->columns + 1, ", column ", i % grid->columns + 1)
                 : text_of("token ", i + 1)});
  return tokens;
}

Reader::Reader(const Question& question, Baseline baseline) : question_(question) {
  find_vectors();
  name_tokens();
  find_baselines(baseline);
}

void Reader::find_vectors() {
  const at::NoGradGuard no_grad;
  Embeddings found;
  question_.ask();
  if (found.seen.empty())
    throw UsageError(
        "explain: the model's encoder shows no vectors of tokens that could be taken out or "
        "followed by gradients");
  vectors_ = std::move(found.seen);
}

void Reader::name_tokens() {
  int64_t count = 0;
  for (const auto& x : vectors_) count += x.size(0) * x.size(1);
  const auto& shown = question_.shown.tokens;
  const auto& read = question_.looked.read;
  if (count == std::ssize(shown)) {
    tokens_ = shown;
  } else if (count == std::ssize(shown) + std::ssize(read)) {
    tokens_ = shown;
    tokens_.insert(tokens_.end(), read.begin(), read.end());
  } else {
    tokens_ = count == std::ssize(read) ? read : unnamed_tokens(count, question_.grid);
  }
}

void Reader::find_baselines(Baseline baseline) {
  const at::NoGradGuard no_grad;
  if (baseline == Baseline::zero || baseline == Baseline::mean) {
    for (const auto& x : vectors_)
      baselines_.push_back(baseline == Baseline::zero
                               ? at::zeros_like(x)
                               : x.mean(at::IntArrayRef{0, 1}, true).expand_as(x).contiguous());
    return;
  }
  const bool text = question_.tokenizer && question_.batch.has("tokens");
  const auto piece = !text                           ? -1
                     : baseline == Baseline::padding ? question_.tokenizer->padding()
                                                     : question_.tokenizer->unknown();
  if (piece < 0)
    throw UsageError(text_of("--baseline ", word_of(baseline),
                             ": the model's input has no such piece; choose zero or mean"));
  auto other = question_.batch;
  other.tensors.at("tokens") = at::full_like(other.at("tokens"), piece);
  Embeddings found;
  question_.of(other);
  baselines_ = std::move(found.seen);
}

int64_t Reader::together() const {
  return std::max<int64_t>(1, kTokensTogether / std::max<int64_t>(1, size()));
}

Answers Reader::asked(const at::Tensor& kept, const Mix& mix) const {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> values, shares;
  for (const auto& part : kept.split(together())) {
    const int64_t copies = part.size(0);
    std::vector<at::Tensor> mixed;
    int64_t first = 0;
    for (size_t i = 0; i < vectors_.size(); ++i) {
      const auto& x = vectors_[i];
      const int64_t count = x.size(0) * x.size(1);
      const auto of_place = part.narrow(1, first, count)
                                .reshape({copies * x.size(0), x.size(1), 1})
                                .to(x.scalar_type());
      mixed.push_back(mix(of_place, expanded(x, copies), expanded(baselines_[i], copies)));
      first += count;
    }
    const Replaced replaced(std::move(mixed));
    const auto answer = question_.ask(copies);
    values.push_back(answer.value.to(at::kDouble));
    shares.push_back(answer.share.defined() ? answer.share.to(at::kDouble) : values.back());
  }
  return {at::cat(values), at::cat(shares)};
}

Answers Reader::answers(const at::Tensor& kept) const {
  return asked(kept, [](const at::Tensor& share, const at::Tensor& x, const at::Tensor& b) {
    return at::where(share == 1, x, at::where(share == 0, b, b + share * (x - b)));
  });
}

Answers Reader::drawn_answers(const at::Tensor& kept, uint64_t seed) const {
  auto generator = at::detail::createCPUGenerator(seed);
  return asked(kept, [&](const at::Tensor& p, const at::Tensor& x, const at::Tensor& b) {
    const auto draws = at::rand(x.sizes(), generator, x.options());
    return at::where(draws < p, x, b);
  });
}

at::Tensor Reader::joined(const std::vector<at::Tensor>& of_places) const {
  std::vector<at::Tensor> flat;
  for (const auto& values : of_places) flat.push_back(values.flatten().to(at::kDouble));
  return at::cat(flat);
}

at::Tensor Reader::along(const std::vector<at::Tensor>& gradients) const {
  std::vector<at::Tensor> sums;
  for (size_t i = 0; i < vectors_.size(); ++i)
    sums.push_back(((vectors_[i] - baselines_[i]).to(at::kDouble) * gradients[i]).sum(-1));
  return joined(sums);
}

std::vector<at::Tensor> Reader::between(const std::vector<double>& shares) const {
  const auto copies = static_cast<int64_t>(shares.size());
  const auto share = at::tensor(shares, at::kDouble);
  std::vector<at::Tensor> all;
  for (size_t i = 0; i < vectors_.size(); ++i) {
    const auto& x = vectors_[i];
    const auto t = share.repeat_interleave(x.size(0)).view({-1, 1, 1}).to(x.scalar_type());
    const auto b = expanded(baselines_[i], copies);
    all.push_back((b + t * (expanded(x, copies) - b)).requires_grad_(true));
  }
  return all;
}

}  // namespace heed::lens
