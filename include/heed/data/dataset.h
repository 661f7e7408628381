// Images with labels, by number.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "heed/core/fields.h"
#include "heed/data/image.h"
#include "heed/data/placement.h"
#include "heed/data/records.h"

namespace heed::data {

/// A fixed list of labelled images of one shape. Every function is const and may be called by
/// several threads at once.
class ImageDataset {
 public:
  virtual ~ImageDataset() = default;

  virtual int64_t size() const = 0;
  virtual ImageShape shape() const = 0;
  /// The name of each label, 0 .. classes().size() - 1.
  virtual const std::vector<std::string>& classes() const = 0;
  /// The record's image, of shape(). Throws DataError (names the file) where it cannot be decoded
  /// or has another shape, UsageError for an index outside 0 .. size() - 1.
  virtual Image image(int64_t index) const = 0;
  /// The same before it was fitted to its size: image() is `fit` of it. By default there was nothing
  /// to fit.
  virtual Image source(int64_t index) const { return image(index); }
  /// The shape of source(), without decoding it.
  virtual ImageShape source_shape(int64_t) const { return shape(); }
  /// The record's label, without decoding the image.
  virtual int64_t label(int64_t index) const = 0;
  /// What to call the record in a message: "shoes/17.png", "train-images-idx3-ubyte.gz record 17".
  virtual std::string name(int64_t index) const = 0;
};

using Images = std::shared_ptr<const ImageDataset>;

/// How `open_images` reads; part of a recipe's [data].
struct ImageOptions {
  /// [height, width] to resize to; empty: as they are, all the same.
  std::vector<int64_t> size = {};
  /// 1 or 3 to convert to; 0: as they are, all the same.
  int64_t channels = 0;
  Fit fit = Fit::stretch;  ///< to `size`
  Resample resample = Resample::bilinear;
  int64_t max_pixels = ImageLimits().pixels;  ///< of a file
  /// Names of labels 0, 1, ..; empty: as the data says.
  std::vector<std::string> classes = {};

  template <class Visitor>
  void fields(Visitor&& v) {
    v("size", size,
      "[height, width] that images are resized to; empty: they must all be of one size",
      between(1, 65535));
    v("channels", channels, "1 (grey) or 3 (colour) to convert to; 0: they must all have the same",
      between(0, 3));
    v("fit", fit,
      "how an image of another shape becomes one of size: stretch; pad (the whole of it, black "
      "beside it); crop (the largest part from its middle); native (its own pixels, in tiles where "
      "it is larger)");
    v("resample", resample,
      "bilinear or bicubic, antialiased: bit for bit the pixels of Pillow's Image.resize");
    v("max_pixels", max_pixels,
      "height times width of a file above which it is refused, before memory is taken",
      between(1, double{1LL << 32}));
    v("classes", classes, "names of the labels in order; empty: folder names, or numbers for IDX");
  }
};

/// What `options` make of an image, and of its shape: first the channels, then the size. All images
/// that a model is fed go through this one function, those of a dataset and single ones. Throws
/// UsageError for options that no image could have.
Image fit(Image image, const ImageOptions& options);
ImageShape fitted(const ImageShape& shape, const ImageOptions& options);
/// read_image within the limit of the options, with their channels.
Image read_source(const std::filesystem::path& file, const ImageOptions& options);
/// The shape of read_source(), from the beginning of the file.
ImageShape read_source_shape(const std::filesystem::path& file, const ImageOptions& options);

/// Opens labelled images:
///
///   - an IDX prefix, as in /usr/share/datasets/fashion-mnist/train, stands for
///     PREFIX-images-idx3-ubyte and PREFIX-labels-idx1-ubyte, each plain or with .gz (plain where
///     both are there). Held in memory. Without `classes` the labels must be 0 .. K-1 with none
///     missing, and are named by their numbers.
///   - a folder of one folder per class, each with PNG and JPEG files (.png, .jpg, .jpeg, any
///     case) at any depth, in the order of their names. Decoded when asked for, so the images may
///     outgrow memory. Names that begin with a dot are passed over; any other file that is not an
///     image is an error. Without `classes` the folders' sorted names are the classes; with them,
///     each must have its folder and no other may be there.
///
/// Without `size` (or `channels`) the header of every image is read here, and two sizes are an
/// error that names both. Give the training data's classes() to the test data, so that labels mean
/// the same. Throws FileError (absent, unreadable) or DataError (file, what is wrong, fix).
Images open_images(const std::filesystem::path& path, const ImageOptions& options = {});

/// Images that a column of records names, as files relative to the one that the record stands in; PREFIX:NUMBER is an
/// image of an IDX file.
/// Decoded when asked for; they have no labels (-1) and no classes. The rest is as with a folder;
/// messages begin with the record's place. Throws DataError for a missing column, too.
Images open_record_images(RecordsPtr records, const std::string& column,
                          const ImageOptions& options = {});
/// The image of a file that a column of the record at `place` names, with the options' channels. Throws DataError that
/// begins with place and column, and where nothing is named; FileError.
Image read_named_image(const std::string& named, const std::string& place,
                       const std::string& column, const ImageOptions& options);
/// The file that a record names. Throws DataError where it names none.
std::filesystem::path file_of_record(const Records& records, int64_t record, int64_t column);

/// The records `indices` of a dataset, in that order. Throws UsageError for an index out of range.
Images subset(Images dataset, std::vector<int64_t> indices);

/// {the rest, held out}: `fraction` of the records (rounded; at least one on each side), drawn by
/// `seed`, the same on every machine, each side in the dataset's order. 0 < fraction < 1.
std::pair<Images, Images> hold_out(Images dataset, double fraction, uint64_t seed);

/// What reading everything found; for `heed check`.
struct ImageReport {
  int64_t records = 0;                ///< read without a problem
  ImageShape shape;                   ///< of the first good image
  std::vector<std::string> classes;   ///< their names
  std::vector<int64_t> per_class;     ///< good records of each
  std::vector<double> mean, std;      ///< of each channel over good images, values in 0 .. 1
  int64_t problem_count = 0;          ///< all of them
  std::vector<std::string> problems;  ///< the first `limit`, one line each
};

/// Reads all of `path` as open_images would, every image included, and reports every problem
/// instead of throwing at the first: unreadable and damaged files, files that are no images,
/// classes without images, odd sizes, labels out of range. Cost: decodes everything, on all
/// threads.
ImageReport check_images(const std::filesystem::path& path, const ImageOptions& options = {},
                         int64_t limit = 100);

}  // namespace heed::data
