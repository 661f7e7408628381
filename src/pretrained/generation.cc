// generation_config.json as [head.generate].
#include "heed/core/fields.h"
#include "pretrained/heads.h"

namespace heed::pretrained {
namespace {

/// Keys that say nothing of which tokens come.
const std::vector<std::string> kNoEffect = {
    "_from_model_config",   "transformers_version", "use_cache",     "output_attentions",
    "output_hidden_states", "output_scores",        "output_logits", "return_dict_in_generate",
    "return_dict",          "cache_implementation", "cache_config",  "num_return_sequences",
    "bos_token_id",         "pad_token_id",         "eos_token_id",  "decoder_start_token_id",
    "trust_remote_code",    "renormalize_logits",   "chat_format",   "max_window_size"};

/// Searches that Heed has not, and what leaves them out.
struct Search {
  const char* key;
  const char* without;
};
constexpr Search kGenerationOthers[] = {{"num_beam_groups", "1"},
                                        {"diversity_penalty", "0.0"},
                                        {"penalty_alpha", "0.0"},
                                        {"typical_p", "1.0"},
                                        {"epsilon_cutoff", "0.0"},
                                        {"eta_cutoff", "0.0"},
                                        {"min_p", "0.0"},
                                        {"encoder_repetition_penalty", "1.0"},
                                        {"encoder_no_repeat_ngram_size", "0"},
                                        {"exponential_decay_length_penalty", "null"},
                                        {"guidance_scale", "1.0"},
                                        {"constraints", "null"},
                                        {"force_words_ids", "null"},
                                        {"sequence_bias", "null"},
                                        {"stop_strings", "null"},
                                        {"watermarking_config", "null"},
                                        {"suppress_tokens", "null"},
                                        {"begin_suppress_tokens", "null"},
                                        {"forced_decoder_ids", "null"},
                                        {"forced_bos_token_id", "null"},
                                        {"remove_invalid_values", "false"}};

void add_lengths(RecipeText& recipe, Config& config) {
  // Theirs counts the token that writing begins with.
  const auto most = config.integer("max_length", between(2, 1 << 20), 0);
  const auto more = config.integer("max_new_tokens", between(1, 1 << 20), 0);
  const auto least = config.integer("min_length", between(0, 1 << 20), 0);
  const auto least_more = config.integer("min_new_tokens", between(0, 1 << 20), 0);
  if (more > 0)
    recipe.set("max_length", more);
  else if (most > 0)
    recipe.set("max_length", most - 1);
  if (least_more > 0 || least > 1) recipe.set("min_length", least_more ? least_more : least - 1);
}

void add_draws(RecipeText& recipe, Config& config) {
  const bool draws = config.flag("do_sample", false);
  recipe.set("sample", draws);
  const auto temperature = config.number("temperature", above(0, 1e6), 1);
  const auto top_k = config.integer("top_k", between(0, kMostCount), 50);
  const auto top_p = config.number("top_p", above(0, 1), 1);
  if (!draws) return;  // what they say of draws alone
  recipe.set("temperature", temperature).set("top_k", top_k).set("top_p", top_p);
}

void add_beams(RecipeText& recipe, Config& config) {
  const auto beams = config.integer("num_beams", between(1, 256), 1);
  const auto penalty = config.number("length_penalty", between(0, 10), 1);
  const bool early = config.is_true("early_stopping");
  if (beams == 1) return;
  recipe.set("beam_size", beams)
      .set("length_penalty_type", "power")
      .set("length_penalty", penalty)
      .set("early_stop", early);
}

}  // namespace

void add_generation(Plan& plan, const Given& given) {
  auto& recipe = plan.recipe.table("head.generate");
  const auto found = given.others.find("generation_config.json");
  if (found == given.others.end()) {
    recipe.set("sample", false);
    return;
  }
  Config config(found->second, "generation_config.json");
  add_draws(recipe, config);
  add_beams(recipe, config);
  add_lengths(recipe, config);
  const auto penalty = config.number("repetition_penalty", between(1e-3, 1e3), 1);
  if (penalty != 1) recipe.set("repetition_penalty", penalty);
  const auto ngram = config.integer("no_repeat_ngram_size", between(0, kMostLength), 0);
  if (ngram > 0) recipe.set("no_repeat_ngram", ngram);
  for (const auto& [key, without] : kGenerationOthers)
    config.only(key, without, "a search that Heed has not");
  config.no_effect(kNoEffect);
  // Padding is never written, whether this says so or not; a text that is cut gets no end.
  config.no_effect({"bad_words_ids", "forced_eos_token_id"});
  config.end();
}

}  // namespace heed::pretrained
