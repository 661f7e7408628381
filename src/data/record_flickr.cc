#include "data/record_readers.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

namespace fs = std::filesystem;

/// Lines as Flickr8k.token.txt has them: "name.jpg#0<TAB>caption".
class FlickrReader : public RecordReader {
 public:
  explicit FlickrReader(std::string images) : images_(std::move(images)) {}

  void read(const fs::path& file, RecordStore& store) override {
    if (store.columns().empty())
      for (const char* column : {"image", "caption"}) store.add_column(column, false);
    LineReader lines = lines_in(file);
    for (std::string line; lines.next(line);) {
      const auto tab = line.find('\t');
      const auto mark = tab == std::string::npos ? tab : line.rfind('#', tab);
      if (mark == std::string::npos || mark + 1 == tab ||
          line.find_first_not_of("0123456789", mark + 1) != tab)
        throw DataError(lines.place() +
                        ": format flickr: expected the name of an image, #, a number, a tab and a "
                        "caption, as \"a.jpg#0\tA dog runs .\"");
      if (mark == 0) throw DataError(lines.place() + ": a caption without the name of an image");
      store.set_text(0, image_named(line.substr(0, mark)));
      store.set_text(1, std::string_view(line).substr(tab + 1));
      store.end_record(lines.number());
    }
  }

 private:
  /// As the file's folder sees it.
  std::string image_named(const std::string& name) const {
    return images_.empty() ? name : fs::absolute(fs::path(images_) / name).string();
  }

  std::string images_;
};

}  // namespace

std::unique_ptr<RecordReader> flickr_reader(const RecordOptions& options) {
  return std::make_unique<FlickrReader>(options.images);
}

}  // namespace heed::data
