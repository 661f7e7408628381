// Models that write against transformers: states, logits, maps, and greedy texts by generate().
#include "golden/golden.h"
#include "heed/models/generate.h"
#include "heed/models/transformer.h"
#include "models/encoder_parts.h"

namespace heed {
namespace {

using test::Golden;

std::vector<int64_t> row_of(const at::Tensor& tensor) {
  const auto row = tensor.to(at::kLong).contiguous();
  return {row.data_ptr<int64_t>(), row.data_ptr<int64_t>() + row.numel()};
}

/// The maps whose names have that beginning and end.
std::vector<Map> maps_named(const std::vector<Map>& maps, const std::string& begin,
                            const std::string& end) {
  std::vector<Map> some;
  for (const auto& map : maps)
    if (map.name().starts_with(begin) && map.name().ends_with(end)) some.push_back(map);
  return some;
}

class GoldenLanguageModels : public testing::TestWithParam<const char*> {};

TEST_P(GoldenLanguageModels, LogitsAndMaps) {
  HEED_NEEDS_GOLDEN(GetParam());
  Golden golden(GetParam());
  const auto model = golden.sequence_model();
  const at::NoGradGuard no_grad;
  Recording recording(*golden.cell().module);
  const auto hidden = model->hidden({}, golden.at("input_ids"));
  golden.expect("logits", model->project(hidden));
  golden.expect_maps(recording.maps(), "attentions");
  int64_t last = 0;
  while (golden.has("hidden_states." + std::to_string(last + 1))) ++last;
  golden.expect("hidden_states." + std::to_string(last), hidden);  // behind the norm at the end
}

/// What stands before a text in theirs, on the left, is no part of ours.
TEST_P(GoldenLanguageModels, GreedyTexts) {
  HEED_NEEDS_GOLDEN(GetParam());
  Golden golden(GetParam());
  const auto& given = golden.at("generate.input_ids");
  const auto& written = golden.at("generate.output_ids");
  const auto padding = given.size(1) - golden.at("generate.attention_mask").sum(1);
  for (int64_t b = 0; b < given.size(0); ++b) {
    const auto from = padding[b].item<int64_t>();
    const auto text = row_of(given[b].slice(0, from));
    const auto expected = row_of(written[b].slice(0, from + 1));
    const auto options = GenerateOptions()
                             .begin(text.front())
                             .end(-1)
                             .prefixes({{text.begin() + 1, text.end()}})
                             .max_length(std::ssize(expected));
    EXPECT_EQ(generate({golden.sequence_model()}, {}, options).front().front().tokens, expected)
        << "text " << b;
  }
}

INSTANTIATE_TEST_SUITE_P(Folders, GoldenLanguageModels,
                         testing::Values("gpt2", "llama", "qwen3", "gemma2", "gemma3"));

class GoldenTranslators : public testing::TestWithParam<const char*> {};

TEST_P(GoldenTranslators, StatesLogitsAndMaps) {
  HEED_NEEDS_GOLDEN(GetParam());
  Golden golden(GetParam());
  const auto model = std::dynamic_pointer_cast<TransformerImpl>(golden.sequence_model());
  const SourceBatch source{golden.at("input_ids"), golden.at("attention_mask").sum(1)};
  const at::NoGradGuard no_grad;
  golden.expect("encoder_last_hidden_state", model->encode(source));
  Recording recording(*golden.cell().module);
  const auto hidden = model->hidden(source, golden.at("decoder_input_ids"));
  golden.expect("logits", model->project(hidden));
  golden.expect_maps(maps_named(recording.maps(), "head.encoder", ".attention"),
                     "encoder_attentions");
  golden.expect_maps(maps_named(recording.maps(), "head.decoder", ".attention"),
                     "decoder_attentions");
  golden.expect_maps(maps_named(recording.maps(), "head.decoder", ".cross"), "cross_attentions");
}

struct Tokens3 {
  int64_t begin, end, padding;
};
const std::map<std::string, Tokens3> kTokens = {
    {"t5", {0, 1, 0}}, {"t5_gated", {0, 1, 0}}, {"marian", {199, 0, 199}}};

TEST_P(GoldenTranslators, GreedyTexts) {
  HEED_NEEDS_GOLDEN(GetParam());
  Golden golden(GetParam());
  const auto tokens = kTokens.at(GetParam());
  const auto& written = golden.at("generate.output_ids");
  std::vector<std::vector<int64_t>> sources;
  for (int64_t b = 0; b < written.size(0); ++b)
    sources.push_back(row_of(golden.at("input_ids")[b].slice(
        0, 0, golden.at("attention_mask")[b].sum().item<int64_t>())));
  auto options =
      GenerateOptions().begin(tokens.begin).end(tokens.end).max_length(written.size(1) - 1);
  if (tokens.padding != 0) options.suppressed({tokens.padding});
  const auto found = generate({golden.sequence_model()}, sources, options);
  for (int64_t b = 0; b < written.size(0); ++b) {
    auto expected = row_of(written[b].slice(0, 1));
    auto ours = found[static_cast<size_t>(b)].front().tokens;
    const auto end = std::find(expected.begin(), expected.end(), tokens.end);
    const bool forced = end == expected.end() - 1 && !found[static_cast<size_t>(b)].front().ended;
    if (forced) ours.pop_back();  // Marian's forced_eos_token_id ends what is cut
    expected.erase(end, expected.end());
    EXPECT_EQ(ours, expected) << "text " << b;
  }
}

INSTANTIATE_TEST_SUITE_P(Folders, GoldenTranslators, testing::Values("t5", "t5_gated", "marian"));

}  // namespace
}  // namespace heed
