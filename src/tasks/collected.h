// What scorers collected, as bytes: sent to the other processes and put together there.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace heed {

/// Writes what a scorer has, or adds what another one wrote: numbers are summed, lists follow each other, maps are joined. In
/// lists and maps are numbers, texts, lists of these, CPU tensors and structs that tell their members by
/// `template <class V> void members(V& v)`.
class Collected {
 public:
  Collected() = default;  ///< writes
  explicit Collected(std::string bytes) : bytes_(std::move(bytes)), reads_(true) {}

  const std::string& bytes() const { return bytes_; }

  template <class T>
  requires std::is_arithmetic_v<T>
  void operator()(T& sum) {
    T part = sum;
    value(part);
    if (reads_) sum += part;
  }
  template <class T>
  void operator()(std::vector<T>& list) {
    auto part = reads_ ? std::vector<T>{} : list;
    value(part);
    if (reads_)
      for (auto& item : part) list.push_back(std::move(item));
  }
  template <class Key, class T>
  void operator()(std::map<Key, T>& map) {
    auto size = static_cast<int64_t>(map.size());
    value(size);
    if (!reads_) {
      for (auto& [key, item] : map) {
        auto same = key;
        value(same), value(item);
      }
      return;
    }
    for (int64_t i = 0; i < size; ++i) {
      std::pair<Key, T> item;
      value(item.first), value(item.second);
      map.insert(std::move(item));
    }
  }

 private:
  /// What value() calls of structs.
  struct Members {
    Collected& all;
    template <class T>
    void operator()(T& member) {
      all.value(member);
    }
  };

  template <class T>
  requires std::is_arithmetic_v<T>
  void value(T& number) { raw(&number, sizeof number); }
  void value(std::string& text) { sequence(text); }
  template <class T>
  void value(std::vector<T>& list) {
    if constexpr (std::is_arithmetic_v<T>) return sequence(list);
    auto size = static_cast<int64_t>(list.size());
    value(size);
    list.resize(static_cast<size_t>(size));
    for (auto& item : list) value(item);
  }
  void value(at::Tensor& tensor);
  template <class T>
  requires std::is_class_v<T>
  void value(T& item) {
    Members members{*this};
    item.members(members);
  }

  template <class List>
  void sequence(List& list) {
    auto size = static_cast<int64_t>(list.size());
    value(size);
    list.resize(static_cast<size_t>(size));
    raw(list.data(), list.size() * sizeof *list.data());
  }
  void raw(void* data, size_t size) {
    if (!reads_) {
      bytes_.append(static_cast<const char*>(data), size);
      return;
    }
    if (size > bytes_.size() - at_)
      throw std::logic_error("what another process collected ends too early");
    std::memcpy(data, bytes_.data() + at_, size);
    at_ += size;
  }

  std::string bytes_;
  size_t at_ = 0;
  bool reads_ = false;
};

}  // namespace heed
