// Images that records name.
#include "data/file_images.h"
#include "data/open.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

namespace fs = std::filesystem;

/// What is wrong with an image is said with the record and the column that name it.
template <class Use>
auto by_place(const std::string& place, const std::string& column, const fs::path& file,
              Use&& use) {
  const auto named = [&](const Error& error) {
    return place + ": " + column + ": " + error.what();
  };
  try {
    return use();
  } catch (const DataError& error) {
    throw DataError(named(error));
  } catch (const FileError& error) {
    std::error_code none;
    if (!fs::exists(file, none))
      throw DataError(named(error));  // the record is wrong, not the disk
    throw FileError(named(error));
  }
}

class RecordImages : public FileImages {
 public:
  RecordImages(RecordsPtr records, std::string column, const ImageOptions& options)
      : FileImages(options),
        records_(std::move(records)),
        name_(std::move(column)),
        column_(records_->column(name_)),
        options_(options) {}

  int64_t size() const override { return records_->size(); }
  const std::vector<std::string>& classes() const override { return no_classes_; }
  int64_t label(int64_t) const override { return -1; }
  std::string name(int64_t index) const override { return path(index).string(); }

  Image source(int64_t index) const override {
    return read_named_image(std::string(records_->text(index, column_)), records_->place(index),
                            name_, options_);
  }
  ImageShape source_shape(int64_t index) const override {
    const auto file = path(index);
    return by_place(records_->place(index), name_, file,
                    [&] { return read_source_shape(file, options_); });
  }

 private:
  fs::path path(int64_t index) const override {
    check_index(index, size());
    return file_of_record(*records_, index, column_);
  }

  RecordsPtr records_;
  std::string name_;  // of the column
  int64_t column_;
  ImageOptions options_;
  std::vector<std::string> no_classes_;
};

}  // namespace

fs::path named_file(const std::string& named, const std::string& place, const std::string& column) {
  if (named.empty())
    throw DataError(place + ": the column '" + column + "' is empty; expected the name of a file");
  return fs::path(place.substr(0, place.rfind(':'))).parent_path() / named;
}

Image read_named_image(const std::string& named, const std::string& place,
                       const std::string& column, const ImageOptions& options) {
  const auto file = named_file(named, place, column);
  return by_place(place, column, file, [&] { return read_source(file, options); });
}

fs::path file_of_record(const Records& records, int64_t record, int64_t column) {
  return named_file(std::string(records.text(record, column)), records.place(record),
                    records.columns()[static_cast<size_t>(column)].name);
}

Images open_record_images(RecordsPtr records, const std::string& column,
                          const ImageOptions& options) {
  auto images = std::make_shared<RecordImages>(std::move(records), column, options);
  images->find_shape(true);
  return images;
}

}  // namespace heed::data
