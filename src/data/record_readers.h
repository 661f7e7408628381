// A reader a format; each puts the records of one file into a store.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/record_store.h"
#include "heed/data/lines.h"
#include "heed/data/record_files.h"

namespace heed::data {

/// What a split's files have in common: their names' columns in the store.
class RecordReader {
 public:
  virtual ~RecordReader() = default;
  virtual void read(const std::filesystem::path& file, RecordStore& store) = 0;
  /// Called behind the last file.
  virtual void finish(RecordStore&) {}
};

/// "-" is standard input; pipes are read, too.
inline LineReader lines_in(const std::filesystem::path& file) {
  std::error_code error;
  return std::filesystem::is_regular_file(file, error) ? LineReader(file) : LineReader::once(file);
}

std::unique_ptr<RecordReader> table_reader(const RecordOptions& options);
std::unique_ptr<RecordReader> json_reader();
std::unique_ptr<RecordReader> conllu_reader(const RecordOptions& options);
std::unique_ptr<RecordReader> conll_reader(const RecordOptions& options);
std::unique_ptr<RecordReader> lines_reader();
std::unique_ptr<RecordReader> squad_reader();
std::unique_ptr<RecordReader> voc_reader(const RecordOptions& options);
std::unique_ptr<RecordReader> coco_reader(const RecordOptions& options);
std::unique_ptr<RecordReader> flickr_reader(const RecordOptions& options);

/// Throws DataError for an empty name and for one that stands twice; `place` begins the message.
void check_names(const std::vector<std::string>& names, const std::string& place);
/// "'a', 'b', 'c'", at most the first ten.
std::string quoted(const std::vector<std::string>& names);

}  // namespace heed::data
