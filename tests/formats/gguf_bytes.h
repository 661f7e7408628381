// GGUF files, written down piece by piece.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace heed::test {

class GgufBytes {
 public:
  template <class T>
  GgufBytes& number(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  GgufBytes& text(const std::string& text) {
    number<uint64_t>(text.size());
    bytes_ += text;
    return *this;
  }
  GgufBytes& begin(uint64_t tensors, uint64_t pairs, uint32_t version = 3) {
    bytes_ += "GGUF";
    return number(version).number(tensors).number(pairs);
  }
  GgufBytes& tensor(const std::string& name, const std::vector<uint64_t>& sizes, uint32_t type,
                    uint64_t offset) {
    text(name).number<uint32_t>(static_cast<uint32_t>(sizes.size()));
    for (const uint64_t n : sizes) number(n);
    return number(type).number(offset);
  }
  GgufBytes& fill(size_t alignment) {
    while (bytes_.size() % alignment != 0) bytes_ += '\0';
    return *this;
  }
  const std::string& get() const { return bytes_; }

 private:
  std::string bytes_;
};

namespace gguf {
enum : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, text, array, u64, i64, f64 };
}

}  // namespace heed::test
