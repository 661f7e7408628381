#include "heed/tasks/recipe.h"

#include <set>

#include "heed/core/error.h"
#include "tasks/begun_from.h"
#include "tasks/unknown_key.h"

namespace heed {
namespace {

constexpr int kMostExplained = 10;  // unknown keys, each of which takes some reading

template <class Table>
void check_names(const std::vector<Table>& tables, const std::string& what) {
  std::set<std::string> names;
  for (const auto& table : tables) {
    if (tables.size() > 1 && table.name.empty())
      throw ModelError("each [[" + what + "]] of several needs a name");
    if (table.name.find_first_of(". \t\n") != std::string::npos)
      throw ModelError(what + ".name: expected a name without blanks and dots, given '" +
                       table.name + "'");
    if (!names.insert(table.name).second)
      throw ModelError("two [[" + what + "]] are called '" + table.name + "'");
  }
}

/// [model] from was once a key of [encoder].
RecipeFile with_model_from(RecipeFile file) {
  const auto values = file.values();
  const auto old = values.find("encoder.from");
  if (old == values.end()) return file;
  if (values.contains("model.from"))
    throw ModelError(file.name() +
                     ": both model.from and encoder.from, its older name, are given; remove the "
                     "second");
  file.erase("encoder.from");
  file.set("model.from=" + old->second);
  return file;
}

}  // namespace

void DataTable::check() const {
  for (const auto& [key, paths] :
       {std::pair{"train", &train}, {"valid", &valid}, {"test", &test}}) {
    std::set<std::string> seen;
    for (const auto& path : *paths) {
      if (path.empty())
        throw ModelError(std::string(key) +
                         ": a path is empty; expected a file or folder, or [] for none");
      if (reads_records && !seen.insert(path).second)
        throw ModelError(std::string(key) + ": expected each file once, given '" + path +
                         "' twice, whose records would count double; remove one");
    }
  }
  if (!valid.empty() && holdout > 0)
    throw ModelError("both valid and holdout are given; the best model is chosen by one of them");
  if (folds == 1) throw ModelError("folds: expected at least 2, or 0 for none, given 1");
  if (!group.empty() && folds == 0 && holdout == 0)
    throw ModelError("group is given, and neither holdout nor folds, of which it would be");
  if (!test.empty() && folds > 0)
    throw ModelError("both test and folds are given; the test data is one of them");
}

void Recipe::follow_inputs() {
  const auto* input = inputs.front().get().get();
  if (!input) return;
  data.input = inputs.front().get();
  for (const auto& table : inputs)
    data.has_pieces = data.has_pieces || (table.get() && table->has_pieces());
  train.batch = input->default_batch();
  encoder.kind = input->default_encoder();
  if (inputs.size() == 1) return;
  encoder.choose("joint");
  std::vector<std::pair<std::string, std::string>> names;
  for (const auto& table : inputs)
    if (table.get()) names.emplace_back(table.name, table->default_encoder());
  encoder->follow(names);
}

/// Which cells have answers that are compared.
void Recipe::check_gap() const {
  const std::string kWhere = "gap.lists: words are swapped in texts that are read as they are; ";
  if (inputs.size() > 1) throw ModelError(kWhere + "expected one input, given several");
  const auto& kind = inputs.front().kind;
  if (inputs.front().get() && kind != "text" && kind != "document")
    throw ModelError(kWhere + "expected an input of the kind text or document, given " + kind);
  for (const auto& head : heads)
    if (head.get() && head.kind != "class" && head.kind != "labels" && head.kind != "number")
      throw ModelError("gap.lists: expected heads of the kinds class, labels and number, whose " +
                       std::string("answers are compared, given ") + head.kind);
}

void Recipe::check() const {
  check_names(inputs, "input");
  check_names(heads, "head");
  const auto* input = inputs.front().get().get();
  if (input && input->parts_training_data() &&
      (!data.valid.empty() || !data.test.empty() || data.holdout > 0))
    throw ModelError("data.valid, data.test and data.holdout: the input '" + inputs.front().kind +
                     "' takes valid and test from data.train; leave them out");
  const bool has_valid =
      !data.valid.empty() || data.holdout > 0 || (input && input->parts_training_data());
  if (train.early_stop > 0 && !has_valid)
    throw ModelError("train.early_stop: " + std::to_string(train.early_stop) +
                     " epochs without a better validation, and there is no validation data; give "
                     "data.valid or data.holdout, or leave it out");
  if (train.schedule.kind == ScheduleKind::plateau && !has_valid)
    throw ModelError(
        "train.schedule.kind: 'plateau' waits for a better validation, and there is no "
        "validation data; give data.valid or data.holdout, or another schedule");
  for (const auto& head : heads)
    if (head.get() && !has_valid && !head->validation_key().empty())
      throw ModelError("head." + head->validation_key() +
                       ": it is fitted on validation data, and there is none; give data.valid or "
                       "data.holdout");
  check_joining();
  if (!gap.lists.empty()) check_gap();
  if (inputs.size() == 1) return;
  for (const auto& input : inputs) {
    if (input.get() && !data.train.empty() && !input->reads_records(data.train))
      throw ModelError("input." + input.name + ": an input of the kind '" + input.kind +
                       "' reads files of its own here and cannot be joined with others, which are "
                       "columns of the same records");
  }
}

/// Images that are joined in one have no class of their own.
void Recipe::check_joining() const {
  for (const auto& input : inputs) {
    if (!input.get() || !input->joins_examples()) continue;
    const std::string kWhere = "input.augment.mosaic: four images are joined in one; ";
    if (inputs.size() > 1) throw ModelError(kWhere + "expected one input, given several");
    for (const auto& head : heads)
      if (head.get() && !head->follows_placements())
        throw ModelError(kWhere + "the head '" + head.kind +
                         "' answers each image as a whole; "
                         "expected heads that say where things stand");
  }
}

const std::vector<std::string>& Recipe::paths(const std::string& role) const {
  const auto* input = inputs.front().get().get();
  if (role == "train" || (input && input->parts_training_data())) return data.train;
  return role == "valid" ? data.valid : data.test;
}

Recipe Recipe::read_complete(const RecipeFile& given) {
  const auto file = with_model_from(given);
  Recipe recipe;
  FieldReader reader(file);
  reader.explain_unknown([&file, asked = 0](const std::string& path) mutable {
    return asked++ < kMostExplained ? only_where(file, path) : "";
  });
  reader.read(recipe);
  reader.leave();
  recipe.file = file.name();
  return recipe;
}

Recipe Recipe::read(const RecipeFile& given) {
  auto file = with_model_from(given);
  const auto from = text_in(file, "model.from");
  if (from.empty()) return read_complete(file);
  const auto opened = open_begin(from);
  auto recipe = read_complete(with_keys_of(file, *opened));
  recipe.model.opened = opened;
  check_keys_of(recipe, *opened);
  return recipe;
}

std::vector<std::string> Recipe::target_columns() const {
  std::vector<std::string> all;
  for (const auto& head : heads) {
    const auto own = head.get()->columns();
    all.insert(all.end(), own.begin(), own.end());
  }
  return all;
}

std::vector<std::string> Recipe::label_columns() const {
  std::vector<std::string> all;
  for (const auto& head : heads) {
    const auto own = head.get()->label_columns();
    all.insert(all.end(), own.begin(), own.end());
  }
  return all;
}

std::vector<RecipeEntry> Recipe::entries() {
  FieldLister lister;
  fields(lister);
  return std::move(lister.entries);
}

}  // namespace heed
