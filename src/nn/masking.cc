#include "heed/nn/masking.h"

#include "heed/core/random.h"
#include "nn/lengths.h"

namespace heed::nn {
namespace {

constexpr uint64_t kMaskingKey = 0x6d61736b696e67;
constexpr int64_t kNotAsked = -100;

template <class... Pieces>
[[noreturn]] void refuse_masking(const Pieces&... pieces) {
  throw UsageError(text_of("mask_tokens: ", pieces...));
}

void check_masking(const MaskingOptions& options) {
  const auto is_share = [](double x) { return x >= 0 && x <= 1; };
  if (!is_share(options.probability()))
    throw ModelError(text_of("probability: expected 0 to 1, given ", options.probability()));
  if (!is_share(options.mask_share()) || !is_share(options.random_share()) ||
      options.mask_share() + options.random_share() > 1 + 1e-12)
    throw ModelError(
        text_of("mask_share and random_share: expected 0 to 1 and no more than 1 "
                "together, given ",
                options.mask_share(), " and ", options.random_share()));
}

void check_ids(const char* name, const at::Tensor& t, at::IntArrayRef shape) {
  if (!t.defined() || t.scalar_type() != at::kLong || t.sizes() != shape)
    refuse_masking(name, ": expected shape ", shape, " of int64, given ",
                   t.defined() ? text_of(t.sizes(), " of ", t.dtype()) : "no tensor");
}

/// What may be chosen and put in.
struct Ordinary {
  std::vector<bool> is_special;   // of each token
  std::vector<int64_t> ordinary;  // the others
};

Ordinary ordinary_tokens(const MaskingVocabulary& vocabulary) {
  const int64_t V = vocabulary.size;
  Ordinary all{std::vector<bool>(static_cast<size_t>(std::max<int64_t>(V, 0))), {}};
  auto special = vocabulary.special;
  special.push_back(vocabulary.mask);
  for (const int64_t id : special) {
    if (id < 0 || id >= V)
      refuse_masking("vocabulary: expected special tokens of 0 to V - 1 = ", V - 1, ", given ", id);
    all.is_special[id] = true;
  }
  for (int64_t id = 0; id < V; ++id)
    if (!all.is_special[id]) all.ordinary.push_back(id);
  if (all.ordinary.empty())
    refuse_masking("vocabulary: expected tokens that are not special, given none");
  return all;
}

/// Tokens that are chosen together: one, or the tokens of a word.
using Units = std::vector<std::vector<int64_t>>;

Units units_of(const int64_t* tokens, const int64_t* words, int64_t n, const Ordinary& all) {
  Units units;
  bool goes_on = false;
  for (int64_t i = 0; i < n; ++i) {
    if (all.is_special[tokens[i]]) {
      goes_on = false;
      continue;
    }
    if (goes_on && words && words[i] == words[i - 1])
      units.back().push_back(i);
    else
      units.push_back({i});
    goes_on = true;
  }
  return units;
}

std::vector<int64_t> choose(Units& units, double probability, Random& random) {
  int64_t count = 0;
  for (const auto& unit : units) count += static_cast<int64_t>(unit.size());
  int64_t wanted = std::llround(probability * static_cast<double>(count));
  if (probability > 0 && count > 0) wanted = std::max<int64_t>(wanted, 1);
  std::vector<int64_t> chosen;
  const auto add = [&](const std::vector<int64_t>& unit) {
    chosen.insert(chosen.end(), unit.begin(), unit.end());
  };
  for (size_t k = 0; k < units.size() && static_cast<int64_t>(chosen.size()) < wanted; ++k) {
    std::swap(units[k], units[k + random.below(static_cast<uint32_t>(units.size() - k))]);
    if (static_cast<int64_t>(chosen.size() + units[k].size()) <= wanted) add(units[k]);
  }
  if (chosen.empty() && wanted > 0) add(units.front());  // every word is longer than that
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

/// Masks the n tokens of a record in place; labels are -100 to begin with.
void mask_row(int64_t* row, const int64_t* words, int64_t n, Random random, const Ordinary& all,
              const MaskingOptions& options, int64_t mask, int64_t* labels) {
  auto units = units_of(row, words, n, all);
  for (const int64_t i : choose(units, options.probability(), random)) {
    labels[i] = row[i];
    const double kind = random.uniform();
    const auto other = random.below(static_cast<uint32_t>(all.ordinary.size()));
    if (kind < options.mask_share())
      row[i] = mask;
    else if (kind < options.mask_share() + options.random_share())
      row[i] = all.ordinary[other];
  }
}

}  // namespace

MaskedTokens mask_tokens(const at::Tensor& tokens, const at::Tensor& lengths,
                         const MaskingVocabulary& vocabulary, const MaskingDraw& draw,
                         const MaskingOptions& options, const at::Tensor& words) {
  check_masking(options);
  if (!tokens.defined() || tokens.dim() != 2)
    refuse_masking("tokens: expected shape (B, L), given ",
                   tokens.defined() ? text_of(tokens.sizes()) : "no tensor");
  const int64_t B = tokens.size(0), L = tokens.size(1);
  check_ids("tokens", tokens, {B, L});
  check_lengths("mask_tokens", lengths, B, L);
  check_ids("records", draw.records, {B});
  if (options.whole_words()) check_ids("words", words, {B, L});
  const auto all = ordinary_tokens(vocabulary);
  const auto masked = tokens.cpu().clone(at::MemoryFormat::Contiguous);
  const auto labels = at::full({B, L}, kNotAsked, at::kLong);
  const auto records = draw.records.cpu().contiguous();
  const auto lengths_here =
      lengths.defined() ? lengths.cpu().contiguous() : at::full({B}, L, at::kLong);
  const auto words_here = options.whole_words() ? words.cpu().contiguous() : at::Tensor();
  for (int64_t b = 0; b < B; ++b) {
    int64_t* row = masked.data_ptr<int64_t>() + b * L;
    const int64_t n = lengths_here.data_ptr<int64_t>()[b];
    const int64_t record = records.data_ptr<int64_t>()[b];
    for (int64_t i = 0; i < n; ++i)
      if (row[i] < 0 || row[i] >= vocabulary.size)
        refuse_masking("tokens[", b, ", ", i, "]: expected 0 to V - 1 = ", vocabulary.size - 1,
                       ", given ", row[i]);
    if (record < 0 || record > UINT32_MAX)
      refuse_masking("records[", b, "]: expected 0 to 2^32 - 1, given ", record);
    mask_row(row, words_here.defined() ? words_here.data_ptr<int64_t>() + b * L : nullptr, n,
             Random(draw.seed ^ kMaskingKey, draw.epoch, static_cast<uint32_t>(record)), all,
             options, vocabulary.mask, labels.data_ptr<int64_t>() + b * L);
  }
  return {masked.to(tokens.device()), labels.to(tokens.device())};
}

}  // namespace heed::nn
