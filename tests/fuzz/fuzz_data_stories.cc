// The reader of stories and questions.
#include "fuzz/file.h"
#include "heed/data/stories.h"

using namespace heed;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const fuzz::MemoryFile file(fuzz::text({data, size}));
  for (const auto answers : {data::Answers::required, data::Answers::optional}) {
    fuzz::only<DataError>([&] {
      const auto stories = data::read_stories(file.path(), answers);
      const data::StorySet set(stories, data::StoryVocabulary::of(stories));
      fuzz::require(set.size() == static_cast<int64_t>(stories.questions.size()));
      const auto batch = set.batch({0, set.size() - 1});
      fuzz::require(batch.story.max().item<int64_t>() < batch.sentences.size(0));
    });
  }
  return 0;
}
