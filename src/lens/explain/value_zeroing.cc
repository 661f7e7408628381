#include "core/text.h"
#include "heed/core/error.h"
#include "heed/nn/transformer_block.h"
#include "lens/explain/chain.h"
#include "lens/explain/methods.h"

namespace heed::lens {
namespace {

constexpr int64_t kMostZeroed = 4096;

/// In copy b of a block's tokens the values of token first + b are 0.
class Zeroing : public nn::Probe {
 public:
  explicit Zeroing(int64_t first) : first_(first) {}
  void attending(nn::AttentionCall& call) override {
    call.v = call.v.clone();
    for (int64_t b = 0; b < call.v.size(0); ++b) call.v[b].select(1, first_ + b).zero_();
  }

 private:
  int64_t first_;
};

AttendInputs of_copies(const AttendInputs& given, int64_t copies) {
  auto inputs = given;
  if (inputs.key_lengths) inputs.key_lengths = inputs.key_lengths->repeat({copies});
  if (inputs.segment_ids) inputs.segment_ids = inputs.segment_ids->repeat({copies, 1});
  return inputs;
}

/// C of a block, (L, L) float64: how far row i goes, by cosine, when v_j is nothing; rows with the sum 1.
at::Tensor zeroed(const PassedBlock& passed) {
  auto* block = dynamic_cast<nn::TransformerBlockImpl*>(passed.module);
  if (!block || passed.cross || passed.before.size(0) != 1)
    throw UsageError(
        "--method value_zeroing is for the one chain of an encoder's blocks over one sequence");
  const int64_t L = passed.before.size(1);
  if (L > kMostZeroed)
    throw UsageError(text_of("--method value_zeroing: expected at most ", kMostZeroed,
                             " tokens, each of which is a pass of every block, given ", L));
  const auto length = [](const at::Tensor& x) { return x.norm(2, {-1}); };
  const auto whole = passed.after.detach()[0].to(at::kDouble);  // (L, M)
  const int64_t together = std::max<int64_t>(1, 8192 / L);
  auto all = at::empty({L, L}, at::kDouble);
  for (int64_t j = 0; j < L; j += together) {
    const int64_t copies = std::min(together, L - j);
    const auto x = passed.before.detach().repeat({copies, 1, 1});
    const Zeroing zeroing(j);
    const auto y =
        block->forward(x, of_copies(passed.inputs, copies)).to(at::kDouble);  // (n, L, M)
    const auto cosine = (y * whole).sum(2) / (length(y) * length(whole)).clamp_min(1e-300);
    all.narrow(1, j, copies).copy_((1 - cosine).clamp_min(0).t());
  }
  return all / all.sum(1, true).clamp_min(1e-300);
}

}  // namespace

void value_zeroing(const Reader& reader, const ExplainOptions&, Attribution& result) {
  const auto passed = pass(reader, false);
  if (passed.source)
    throw UsageError("--method value_zeroing is for the one chain of an encoder's blocks");
  const at::NoGradGuard no_grad;
  auto r = passed.own.reading;  // (1, L)
  for (auto block = passed.own.blocks.rbegin(); block != passed.own.blocks.rend(); ++block)
    r = at::matmul(r, zeroed(*block));
  result.values = of_tokens(reader, r, {});
}

}  // namespace heed::lens
