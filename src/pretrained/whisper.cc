// Whisper (Radford et al. 2022): https://huggingface.co/docs/transformers/model_doc/whisper
//
// A pre-normalised Transformer whose encoder reads log-mel frames through two convolutions. Keys have
// no bias: it would add the same to all scores of a query. The encoder's positions are sinusoids that
// the file holds as any table; the output is the decoder's embeddings, whatever tie_word_embeddings
// says.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "heed/core/fields.h"
#include "pretrained/decoder.h"
#include "pretrained/heads.h"

namespace heed::pretrained {
namespace {

using SpeechJson = nlohmann::ordered_json;

constexpr Bounds kSpeechIds = between(0, (1 << 24) - 1);
constexpr const char* kPreprocessor = "preprocessor_config.json";
constexpr const char* kGeneration = "generation_config.json";

struct WhisperStack {
  int64_t layers, heads, hidden, positions;
};

struct WhisperConfig {
  int64_t vocabulary, width, bands;
  WhisperStack encoder, decoder;
  std::string activation;
  double dropout, attention_dropout;
};

WhisperConfig whisper_config(Config& config) {
  const auto stack = [&](const std::string& name, const char* positions) {
    return WhisperStack{
        .layers = config.integer(name + "_layers", between(1, kMostLayers)),
        .heads = config.integer(name + "_attention_heads", between(1, kMostChannels)),
        .hidden = config.integer(name + "_ffn_dim", between(1, kMostChannels)),
        .positions = config.integer(positions, between(1, kMostLength / 2))};
  };
  // Of training alone, of the class for classification, of times of words, and what repeats another key.
  config.no_effect({"encoder_layerdrop", "decoder_layerdrop", "activation_dropout",
                    "apply_spec_augment", "mask_time_prob", "mask_time_length",
                    "mask_time_min_masks", "mask_feature_prob", "mask_feature_length",
                    "mask_feature_min_masks", "use_weighted_layer_sum", "classifier_proj_size",
                    "median_filter_width", "num_hidden_layers"});
  config.no_effect({"scale_embedding"});  // theirs keeps the factor and multiplies nothing by it
  return {.vocabulary = config.integer("vocab_size", between(1, 1 << 24)),
          .width = config.integer("d_model", between(1, kMostChannels)),
          .bands = config.integer("num_mel_bins", between(1, 4096)),
          .encoder = stack("encoder", "max_source_positions"),
          .decoder = stack("decoder", "max_target_positions"),
          .activation = activation_of(config, "activation_function", "gelu"),
          .dropout = config.number("dropout", kDropouts, 0),
          .attention_dropout = config.number("attention_dropout", kDropouts, 0)};
}

/// How features are made of sound; where the folder does not say so, none can be.
void add_audio_input(Plan& plan, const WhisperConfig& whisper, const Given& given) {
  auto& recipe = plan.recipe.table("input").set("kind", "audio");
  const int64_t frames = 2 * whisper.encoder.positions;
  const auto found = given.others.find(kPreprocessor);
  if (found == given.others.end()) {
    recipe.set("features", "unknown").set("shape", std::vector<int64_t>{whisper.bands, frames});
    return;
  }
  Config config(found->second, kPreprocessor);
  const auto number = [&](const char* key, double most) {
    return config.integer(key, between(1, most));
  };
  const auto bands = number("feature_size", 4096), rate = number("sampling_rate", 1 << 20),
             hop = number("hop_length", 1 << 16), seconds = number("chunk_length", 86400);
  const auto window = config.integer("n_fft", between(4, 1 << 16));
  if (bands != whisper.bands)
    config.refuse("feature_size", "is ", bands, ", and num_mel_bins of config.json is ",
                  whisper.bands, ": the files are of different models");
  if (seconds * rate / hop != frames)
    config.refuse("chunk_length", "of ", seconds, " seconds at sampling_rate ", rate,
                  " and hop_length ", hop, " makes ", seconds * rate / hop,
                  " frames, and the encoder reads 2 max_source_positions = ", frames,
                  ": the files are of different models");
  config.only("feature_extractor_type", "\"WhisperFeatureExtractor\"", "other features");
  config.only("padding_side", "\"right\"", "silence before a recording");
  config.only("padding_value", "0.0", "something else than silence behind a recording");
  config.only("do_normalize", "false", "samples that are normalised");
  config.only("dither", "0.0", "noise in the samples");
  // What repeats others, the bands as a matrix, and a mask that the encoder does not look at.
  config.no_effect({"n_samples", "nb_max_frames", "mel_filters", "return_attention_mask",
                    "processor_class", "feature_extractor_class"});
  config.end();
  plan.recipe.table("input.log_mel")
      .set("sampling_rate", rate)
      .set("window", window)
      .set("hop", hop)
      .set("mels", bands)
      .set("seconds", seconds);
}

Attention whisper_attention_of(const WhisperConfig& whisper, const WhisperStack& stack,
                               bool places) {
  Attention how;
  if (places) how.position = {"learned", {{"length", double(stack.positions)}}};
  how.num_heads = stack.heads;
  how.dropout = whisper.attention_dropout;
  return how;
}

void add_whisper_recipe(Plan& plan, const WhisperConfig& whisper) {
  auto writing = whisper_attention_of(whisper, whisper.decoder, true);
  writing.masks.push_back({"causal"});
  plan.recipe.table("encoder")
      .set("kind", "audio")
      .set("width", whisper.width)
      .set("layers", whisper.encoder.layers)
      .set("hidden", whisper.encoder.hidden)
      .set("norm", "pre")
      .set("activation", whisper.activation)
      .set("dropout", whisper.dropout)
      .set("attention", whisper_attention_of(whisper, whisper.encoder, true));
  plan.recipe.table("head")
      .set("kind", "text")
      .set("encoder_layers", int64_t{0})
      .set("from_encoder", true)
      .set("decoder_layers", whisper.decoder.layers)
      .set("width", whisper.width)
      .set("hidden", whisper.decoder.hidden)
      .set("norm", "pre")
      .set("activation", whisper.activation)
      .set("dropout", whisper.dropout)
      .set("tied", "decoder")
      .set("scale_embeddings", false)
      .set("decoder_attention", writing)
      .set("cross_attention", whisper_attention_of(whisper, whisper.decoder, false));
  add_tokenizer(plan, "head.tokenizer", whisper.vocabulary);
}

/// The object without the keys that say how speech is written, which are asked of the second.
std::pair<std::string, Config> without_speech(const std::string& bytes) {
  constexpr const char* kKeys[] = {"forced_decoder_ids",
                                   "is_multilingual",
                                   "lang_to_id",
                                   "task_to_id",
                                   "language",
                                   "task",
                                   "no_timestamps_token_id",
                                   "return_timestamps",
                                   "alignment_heads",
                                   "max_initial_timestamp_index",
                                   "prev_sot_token_id"};
  Config whole(bytes, kGeneration);  // throws for what is no object
  auto json = SpeechJson::parse(bytes);
  for (const char* key : kKeys) json.erase(key);
  return {json.dump(), whole.part({std::begin(kKeys), std::end(kKeys)})};
}

/// The values of an object of numbers, in their order, and that of `name` (-1: not there).
struct NamedIds {
  std::vector<int64_t> all = {};
  int64_t named = -1;
};
NamedIds ids_of(Config& config, const std::string& key, const std::string& bytes,
                const std::string& name) {
  NamedIds found;
  auto object = config.object(key);
  if (!object) return found;
  const auto json = SpeechJson::parse(bytes).at(key);
  for (const auto& [own, value] : json.items()) {
    found.all.push_back(object->integer(own, kSpeechIds));
    if (own == name) found.named = found.all.back();
  }
  return found;
}

/// The tokens behind the one that writing begins with: the language (chosen by the model among all
/// where nothing says it), the task, and that no times are written.
void add_speech_tokens(Plan& plan, Config& config, const std::string& bytes, int64_t begin) {
  std::vector<int64_t> tokens{begin};
  int64_t forced_language = -1, forced_task = -1;
  const auto json = SpeechJson::parse(bytes);
  const auto no_times = config.integer("no_timestamps_token_id", kSpeechIds, -1);
  // [[1, language or null], [2, task], [3, no times]], or [[1, no times]].
  if (const auto forced = json.find("forced_decoder_ids");
      forced != json.end() && forced->is_array())
    for (size_t i = 0; i < forced->size(); ++i) {
      const auto& pair = (*forced)[i];
      const bool fits = pair.is_array() && pair.size() == 2 && pair[0] == i + 1 &&
                        (pair[1].is_null() || pair[1].is_number_integer());
      if (!fits)
        config.refuse("forced_decoder_ids",
                      "expected pairs of a place 1, 2, ... and a token or null");
      if (pair[1].is_null() || pair[1] == no_times) continue;
      (i == 0 ? forced_language : forced_task) = pair[1].get<int64_t>();
    }
  const auto language = config.text("language", ""), task = config.text("task", "transcribe");
  const auto languages = ids_of(config, "lang_to_id", bytes, "<|" + language + "|>");
  const auto tasks = ids_of(config, "task_to_id", bytes, task);
  if (!language.empty() && languages.named < 0)
    config.refuse("language", "lang_to_id has no '<|", language, "|>'");
  if (config.has("task") && tasks.named < 0)
    config.refuse("task", "task_to_id has no '", task, "'");
  config.only("return_timestamps", "false", "times of segments");
  config.flag("is_multilingual", false);  // lang_to_id says it
  // Which heads follow the sound, times that are not written, and what came before.
  config.no_effect({"alignment_heads", "max_initial_timestamp_index", "prev_sot_token_id",
                    "forced_decoder_ids"});
  config.end();
  const auto own_language = languages.named >= 0 ? languages.named : forced_language;
  const auto own_task = config.has("task") || forced_task < 0 ? tasks.named : forced_task;
  if (own_language >= 0) tokens.push_back(own_language);
  if (own_task >= 0) tokens.push_back(own_task);
  if (no_times >= 0) tokens.push_back(no_times);
  auto& recipe = plan.recipe.table("head.generate.tokens").set("begin", tokens);
  if (own_language < 0 && !languages.all.empty()) recipe.set("languages", languages.all);
}

void add_speech(Plan& plan, const Given& given) {
  const auto found = given.others.find(kGeneration);
  if (found == given.others.end()) {
    if (given.config.has("forced_decoder_ids"))
      given.config.refuse("forced_decoder_ids", "says what texts begin with, which Heed reads of ",
                          kGeneration, ", and that is not there; fetch it, too");
    given.config.no_effect({"forced_decoder_ids"});
    return add_generation(plan, given);
  }
  auto others = given.others;
  auto [rest, speech] = without_speech(found->second);
  others[kGeneration] = rest;
  add_generation(plan, {given.config, given.task, given.tensors, others});
  given.config.no_effect({"forced_decoder_ids"});  // generation_config.json says it
  Config general(rest, kGeneration);
  const auto start = general.integer("decoder_start_token_id", kSpeechIds);
  add_speech_tokens(plan, speech, found->second, start);
}

void add_whisper_attention(TensorTable& tensors, const std::string& ours, const std::string& theirs,
                           int64_t M) {
  tensors.stacked(
      ours + ".qkv",
      {{theirs + ".q_proj", M}, {theirs + ".k_proj", M, false, true}, {theirs + ".v_proj", M}}, M);
  tensors.linear(ours + ".output", theirs + ".out_proj", M, M);
}

void add_whisper_block(TensorTable& tensors, const WhisperConfig& whisper, const std::string& ours,
                       const std::string& theirs, bool writes) {
  const int64_t M = whisper.width, F = (writes ? whisper.decoder : whisper.encoder).hidden;
  tensors.norm(ours + "attention_norm", theirs + "self_attn_layer_norm", M);
  add_whisper_attention(tensors, ours + "attention", theirs + "self_attn", M);
  if (writes) {
    tensors.norm(ours + "cross_norm", theirs + "encoder_attn_layer_norm", M);
    add_whisper_attention(tensors, ours + "cross", theirs + "encoder_attn", M);
  }
  tensors.norm(ours + "feed_forward_norm", theirs + "final_layer_norm", M);
  tensors.linear(ours + "feed_forward.up", theirs + "fc1", F, M);
  tensors.linear(ours + "feed_forward.down", theirs + "fc2", M, F);
}

void add_whisper_tensors(TensorTable& tensors, const WhisperConfig& whisper) {
  const int64_t M = whisper.width;
  const std::string encoder = "model.encoder.", decoder = "model.decoder.";
  const auto convolution = [&](const std::string& name, int64_t in) {
    tensors.add("encoder." + name + ".weight", encoder + name + ".weight", {M, in, 3});
    tensors.add("encoder." + name + ".bias", encoder + name + ".bias", {M});
  };
  const std::string positions = "embed_positions.weight", embedding = "embed_tokens.weight";
  convolution("conv1", whisper.bands);
  convolution("conv2", M);
  tensors.add("encoder.position.table", encoder + positions, {whisper.encoder.positions, M});
  for (int64_t i = 0; i < whisper.encoder.layers; ++i)
    add_whisper_block(tensors, whisper, "encoder.layers." + std::to_string(i) + ".",
                      encoder + "layers." + std::to_string(i) + ".", false);
  tensors.norm("encoder.norm", encoder + "layer_norm", M);
  tensors.add("head.target_embedding", decoder + embedding, {whisper.vocabulary, M});
  tensors.same("proj_out.weight", decoder + embedding);
  tensors.add("head.target_position.table", decoder + positions, {whisper.decoder.positions, M});
  for (int64_t i = 0; i < whisper.decoder.layers; ++i)
    add_whisper_block(tensors, whisper, "head.decoder." + std::to_string(i) + ".",
                      decoder + "layers." + std::to_string(i) + ".", true);
  tensors.norm("head.decoder_norm", decoder + "layer_norm", M);
}

Plan plan_whisper(const Given& given) {
  Plan plan;
  const auto whisper = whisper_config(given.config);
  add_audio_input(plan, whisper, given);
  add_whisper_recipe(plan, whisper);
  add_speech(plan, given);
  plan.tokenizer = "written.tokenizer";
  add_whisper_tensors(plan.tensors, whisper);
  return plan;
}

}  // namespace

Architecture whisper() {
  return {"whisper", "Whisper", {"ForConditionalGeneration"}, plan_whisper};
}

}  // namespace heed::pretrained
