// The reader of tags: a line for predicted tags, one for the right ones, a space between tags.
#include <vector>

#include "fuzz/fuzz.h"
#include "heed/metrics/spans.h"

using namespace heed;

namespace {

std::vector<std::string> tags_of(std::string_view line) {
  std::vector<std::string> tags(1);
  for (const char c : line) {
    if (c == ' ')
      tags.emplace_back();
    else
      tags.back() += c;
  }
  return tags;
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::text({data, size});
  const size_t cut = std::min(text.find('\n'), text.size());
  const auto predicted = tags_of(text.substr(0, cut));
  const auto expected = tags_of(cut < text.size() ? text.substr(cut + 1) : "");
  for (const char* name : {"lenient", "iob1", "iob2", "ioe2", "iobes"}) {
    const auto scheme = tag_scheme(name);
    fuzz::only<DataError>([&] {
      int64_t last = 0;
      for (const auto& span : spans_of_tags(predicted, scheme)) {
        fuzz::require(last <= span.begin && span.begin < span.end);
        fuzz::require(span.end <= std::ssize(predicted));
        last = span.end;
      }
      const auto same = score_tags({predicted}, {predicted}, scheme);
      fuzz::require(same.all.expected == 0 || same.all.f1() == 1);
    });
    fuzz::only<DataError>([&] {
      const auto scores = score_tags({predicted}, {expected}, scheme);
      fuzz::require(scores.all.f1() >= 0 && scores.all.f1() <= 1);
      fuzz::require(scores.all.correct <= std::min(scores.all.predicted, scores.all.expected));
    });
  }
  return 0;
}
