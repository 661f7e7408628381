#include "heed/data/json_tokenizer.h"

#include <algorithm>
#include <array>

#include "core/text.h"
#include "data/json_tokenizer/added_tokens.h"
#include "data/json_tokenizer/decoder.h"
#include "data/json_tokenizer/encodings.h"
#include "data/json_tokenizer/model.h"
#include "data/json_tokenizer/post_processor.h"
#include "data/json_tokenizer/pre_tokenizer.h"
#include "data/json_tokenizer/settings.h"
#include "data/json_tokenizer/special_tokens.h"
#include "data/text.h"
#include "data/vocabulary.h"
#include "heed/core/error.h"
#include "heed/core/files.h"

namespace heed::data {

namespace json = json_tokenizer;

struct JsonTokenizer::Parts {
  std::string bytes;
  json::NormalizerPtr normalizer;
  json::PreTokenizerPtr pre_tokenizer;
  json::ModelPtr model;
  json::PostProcessorPtr post_processor;
  json::DecoderPtr decoder;
  json::AddedTokens added;
  std::optional<Truncation> truncation;
  std::optional<Padding> padding;
  json::TokenizerConfig config;
  int64_t size = 0;
  bool has_more = false;  ///< than `size` has room for

  void read(const json::ParsedFile& parsed, const std::string& file);
  json::Pieces pieces(std::string_view text, bool split_special) const;
  Encoding encode_one(std::string_view text, int64_t sequence, bool split_special) const;
  Encoding finish(std::vector<Encoding> encodings, std::span<const std::string_view> texts,
                  const EncodeOptions& options) const;
  /// When all files are read.
  void complete(const std::string& file, int64_t rows);
  void check_rows(const std::vector<int64_t>& ids) const;
  bool has(int64_t id) const { return model->tokens().has(id) || added.index(id) >= 0; }
  /// How a token is shown, as id_to_token of tokenizers.
  std::string_view shown(int64_t id) const;
};

namespace {

constexpr size_t kLargestText = size_t{1} << 30;

void check_text(std::string_view text) {
  check_utf8(text, "encode");
  if (text.size() >= kLargestText)
    throw DataError("encode: a text of " + std::to_string(text.size()) +
                    " bytes; expected less than 2^30");
}

/// Where each character of a text begins, and the text's end.
std::vector<int64_t> character_starts(std::string_view text) {
  std::vector<int64_t> starts;
  starts.reserve(text.size() + 1);
  for (size_t i = 0; i < text.size(); ++i)
    if (json::begins_character(text[i])) starts.push_back(static_cast<int64_t>(i));
  starts.push_back(static_cast<int64_t>(text.size()));
  return starts;
}

void set_byte_offsets(Encoding& encoding, std::span<const std::string_view> texts) {
  std::vector<std::vector<int64_t>> starts;
  for (const auto text : texts) starts.push_back(character_starts(text));
  json::for_each_part(encoding, [&](Encoding& part) {
    part.byte_offsets.assign(part.ids.size(), {});
    for (size_t i = 0; i < part.ids.size(); ++i) {
      if (part.sequence_ids[i] < 0) continue;
      const auto& of = starts[static_cast<size_t>(part.sequence_ids[i])];
      const auto at = [&](int64_t character) {
        return of[std::min(static_cast<size_t>(character), of.size() - 1)];
      };
      part.byte_offsets[i] = {at(part.offsets[i].begin), at(part.offsets[i].end)};
    }
  });
}

const json::Json& member(const json::Json& root, const char* key) {
  static const json::Json null;
  const auto found = root.find(key);
  return found == root.end() ? null : *found;
}

}  // namespace

void JsonTokenizer::Parts::read(const json::ParsedFile& parsed, const std::string& file) {
  const auto& root = parsed.root;
  const json::Reader reader(root, "", file,
                            {"version", "truncation", "padding", "added_tokens", "normalizer",
                             "pre_tokenizer", "post_processor", "decoder", "model"});
  if (reader.has("version") && reader.text("version") != "1.0")
    json::refuse_at(file, "version", "expected 1.0, given " + reader.text("version"));
  truncation = json::read_truncation(root, file);
  padding = json::read_padding(root, file);
  normalizer = json::make_normalizer(member(root, "normalizer"), "normalizer", file);
  pre_tokenizer = json::make_pre_tokenizer(member(root, "pre_tokenizer"), "pre_tokenizer", file);
  post_processor =
      json::make_post_processor(member(root, "post_processor"), "post_processor", file);
  decoder = json::make_decoder(member(root, "decoder"), "decoder", file);
  model = json::make_model(parsed, file);
  added = json::AddedTokens(member(root, "added_tokens"), model->tokens(), normalizer.get(), file);
}

json::Pieces JsonTokenizer::Parts::pieces(std::string_view text, bool split_special) const {
  auto pieces = added.find(text, normalizer.get(), split_special);
  if (pre_tokenizer) pre_tokenizer->cut(pieces);
  return pieces;
}

std::string_view JsonTokenizer::Parts::shown(int64_t id) const {
  if (const int64_t index = added.index(id); index >= 0)
    return added.shown(static_cast<size_t>(index));
  return model->tokens().token(static_cast<uint32_t>(id));
}

Encoding JsonTokenizer::Parts::encode_one(std::string_view text, int64_t sequence,
                                          bool split_special) const {
  const auto pieces = this->pieces(text, split_special);
  Encoding encoding;
  std::vector<json::ModelToken> tokens;
  for (size_t word = 0; word < pieces.pieces.size(); ++word) {
    const auto& piece = pieces.pieces[word];
    const auto bytes = pieces.of(piece);
    const auto* origins = pieces.origins_of(piece);
    tokens.clear();
    if (piece.token >= 0) {
      const auto id = added.all()[static_cast<size_t>(piece.token)].id;
      tokens.push_back({static_cast<uint32_t>(id), 0, static_cast<uint32_t>(bytes.size()), true});
    } else {
      model->tokenize(bytes, tokens);
    }
    for (const auto& [id, begin, end, surface] : tokens) {
      const size_t last = std::min<size_t>(end, bytes.size());  // a suffix has no bytes
      encoding.ids.push_back(id);
      encoding.tokens.emplace_back(surface ? bytes.substr(begin, end - begin)
                                           : model->tokens().token(id));
      encoding.offsets.push_back({json::origin_begin(origins[std::min<size_t>(begin, last - 1)]),
                                  json::origin_end(origins[last - 1])});
      encoding.words.push_back(static_cast<int64_t>(word));
    }
  }
  const size_t count = encoding.ids.size();
  encoding.type_ids.assign(count, sequence);
  encoding.sequence_ids.assign(count, sequence);
  encoding.special_tokens_mask.assign(count, 0);
  encoding.attention_mask.assign(count, 1);
  return encoding;
}

Encoding JsonTokenizer::Parts::finish(std::vector<Encoding> encodings,
                                      std::span<const std::string_view> texts,
                                      const EncodeOptions& options) const {
  const bool pair = encodings.size() > 1;
  if (options.truncation) {
    auto truncation = *options.truncation;
    const int64_t added_count =
        post_processor && options.add_special_tokens ? post_processor->added(pair) : 0;
    if (added_count > truncation.max_length)
      throw UsageError("truncation: expected a length of at least the " +
                       std::to_string(added_count) + " special tokens, given " +
                       std::to_string(truncation.max_length));
    truncation.max_length -= added_count;
    json::truncate_all(encodings, truncation);
  }
  if (post_processor) post_processor->process(encodings, options.add_special_tokens);
  Encoding whole = std::move(encodings[0]);
  for (size_t i = 1; i < encodings.size(); ++i) json::append(whole, encodings[i]);
  set_byte_offsets(whole, texts);
  if (options.padding) pad({&whole, 1}, *options.padding);
  check_rows(whole.ids);
  return whole;
}

void JsonTokenizer::Parts::check_rows(const std::vector<int64_t>& ids) const {
  if (!has_more) return;
  for (const int64_t id : ids)
    if (id >= size)
      throw DataError(text_of("token ", "'", shown(id), "'", " has the number ", id,
                              ", and the model's embedding the numbers 0 to ", size - 1));
}

void JsonTokenizer::Parts::complete(const std::string& file, int64_t rows) {
  if (pre_tokenizer && pre_tokenizer->leave_bytes(true) && !model->take_bytes())
    pre_tokenizer->leave_bytes(false);
  json::find_special_tokens(added, model->tokens(), file, config.special);
  size = static_cast<int64_t>(model->tokens().id_end());
  const int64_t own = size;
  for (const auto& token : added.all()) size = std::max(size, token.id + 1);
  if (rows == 0) return;
  if (rows < own || rows - size > rows / 8)
    throw ModelError(text_of(file, ": the tokenizer has ", rows < own ? own : size,
                             " tokens, and the model's embedding ", rows,
                             " rows: they are of different models; fetch both of one"));
  has_more = size > rows;
  size = rows;
}

JsonTokenizer::JsonTokenizer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
JsonTokenizer::~JsonTokenizer() = default;

JsonTokenizerPtr JsonTokenizer::parse(std::string bytes, const std::string& name,
                                      const std::map<std::string, std::string>& beside,
                                      int64_t rows) {
  auto parts = std::make_unique<Parts>();
  parts->bytes = std::move(bytes);
  parts->read(json::parse_file(parts->bytes, name), name);
  const auto folder = std::filesystem::path(name).parent_path();
  for (const char* file : kTokenizerFiles)
    if (const auto found = beside.find(file); found != beside.end())
      json::read_config(found->second, (folder / file).string(), parts->config);
  parts->complete(name, rows);
  return JsonTokenizerPtr(new JsonTokenizer(std::move(parts)));
}

JsonTokenizerPtr JsonTokenizer::open(const std::filesystem::path& path) {
  const bool folder = kind_of(path) == PathKind::folder;
  const auto file = folder ? path / "tokenizer.json" : path;
  std::map<std::string, std::string> beside;
  for (const char* name : kTokenizerFiles)
    if (folder && kind_of(path / name) == PathKind::file)
      beside.emplace(name, read_text(path / name));
  return parse(read_text(file), file.string(), beside);
}

Encoding JsonTokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  check_text(text);
  std::vector<Encoding> encodings;
  encodings.push_back(parts_->encode_one(text, 0, options.split_special_tokens));
  return parts_->finish(std::move(encodings), std::array{text}, options);
}

Encoding JsonTokenizer::encode_pair(std::string_view first, std::string_view second,
                                    const EncodeOptions& options) const {
  check_text(first), check_text(second);
  std::vector<Encoding> encodings;
  encodings.push_back(parts_->encode_one(first, 0, options.split_special_tokens));
  encodings.push_back(parts_->encode_one(second, 1, options.split_special_tokens));
  return parts_->finish(std::move(encodings), std::array{first, second}, options);
}

std::vector<int64_t> JsonTokenizer::ids(std::string_view text, const EncodeOptions& options) const {
  const bool plain = !options.add_special_tokens && !options.truncation && !options.padding;
  if (!plain) return encode(text, options).ids;
  check_text(text);
  const auto pieces = parts_->pieces(text, options.split_special_tokens);
  std::vector<int64_t> ids;
  std::vector<json::ModelToken> tokens;
  for (const auto& piece : pieces.pieces) {
    tokens.clear();
    if (piece.token >= 0)
      ids.push_back(parts_->added.all()[static_cast<size_t>(piece.token)].id);
    else
      parts_->model->tokenize(pieces.of(piece), tokens);
    for (const auto& token : tokens) ids.push_back(token.id);
  }
  parts_->check_rows(ids);
  return ids;
}

std::string JsonTokenizer::decode(const std::vector<int64_t>& ids, bool skip_special_tokens) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const int64_t id : ids) {
    check_id(id, size());
    if (!parts_->has(id)) continue;
    const auto shown = parts_->shown(id);
    if (skip_special_tokens && parts_->added.is_special(shown)) continue;
    tokens.emplace_back(shown);
  }
  if (parts_->decoder) parts_->decoder->decode(tokens);
  std::string text;
  for (const auto& token : tokens) {
    if (!parts_->decoder && !text.empty()) text += ' ';
    text += token;
  }
  return text;
}

int64_t JsonTokenizer::size() const { return parts_->size; }

int64_t JsonTokenizer::count() const {
  const auto& tokens = parts_->model->tokens();
  const auto& added = parts_->added.all();
  return static_cast<int64_t>(tokens.count()) +
         std::count_if(added.begin(), added.end(),
                       [&](const AddedToken& token) { return tokens.find(token.content) < 0; });
}

std::optional<int64_t> JsonTokenizer::id(std::string_view token) const {
  const int64_t added = parts_->added.find(token);
  const int64_t id = added >= 0 ? added : parts_->model->tokens().find(token);
  return id >= 0 ? std::optional(id) : std::nullopt;
}

std::optional<std::string> JsonTokenizer::token(int64_t id) const {
  if (!parts_->has(id)) return {};
  return std::string(parts_->shown(id));
}

int64_t JsonTokenizer::unknown() const { return parts_->model->unknown(); }
const std::vector<AddedToken>& JsonTokenizer::added_tokens() const { return parts_->added.all(); }
const SpecialTokens& JsonTokenizer::special_tokens() const { return parts_->config.special; }
std::optional<int64_t> JsonTokenizer::model_max_length() const {
  return parts_->config.model_max_length;
}
Side JsonTokenizer::padding_side() const { return parts_->config.padding_side; }
Side JsonTokenizer::truncation_side() const { return parts_->config.truncation_side; }
const std::optional<Truncation>& JsonTokenizer::truncation() const { return parts_->truncation; }
const std::optional<Padding>& JsonTokenizer::padding() const { return parts_->padding; }
const std::string& JsonTokenizer::file() const { return parts_->bytes; }

}  // namespace heed::data
