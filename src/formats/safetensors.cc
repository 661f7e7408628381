#include "heed/formats/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <optional>
#include <unordered_set>

#include "formats/safetensors_header.h"
#include "heed/core/error.h"
#include "heed/core/files.h"

namespace heed {
namespace {

static_assert(std::endian::native == std::endian::little,
              "tensors are copied between memory and file as they are");

constexpr std::array<std::pair<std::string_view, at::ScalarType>, 10> kScalarTypes = {
    {{"F64", at::kDouble},
     {"F32", at::kFloat},
     {"F16", at::kHalf},
     {"BF16", at::kBFloat16},
     {"I64", at::kLong},
     {"I32", at::kInt},
     {"I16", at::kShort},
     {"I8", at::kChar},
     {"U8", at::kByte},
     {"BOOL", at::kBool}}};

std::string dtype_name(const std::string& name, const at::Tensor& tensor) {
  for (const auto& [dtype, type] : kScalarTypes) {
    if (type == tensor.scalar_type()) return std::string(dtype);
  }
  throw UsageError("write_safetensors: tensor " + in_quotes(name) + " has the dtype " +
                   at::toString(tensor.scalar_type()) + ", which the format lacks");
}

at::ScalarType scalar_type(std::string_view dtype) {
  for (const auto& [name, type] : kScalarTypes) {
    if (name == dtype) return type;
  }
  throw ModelError("the dtype " + in_quotes(dtype) + " has no equivalent");
}

std::string_view bytes_of(const at::Tensor& tensor) {
  return {static_cast<const char*>(tensor.data_ptr()), tensor.nbytes()};
}

at::Tensor on_cpu(const std::string& name, const at::Tensor& tensor) {
  if (!tensor.defined() || tensor.layout() != at::kStrided) {
    throw UsageError("write_safetensors: tensor " + in_quotes(name) + " must be defined and dense");
  }
  return tensor.detach().to(at::kCPU).resolve_neg().contiguous();
}

void check_metadata(const std::map<std::string, std::string>& metadata) {
  for (const auto& [key, value] : metadata) {
    if (key.starts_with(kChecksumKey)) {
      throw UsageError("write_safetensors: metadata " + in_quotes(key) + " is kept for checksums");
    }
  }
}

/// Entries in the caller's order; their bytes lie in the order of falling element size, so that
/// every tensor is aligned.
SafetensorsHeader describe(const NamedTensors& tensors, const std::vector<size_t>& order) {
  SafetensorsHeader header;
  std::unordered_set<std::string_view> names;
  for (const auto& [name, tensor] : tensors) {
    if (name == "__metadata__" || !names.insert(name).second) {
      throw UsageError("write_safetensors: the name " + in_quotes(name) +
                       " is given twice or reserved");
    }
    header.tensors.push_back({.name = name,
                              .dtype = dtype_name(name, tensor),
                              .shape = tensor.sizes().vec(),
                              .checksum = checksum(bytes_of(tensor))});
  }
  uint64_t end = 0;
  for (const size_t i : order) {
    header.tensors[i].begin = end;
    header.tensors[i].end = end += tensors[i].second.nbytes();
  }
  return header;
}

at::Tensor read_tensor(const FileReader& file, const TensorEntry& entry, uint64_t data_begin,
                       const std::string& path) {
  at::Tensor tensor;
  try {
    tensor = at::empty(entry.shape, scalar_type(entry.dtype));
  } catch (const c10::Error&) {
    throw Error(Failure::memory, path + ": no memory for the " +
                                     std::to_string(entry.end - entry.begin) + " bytes of tensor " +
                                     in_quotes(entry.name));
  }
  file.read(tensor.data_ptr(), tensor.nbytes(), data_begin + entry.begin);
  if (!entry.checksum.empty()) {
    const std::string found = checksum(bytes_of(tensor));
    if (found != entry.checksum) {
      throw ModelError(path + ": tensor " + in_quotes(entry.name) + " has the checksum " + found +
                       ", expected " + entry.checksum + ": the file is damaged");
    }
  }
  if (tensor.scalar_type() == at::kBool) {
    for (const unsigned char value : bytes_of(tensor)) {
      if (value > 1) {
        throw ModelError(path + ": tensor " + in_quotes(entry.name) +
                         " of BOOL holds a byte other than 0 and 1: " + std::to_string(value));
      }
    }
  }
  return tensor;
}

}  // namespace

namespace {

/// `write` gets the bytes of a file, piece by piece.
template <class Write>
void format(const NamedTensors& tensors, const std::map<std::string, std::string>& metadata,
            const Write& write) {
  check_metadata(metadata);
  NamedTensors dense;
  for (const auto& [name, tensor] : tensors) dense.emplace_back(name, on_cpu(name, tensor));
  std::vector<size_t> order(dense.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return dense[a].second.element_size() > dense[b].second.element_size();
  });
  SafetensorsHeader header = describe(dense, order);
  header.metadata = metadata;
  const std::string json = format_header(header);
  const uint64_t size = json.size();

  write({reinterpret_cast<const char*>(&size), sizeof size});
  write(json);
  for (const size_t i : order) write(bytes_of(dense[i].second));
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::optional<FileWriter> file;  // made when the tensors are known to be good
  format(tensors, metadata, [&](std::string_view bytes) {
    if (!file) file.emplace(path);
    file->write(bytes);
  });
  file->close();
}

std::string safetensors_bytes(const NamedTensors& tensors,
                              const std::map<std::string, std::string>& metadata) {
  std::string all;
  format(tensors, metadata, [&](std::string_view bytes) { all += bytes; });
  return all;
}

Safetensors read_safetensors(const std::filesystem::path& path) {
  const FileReader file(path);
  const std::string name = path.string();
  unsigned char first[8];
  if (file.size() < sizeof first) {
    throw ModelError(name + ": a safetensors file has at least 8 bytes, found " +
                     std::to_string(file.size()));
  }
  file.read(first, sizeof first, 0);
  std::string json(read_header_size(first, file.size(), name), '\0');
  file.read(json.data(), json.size(), sizeof first);
  const uint64_t data_begin = sizeof first + json.size();
  SafetensorsHeader header = parse_header(json, file.size() - data_begin, name);

  Safetensors result;
  for (const auto& entry : header.tensors) {
    result.tensors.emplace_back(entry.name, read_tensor(file, entry, data_begin, name));
  }
  result.metadata = std::move(header.metadata);
  result.has_checksums = header.has_checksums;
  return result;
}

}  // namespace heed
