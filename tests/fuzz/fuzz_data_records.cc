// The readers of records: the first byte says which.
#include <array>

#include "core/utf8.h"
#include "fuzz/file.h"
#include "heed/data/describe.h"
#include "heed/data/record_files.h"

using namespace heed;

namespace {

const std::array<data::RecordOptions, 10> kOptions{{
    {.format = data::RecordFormat::csv},
    {.format = data::RecordFormat::csv, .header = false, .delimiter = " "},
    {.format = data::RecordFormat::csv, .header = false, .delimiter = "whitespace"},
    {.format = data::RecordFormat::tsv},
    {.format = data::RecordFormat::jsonl},
    {.format = data::RecordFormat::conllu},
    {.format = data::RecordFormat::conllu, .columns = {"id", "form", "head", "args*"}},
    {.format = data::RecordFormat::conll, .columns = {"word", "tag"}},
    {.format = data::RecordFormat::lines},
    {.format = data::RecordFormat::squad},
}};

void look_at(const data::Records& records) {
  fuzz::require(records.size() > 0);
  for (int64_t i = 0; i < records.size(); ++i) {
    fuzz::require(!records.place(i).empty());
    for (size_t c = 0; c < records.columns().size(); ++c) {
      const auto column = static_cast<int64_t>(c);
      if (!records.columns()[c].is_list) {
        fuzz::require(invalid_utf8(records.text(i, column)) == std::string::npos);
        continue;
      }
      for (const auto item : records.list(i, column))
        fuzz::require(invalid_utf8(item) == std::string::npos);
    }
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const fuzz::MemoryFile file(fuzz::text({data + 1, size - 1}));
  const auto& options = kOptions[(data[0] - '0') % kOptions.size()];
  fuzz::only<DataError>([&] {
    const auto records = data::open_records({file.path()}, options);
    look_at(*records);
    const auto found = data::describe({{"all", records}}).splits.at(0);
    fuzz::require(found.records == records->size());
  });
  return 0;
}
