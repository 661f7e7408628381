// Images for `heed predict` and `heed map`.
#pragma once

#include <optional>

#include "heed/data/idx.h"
#include "tasks/file_stream.h"
#include "tasks/inputs/image_split.h"

namespace heed {

/// The images that a column of records names. Those of training say what the options leave open;
/// where `fitted`, images become ones of the model's shape.
SplitPtr images_of_records(const data::RecordsPtr& records, const ImageInputOptionsPtr& options,
                           bool fitted);

/// Files, IDX sets, and images of these by number.
class ImageStream : public FileStream {
 public:
  ImageStream(std::vector<std::string> inputs, data::RecordOptions record_options,
              ImageInputOptionsPtr options)
      : FileStream(std::move(inputs), std::move(record_options)), options_(std::move(options)) {}

 private:
  int64_t together(int64_t most) const override;
  bool has_more() override { return idx_ && idx_next_ < idx_->count; }
  void take(const std::string& name, int64_t most) override;
  int64_t taken() const override { return list_ ? list_->size() : 0; }
  bool is_full() const override;
  SplitPtr give() override;
  SplitPtr of_records(const data::RecordsPtr& records) const override;
  /// A file, or PREFIX:INDEX.
  data::Image one(const std::string& name);

  ImageInputOptionsPtr options_;
  std::shared_ptr<ImageList> list_;
  std::optional<data::IdxImages> idx_;
  std::string idx_name_;
  int64_t idx_next_ = 0;
  data::Images numbered_;  // those of numbered_prefix_
  std::string numbered_prefix_;
};

/// Throws UsageError for an index that `images` lacks; `input` says it.
void check_image_index(const std::string& input, int64_t index, const data::ImageDataset& images);

}  // namespace heed
