// What is made of records: times, series, events; and places in their texts.
#include "fuzz/file.h"
#include "heed/data/events.h"
#include "heed/data/offsets.h"
#include "heed/data/record_files.h"
#include "heed/data/series.h"

using namespace heed;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto text = fuzz::text({data, size});
  const fuzz::MemoryFile file(text);
  const data::RecordOptions options{.format = data::RecordFormat::tsv, .header = false};
  fuzz::only<DataError>([&] {
    const data::TextOffsets offsets(text);
    for (const auto& word : data::words_with_offsets(text))
      fuzz::require(offsets.byte_of(word.end) == word.end_byte);
  });
  fuzz::only<Error>([&] {
    const auto records = data::open_records({file.path()}, options);
    for (const auto& series : data::read_series(
             *records, {.time = "1", .missing = data::MissingValues::linear, .sort = true}))
      fuzz::require(series.values.isfinite().all().item<bool>());
  });
  fuzz::only<Error>([&] {
    const auto records = data::open_records({file.path()}, options);
    const auto events =
        data::read_events(*records, {.user = "2", .item = "3", .time = "1", .min_count = 2});
    for (int64_t user = 0; user < events.users(); ++user)
      fuzz::require(events.of(user).size() >= 2);
    data::leave_one_out(events);
  });
  return 0;
}
