#include "apps/small_set.h"

#include <cstdint>

#include "files.h"
#include "learning.h"

namespace heed::test {
namespace {

constexpr int kSide = 12;

void put_number(std::string& bytes, uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift);
}

uint32_t next_noise(uint32_t& state) { return (state = state * 1664525u + 1013904223u) >> 16; }

}  // namespace

void write_idx(const std::filesystem::path& prefix, int count, int first) {
  std::string images, labels;
  put_number(images, 0x00000803), put_number(images, static_cast<uint32_t>(count));
  put_number(images, kSide), put_number(images, kSide);
  put_number(labels, 0x00000801), put_number(labels, static_cast<uint32_t>(count));
  for (int i = 0; i < count; ++i) {
    uint32_t noise = static_cast<uint32_t>(first + i) * 2654435761u + 1;
    const int label = (first + i) % 4;
    labels += static_cast<char>(label);
    for (int y = 0; y < kSide; ++y) {
      for (int x = 0; x < kSide; ++x) {
        const bool bright = (y >= kSide / 2) * 2 + (x >= kSide / 2) == label;
        images += static_cast<char>((bright ? 130 : 20) + next_noise(noise) % 120);
      }
    }
  }
  write_bytes(prefix.string() + "-images-idx3-ubyte", images);
  write_bytes(prefix.string() + "-labels-idx1-ubyte", labels);
}

std::string write_small_set(const std::filesystem::path& folder) {
  write_idx(folder / "train", 150);
  write_idx(folder / "test", 60, 1000);
  const std::string recipe = (folder / "small.toml").string();
  write_bytes(recipe, "seed = " + std::to_string(learning_seed(5)) + R"(
[input]
kind = "image"
augment = { shift = 1, erase = 0.3 }
[data]
train = ")" + (folder / "train").string() +
                          R"("
test = ")" + (folder / "test").string() +
                          R"("
holdout = 0.1
[encoder]
kind = "image"
stem = "conv"
patch = 4
width = 16
layers = 2
hidden = 64
dropout = 0.1
stochastic_depth = 0.2
attention = { position = "learned", num_heads = 2, dropout = 0.1 }
[head]
kind = "class"
pool = { kind = "attention", attention = { num_heads = 2 } }
[train]
epochs = 6
batch = 10
accumulate = 2
save_every = 3
keep_checkpoints = 2
log_every = 1
label_smoothing = 0.05
clip_grad_norm = 1.0
ema = 0.8
optimizer = { lr = 1e-2 }
schedule = { kind = "cosine", warmup = 4 }
)");
  return recipe;
}

}  // namespace heed::test
