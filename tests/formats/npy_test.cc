// Against the bytes that NumPy 1.24 writes with np.save.
#include "heed/formats/npy.h"

#include <gtest/gtest.h>

#include "heed/core/error.h"

namespace heed {
namespace {

/// What np.save writes before the numbers.
std::string begin(const std::string& dict) {
  std::string text("\x93NUMPY\x01\x00\x76\x00", 10);
  text += dict;
  text.resize(127, ' ');
  return text + '\n';
}

TEST(Npy, IsWhatNumPyWrites) {
  const auto matrix = torch::arange(6).to(at::kFloat).view({2, 3});
  std::string numbers;
  for (int i = 0; i < 6; ++i) {
    const auto x = static_cast<float>(i);
    numbers.append(reinterpret_cast<const char*>(&x), sizeof x);
  }
  EXPECT_EQ(npy_bytes(matrix),
            begin("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }") + numbers);
  EXPECT_EQ(npy_bytes(matrix.t().contiguous().t()), npy_bytes(matrix));
  EXPECT_EQ(npy_bytes(torch::tensor({1, -1}, at::kChar)),
            begin("{'descr': '|i1', 'fortran_order': False, 'shape': (2,), }") + "\x01\xFF");
  EXPECT_EQ(
      npy_bytes(torch::zeros({}, at::kBool)),
      begin("{'descr': '|b1', 'fortran_order': False, 'shape': (), }") + std::string(1, '\0'));
  EXPECT_THROW(npy_bytes(torch::zeros({1}, at::kBFloat16)), UsageError);
}

TEST(Npy, LongHeadersBeginTheNumbersAtAMultipleOf64) {
  const auto bytes = npy_bytes(torch::zeros(std::vector<int64_t>(30, 1)));
  EXPECT_EQ((bytes.size() - 4) % 64, 0u);
  EXPECT_EQ(bytes[bytes.size() - 5], '\n');
}

}  // namespace
}  // namespace heed
