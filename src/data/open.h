// The kinds of labelled images behind open_images, each in its own file.
#pragma once

#include <optional>
#include <string>

#include "data/problems.h"
#include "heed/data/dataset.h"

namespace heed::data {

/// `open_images` for an IDX prefix and for a folder. Where `problems` does not throw, the
/// dataset may have records with labels out of range or
/// images that cannot be decoded, and it is null where nothing can be opened at all.
Images open_idx(const std::filesystem::path& prefix, const ImageOptions& options,
                Problems& problems);
Images open_folder(const std::filesystem::path& folder, const ImageOptions& options,
                   Problems& problems);

/// PREFIX:NUMBER, an image of an IDX file; nothing where that is no such name. Files are kept once they are read, the last two.
std::optional<Image> image_of_idx(const std::filesystem::path& named);

/// Chooses between them.
Images open_any(const std::filesystem::path& path, const ImageOptions& options, Problems& problems);

/// The file that a record names, beside the file that its place is in, "train.csv:17". Throws DataError where it names none.
std::filesystem::path named_file(const std::string& named, const std::string& place,
                                 const std::string& column);

/// Throws UsageError for an index outside 0 .. size - 1.
void check_index(int64_t index, int64_t size);

}  // namespace heed::data
