// How far an adversary moves pixels, and that the loss rises.
#include "tasks/adversary.h"

#include <gmock/gmock.h>

#include "apps/small_set.h"
#include "tasks/cell_runs.h"

namespace heed {
namespace {

class Adversaries : public test::CellRuns {};

/// 8 of 255 levels are 8 / 255 / std of normalised values; black is -mean / std.
TEST_F(Adversaries, MoveNoValueFurtherThanTheyMay) {
  Cell cell(Recipe::read(RecipeFile::read(test::write_small_set(folder_.path()))));
  const auto split = cell.open(cell.source("train", cell.recipe.data.train));
  auto& input = *cell.recipe.inputs.front().get();
  auto& head = *cell.recipe.heads.front().get();
  input.learn(*split, 1), head.learn(*split, input);
  at::manual_seed(1);
  cell.make_model();
  cell.module->eval();
  const auto pixels = *input.pixels();
  const auto batch = cell.with_targets(*split, split->batch({0, 1, 2, 3, 4}, {}), {});
  const auto x = batch.at(pixels.tensor);
  const double most = 8.0 / 255 / pixels.std[0], black = -pixels.mean[0] / pixels.std[0];
  const auto loss = [&](const Batch& of) {
    const at::NoGradGuard no_grad;
    return head.loss(cell.encode(of), of).mean.item<double>();
  };
  const Adversary adversary(cell, pixels, pixels.tensor, 8);
  auto once = batch, steps = batch, again = batch, other = batch;
  adversary.step_once(once);
  adversary.descend(steps, 1), adversary.descend(again, 1), adversary.descend(other, 2);
  for (const auto* moved : {&once, &steps}) {
    const auto now = moved->at(pixels.tensor), far = (now - x).abs();
    EXPECT_NEAR(far.max().item<double>(), most, 1e-4);
    EXPECT_GE(now.min().item<double>(), black - 1e-5) << "no value is below black";
    EXPECT_LE(now.max().item<double>(), (1 - pixels.mean[0]) / pixels.std[0] + 1e-5);
    EXPECT_GT(loss(*moved), loss(batch));
  }
  EXPECT_TRUE(steps.at(pixels.tensor).equal(again.at(pixels.tensor)));
  EXPECT_FALSE(steps.at(pixels.tensor).equal(other.at(pixels.tensor)));
}

}  // namespace
}  // namespace heed
