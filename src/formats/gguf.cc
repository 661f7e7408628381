#include "heed/formats/gguf.h"

#include <cstring>

#include "formats/gguf_blocks.h"
#include "formats/mapped_tensor.h"
#include "formats/safetensors_header.h"
#include "heed/core/error.h"
#include "heed/core/files.h"

namespace heed {
namespace {

/// The dtype in which numbers of a type become a tensor, and whether their bytes stay as they are.
std::pair<at::ScalarType, bool> dtype_of(const GgufType& type) {
  if (type.name == "F32") return {at::kFloat, true};
  if (type.name == "F64") return {at::kDouble, true};
  if (type.name == "I8") return {at::kChar, true};
  if (type.name == "I16") return {at::kShort, true};
  if (type.name == "I32") return {at::kInt, true};
  if (type.name == "I64") return {at::kLong, true};
  return {at::kFloat, false};
}

at::Tensor read_tensor(const std::shared_ptr<const MappedFile>& file, const GgufTensor& entry) {
  const auto [dtype, as_it_lies] = dtype_of(*entry.type);
  if (as_it_lies)
    if (auto mapped = mapped_tensor(file, entry.begin, entry.shape, dtype); mapped.defined())
      return mapped;
  at::Tensor tensor;
  try {
    tensor = at::empty(entry.shape, dtype);
  } catch (const c10::Error&) {
    throw Error(Failure::memory,
                file->path().string() + ": no memory for tensor " + in_quotes(entry.name));
  }
  const char* from = file->bytes().data() + entry.begin;
  if (as_it_lies)
    std::memcpy(tensor.data_ptr(), from, entry.bytes);
  else
    unpack_blocks(*entry.type, reinterpret_cast<const uint8_t*>(from),
                  entry.bytes / entry.type->bytes, tensor.data_ptr<float>());
  return tensor;
}

}  // namespace

bool is_gguf(const std::filesystem::path& path) {
  const FileReader file(path);
  char first[4];
  if (file.size() < sizeof first) return false;
  file.read(first, sizeof first, 0);
  return std::string_view(first, sizeof first) == "GGUF";
}

Gguf read_gguf(const std::filesystem::path& path) {
  const auto file = std::make_shared<const MappedFile>(path);
  GgufHeader header = parse_gguf_header(file->bytes(), path.string());
  Gguf result;
  for (const auto& entry : header.tensors)
    result.tensors.emplace_back(entry.name, read_tensor(file, entry));
  result.metadata = std::move(header.metadata);
  return result;
}

}  // namespace heed
