#include "formats/safetensors_header.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "formats/safetensors_json.h"
#include "heed/core/error.h"

namespace heed {
namespace {

constexpr std::array<std::pair<std::string_view, uint64_t>, 10> kDtypes = {{{"F64", 8},
                                                                            {"F32", 4},
                                                                            {"F16", 2},
                                                                            {"BF16", 2},
                                                                            {"I64", 8},
                                                                            {"I32", 4},
                                                                            {"I16", 2},
                                                                            {"I8", 1},
                                                                            {"U8", 1},
                                                                            {"BOOL", 1}}};

[[noreturn]] void wrong(const std::string& file, const TensorEntry& tensor,
                        const std::string& what) {
  throw ModelError(file + ": tensor " + in_quotes(tensor.name) + ", field " + what);
}

std::string text_of(const std::vector<int64_t>& shape) { return nlohmann::json(shape).dump(); }

/// Bytes that dtype and shape ask for. Empty dimensions count as one in the test for overflow,
/// since LibTorch multiplies the others for its strides.
uint64_t bytes_of(const TensorEntry& tensor, const std::string& file) {
  const uint64_t size = dtype_bytes(tensor.dtype);
  if (size == 0) {
    std::string known;
    for (const auto& [name, bytes] : kDtypes)
      known += (known.empty() ? "" : ", ") + std::string(name);
    wrong(file, tensor, "dtype: one of " + known + " expected, found " + in_quotes(tensor.dtype));
  }
  bool empty = false;
  int64_t bytes = static_cast<int64_t>(size);
  for (const int64_t length : tensor.shape) {
    empty |= length == 0;
    if (__builtin_mul_overflow(bytes, std::max<int64_t>(length, 1), &bytes)) {
      wrong(
          file, tensor,
          "shape: " + text_of(tensor.shape) + " of " + tensor.dtype + " is larger than 2^63 bytes");
    }
  }
  return empty ? 0 : static_cast<uint64_t>(bytes);
}

void check_offsets(const SafetensorsHeader& header, uint64_t data_bytes, const std::string& file) {
  std::vector<size_t> order(header.tensors.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto place = [&](size_t i) {
    return std::pair(header.tensors[i].begin, header.tensors[i].end);
  };
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return place(a) < place(b); });
  uint64_t end = 0;
  for (const size_t i : order) {
    const TensorEntry& tensor = header.tensors[i];
    const uint64_t bytes = bytes_of(tensor, file);
    if (tensor.begin != end) {
      wrong(file, tensor,
            "data_offsets: expected to begin at " + std::to_string(end) +
                ", where the tensor before ends, found " + std::to_string(tensor.begin));
    }
    if (tensor.end < tensor.begin || tensor.end - tensor.begin != bytes) {
      wrong(file, tensor,
            "data_offsets: " + text_of(tensor.shape) + " of " + tensor.dtype + " takes " +
                std::to_string(bytes) + " bytes, found [" + std::to_string(tensor.begin) + ", " +
                std::to_string(tensor.end) + "]");
    }
    end = tensor.end;
  }
  if (end != data_bytes) {
    throw ModelError(file + ": the header describes " + std::to_string(end) +
                     " bytes of tensors, the file holds " + std::to_string(data_bytes) +
                     ": it is damaged or was cut off");
  }
}

std::string checksum_key(const TensorEntry& tensor) {
  return std::string(kChecksumKey) + "/" + tensor.name;
}

/// Of all that the header says but its own checksum, whatever way the JSON is written.
std::string header_checksum(const SafetensorsHeader& header) {
  auto said = nlohmann::json::array();
  for (const auto& t : header.tensors) {
    said.push_back({t.name, t.dtype, t.shape, t.begin, t.end, t.checksum});
  }
  said.push_back(header.metadata);
  return checksum(said.dump());
}

/// Moves the checksums from the metadata to the tensors.
void take_checksums(SafetensorsHeader& header, const std::string& file) {
  auto& metadata = header.metadata;
  const auto is_checksum = [](const auto& item) { return item.first.starts_with(kChecksumKey); };
  if (std::none_of(metadata.begin(), metadata.end(), is_checksum)) return;
  const auto take = [&](const std::string& key) {
    const auto node = metadata.extract(key);
    if (node) return node.mapped();
    throw ModelError(file + ": the header's metadata lacks the checksum " + in_quotes(key) +
                     " though it has others: the file is damaged");
  };
  const std::string own = take(std::string(kChecksumKey));
  for (auto& tensor : header.tensors) tensor.checksum = take(checksum_key(tensor));
  for (const auto& [key, value] : metadata) {
    if (key.starts_with(kChecksumKey)) {
      throw ModelError(file + ": the header's metadata has " + in_quotes(key) +
                       ", the checksum of a tensor that is not there");
    }
  }
  const std::string found = header_checksum(header);
  if (own != found) {
    throw ModelError(file + ": the header has the checksum " + found + ", expected " +
                     in_quotes(own) + ": it is damaged or was edited");
  }
  header.has_checksums = true;
}

}  // namespace

uint64_t dtype_bytes(std::string_view dtype) noexcept {
  for (const auto& [name, bytes] : kDtypes) {
    if (name == dtype) return bytes;
  }
  return 0;
}

uint64_t read_header_size(const unsigned char (&bytes)[8], uint64_t file_bytes,
                          const std::string& file) {
  uint64_t size = 0;
  for (int i = 7; i >= 0; --i) size = size << 8 | bytes[i];
  if (size > kMaxHeaderBytes) {
    throw ModelError(file + ": the header claims " + std::to_string(size) + " bytes, at most " +
                     std::to_string(kMaxHeaderBytes) + " are read: is it a safetensors file?");
  }
  if (size < 2 || size > file_bytes - 8) {
    throw ModelError(file + ": the header claims " + std::to_string(size) +
                     " bytes, the file has " + std::to_string(file_bytes - 8) +
                     " after the first 8: it is damaged or was cut off");
  }
  return size;
}

SafetensorsHeader parse_header(std::string_view json, uint64_t data_bytes,
                               const std::string& file) {
  if (!json.starts_with('{')) {
    throw ModelError(file + ": the header must start with '{', found " +
                     in_quotes(json.substr(0, 1)));
  }
  // The JSON reader takes a NUL for the end of its input and would not see what follows.
  if (const size_t nul = json.find('\0'); nul != std::string_view::npos) {
    throw ModelError(file + ": the header is not valid JSON in UTF-8 at its byte " +
                     std::to_string(nul + 1));
  }
  SafetensorsHeader header = parse_header_json(json, file);
  check_offsets(header, data_bytes, file);
  take_checksums(header, file);
  return header;
}

std::string format_header(const SafetensorsHeader& header) try {
  if (header.tensors.size() > kMaxTensors) {
    throw UsageError("write_safetensors: " + std::to_string(header.tensors.size()) +
                     " tensors, at most " + std::to_string(kMaxTensors) + " can be read");
  }
  std::string text = R"({"__metadata__":{)";
  const auto add = [&](const nlohmann::json& key, const nlohmann::json& value) {
    if (text.back() != '{') text += ',';
    text.append(key.dump()).append(":").append(value.dump());
  };
  add(kChecksumKey, header_checksum(header));
  for (const auto& tensor : header.tensors) add(checksum_key(tensor), tensor.checksum);
  for (const auto& [key, value] : header.metadata) add(key, value);
  text += "}";
  for (const auto& tensor : header.tensors) {
    add(tensor.name, {{"dtype", tensor.dtype},
                      {"shape", tensor.shape},
                      {"data_offsets", {tensor.begin, tensor.end}}});
  }
  text += "}";
  return text.append((kHeaderAlignment - text.size() % kHeaderAlignment) % kHeaderAlignment, ' ');
} catch (const nlohmann::json::exception& problem) {
  throw UsageError(std::string("write_safetensors: a name or the metadata is not UTF-8: ") +
                   problem.what());
}

std::string checksum(std::string_view bytes) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.data(), bytes.size()));
  std::string text;
  for (const unsigned char byte : canonical.digest) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

std::string in_quotes(std::string_view name) {
  constexpr size_t kLongest = 120;
  const nlohmann::json text(std::string(name.substr(0, kLongest)));
  return text.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) +
         (name.size() > kLongest ? "..." : "");
}

}  // namespace heed
