// Images for `heed predict` and `heed map`.
#pragma once

#include <exception>
#include <optional>

#include "heed/data/idx.h"
#include "tasks/file_names.h"
#include "tasks/inputs/image_split.h"
#include "tasks/record_stream.h"

namespace heed {

/// The images that a column of records names. Those of training say what the options leave open;
/// where `fitted`, images become ones of the model's shape.
SplitPtr images_of_records(const data::RecordsPtr& records, const ImageInputOptionsPtr& options,
                           bool fitted);

/// Files, IDX sets, images of these by number, files of records that name images, and names of all
/// that from standard input.
class ImageStream : public Stream {
 public:
  ImageStream(std::vector<std::string> inputs, data::RecordOptions record_options,
              ImageInputOptionsPtr options)
      : names_(std::move(inputs)),
        record_options_(std::move(record_options)),
        options_(std::move(options)) {}

  SplitPtr next(int64_t most) override;

 private:
  bool has_idx() const { return idx_ && idx_next_ < idx_->count; }
  void add(ImageList& list, const std::string& name, int64_t most);
  /// A file, or PREFIX:INDEX.
  data::Image one(const std::string& name);
  void open_records(const std::string& file);

  FileNames names_;
  data::RecordOptions record_options_;
  ImageInputOptionsPtr options_;
  std::optional<data::IdxImages> idx_;
  std::string idx_name_;
  int64_t idx_next_ = 0;
  std::optional<RecordStream> records_;
  data::Images numbered_;  // those of numbered_prefix_
  std::string numbered_prefix_;
  std::exception_ptr error_;
};

/// Throws UsageError for an index that `images` lacks; `input` says it.
void check_image_index(const std::string& input, int64_t index, const data::ImageDataset& images);

}  // namespace heed
