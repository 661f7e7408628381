// JSON of a model folder: nothing is converted, and what is wrong is named.
#include "formats/json_object.h"

#include <gmock/gmock.h>

#include <cmath>

#include "heed/core/error.h"

namespace heed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

JsonObject object(std::string_view text) { return {text, "f.json"}; }

template <class Read>
std::string complaint(Read&& read) {
  try {
    read();
  } catch (const ModelError& error) {
    return error.what();
  }
  return "nothing is refused";
}

TEST(JsonObject, GivesWhatStandsThere) {
  const auto json = object(
      R"({"t": "x", "ts": ["a", "b"], "m": {"k": "v"}, "i": 3, "is": [1, 2], "n": 1.5, "ns": [1, 0.5],
          "any": "Infinity", "anys": {"a": "NaN", "b": 2}, "f": true, "o": {"i": 4}, "os": [{"i": 5}]})");
  EXPECT_EQ(json.text("t"), "x");
  EXPECT_THAT(json.texts("ts"), ElementsAre("a", "b"));
  EXPECT_THAT(json.map_of_texts("m"), ElementsAre(Pair("k", "v")));
  EXPECT_EQ(json.integer("i", between(0, 3)), 3);
  EXPECT_THAT(json.integers("is", between(1, 2)), ElementsAre(1, 2));
  EXPECT_EQ(json.number("n"), 1.5);
  EXPECT_THAT(json.numbers("ns"), ElementsAre(1.0, 0.5));
  EXPECT_EQ(json.any_number("any"), INFINITY);
  EXPECT_TRUE(std::isnan(json.any_numbers("anys").at(0).second));
  EXPECT_TRUE(json.flag("f"));
  EXPECT_EQ(json.object("o").integer("i", between(0, 9)), 4);
  EXPECT_EQ(json.objects("os").at(0).integer("i", between(0, 9)), 5);
  EXPECT_TRUE(json.has("t"));
  EXPECT_FALSE(json.has("u"));
}

TEST(JsonObject, ConvertsNothing) {
  const auto json =
      object(R"({"half": 1.5, "yes": true, "text": "1", "list": [1, 1.5], "huge": 1e300,
                               "past": 18446744073709551615, "null": null})");
  for (const char* key : {"half", "yes", "text", "list", "huge", "past", "null"})
    EXPECT_THAT(complaint([&] { json.integer(key, between(0, 1e9)); }),
                HasSubstr(std::string("f.json: ") + key + ": expected a whole number from 0 to"));
  for (const char* key : {"yes", "text", "list", "null"})
    EXPECT_THAT(complaint([&] { json.number(key); }), HasSubstr("expected a number, given"));
  EXPECT_THAT(complaint([&] { json.integers("list", between(0, 9)); }), HasSubstr("given [1,1.5]"));
  EXPECT_THAT(complaint([&] { json.flag("half"); }),
              HasSubstr("half: expected true or false, given 1.5"));
  EXPECT_THAT(complaint([&] { json.texts("text"); }),
              HasSubstr("expected a list of texts, given \"1\""));
}

TEST(JsonObject, NamesWhereItIs) {
  const auto json = object(R"({"o": {"i": -1}, "os": [{"i": 1}, {}]})");
  EXPECT_THAT(complaint([&] { json.object("o").integer("i", between(0, 9)); }),
              HasSubstr("f.json: o.i: expected a whole number from 0 to 9, given -1"));
  EXPECT_THAT(complaint([&] { json.objects("os").at(1).text("i"); }),
              HasSubstr("f.json: os[1].i: is missing; expected a text"));
  EXPECT_THAT(complaint([] { object("[1]"); }),
              HasSubstr("f.json: expected a JSON object, given [1]"));
  EXPECT_THAT(complaint([] { object("{"); }), HasSubstr("f.json: is not valid JSON"));
  EXPECT_THAT(complaint([] { json_integers("[1, -1]", "f.json", between(0, 9)); }),
              HasSubstr("f.json: expected a list of whole numbers from 0 to 9, given [1,-1]"));
}

}  // namespace
}  // namespace heed
