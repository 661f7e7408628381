// Captions as Flickr8k.token.txt has them.
#include <gmock/gmock.h>

#include "data/record_samples.h"

namespace heed::data {
namespace {

using test::names_of;
using test::record_refusal;
using test::records_of;
using test::row_of;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr RecordOptions flickr(const char* images = "") {
  return {.format = RecordFormat::flickr, .images = images};
}

TEST(RecordFlickr, ReadsCaptionsOfImages) {
  const auto records = records_of(
      "a.jpg#0\tA dog runs .\na.jpg#1\tA dog #1\tis wet .\nb c#d.jpg#10\t\n", "x.txt", flickr());
  EXPECT_THAT(names_of(*records), ElementsAre("image", "caption"));
  ASSERT_EQ(records->size(), 3);
  EXPECT_THAT(row_of(*records, 0), ElementsAre("a.jpg", "A dog runs ."));
  EXPECT_THAT(row_of(*records, 1), ElementsAre("a.jpg", "A dog #1\tis wet ."));
  EXPECT_THAT(row_of(*records, 2), ElementsAre("b c#d.jpg", ""));
  EXPECT_THAT(records->place(1), EndsWith("x.txt:2"));
  EXPECT_THAT(row_of(*records_of("a.jpg#0\tA\n", "x.txt", flickr("/photos")), 0),
              ElementsAre("/photos/a.jpg", "A"));
}

TEST(RecordFlickr, NamesTheLineOfWhatIsNone) {
  const auto refusal = [](std::string_view text) {
    return record_refusal(text, "x.txt", flickr());
  };
  EXPECT_THAT(refusal("a.jpg#0\tA\n#1\tB\n"), HasSubstr("x.txt:2: a caption without the name"));
  for (const auto* line : {"a.jpg\tA dog", "a.jpg#0 A dog", "a.jpg#\tA", "a.jpg#x\tA", "a.jpg,A",
                           "a.jpg\tA #1\tB", ""})
    EXPECT_THAT(refusal("a.jpg#0\tA\n" + std::string(line) + "\n"),
                HasSubstr("x.txt:2: format flickr: expected"))
        << line;
}

}  // namespace
}  // namespace heed::data
