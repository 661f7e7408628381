// Standard output that remembers why it failed.
#pragma once

#include <ostream>
#include <streambuf>
#include <vector>

namespace heed::cli {

/// Stands behind a stream, here std::cout, while it lives, and writes to descriptor 1. What cannot be
/// written sets the stream's badbit, and the first reason stays.
class ResultBuffer : public std::streambuf {
 public:
  explicit ResultBuffer(std::ostream& stream);
  ~ResultBuffer() override;
  ResultBuffer(const ResultBuffer&) = delete;
  ResultBuffer& operator=(const ResultBuffer&) = delete;

  int error() const noexcept { return error_; }  ///< errno of the first failed write; 0: none

 protected:
  int_type overflow(int_type character) override;
  int sync() override;

 private:
  std::ostream& stream_;
  std::streambuf* before_;
  std::vector<char> bytes_;
  int error_ = 0;
};

}  // namespace heed::cli
