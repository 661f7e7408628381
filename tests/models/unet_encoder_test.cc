// A U-Net against its formula, and what it refuses.
#include "heed/models/unet_encoder.h"

#include <ATen/ATen.h>

#include "models/encoders.h"

namespace heed {
namespace {

using testing::AllOf;
using testing::HasSubstr;

UNetEncoder small_unet(const std::function<void(UNetEncoderOptions&)>& change = {},
                       const ImageShape& shape = {3, 8, 16}) {
  torch::manual_seed(5);
  UNetEncoderOptions options;
  options.width = 4, options.levels = 2;
  if (change) change(options);
  return UNetEncoder(options, shape);
}

Batch image_batch(int64_t count, const ImageShape& shape = {3, 8, 16}) {
  torch::manual_seed(9);
  return batch_of({{"image", torch::randn({count, shape.channels, shape.height, shape.width})}});
}

/// Parameters by name, in float64.
class Weights {
 public:
  explicit Weights(const Encoder& encoder) {
    for (const auto& p : encoder.named_parameters())
      all_[p.key()] = p.value().detach().to(at::kDouble);
  }
  const at::Tensor& operator()(const std::string& name) const { return all_.at(name); }

 private:
  std::map<std::string, at::Tensor> all_;
};

/// (x - mean) / sqrt(variance + eps) within groups of channels, scaled.
at::Tensor group_normed(const at::Tensor& x, int64_t groups, const at::Tensor& scale,
                        const at::Tensor& shift) {
  const auto own = x.reshape({x.size(0), groups, -1});
  const auto mean = own.mean(2, true), squares = (own - mean).square().mean(2, true);
  return ((own - mean) / (squares + 1e-5).sqrt()).reshape(x.sizes()) * scale.view({1, -1, 1, 1}) +
         shift.view({1, -1, 1, 1});
}

/// out[b, m, y, x] = sum over c, i, j of w[m, c, i, j] in[b, c, y + i - 1, x + j - 1]
at::Tensor by_nine(const at::Tensor& in, const at::Tensor& w) {
  const auto padded = at::constant_pad_nd(in, {1, 1, 1, 1});
  at::Tensor out;
  for (int64_t i = 0; i < 3; ++i)
    for (int64_t j = 0; j < 3; ++j) {
      const auto part = padded.narrow(2, i, in.size(2)).narrow(3, j, in.size(3));
      const auto product = at::einsum("bchw,mc->bmhw", {part, w.select(3, j).select(2, i)});
      out = out.defined() ? out + product : product;
    }
  return out;
}

at::Tensor two_convolutions(at::Tensor x, const Weights& w, const std::string& name) {
  for (const auto& [convolution, norm] : {std::pair{".0.", ".1."}, {".3.", ".4."}}) {
    const auto at = name + ".convolutions";
    x = by_nine(x, w(at + convolution + "weight"));
    x = group_normed(x, std::min<int64_t>(8, x.size(1)), w(at + norm + "weight"),
                     w(at + norm + "bias"))
            .clamp_min(0);
  }
  return x;
}

at::Tensor halved(const at::Tensor& x) {  // the maximum of 2 x 2
  return x.reshape({x.size(0), x.size(1), x.size(2) / 2, 2, x.size(3) / 2, 2}).amax({3, 5});
}

/// A pixel to 2 x 2: out[b, m, 2 y + i, 2 x + j] = bias[m] + sum over c of in[b, c, y, x] w[c, m, i, j]
at::Tensor doubled(const at::Tensor& in, const at::Tensor& w, const at::Tensor& bias) {
  const auto out = at::einsum("bchw,cmij->bmhiwj", {in, w});
  return out.reshape({in.size(0), w.size(1), 2 * in.size(2), 2 * in.size(3)}) +
         bias.view({1, -1, 1, 1});
}

TEST(UNetEncoder, IsItsFormula) {
  for (const auto grid : {UNetGrid::full, UNetGrid::half}) {
    auto encoder = small_unet([&](auto& options) { options.grid = grid; });
    const auto batch = image_batch(2);
    const Weights w(*encoder);
    const bool half = grid == UNetGrid::half;
    const auto d0 = two_convolutions(batch.at("image").to(at::kDouble), w, "down.0");
    const auto d1 = two_convolutions(halved(d0), w, "down.1");
    const auto d2 = two_convolutions(halved(d1), w, "down.2");
    const auto first = half ? std::string("0") : std::string("1");
    const auto u2 = doubled(d2, w("up." + first + ".weight"), w("up." + first + ".bias"));
    auto x = two_convolutions(at::cat({d1, u2}, 1), w, "join." + first);
    if (!half)
      x = two_convolutions(at::cat({d0, doubled(x, w("up.0.weight"), w("up.0.bias"))}, 1), w,
                           "join.0");
    const at::NoGradGuard no_grad;
    const auto found = encoder->forward(batch);
    ASSERT_TRUE(found.grid);
    EXPECT_EQ(found.grid->rows, half ? 4 : 8);
    EXPECT_EQ(found.grid->columns, half ? 8 : 16);
    EXPECT_EQ(encoder->width(), half ? 8 : 4);
    EXPECT_EQ(encoder->image_grid()->columns, found.grid->columns);
    const auto states = x.flatten(2).transpose(1, 2);
    ASSERT_EQ(found.states.sizes(), states.sizes());
    EXPECT_LT((found.states.to(at::kDouble) - states).abs().max().item<double>(), 1e-4);
  }
}

TEST(UNetEncoder, GatesWeighWhatGoesPast) {
  auto encoder = small_unet([](auto& options) { options.skip = UNetSkip::attention_gate; });
  const at::NoGradGuard no_grad;
  const auto batch = image_batch(2);
  const auto open = encoder->forward(batch).states;
  // A gate that is shut lets the way down reach the way up through the bottom alone.
  for (auto& p : encoder->named_parameters())
    if (p.key().find("psi.bias") != std::string::npos) p.value().fill_(-1e4);
  const auto shut = encoder->forward(batch).states;
  EXPECT_GT((open - shut).abs().max().item<double>(), 1e-3);
  for (auto& p : encoder->named_parameters())  // the half of join's channels that are the skip's
    if (p.key().starts_with("join.") && p.key().ends_with("convolutions.0.weight"))
      p.value().narrow(1, 0, p.value().size(1) / 2).normal_();
  EXPECT_TRUE(encoder->forward(batch).states.equal(shut)) << "nothing comes through";
}

TEST(UNetEncoder, EveryPartLearns) {
  for (const auto gate : {StemGate::none, StemGate::squeeze_excitation, StemGate::cbam}) {
    auto encoder = small_unet([&](auto& options) {
      options.gate = gate, options.skip = UNetSkip::attention_gate, options.layers = 1;
      options.width = 8, options.attention = Attention::parse("learned_2d; num_heads=2");
    });
    // The first token's position and keys' bias shift all scores alike.
    std::set<std::string> without;
    for (const auto& p : encoder->named_parameters())
      if (p.key().find("attention.k") != std::string::npos && p.key().ends_with("bias"))
        without.insert(p.key());
    expect_gradients(*encoder, image_batch(2), without);
  }
}

TEST(UNetEncoder, BlocksAtTheBottomLeaveMapsOnItsGrid) {
  auto encoder = small_unet([](auto& options) {
    options.layers = 2, options.attention = Attention::parse("rope_2d; num_heads=2");
  });
  const at::NoGradGuard no_grad;
  Recording recording(*encoder);
  const auto tokens = encoder->forward(image_batch(1));
  ASSERT_EQ(recording.maps().size(), 2u);
  ASSERT_TRUE(tokens.map_grid);
  EXPECT_EQ(tokens.map_grid->rows, 2);
  EXPECT_EQ(tokens.map_grid->columns, 4);
  EXPECT_EQ(recording.maps().front().received().size(-1), 8);
}

TEST(UNetEncoder, TrainsAndEvaluatesTheSame) {
  auto encoder = small_unet();
  const at::NoGradGuard no_grad;
  const auto batch = image_batch(3);
  encoder->train();
  const auto training = encoder->forward(batch).states;
  encoder->eval();
  EXPECT_TRUE(encoder->forward(batch).states.equal(training));
  const auto one = encoder->forward(batch_of({{"image", batch.at("image").narrow(0, 1, 1)}}));
  EXPECT_LT((one.states - training.narrow(0, 1, 1)).abs().max().item<double>(), 1e-5);
}

TEST(UNetEncoder, RefusesWhatDoesNotFit) {
  const auto refused = [](const std::function<void(UNetEncoderOptions&)>& change,
                          const ImageShape& shape = {3, 8, 16}) {
    return refusal_of<ModelError>([&] { small_unet(change, shape); });
  };
  EXPECT_THAT(refused([](auto& o) { o.levels = 3; }, {3, 8, 12}),
              AllOf(HasSubstr("encoder.levels"), HasSubstr("width"), HasSubstr("12")));
  EXPECT_THAT(refused([](auto& o) { o.levels = 3; }, {3, 4, 16}), HasSubstr("height"));
  EXPECT_THAT(refused([](auto& o) { o.dropout = 0.1; }), HasSubstr("encoder.dropout"));
  EXPECT_THAT(refused([](auto& o) { o.levels = 0; }), HasSubstr("encoder.levels"));
  EXPECT_THAT(refused([](auto& o) { o.levels = 12, o.width = 1 << 12; }, {3, 4096, 4096}),
              AllOf(HasSubstr("encoder.levels"), HasSubstr("channels")));
  EXPECT_THAT(refused([](auto& o) { o.layers = 1, o.attention = Attention::parse("num_heads=3"); }),
              HasSubstr("num_heads"));
  EXPECT_THAT(refused([](auto& o) { o.layers = 1, o.attention = Attention::parse("key_lengths"); }),
              HasSubstr("key_lengths"));
  EXPECT_THAT(refusal_of<UsageError>([] {
                small_unet()->forward(image_batch(1, {3, 8, 8}));
              }),
              HasSubstr("image"));
}

}  // namespace
}  // namespace heed
