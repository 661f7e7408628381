#include "formats/gguf_header.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <unordered_set>

#include "formats/safetensors_header.h"
#include "heed/core/error.h"

namespace heed {
namespace {

constexpr std::array<GgufType, 16> kTypes = {{{0, "F32", 1, 4},
                                              {1, "F16", 1, 2},
                                              {2, "Q4_0", 32, 18},
                                              {3, "Q4_1", 32, 20},
                                              {6, "Q5_0", 32, 22},
                                              {7, "Q5_1", 32, 24},
                                              {8, "Q8_0", 32, 34},
                                              {12, "Q4_K", 256, 144},
                                              {13, "Q5_K", 256, 176},
                                              {14, "Q6_K", 256, 210},
                                              {24, "I8", 1, 1},
                                              {25, "I16", 1, 2},
                                              {26, "I32", 1, 4},
                                              {27, "I64", 1, 8},
                                              {28, "F64", 1, 8},
                                              {30, "BF16", 1, 2}}};
constexpr uint64_t kMaxDimensionsOfGguf = 4;  // GGML_MAX_DIMS
constexpr uint64_t kMaxPairs = 1 << 20;

/// What stands in the file before the tensors' bytes, read from its front.
class Cursor {
 public:
  Cursor(std::string_view bytes, const std::string& file) : bytes_(bytes), file_(file) {}

  template <class T>
  T number(const std::string& what) {
    need(sizeof(T), what);
    T value;
    std::memcpy(&value, bytes_.data() + position_, sizeof value);
    position_ += sizeof value;
    return value;
  }

  std::string text(const std::string& what) {
    const auto length = number<uint64_t>(what);
    need(length, what);
    std::string result(bytes_.substr(position_, length));
    position_ += length;
    return result;
  }

  /// Before memory is taken for `count` items of at least `bytes` each.
  void need_items(uint64_t count, uint64_t bytes, const std::string& what) const {
    if (count > (bytes_.size() - position_) / bytes)
      refuse(what + ": " + std::to_string(count) + " items do not fit into the rest of the file");
  }

  [[noreturn]] void refuse(const std::string& message) const {
    throw ModelError(file_ + ": " + message);
  }
  uint64_t position() const { return position_; }

 private:
  void need(uint64_t bytes, const std::string& what) const {
    if (bytes > bytes_.size() - position_)
      refuse(what + ": " + std::to_string(bytes) + " bytes from byte " + std::to_string(position_) +
             " lead behind the end of the file");
  }

  std::string_view bytes_;
  const std::string& file_;
  uint64_t position_ = 0;
};

enum ValueType : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, text, array, u64, i64, f64 };

bool is_integer(uint32_t type) { return type <= i32 || type == u64 || type == i64; }

uint64_t least_bytes(uint32_t type) {
  constexpr uint64_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};
  return sizes[type];
}

int64_t read_integer(Cursor& cursor, uint32_t type, const std::string& what) {
  switch (type) {
    case u8:
      return cursor.number<uint8_t>(what);
    case i8:
      return cursor.number<int8_t>(what);
    case u16:
      return cursor.number<uint16_t>(what);
    case i16:
      return cursor.number<int16_t>(what);
    case u32:
      return cursor.number<uint32_t>(what);
    case i32:
      return cursor.number<int32_t>(what);
    case u64: {
      const auto value = cursor.number<uint64_t>(what);
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
        cursor.refuse(what + ": " + std::to_string(value) + " is more than an int64 holds");
      return static_cast<int64_t>(value);
    }
    default:
      return cursor.number<int64_t>(what);
  }
}

bool read_bool(Cursor& cursor, const std::string& what) {
  const auto value = cursor.number<uint8_t>(what);
  if (value > 1) cursor.refuse(what + ": expected 0 or 1, given " + std::to_string(value));
  return value;
}

double read_float(Cursor& cursor, uint32_t type, const std::string& what) {
  return type == f32 ? cursor.number<float>(what) : cursor.number<double>(what);
}

using Value = decltype(GgufHeader::metadata)::mapped_type;

Value read_array(Cursor& cursor, const std::string& what) {
  const auto type = cursor.number<uint32_t>(what);
  const auto count = cursor.number<uint64_t>(what);
  if (type == array) cursor.refuse(what + ": a list of lists is not read");
  if (type > f64) cursor.refuse(what + ": unknown type " + std::to_string(type));
  cursor.need_items(count, least_bytes(type), what);
  const auto all = [&](auto read) {
    std::vector<decltype(read())> items;
    items.reserve(count);
    for (uint64_t i = 0; i < count; ++i) items.push_back(read());
    return items;
  };
  if (type == text) return all([&] { return cursor.text(what); });
  if (type == f32 || type == f64) return all([&] { return read_float(cursor, type, what); });
  if (type == boolean) return all([&] { return int64_t{read_bool(cursor, what)}; });
  return all([&] { return read_integer(cursor, type, what); });
}

Value read_value(Cursor& cursor, const std::string& what) {
  const auto type = cursor.number<uint32_t>(what);
  if (type == text) return cursor.text(what);
  if (type == array) return read_array(cursor, what);
  if (type == boolean) return read_bool(cursor, what);
  if (type == f32 || type == f64) return read_float(cursor, type, what);
  if (is_integer(type)) return read_integer(cursor, type, what);
  cursor.refuse(what + ": unknown type " + std::to_string(type));
}

std::string known_types() {
  std::string names;
  for (const auto& type : kTypes) names += (names.empty() ? "" : ", ") + std::string(type.name);
  return names;
}

/// The bytes that a tensor takes.
uint64_t bytes_of(const Cursor& cursor, const GgufTensor& tensor, const std::string& what) {
  uint64_t numbers = 1;
  for (const int64_t n : tensor.shape) {
    if (n < 1) cursor.refuse(what + ": a dimension of " + std::to_string(n));
    if (numbers > (uint64_t{1} << 50) / static_cast<uint64_t>(n))
      cursor.refuse(what + ": its dimensions multiply to more than 2^50 numbers");
    numbers *= static_cast<uint64_t>(n);
  }
  const auto columns = static_cast<uint64_t>(tensor.shape.empty() ? 1 : tensor.shape.back());
  if (columns % tensor.type->numbers != 0)
    cursor.refuse(what + ": rows of " + std::to_string(columns) +
                  " numbers are no whole blocks of " + std::string(tensor.type->name) +
                  ", which have " + std::to_string(tensor.type->numbers));
  return numbers / tensor.type->numbers * tensor.type->bytes;
}

GgufTensor read_tensor(Cursor& cursor, uint64_t number) {
  GgufTensor tensor;
  tensor.name = cursor.text("tensor " + std::to_string(number));
  const std::string what = "tensor " + in_quotes(tensor.name);
  const auto dimensions = cursor.number<uint32_t>(what);
  if (dimensions < 1 || dimensions > kMaxDimensionsOfGguf)
    cursor.refuse(what + ": expected 1 to 4 dimensions, found " + std::to_string(dimensions));
  for (uint32_t i = 0; i < dimensions; ++i) tensor.shape.push_back(read_integer(cursor, u64, what));
  std::reverse(tensor.shape.begin(), tensor.shape.end());
  const auto type = cursor.number<uint32_t>(what);
  tensor.type = find_gguf_type(type);
  if (!tensor.type)
    cursor.refuse(what + ": numbers of ggml's type " + std::to_string(type) +
                  " are not read; quantise the model anew to one of " + known_types());
  tensor.bytes = bytes_of(cursor, tensor, what);
  tensor.begin = cursor.number<uint64_t>(what);
  return tensor;
}

void read_beginning(Cursor& cursor) {
  constexpr uint32_t kMagic = 0x46554747;  // "GGUF"
  if (cursor.number<uint32_t>("magic") != kMagic)
    cursor.refuse("this is no GGUF file: it does not begin with \"GGUF\"");
  const auto version = cursor.number<uint32_t>("version");
  if (version == 2 || version == 3) return;
  if (version == 0x02000000 || version == 0x03000000)
    cursor.refuse("a big-endian file is not read; convert it with gguf_convert_endian.py");
  cursor.refuse("version: expected 2 or 3, found " + std::to_string(version));
}

uint64_t alignment_of(const Cursor& cursor, const GgufHeader& header) {
  const auto found = header.metadata.find("general.alignment");
  if (found == header.metadata.end()) return 32;
  const auto* value = std::get_if<int64_t>(&found->second);
  if (!value || *value < 1 || *value > (1 << 20) || (*value & (*value - 1)) != 0)
    cursor.refuse("general.alignment: expected a power of two up to 2^20");
  return static_cast<uint64_t>(*value);
}

/// Offsets become places in the file.
void place_tensors(const Cursor& cursor, GgufHeader& header, uint64_t file_bytes) {
  const uint64_t alignment = alignment_of(cursor, header);
  const uint64_t data = (cursor.position() + alignment - 1) / alignment * alignment;
  for (auto& tensor : header.tensors) {
    const std::string what = "tensor " + in_quotes(tensor.name);
    if (tensor.begin % alignment != 0)
      cursor.refuse(what + ": its offset " + std::to_string(tensor.begin) +
                    " is no multiple of the alignment " + std::to_string(alignment));
    if (data > file_bytes || tensor.begin > file_bytes - data ||
        tensor.bytes > file_bytes - data - tensor.begin)
      cursor.refuse(what + ": " + std::to_string(tensor.bytes) + " bytes from offset " +
                    std::to_string(tensor.begin) + " lead behind the end of the file");
    tensor.begin += data;
  }
}

}  // namespace

const GgufType* find_gguf_type(uint32_t id) noexcept {
  for (const auto& type : kTypes)
    if (type.id == id) return &type;
  return nullptr;
}

GgufHeader parse_gguf_header(std::string_view bytes, const std::string& file) {
  Cursor cursor(bytes, file);
  GgufHeader header;
  read_beginning(cursor);
  const auto tensors = cursor.number<uint64_t>("number of tensors");
  const auto pairs = cursor.number<uint64_t>("number of keys");
  if (tensors > kMaxTensors || pairs > kMaxPairs)
    cursor.refuse("more than " + std::to_string(kMaxTensors) + " tensors or " +
                  std::to_string(kMaxPairs) + " keys: " + std::to_string(tensors) + " and " +
                  std::to_string(pairs));
  for (uint64_t i = 0; i < pairs; ++i) {
    const auto key = cursor.text("key " + std::to_string(i));
    const std::string what = "key " + in_quotes(key);
    if (header.metadata.contains(key)) cursor.refuse(what + " is given twice");
    header.metadata.emplace(key, read_value(cursor, what));
  }
  std::unordered_set<std::string> names;
  for (uint64_t i = 0; i < tensors; ++i) {
    header.tensors.push_back(read_tensor(cursor, i));
    const auto& name = header.tensors.back().name;
    if (!names.insert(name).second) cursor.refuse("tensor " + in_quotes(name) + " is given twice");
  }
  place_tensors(cursor, header, bytes.size());
  return header;
}

}  // namespace heed
