// Images that records name: files, or images of IDX files by their numbers.
#include <algorithm>
#include <map>
#include <mutex>

#include "data/file_images.h"
#include "data/open.h"
#include "heed/core/error.h"
#include "heed/core/files.h"

namespace heed::data {
namespace {

namespace fs = std::filesystem;

class RecordImages : public FileImages {
 public:
  RecordImages(RecordsPtr records, const std::string& column, const ImageOptions& options)
      : FileImages(options),
        options_(options),
        records_(std::move(records)),
        column_(records_->column(column)) {}

  int64_t size() const override { return records_->size(); }
  const std::vector<std::string>& classes() const override { return no_classes_; }
  int64_t label(int64_t) const override { return -1; }
  std::string name(int64_t index) const override { return path(index).string(); }

 private:
  /// What is wrong with an image is said with the record and the column that name it.
  template <class Use>
  auto by_place(int64_t index, Use&& use) const {
    try {
      return use();
    } catch (const DataError& error) {
      const auto begin = records_->place(index) + ": ";
      if (std::string_view(error.what()).starts_with(begin)) throw;
      throw DataError(begin + records_->columns()[static_cast<size_t>(column_)].name + ": " +
                      error.what());
    }
  }

 public:
  Image source(int64_t index) const override {
    return by_place(index, [&] {
      const auto [images, number] = numbered(index);
      return images ? images->source(number) : FileImages::source(index);
    });
  }
  ImageShape source_shape(int64_t index) const override {
    return by_place(index, [&] {
      const auto [images, number] = numbered(index);
      return images ? images->source_shape(number) : FileImages::source_shape(index);
    });
  }

 private:
  fs::path path(int64_t index) const override {
    check_index(index, size());
    return file_of_record(*records_, index, column_);
  }

  /// PREFIX:NUMBER, of IDX files that are kept once they are read; null: the record names a file.
  std::pair<Images, int64_t> numbered(int64_t index) const {
    const auto file = path(index);
    const auto text = file.string();
    const size_t colon = text.rfind(':');
    const auto number = colon == text.npos ? "" : text.substr(colon + 1);
    const bool is_number =
        !number.empty() && number.size() < 19 &&
        std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!is_number) return {nullptr, 0};
    const std::lock_guard lock(mutex_);
    auto& images = sets_[text.substr(0, colon)];
    if (!images && kind_of(file) != PathKind::absent) return {nullptr, 0};
    if (!images) images = open_images(text.substr(0, colon), options_);
    const int64_t at = std::stoll(number);
    if (at >= images->size())
      throw DataError(text.substr(0, colon) + ": there is no image " + number + ", expected 0.." +
                      std::to_string(images->size() - 1));
    return {images, at};
  }

  ImageOptions options_;
  RecordsPtr records_;
  int64_t column_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, Images> sets_;
  std::vector<std::string> no_classes_;
};

}  // namespace

fs::path file_of_record(const Records& records, int64_t record, int64_t column) {
  const std::string named(records.text(record, column));
  const auto place = records.place(record);
  if (named.empty())
    throw DataError(place + ": the column '" + records.columns()[static_cast<size_t>(column)].name +
                    "' is empty; expected the file of an image");
  return fs::path(place.substr(0, place.rfind(':'))).parent_path() / named;
}

Images open_record_images(RecordsPtr records, const std::string& column,
                          const ImageOptions& options) {
  auto images = std::make_shared<RecordImages>(std::move(records), column, options);
  images->find_shape(true);
  return images;
}

}  // namespace heed::data
