#include <optional>

#include "core/text.h"
#include "data/coco.h"
#include "data/record_readers.h"
#include "heed/core/error.h"
#include "heed/core/files.h"

namespace heed::data {
namespace {

namespace fs = std::filesystem;

class CocoReader : public RecordReader {
 public:
  explicit CocoReader(std::string images) : images_(std::move(images)) {}

  void read(const fs::path& file, RecordStore& store) override {
    if (store.columns().empty())
      store.add_column("image", false), store.add_column("boxes", true),
          store.add_column("id", false);
    found_.reset();
    constexpr uint64_t kMostBytes = uint64_t{8} << 30;
    const auto images = parse_coco(read_text(file, kMostBytes), file.string());
    int64_t number = 0;
    for (const auto& image : images) {
      store.set_text(0, image_of(file, image));
      std::vector<std::string> boxes;
      for (const auto& box : image.boxes) boxes.push_back(to_text(box));
      store.set_list(1, std::vector<std::string_view>(boxes.begin(), boxes.end()));
      store.set_text(2, image.id);
      store.end_record(++number);
    }
  }

 private:
  /// As the file's folder sees it.
  std::string image_of(const fs::path& file, const CocoImage& image) {
    const auto folder = file.parent_path();
    if (!found_) found_ = folder_of(file, image);
    const auto path = *found_ / image.file_name;
    if (kind_of(path) != PathKind::file)
      throw DataError(text_of(file.string(), ": 'file_name' of image ", image.id,
                              ": there is no image ", path.lexically_normal().string(),
                              images_.empty() ? "; data.images names another folder" : ""));
    return images_.empty() ? path.lexically_relative(folder).string() : fs::absolute(path).string();
  }

  fs::path folder_of(const fs::path& file, const CocoImage& first) const {
    if (!images_.empty()) return images_;
    const auto folder = file.parent_path();
    const auto stem = file.stem().string();
    const auto set = stem.substr(stem.rfind('_') == std::string::npos ? 0 : stem.rfind('_') + 1);
    for (const auto& place :
         {folder, folder / set, folder / "images", folder / ".." / set, folder / ".." / "images"})
      if (kind_of(place / first.file_name) == PathKind::file) return place;
    return folder;
  }

  std::string images_;
  std::optional<fs::path> found_;  // where the first image lies
};

}  // namespace

std::unique_ptr<RecordReader> coco_reader(const RecordOptions& options) {
  return std::make_unique<CocoReader>(options.images);
}

}  // namespace heed::data
