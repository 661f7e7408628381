// Tensors by name in a file that is safe to read whoever wrote it: the safetensors format of
// Hugging Face.
//
//   8 bytes    n, the size of the header, little-endian
//   n bytes    JSON: { "NAME": {"dtype", "shape", "data_offsets": [begin, end]}, ...,
//              "__metadata__": {text: text} }
//   the rest   the tensors' bytes, little-endian, row by row, without holes
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace heed {

/// In the order in which they are written and listed.
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

struct Safetensors {
  NamedTensors tensors;
  std::map<std::string, std::string> metadata;
  bool has_checksums = false;  ///< of all that was read; then they were verified
};

/// Writes a new file. Dtypes: float64, float32, float16, bfloat16, int64, int32, int16, int8,
/// uint8, bool; any device, shape and strides. The metadata also gets "xxh3_128/NAME" for every
/// tensor (XXH3-128 of its bytes) and "xxh3_128", the same of everything else that the header says,
/// so that any damage is found on reading. The same tensors give the same bytes. Throws UsageError
/// for a dtype that the format lacks, a name given twice, or metadata under "xxh3_128"; FileError
/// when the disk is full or the file exists. Not atomic: write into an AtomicFolder.
void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// The bytes that write_safetensors writes.
std::string safetensors_bytes(const NamedTensors& tensors,
                              const std::map<std::string, std::string>& metadata = {});

/// The metadata alone, checksums of tensors left out; nothing is verified but the header's form.
/// Throws as below.
std::map<std::string, std::string> read_safetensors_metadata(const std::filesystem::path& path);

/// Reads a file, with or without checksums, after checking every claim of its header against the
/// file's size: memory is that of the tensors. Checksums, where the file has them, are verified and
/// left out of the metadata. Throws ModelError that names the file, the tensor, the field, what was
/// expected and what was found; FileError when it cannot be read.
Safetensors read_safetensors(const std::filesystem::path& path);

/// The same of the bytes of a file; `name` stands in messages.
Safetensors parse_safetensors(std::string_view bytes, const std::string& name);

/// The same with the tensors' memory being the file's own pages, which are read when they are looked
/// at and shared with all who map the file: nothing is copied but tensors that do not lie at a
/// multiple of their element's size. The tensors keep the file mapped. They are to be read alone:
/// writing to one ends the process, and so does reading one of a file that was cut short meanwhile.
Safetensors map_safetensors(const std::filesystem::path& path);

}  // namespace heed
