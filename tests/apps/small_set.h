// A small set of images with labels, and a recipe that learns it in a moment.
#pragma once

#include <filesystem>
#include <string>

namespace heed::test {

/// PREFIX-images-idx3-ubyte and PREFIX-labels-idx1-ubyte: grey images of 12 x 12, four classes
/// (the bright quarter), with noise.
void write_idx(const std::filesystem::path& prefix, int count, int first = 0);

/// The recipe `folder`/small.toml over `folder`/train and `folder`/test, which this writes too: 150
/// records, batches of 10, two batches per step, 6 epochs: 7 steps per epoch, 42 in all. With
/// dropout, random changes and a moving average, so that every kind of state matters. Returns the
/// recipe's path.
std::string write_small_set(const std::filesystem::path& folder);

}  // namespace heed::test
