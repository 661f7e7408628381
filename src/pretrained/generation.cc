// generation_config.json as [head.generate].
#include <algorithm>

#include "heed/core/fields.h"
#include "pretrained/heads.h"

namespace heed::pretrained {
namespace {

constexpr Bounds kTokenIds = between(0, (1 << 24) - 1);
/// Tokens that are written where nothing says how many.
constexpr int64_t kNewTokens = 256;

/// Keys that say nothing of which tokens come.
const std::vector<std::string> kNoEffect = {
    "_from_model_config", "transformers_version", "use_cache", "output_attentions",
    "output_hidden_states", "output_scores", "output_logits", "return_dict_in_generate",
    "return_dict", "cache_implementation", "cache_config", "max_cache_len", "num_return_sequences",
    "pad_token_id", "trust_remote_code", "chat_format", "max_window_size", "low_memory",
    "compile_config", "disable_compile", "continuous_batching_config", "prefill_chunk_size",
    // how a second model helps, which changes the time alone
    "is_assistant", "num_assistant_tokens", "num_assistant_tokens_schedule",
    "assistant_confidence_threshold", "prompt_lookup_num_tokens", "max_matching_ngram_size",
    "assistant_early_exit", "assistant_lookbehind", "target_lookbehind",
    "assistant_ensemble_weight", "speculation_type", "use_mtp"};

/// Searches that Heed has not, and what leaves them out.
struct Search {
  const char* key;
  const char* without;
};
constexpr Search kGenerationOthers[] = {{"num_beam_groups", "1"},
                                        {"diversity_penalty", "0.0"},
                                        {"penalty_alpha", "0.0"},
                                        {"encoder_repetition_penalty", "1.0"},
                                        {"encoder_no_repeat_ngram_size", "0"},
                                        {"exponential_decay_length_penalty", "null"},
                                        {"guidance_scale", "1.0"},
                                        {"constraints", "null"},
                                        {"force_words_ids", "null"},
                                        {"sequence_bias", "null"},
                                        {"watermarking_config", "null"},
                                        {"renormalize_logits", "false"},
                                        {"dola_layers", "null"},
                                        {"token_healing", "false"},
                                        {"max_time", "null"},
                                        {"remove_invalid_values", "false"}};
/// Those that say how tokens are drawn.
constexpr Search kOtherDraws[] = {{"typical_p", "1.0"},
                                  {"epsilon_cutoff", "0.0"},
                                  {"eta_cutoff", "0.0"},
                                  {"min_p", "0.0"},
                                  {"top_h", "null"}};
/// What a config.json says where there is no generation_config.json.
const std::vector<std::string> kOfConfig = {"max_length",
                                            "min_length",
                                            "max_new_tokens",
                                            "do_sample",
                                            "early_stopping",
                                            "num_beams",
                                            "temperature",
                                            "top_k",
                                            "top_p",
                                            "typical_p",
                                            "repetition_penalty",
                                            "length_penalty",
                                            "no_repeat_ngram_size",
                                            "encoder_no_repeat_ngram_size",
                                            "bad_words_ids",
                                            "num_beam_groups",
                                            "diversity_penalty",
                                            "bos_token_id",
                                            "eos_token_id",
                                            "decoder_start_token_id",
                                            "forced_bos_token_id",
                                            "forced_eos_token_id",
                                            "suppress_tokens",
                                            "begin_suppress_tokens",
                                            "remove_invalid_values",
                                            "exponential_decay_length_penalty"};

/// Theirs counts the token that writing begins with; ours does where that is the text's own.
void add_lengths(RecipeText& recipe, Config& config, bool reads) {
  const auto most = config.integer("max_length", between(2, 1 << 20), 0);
  const auto more = config.integer("max_new_tokens", between(1, 1 << 20), 0);
  const auto least = config.integer("min_length", between(0, 1 << 20), 0);
  const auto least_more = config.integer("min_new_tokens", between(0, 1 << 20), 0);
  const int64_t begin = reads ? 1 : 0;
  if (more > 0 || most == 0)
    recipe.set("max_new", more > 0 ? more : kNewTokens);
  else
    recipe.set("max_length", most - begin);
  if (least_more > 0)
    recipe.set("min_new", least_more);
  else if (least > begin)
    recipe.set("min_length", least - begin);
}

void add_draws(RecipeText& recipe, Config& config) {
  const bool draws = config.flag("do_sample", false);
  recipe.set("sample", draws);
  const auto temperature = config.number("temperature", above(0, 1e6), 1);
  const auto top_k = config.integer("top_k", between(0, kMostCount), 50);
  const auto top_p = config.number("top_p", above(0, 1), 1);
  for (const auto& [key, without] : kOtherDraws)
    if (draws)
      config.only(key, without, "a way to draw that Heed has not");
    else
      config.no_effect({key});
  if (!draws) return;  // what they say of draws alone
  recipe.set("temperature", temperature).set("top_k", top_k).set("top_p", top_p);
}

void add_beams(RecipeText& recipe, Config& config) {
  const auto beams = config.integer("num_beams", between(1, 256), 1);
  const auto penalty = config.number("length_penalty", between(0, 10), 1);
  config.no_effect({"early_stopping"});
  if (beams == 1) return;
  if (config.flag("do_sample", false))
    config.refuse("num_beams", "is ", beams, " with do_sample; Heed draws without beams");
  recipe.set("beam_size", beams)
      .set("length_penalty_type", "power")
      .set("length_penalty", penalty)
      .set("early_stop", config.flag("early_stopping", false));
}

/// forced_decoder_ids, [[1, 50259], [2, 50359]]: what comes behind the token that writing begins with.
void add_forced(Config& config, std::vector<int64_t>& begin) {
  int64_t place = 1;
  for (const auto& pair : config.integer_lists("forced_decoder_ids", kTokenIds)) {
    if (pair.size() != 2 || pair.front() != place++ || begin.empty())
      config.refuse(
          "forced_decoder_ids",
          "expected pairs of a place and a token, the places 1, 2, 3, ..., of a model that "
          "reads");
    begin.push_back(pair.back());
  }
}

void add_sequences(RecipeText& recipe, Config& config, const std::vector<int64_t>& ends) {
  std::vector<std::string> sequences;
  for (const auto& sequence : config.integer_lists("bad_words_ids", kTokenIds)) {
    // An end that is a bad word is none.
    if (sequence.size() == 1 && std::find(ends.begin(), ends.end(), sequence[0]) != ends.end())
      continue;
    std::string text;
    for (const int64_t token : sequence)
      text.append(text.empty() ? "" : " ").append(std::to_string(token));
    if (std::find(sequences.begin(), sequences.end(), text) == sequences.end())
      sequences.push_back(text);
  }
  if (!sequences.empty()) recipe.set("suppressed_sequences", sequences);
}

void add_named_tokens(RecipeText& recipe, Config& config, const Given& given) {
  const auto one = [&](const char* key) { return config.integer(key, kTokenIds, -1); };
  const auto set = [&](const char* name, const std::vector<int64_t>& tokens) {
    if (!tokens.empty()) recipe.set(name, tokens);
  };
  const auto first = one("bos_token_id"), start = one("decoder_start_token_id");
  std::vector<int64_t> begin;
  if (given.task == Task::seq2seq) {
    begin = {start >= 0 ? start : first};
    if (begin.front() < 0) begin = {given.config.integer("decoder_start_token_id", kTokenIds)};
  }
  add_forced(config, begin);
  const auto ends = config.integers("eos_token_id", kTokenIds);
  if (recipe.value("input", "kind") == "\"parallel\"")
    recipe.table("input").set("target_begin", begin.front());
  recipe.table("head.generate.tokens");
  set("begin", begin);
  set("ends", ends);
  set("suppressed", config.integers("suppress_tokens", kTokenIds));
  set("first_suppressed", config.integers("begin_suppress_tokens", kTokenIds));
  add_sequences(recipe, config, ends);
  if (const auto forced = one("forced_bos_token_id"); forced >= 0) recipe.set("first", forced);
  set("last", config.integers("forced_eos_token_id", kTokenIds));
}

}  // namespace

void add_generation(Plan& plan, const Given& given) {
  auto& recipe = plan.recipe.table("head.generate");
  const auto found = given.others.find("generation_config.json");
  auto config = found == given.others.end() ? given.config.part(kOfConfig)
                                            : Config(found->second, "generation_config.json");
  recipe.set("rules", "transformers");
  add_draws(recipe, config);
  add_beams(recipe, config);
  add_lengths(recipe, config, given.task == Task::seq2seq);
  const auto penalty = config.number("repetition_penalty", between(1e-3, 1e3), 1);
  if (penalty != 1) recipe.set("repetition_penalty", penalty);
  const auto ngram = config.integer("no_repeat_ngram_size", between(0, kMostLength), 0);
  if (ngram > 0) recipe.set("no_repeat_ngram", ngram);
  const auto stops = config.texts("stop_strings");
  if (!stops.empty()) recipe.set("stop", stops);
  for (const auto& [key, without] : kGenerationOthers)
    config.only(key, without, "a search that Heed has not");
  config.no_effect(kNoEffect);
  add_named_tokens(recipe, config, given);
  config.end();
}

}  // namespace heed::pretrained
