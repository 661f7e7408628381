// Every number of every table of a recipe, at the ends of its range and far beyond them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "heed/tasks/recipe.h"
#include "little_memory.h"
#include "tasks/cell_runs.h"
#include "tasks/small_cells.h"

namespace heed {
namespace {

using testing::HasSubstr;

using Changes = std::vector<std::string>;

RecipeFile changed(const std::string& text, const Changes& changes) {
  auto file = RecipeFile::parse(text, "recipe.toml");
  for (const auto& change : changes) file.set(change);
  return file;
}

/// The fields of the recipe, or none where it is refused.
std::vector<RecipeEntry> entries_of(const std::string& text, const Changes& changes) {
  try {
    return Recipe::read(changed(text, changes)).entries();
  } catch (const ModelError&) {
    return {};
  }
}

struct Number {
  RecipeEntry entry;
  Changes changes;  ///< under which the recipe has it
};

/// All numbers that a recipe may have: each field's words and the number 2 may bring others.
std::map<std::string, Number> numbers_of(const std::string& text) {
  std::map<std::string, Number> found;
  std::set<std::string> seen;
  std::vector<Changes> open{{}};
  while (!open.empty()) {
    const auto changes = open.back();
    open.pop_back();
    for (const auto& entry : entries_of(text, changes)) {
      const bool is_part = entry.path.ends_with("put.kind") || entry.path == "encoder.kind" ||
                           entry.path == "head.kind";
      if (is_part || !seen.insert(entry.path).second) continue;
      if (entry.bounds) found.emplace(entry.path, Number{entry, changes});
      const auto add = [&](const std::string& value) {
        open.push_back(changes);
        open.back().push_back(entry.path + "=" + value);
      };
      for (const auto& word : entry.words) add("'" + word + "'");
      if (entry.bounds) add(entry.value.starts_with('[') ? "[2]" : "2");
    }
  }
  return found;
}

std::string in_list(const RecipeEntry& entry, const std::string& value) {
  return entry.value.starts_with('[') ? "[" + value + "]" : value;
}

class Numbers : public testing::TestWithParam<std::pair<std::string, std::string>> {};

/// Nothing that is written as a number is taken beyond its bounds, and the message says where it
/// stands, what was expected and what was given.
TEST_P(Numbers, HaveBothBounds) {
  const auto& [table, kind] = GetParam();
  std::string text = "input.kind = 'text'\nhead.kind = 'class'\n";
  if (table == "input") text = "input.kind = '" + kind + "'\nhead.kind = 'class'\n";
  if (table == "encoder") text += "encoder.kind = '" + kind + "'\n";
  if (table == "head") text = "input.kind = 'text'\nhead.kind = '" + kind + "'\n";
  const auto numbers = numbers_of(text);
  ASSERT_GT(numbers.size(), 20u);
  for (const auto& [path, number] : numbers) {
    for (const char* value : {"-9223372036854775808", "9223372036854775807", "4611686018427387904",
                              "1e300", "-1e300", "nan", "inf", "-inf", "'many'", "true"}) {
      auto changes = number.changes;
      changes.push_back(path + "=" + in_list(number.entry, value));
      try {
        Recipe::read(changed(text, changes));
        ADD_FAILURE() << changes.back() << " is taken";
      } catch (const ModelError& error) {
        EXPECT_THAT(error.what(), HasSubstr("--set " + changes.back() + ": " + path));
        EXPECT_THAT(error.what(), HasSubstr("number " + number.entry.bounds->text()));
      }
    }
  }
}

template <class Base>
void add_kinds(const std::string& table, std::vector<std::pair<std::string, std::string>>& all) {
  for (const auto& [kind, make] : registry<Base>()) all.emplace_back(table, kind);
}
std::vector<std::pair<std::string, std::string>> all_parts() {
  std::vector<std::pair<std::string, std::string>> all;
  add_kinds<Input>("input", all), add_kinds<EncoderPart>("encoder", all);
  add_kinds<Head>("head", all);
  return all;
}
INSTANTIATE_TEST_SUITE_P(OfEveryPart, Numbers, testing::ValuesIn(all_parts()),
                         [](const auto& part) {
                           return part.param.first + "_" + part.param.second;
                         });

/// The ends of a range, and just within them where they are open. Of layers far fewer than the most,
/// which are many small ones and take long.
std::vector<double> ends_of(const Bounds& bounds) {
  const double inside = 1e-3 * (bounds.most - bounds.least);
  const double most = bounds.most == kMostLayers ? 50 : bounds.most;
  return {bounds.least_open ? bounds.least + inside : bounds.least,
          bounds.most_open ? bounds.most - inside : most};
}

bool is_of_memory(const std::exception& error) {
  return dynamic_cast<const std::bad_alloc*>(&error) ||
         std::string_view(error.what()).find("can't allocate memory") != std::string_view::npos;
}

class SmallCells : public test::CellRuns, public testing::WithParamInterface<std::string> {
 protected:
  /// A step of a model with that number, or an error that heed has a code for.
  void try_number(const std::string& text, Changes changes, const std::string& change) {
    SCOPED_TRACE(change);
    changes.push_back(change);
    std::filesystem::remove_all(folder_ / "run");
    try {
      auto recipe = Recipe::read(changed(text, changes));
      auto options = recipe.train;
      options.max_steps = 1;
      const auto task = make_task(std::move(recipe));
      train(*task, {.options = options, .folder = folder_ / "run"});
    } catch (const Error&) {
    } catch (const std::exception& error) {
      if (!is_of_memory(error)) ADD_FAILURE() << error.what();  // heed's exit code of memory is 6
    }
  }
};

TEST_P(SmallCells, RunWithTheEndsOfEveryRange) {
  if (!test::kMemoryCanBeLimited) GTEST_SKIP() << "the address sanitizer takes memory of its own";
  const auto text = test::small_cell(GetParam(), folder_.path());
  try_number(text, {}, "seed=1");
  ASSERT_TRUE(std::filesystem::exists(folder_ / "run/best")) << "the recipe itself";
  const test::LittleMemory little(256);  // models of gigabytes are refused, not trained and saved
  for (const auto& [path, number] : numbers_of(text)) {
    if (path.starts_with("train.") && GetParam() != "class") continue;  // the same everywhere
    for (const double end : ends_of(*number.entry.bounds)) {
      char value[40];
      const bool whole =
          end == std::trunc(end) && number.entry.value.find('.') == std::string::npos;
      std::snprintf(value, sizeof value, whole ? "%.0f" : "%.17g", end);
      try_number(text, number.changes, path + "=" + in_list(number.entry, value));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(OfEveryCell, SmallCells, testing::ValuesIn(test::small_cell_names()),
                         [](const auto& name) { return name.param; });

}  // namespace
}  // namespace heed
