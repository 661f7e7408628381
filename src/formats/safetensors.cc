#include "heed/formats/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>
#include <numeric>
#include <optional>
#include <unordered_set>

#include "formats/mapped_tensor.h"
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

/// Throws ModelError unless the bytes are those of the checksum and a BOOL holds 0 and 1 alone.
void check_bytes(const at::Tensor& tensor, const TensorEntry& entry, const std::string& path) {
  if (!entry.checksum.empty()) {
    const std::string found = checksum(bytes_of(tensor));
    if (found != entry.checksum) {
      throw ModelError(path + ": tensor " + in_quotes(entry.name) + " has the checksum " + found +
                       ", expected " + entry.checksum + ": the file is damaged");
    }
  }
  if (tensor.scalar_type() != at::kBool) return;
  for (const unsigned char value : bytes_of(tensor)) {
    if (value > 1) {
      throw ModelError(path + ": tensor " + in_quotes(entry.name) +
                       " of BOOL holds a byte other than 0 and 1: " + std::to_string(value));
    }
  }
}

at::Tensor new_tensor(const TensorEntry& entry, const std::string& path) {
  try {
    return at::empty(entry.shape, scalar_type(entry.dtype));
  } catch (const c10::Error&) {
    throw Error(Failure::memory, path + ": no memory for the " +
                                     std::to_string(entry.end - entry.begin) + " bytes of tensor " +
                                     in_quotes(entry.name));
  }
}

/// Where the tensors' bytes begin, and what the header says of them. `read(to, bytes, from)` reads
/// from a file of `size` bytes.
template <class Read>
std::pair<uint64_t, SafetensorsHeader> header_of(const std::string& name, uint64_t size,
                                                 const Read& read) {
  unsigned char first[8];
  if (size < sizeof first) {
    throw ModelError(name + ": a safetensors file has at least 8 bytes, found " +
                     std::to_string(size));
  }
  read(first, sizeof first, 0);
  std::string json(read_header_size(first, size, name), '\0');
  read(json.data(), json.size(), sizeof first);
  const uint64_t data_begin = sizeof first + json.size();
  return {data_begin, parse_header(json, size - data_begin, name)};
}

/// `tensor_of(entry)` for each tensor.
template <class TensorOf>
Safetensors tensors_of(SafetensorsHeader header, const std::string& name,
                       const TensorOf& tensor_of) {
  Safetensors result;
  for (const auto& entry : header.tensors) {
    const at::Tensor tensor = tensor_of(entry);
    check_bytes(tensor, entry, name);
    result.tensors.emplace_back(entry.name, tensor);
  }
  result.metadata = std::move(header.metadata);
  result.has_checksums = header.has_checksums;
  return result;
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

std::map<std::string, std::string> read_safetensors_metadata(const std::filesystem::path& path) {
  const FileReader file(path);
  return header_of(path.string(), file.size(),
                   [&](void* to, size_t bytes, uint64_t from) { file.read(to, bytes, from); })
      .second.metadata;
}

Safetensors read_safetensors(const std::filesystem::path& path) {
  const FileReader file(path);
  const std::string name = path.string();
  auto [data_begin, header] =
      header_of(name, file.size(),
                [&](void* to, size_t bytes, uint64_t from) { file.read(to, bytes, from); });
  return tensors_of(std::move(header), name, [&, begin = data_begin](const TensorEntry& entry) {
    const auto tensor = new_tensor(entry, name);
    file.read(tensor.data_ptr(), tensor.nbytes(), begin + entry.begin);
    return tensor;
  });
}

Safetensors parse_safetensors(std::string_view bytes, const std::string& name) {
  auto [data_begin, header] = header_of(
      name, bytes.size(),
      [&](void* to, size_t count, uint64_t from) { std::memcpy(to, bytes.data() + from, count); });
  return tensors_of(std::move(header), name, [&, begin = data_begin](const TensorEntry& entry) {
    const auto tensor = new_tensor(entry, name);
    std::memcpy(tensor.data_ptr(), bytes.data() + begin + entry.begin, tensor.nbytes());
    return tensor;
  });
}

Safetensors map_safetensors(const std::filesystem::path& path) {
  const auto file = std::make_shared<const MappedFile>(path);
  auto [data_begin, header] =
      header_of(path.string(), file->bytes().size(), [&](void* to, size_t bytes, uint64_t from) {
        std::memcpy(to, file->bytes().data() + from, bytes);
      });
  return tensors_of(
      std::move(header), path.string(), [&, begin = data_begin](const TensorEntry& entry) {
        const uint64_t at = begin + entry.begin;
        const auto dtype = scalar_type(entry.dtype);
        if (auto tensor = mapped_tensor(file, at, entry.shape, dtype); tensor.defined())
          return tensor;
        const auto copy = new_tensor(entry, path.string());  // of old writers
        std::memcpy(copy.data_ptr(), file->bytes().data() + at, copy.nbytes());
        return copy;
      });
}

}  // namespace heed
