// Recipes: reading, refusing, listing, writing back.
#include "heed/train/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "files.h"
#include "heed/train/options.h"

namespace heed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

enum class Kind { one, two };
constexpr std::array<const char*, 2> words(Kind) { return {"one", "two"}; }

struct Inner {
  Kind kind = Kind::one;
  std::string unit = "m";
  double share = 0.25;
  int64_t depth = 2;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("kind", kind, "which");
    v("unit", unit, "of what", OneOf{{"m", "km"}});
    v("share", share, "how much", from_to_below(0, 1));
    if (kind == Kind::two) v("depth", depth, "how deep", between(1, 1000));
  }
};

struct Outer {
  std::string name = "none";
  bool on = false;
  int64_t count = 1;
  std::vector<double> values;
  std::vector<std::string> words;
  std::optional<int64_t> limit;
  Attention attention;
  Inner inner;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("name", name, "a name");
    v("on", on, "a switch");
    v("count", count, "a count", between(1, 1e9));
    v("values", values, "numbers", between(-1e308, 1e308));
    v("words", words, "words");
    v("limit", limit, "may be left out", between(0, 1e9));
    v("attention", attention, "an attention");
    v("inner", inner, "a table");
  }
  void check() const {
    if (name == "bad") throw ModelError("a bad name");
  }
};

Outer read(const std::string& text, const std::vector<std::string>& set = {}) {
  auto file = RecipeFile::parse(text, "r.toml");
  for (const auto& assignment : set) file.set(assignment);
  return read_recipe<Outer>(file);
}

std::string refusal(const std::string& text, const std::vector<std::string>& set = {}) {
  try {
    read(text, set);
  } catch (const ModelError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Recipe, LeftOutKeysKeepTheirDefaults) {
  const auto r = read("");
  EXPECT_EQ(r.count, 1);
  EXPECT_EQ(r.inner.share, 0.25);
  EXPECT_FALSE(r.limit.has_value());
}

TEST(Recipe, ReadsEveryKindOfField) {
  const auto r = read(R"(
name = "x"
on = true
count = 7
values = [1, 2.5]
words = ["a", "b"]
limit = 3
attention = { score = "dot", num_heads = 4 }
inner = { kind = "two", share = 0, depth = 5 }
)");
  EXPECT_EQ(r.name, "x");
  EXPECT_TRUE(r.on);
  EXPECT_EQ(r.count, 7);
  EXPECT_THAT(r.values, ElementsAre(1.0, 2.5));
  EXPECT_THAT(r.words, ElementsAre("a", "b"));
  EXPECT_EQ(r.limit, 3);
  EXPECT_EQ(r.attention.score.name, "dot");
  EXPECT_EQ(r.inner.kind, Kind::two);
  EXPECT_EQ(r.inner.depth, 5);
}

TEST(Recipe, RefusesWithFileLineAndNearestName) {
  EXPECT_EQ(refusal("on = true\ncuont = 3"),
            "r.toml:2: cuont: unknown key 'cuont', did you mean 'count'?");
  EXPECT_EQ(refusal("\n[inner]\nkind = 'tow'"),
            "r.toml:3: inner.kind: unknown 'tow', did you mean 'two'?");
  EXPECT_THAT(refusal("inner.unit = 'kn'"), HasSubstr("did you mean 'km'"));
  EXPECT_EQ(refusal("count = 0"),
            "r.toml:1: count: expected a whole number from 1 to 1000000000, given 0");
  EXPECT_EQ(refusal("count = 1.5"),
            "r.toml:1: count: expected a whole number from 1 to 1000000000, given 1.5");
  EXPECT_EQ(refusal("inner.share = 1"),
            "r.toml:1: inner.share: expected a number at least 0 and below 1, given 1");
  EXPECT_THAT(refusal("inner.share = nan"), HasSubstr("expected a number"));
  EXPECT_THAT(refusal("on = 'yes'"), HasSubstr("expected true or false, given"));
  EXPECT_THAT(refusal("inner = 3"), HasSubstr("expected a table, given 3"));
  EXPECT_THAT(refusal("values = [1, 'x']"), HasSubstr("values[1]: expected a number"));
  EXPECT_THAT(refusal("name = 'bad'"), HasSubstr("a bad name"));
  EXPECT_THAT(refusal("attention = { scroe = 'dot' }"), HasSubstr("score"));
}

TEST(Recipe, NamesStandOnce) {
  EXPECT_EQ(
      refusal("words = ['a', 'b',\n'a']"),
      "r.toml:2: words[2]: expected each name once, given 'a', which is words[0], too; remove "
      "one");
  EXPECT_THAT(refusal("", {"words=['a','a']"}), HasSubstr("--set words=['a','a']: words[1]"));
  EXPECT_EQ(refusal("words = ['a', 'A', 'a ']"), "accepted");
}

TEST(Recipe, WhatSetChangedIsToldWhereItStands) {
  const std::string attention = "\nattention = { num_heads = 4, dropout = 0.5 }";
  EXPECT_THAT(refusal(attention, {"attention.num_heads=0"}),
              HasSubstr("r.toml:2 (with --set attention.num_heads=0): attention: "));
  EXPECT_THAT(refusal(attention, {"attention.score=dto"}),
              testing::StartsWith("--set attention.score=dto: attention.score: "));
  EXPECT_THAT(refusal(attention, {"attention={scroe='dot'}"}),
              testing::StartsWith("--set attention={scroe='dot'}: attention.scroe: unknown key"));
  EXPECT_THAT(refusal("on = true", {"name=bad"}), HasSubstr("r.toml (with --set name=bad): a bad"));
}

TEST(Recipe, KeysOfAnotherKindAreUnknown) {
  EXPECT_THAT(refusal("inner = { kind = 'one', depth = 3 }"), HasSubstr("unknown key 'depth'"));
}

TEST(Recipe, AllProblemsAreNamedAtOnce) {
  const auto text = refusal("on = 1\ncount = 'x'\nbogus = 3");
  EXPECT_THAT(text, HasSubstr("r.toml:1: on:"));
  EXPECT_THAT(text, HasSubstr("r.toml:2: count:"));
  EXPECT_THAT(text, HasSubstr("r.toml:3: bogus:"));
}

TEST(Recipe, WhatIsNotTomlIsRefusedWithLineAndColumn) {
  for (const char* text : {"a = ", "[a", "a = 1\na = 2", "x = \"\\q\"", "\xff\xfe", "= 3"}) {
    try {
      RecipeFile::parse(text, "r.toml");
      ADD_FAILURE() << "accepted: " << text;
    } catch (const ModelError& error) {
      EXPECT_THAT(error.what(), testing::MatchesRegex("r\\.toml:[0-9]+:[0-9]+: not TOML: .*"));
    }
  }
}

/// toml++ would go through its tables by recursion and overflow the stack.
TEST(Recipe, KeysOfVeryManyPartsAreRefusedByTheirLine) {
  std::string deep = "a";
  for (int i = 0; i < 100000; ++i) deep += ".a";
  for (const auto& text :
       {"\n" + deep + " = 1\n", "\n[" + deep + "]\n", "\nx = { " + deep + " = 1 }\n",
        "\n[[" + deep + "]]\n", "s = \"\"\"\n\"\"\"\n" + deep + " = 1"}) {
    try {
      RecipeFile::parse(text, "x.toml");
      ADD_FAILURE() << text.substr(0, 20);
    } catch (const ModelError& error) {
      EXPECT_THAT(error.what(), HasSubstr("a key of more than 30 parts"));
      EXPECT_THAT(error.what(), testing::ContainsRegex("x.toml:[23]:"));
    }
  }
  auto file = RecipeFile::parse("", "x.toml");
  EXPECT_THROW(file.set(deep + "=1"), UsageError);
  EXPECT_THROW(file.set("x={ " + deep + " = 1 }"), ModelError);
  const std::string dots(1000, '.');
  for (const std::string& text :
       {"name = \"" + dots + "\"", "name = '" + dots + "\\'", "# " + dots,
        "name = \"\"\"\n" + dots + "\n\"\"\"", std::string("values = [1.5, 2.5]")})
    EXPECT_NO_THROW(RecipeFile::parse(text, "x.toml")) << text;
}

TEST(Recipe, MayHoldAVocabulary) {
  const test::TemporaryFolder folder;
  std::string words = "words = [";
  for (int i = 0; i < 200'000; ++i) words += "'word " + std::to_string(i) + "', ";
  words += "]";
  ASSERT_GT(words.size(), size_t{2} << 20);
  test::write_bytes(folder / "recipe.toml", words);
  const auto read = read_recipe<Outer>(RecipeFile::read(folder / "recipe.toml"));
  EXPECT_EQ(read.words.size(), 200'000u);
  std::filesystem::resize_file(folder / "recipe.toml", RecipeFile::kMostBytes + 1);
  EXPECT_THROW(RecipeFile::read(folder / "recipe.toml"), FileError);
}

TEST(Recipe, SetBeatsTheFile) {
  const auto r = read("count = 2\ninner = { share = 0.5 }",
                      {"count=9", "inner.share=0.75", "name=a b", "words=[\"p=q\"]", "on=true"});
  EXPECT_EQ(r.count, 9);
  EXPECT_EQ(r.inner.share, 0.75);
  EXPECT_EQ(r.name, "a b");
  EXPECT_THAT(r.words, ElementsAre("p=q"));
  EXPECT_TRUE(r.on);
  EXPECT_EQ(read("", {"attention.score=dot"}).attention.score.name, "dot");
}

TEST(Recipe, CopiesAreIndependent) {
  const auto first = RecipeFile::parse("count = 1\n\n[inner]\nshare = 2", "r.toml");
  auto second = first;
  second.set("count=2");
  auto third = second;
  third.set("inner.share=0.5");
  third.set("count=3");
  const auto count = [](const RecipeFile& file) { return file.values().at("count"); };
  EXPECT_EQ(count(first), "1");
  EXPECT_EQ(count(second), "2");
  EXPECT_EQ(count(third), "3");
  EXPECT_EQ(second.values().at("inner.share"), "2");
  EXPECT_EQ(read_recipe<Outer>(third).inner.share, 0.5);
  // What is wrong still stands at its line.
  try {
    read_recipe<Outer>(second);
    ADD_FAILURE() << "accepted";
  } catch (const ModelError& error) {
    EXPECT_THAT(error.what(), HasSubstr("r.toml:4: inner.share"));
  }
}

TEST(Recipe, RefusedSetChangesNothing) {
  auto file = RecipeFile::parse("count = 1", "r.toml");
  const auto before = file.values();
  EXPECT_THROW(file.set("fresh.count.=2"), UsageError);
  EXPECT_THROW(file.set("count.inner=2"), UsageError);
  EXPECT_EQ(file.values(), before);
}

TEST(Recipe, SetIsRefusedByItsOwnWords) {
  EXPECT_EQ(refusal("", {"inner.shrae=0.5"}),
            "--set inner.shrae=0.5: inner.shrae: unknown key 'shrae', did you mean 'share'?");
  EXPECT_EQ(refusal("", {"count=-1"}),
            "--set count=-1: count: expected a whole number from 1 to 1000000000, given -1");
  auto file = RecipeFile::parse("count = 1", "r.toml");
  EXPECT_THROW(file.set("count"), UsageError);
  EXPECT_THROW(file.set("=3"), UsageError);
  EXPECT_THROW(file.set("a..b=3"), UsageError);
  EXPECT_THROW(file.set("count.x=3"), UsageError);
}

TEST(Recipe, WrittenOutReadsBackTheSame) {
  auto r = read("inner = { kind = 'two', depth = 5 }\nlimit = 4\nvalues = [0.1, 1e300, -0.0]");
  r.name = "quote \" backslash \\ line\nbell \x07 snow \xe2\x98\x83";
  r.inner.share = 1.0 / 3;
  r.attention = Attention::parse("dot; rope; causal; window(5,0); num_heads=8/2; dropout=0.1");
  const std::string text = to_toml(list_fields(r));
  const auto again = read(text);
  EXPECT_EQ(again.name, r.name);
  EXPECT_EQ(again.inner.share, r.inner.share);
  EXPECT_EQ(again.inner.depth, 5);
  EXPECT_EQ(again.limit, 4);
  EXPECT_EQ(again.values, r.values);
  EXPECT_TRUE(std::signbit(again.values[2]));
  EXPECT_EQ(again.attention, r.attention);
  EXPECT_EQ(to_toml(list_fields(again)), text);
}

TEST(Recipe, ChangeIsNamed) {
  const auto before = RecipeFile::parse("count = 1\nout = 'a'\n[inner]\nshare = 0.5", "run");
  const auto same = RecipeFile::parse("out = 'b'\ninner.share = 0.5\ncount = 1", "now");
  check_same_recipe(before, same, {"out"});
  const auto other = RecipeFile::parse("count = 1\nout = 'a'\n[inner]\nshare = 0.75", "now");
  try {
    check_same_recipe(before, other, {"out"});
    ADD_FAILURE() << "accepted";
  } catch (const ModelError& error) {
    EXPECT_THAT(error.what(), HasSubstr("inner.share was 0.5 and is 0.75"));
  }
  EXPECT_THROW(check_same_recipe(before, same, {}), ModelError);
}

TEST(TrainOptions, ScheduleFieldsBelongToTheirKind) {
  const auto file = RecipeFile::parse("kind = 'cosine'\npatience = 3", "r.toml");
  EXPECT_THROW(read_recipe<ScheduleOptions>(file), ModelError);
  const auto adam = RecipeFile::parse("kind = 'adam'\nweight_decay = 0.1", "r.toml");
  EXPECT_THROW(read_recipe<OptimizerOptions>(adam), ModelError);
}

}  // namespace
}  // namespace heed
