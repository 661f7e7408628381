#include "heed/data/record_files.h"

#include <algorithm>

#include "data/record_readers.h"
#include "data/text.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/data/lines.h"

namespace heed::data {
namespace {

using std::filesystem::path;

class PlainLines : public RecordReader {
 public:
  void read(const path& file, RecordStore& store) override {
    if (store.columns().empty()) store.add_column("text", false);
    LineReader lines = lines_in(file);
    for (std::string line; lines.next(line);) {
      if (split_at_space(line).empty()) {
        throw DataError(lines.place() + ": an empty line; expected a text a line");
      }
      store.set_text(0, line);
      store.end_record(lines.number());
    }
  }
};

RecordFormat common_format(const std::vector<path>& files, const RecordOptions& options) {
  if (options.format != RecordFormat::by_name) return options.format;
  const auto format = record_format_of(files[0]);
  for (const auto& file : files) {
    if (const auto other = record_format_of(file); other != format) {
      throw UsageError("records: " + files[0].string() + " is " + word_of(format) + " and " +
                       file.string() + " is " + word_of(other) + "; expected files of one format");
    }
  }
  return format;
}

void check_record_options(const RecordOptions& options) {
  using enum RecordFormat;
  const bool table = options.format == csv || options.format == tsv;
  const bool words = options.format == conll || options.format == conllu;
  const auto refuse = [&](const std::string& what) {
    const std::string format = word_of(options.format);
    throw UsageError("records: format '" + format + "' has no " + what +
                     "; leave it out (of a trained model by --set data.format=" + format + ")");
  };
  if (!table && !options.delimiter.empty()) refuse("delimiter");
  if (!table && options.quoting) refuse("quoting");
  if (!table && !words && !options.columns.empty()) refuse("columns to be named");
  if (options.comments && options.format != conll) refuse("choice of comments");
  if (!options.images.empty() && options.format != voc && options.format != coco &&
      options.format != flickr)
    refuse("folder of images");
  if (table && options.header && !options.columns.empty()) {
    throw UsageError(
        "records: columns: the header names the columns; give names where there is none "
        "(header = false)");
  }
}

std::unique_ptr<RecordReader> record_reader_of(const RecordOptions& options) {
  switch (options.format) {
    case RecordFormat::jsonl:
      return json_reader();
    case RecordFormat::conllu:
      return conllu_reader(options);
    case RecordFormat::conll:
      return conll_reader(options);
    case RecordFormat::lines:
      return lines_reader();
    case RecordFormat::squad:
      return squad_reader();
    case RecordFormat::voc:
      return voc_reader(options);
    case RecordFormat::coco:
      return coco_reader(options);
    case RecordFormat::flickr:
      return flickr_reader(options);
    default:
      return table_reader(options);
  }
}

std::string shown(const path& file) { return file == "-" ? "standard input" : file.string(); }

/// No cell is longer than its file's text. What a gzipped file unpacks to, or a pipe brings, is not
/// known before.
uint64_t bytes_of_files(const std::vector<path>& files) {
  uint64_t bytes = 0;
  std::error_code error;
  for (const auto& file : files)
    if (std::filesystem::is_regular_file(file, error)) bytes += FileReader(file).size();
  return bytes;
}

}  // namespace

RecordFormat record_format_of(path file) {
  if (file.extension() == ".gz") file.replace_extension();
  const std::string ending = file.extension().string();
  using enum RecordFormat;
  if (ending == ".txt") return lines;
  if (ending == ".conllup") return conllu;
  if (ending == ".json") return squad;
  if (ending == ".xml") return voc;
  for (const auto format : {csv, tsv, jsonl, conllu, conll}) {
    if (ending == std::string(".") + word_of(format)) return format;
  }
  throw UsageError(file.string() +
                   ": its name does not say what it is; name it .csv, .tsv, .jsonl, .conllu, "
                   ".conllup, .conll, .txt, .xml (VOC's) or .json (SQuAD's), or say its format "
                   "(data.format=lines for a text a line)");
}

std::unique_ptr<RecordReader> lines_reader() { return std::make_unique<PlainLines>(); }

std::string quoted(const std::vector<std::string>& names) {
  constexpr size_t kMost = 10;
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kMost); ++i)
    text += (i ? ", '" : "'") + names[i] + "'";
  return names.size() > kMost ? text + ", ..." : text;
}

void check_names(const std::vector<std::string>& names, const std::string& place) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) {
      throw DataError(place + ": column " + std::to_string(i + 1) + " has no name");
    }
    const auto same = std::find(names.begin(), names.begin() + static_cast<int64_t>(i), names[i]);
    if (*same == names[i] && same != names.begin() + static_cast<int64_t>(i)) {
      throw DataError(place + ": columns " + std::to_string(same - names.begin() + 1) + " and " +
                      std::to_string(i + 1) + " are both named '" + names[i] +
                      "'; expected different names");
    }
  }
}

RecordsPtr open_records(const std::vector<path>& files, const RecordOptions& options) {
  if (files.empty()) throw UsageError("records: expected at least one file, given none");
  RecordOptions known = options;
  known.format = common_format(files, options);
  const auto reader = record_reader_of(known);
  check_record_options(known);
  const std::string others = " and " + std::to_string(files.size() - 1) + " more";
  auto store = std::make_shared<RecordStore>(shown(files[0]) + (files.size() > 1 ? others : ""),
                                             bytes_of_files(files));
  for (const auto& file : files) {
    const int64_t before = store->size();
    store->begin_file(file);
    reader->read(file, *store);
    if (store->size() == before) throw DataError(shown(file) + ": no record");
  }
  reader->finish(*store);
  return store;
}

}  // namespace heed::data
