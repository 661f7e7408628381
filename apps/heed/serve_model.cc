#include "serve_model.h"

#include <filesystem>

#include "heed/data/json_tokenizer.h"
#include "heed/data/offsets.h"
#include "heed/serve/http.h"
#include "tasks/inputs/cut_texts.h"

namespace heed::cli {
namespace {

using serve::HttpError;

/// What came in a request, as records.
class AskedRecords : public data::Records {
 public:
  explicit AskedRecords(const std::vector<std::string>& columns) {
    for (const auto& column : columns) columns_.push_back({column, false});
  }
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  int64_t size() const override { return std::ssize(rows_); }
  const std::vector<data::Column>& columns() const override { return columns_; }
  std::string_view text(int64_t record, int64_t column) const override {
    return rows_.at(static_cast<size_t>(record)).at(static_cast<size_t>(column));
  }
  std::vector<std::string_view> list(int64_t record, int64_t) const override {
    throw UsageError(place(record) + ": expected texts, not lists");
  }
  std::string place(int64_t record) const override { return "input " + std::to_string(record + 1); }
  std::string name() const override { return "the request"; }

 private:
  std::vector<data::Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

std::string cell_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "";
  if (value.is_number() || value.is_boolean()) return value.dump();
  throw HttpError(422, "Validation", "records: expected texts and numbers in columns");
}

/// Records by the columns of the first.
data::RecordsPtr records_of(const std::vector<ServedExample>& examples) {
  std::vector<std::string> columns;
  for (const auto& [key, value] : examples.front().record.items()) columns.push_back(key);
  const auto records = std::make_shared<AskedRecords>(columns);
  for (const auto& example : examples) {
    std::vector<std::string> cells;
    if (!example.record.is_object() || example.record.size() != columns.size())
      throw HttpError(422, "Validation", "records: expected objects with the same columns");
    for (const auto& column : columns) {
      if (!example.record.contains(column))
        throw HttpError(422, "Validation", "records: one lacks the column '" + column + "'");
      cells.push_back(cell_of(example.record[column]));
    }
    records->add(std::move(cells));
  }
  return records;
}

std::string name_of(const std::string& where) {
  auto path = std::filesystem::path(where).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  if (path.filename() == "model" || path.filename() == "best") path = path.parent_path();
  return path.filename().empty() ? where : path.filename().string();
}

}  // namespace

ServedModel::ServedModel(const std::string& where, const std::vector<std::string>& set)
    : where_(where), name_(name_of(where)), predictor_(Predictor::load(where, set)) {
  const auto& recipe = predictor_.recipe();
  for (const auto& table : recipe.heads) embeds_ |= table.get()->gives_vectors();
  prompts_ = dynamic_cast<const Prompts*>(recipe.inputs.front().get().get());
  if (recipe.heads.size() != 1) return;
  const auto* writes = dynamic_cast<const Writes*>(recipe.heads.front().get().get());
  if (!writes || writes->writer().models.size() != 1) return;
  if (prompts_ || writes->writer().models.front()->has_encoder()) writes_ = writes;
}

bool ServedModel::transcribes() const {
  const auto& recipe = predictor_.recipe();
  return recipe.inputs.size() == 1 && recipe.inputs.front().kind == "audio" &&
         (head() == "transcript" || head() == "text");
}

int64_t ServedModel::max_length() const {
  if (goes_on()) return sequence_model()->max_positions();
  const auto* cutter =
      dynamic_cast<const CutsTexts*>(predictor_.recipe().inputs.front().get().get());
  return cutter ? cutter->most_tokens() : 0;
}

int64_t ServedModel::texts_of_example() const {
  const auto& recipe = predictor_.recipe();
  if (recipe.inputs.size() > 1) return 0;
  const auto& input = *recipe.inputs.front().get();
  if (!recipe.data.reads_records) return input.target_tokenizer() ? 1 : 0;
  if (!input.line_column().empty()) return 1;
  return recipe.inputs.front().kind == "text" ? std::ssize(input.text_columns()) : 0;
}

SplitPtr ServedModel::open(const std::vector<ServedExample>& examples, bool cuts) const {
  const auto& recipe = predictor_.recipe();
  const auto& input = recipe.inputs.front().get();
  if (!examples.front().file.empty()) {
    const auto stream = predictor_.stream({examples.front().file});
    auto split = stream->next(1024);
    if (!split) throw HttpError(422, "Validation", "the file holds no example");
    if (split->size() > 1)
      throw HttpError(422, "Validation",
                      "the file holds more than one example; give each a request of its own");
    return split;
  }
  data::RecordsPtr records;
  if (!examples.front().record.is_null()) {
    if (!recipe.data.reads_records || recipe.inputs.size() > 1)
      throw HttpError(422, "Validation", name_ + " does not read records; give inputs or a file");
    records = records_of(examples);
  } else {
    const auto count = texts_of_example();
    for (const auto& example : examples)
      if (std::ssize(example.texts) != count)
        throw HttpError(422, "Validation",
                        name_ + " reads " + std::to_string(count) + " texts an example, given " +
                            std::to_string(example.texts.size()));
    std::vector<TextLine> lines;
    if (!recipe.data.reads_records) {
      for (const auto& example : examples)
        lines.push_back({example.texts[0], "input " + std::to_string(lines.size() + 1)});
      return predictor_.texts(std::move(lines));
    }
    auto columns = count == 1 ? std::vector{input->line_column()} : input->text_columns();
    columns.resize(static_cast<size_t>(count));
    const auto asked = std::make_shared<AskedRecords>(columns);
    for (const auto& example : examples) asked->add(example.texts);
    records = asked;
  }
  if (!cuts) return input->open({"input", {"-"}, records});
  const auto* cutter = dynamic_cast<const CutsTexts*>(input.get());
  if (!cutter)
    throw HttpError(422, "Validation", "truncate: " + name_ + " reads no texts that can be cut");
  return cutter->open_cut(records);
}

std::vector<ServedLength> ServedModel::lengths(const std::vector<ServedExample>& examples,
                                               bool cuts) const {
  std::vector<ServedLength> all(examples.size());
  if (texts_of_example() == 0 || !examples.front().file.empty()) return all;
  const auto split = open(examples, cuts);
  for (size_t i = 0; i < all.size(); ++i) {
    const auto batch = split->batch({static_cast<int64_t>(i)}, {});
    for (const char* name : {"lengths", "source_lengths", "target_lengths"})
      if (batch.has(name)) all[i].tokens = batch.at(name).sum().item<int64_t>();
    all[i].whole =
        batch.has(kWholeLengths) ? batch.at(kWholeLengths).sum().item<int64_t>() : all[i].tokens;
  }
  return all;
}

Json ServedModel::tokenized(const std::string& text, bool add_special_tokens) const {
  const auto& input = *predictor_.recipe().inputs.front().get();
  const auto tokenizer = input.tokenizer() ? input.tokenizer() : input.target_tokenizer();
  if (!tokenizer) throw HttpError(424, "Backend", name_ + " reads no text");
  auto all = Json::array();
  const auto add = [&](int64_t id, bool special, const data::ByteRange* bytes,
                       data::CharacterRange characters) {
    Json token = {{"id", id}, {"text", tokenizer->piece(id)}, {"special", special}};
    token["start"] = token["stop"] = nullptr;
    if (bytes) {
      token["text"] = text.substr(static_cast<size_t>(bytes->begin),
                                  static_cast<size_t>(bytes->end - bytes->begin));
      token["start"] = characters.begin, token["stop"] = characters.end;
    }
    all.push_back(std::move(token));
  };
  if (const auto json = data::json_tokenizer_of(tokenizer)) {
    const auto found = json->encode(text, {.add_special_tokens = add_special_tokens});
    for (size_t i = 0; i < found.ids.size(); ++i)
      add(found.ids[i], found.sequence_ids[i] < 0,
          found.sequence_ids[i] < 0 ? nullptr : &found.byte_offsets[i], found.offsets[i]);
    return all;
  }
  const data::TextOffsets places(text);
  const auto found = tokenizer->encode_with_offsets(text);
  if (add_special_tokens && tokenizer->begin() >= 0) add(tokenizer->begin(), true, nullptr, {});
  for (size_t i = 0; i < found.ids.size(); ++i) {
    const auto& bytes = found.offsets[i];
    add(found.ids[i], false, &bytes,
        {places.character_of(bytes.begin), places.character_of(bytes.end)});
  }
  if (add_special_tokens && tokenizer->end() >= 0) add(tokenizer->end(), true, nullptr, {});
  return all;
}

}  // namespace heed::cli
