// Where a model looked in one example as a file, so that others can look without the model.
#pragma once

#include <filesystem>
#include <string>

#include "heed/tasks/predictor.h"

namespace heed::lens {

/// What a file of maps holds.
struct MapFile {
  std::string model;  ///< what it was called where the file was written
  Explanation seen;
};

/// The bytes of a safetensors file: of each map q, k, row_stats and what else the call was given, its
/// attention as text, and of the example its text, tokens, image and answers. O(L) numbers, no
/// weights. The same maps give the same bytes. Throws ModelError for an attention that no text says
/// (a modifier of a program's own).
std::string to_bytes(const MapFile& file);

/// Whether a path is a file whose name ends as those of maps do (.safetensors).
bool is_map_file(const std::filesystem::path& path);

/// Reads a file back; its maps have the same weights. Throws ModelError that names file, tensor or
/// key where the file holds no maps or wrong ones; FileError.
MapFile read_map_file(const std::filesystem::path& path);

}  // namespace heed::lens
