#include <algorithm>

#include "core/list_folder.h"
#include "core/text.h"
#include "data/record_readers.h"
#include "data/voc.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/data/lines.h"

namespace heed::data {
namespace {

namespace fs = std::filesystem;

class VocReader : public RecordReader {
 public:
  explicit VocReader(std::string images) : images_(std::move(images)) {}

  void read(const fs::path& file, RecordStore& store) override {
    if (store.columns().empty()) store.add_column("image", false), store.add_column("boxes", true);
    if (fs::is_directory(file)) return read_folder(file, store);
    if (file.extension() == ".xml") return read_annotation(file, store);
    read_list(file, store);
  }

 private:
  void read_folder(const fs::path& folder, RecordStore& store) const {
    auto files = list_folder(folder);
    std::erase_if(files, [](const auto& each) { return each.extension() != ".xml"; });
    std::sort(files.begin(), files.end());
    for (const auto& each : files) read_annotation(each, store);
  }

  /// An image set: a line names an annotation of the folder that ImageSets lies in.
  void read_list(const fs::path& file, RecordStore& store) const {
    const auto folder = folder_of_set(file);
    LineReader lines = lines_in(file);
    for (std::string line; lines.next(line);) {
      while (!line.empty() && (line.back() == ' ' || line.back() == '\t')) line.pop_back();
      if (line.empty())
        throw DataError(lines.place() + ": an empty line; expected an image's name");
      const auto xml = folder / (line + ".xml");
      if (line.find_first_of(" \t/") != std::string::npos || kind_of(xml) != PathKind::file)
        throw DataError(text_of(lines.place(), ": '", line, "': there is no ", xml.string(),
                                "; expected a line a name, as in ImageSets/Main/train.txt"));
      read_annotation(xml, store);
    }
  }

  static fs::path folder_of_set(const fs::path& file) {
    for (auto folder = fs::absolute(file).parent_path(); folder.has_relative_path();
         folder = folder.parent_path()) {
      if (folder.filename() == "ImageSets") {
        // As it was named, so that messages are short.
        const auto up = fs::absolute(file).parent_path().lexically_relative(folder.parent_path());
        auto root = file.parent_path();
        for (auto part = up.begin(); part != up.end(); ++part) root /= "..";
        return (root / "Annotations").lexically_normal();
      }
    }
    throw DataError(
        file.string() +
        ": format voc: expected an .xml file, a folder of them, or a list in the folder "
        "ImageSets beside Annotations");
  }

  void read_annotation(const fs::path& file, RecordStore& store) const {
    const auto found = parse_voc(read_text(file), file.string());
    store.begin_file(file);
    store.set_text(0, image_of(file, found.filename));
    std::vector<std::string> boxes;
    for (const auto& box : found.boxes) boxes.push_back(to_text(box));
    store.set_list(1, std::vector<std::string_view>(boxes.begin(), boxes.end()));
    store.end_record(1);
  }

  /// As the annotation's folder sees it: in `images`, in JPEGImages beside the folder, or in it.
  std::string image_of(const fs::path& file, const std::string& name) const {
    const auto folder = file.parent_path();
    std::vector<fs::path> places{folder / ".." / "JPEGImages", folder};
    if (!images_.empty()) places = {images_};
    for (const auto& place : places) {
      const auto image = place / name;
      if (kind_of(image) != PathKind::file) continue;
      return images_.empty() ? image.lexically_relative(folder).string()
                             : fs::absolute(image).string();
    }
    throw DataError(text_of(file.string(), ": 'filename': there is no image ",
                            (places.front() / name).lexically_normal().string(),
                            images_.empty() ? "; data.images names another folder" : ""));
  }

  std::string images_;
};

}  // namespace

std::unique_ptr<RecordReader> voc_reader(const RecordOptions& options) {
  return std::make_unique<VocReader>(options.images);
}

}  // namespace heed::data
