// The program onnx_conformance on folders made here, and on the ONNX project's own cases.
#include <gmock/gmock.h>
#include <torch/types.h>

#include "apps/run.h"
#include "core/folder_test_helpers.h"
#include "heed/formats/safetensors.h"
#include "shared_data.h"

namespace heed::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr double kHidden = -std::numeric_limits<double>::infinity();

/// A folder of cases.
class Cases {
 public:
  /// Tensors by place; a name without a tensor is left out.
  void add(const std::string& name, const std::string& op, int opset, const std::string& attributes,
           const NamedTensors& inputs, const NamedTensors& outputs) {
    NamedTensors tensors;
    const auto names = [&](const NamedTensors& list, const std::string& side) {
      std::string text;
      for (const auto& [x, tensor] : list) {
        if (tensor.defined()) tensors.emplace_back(side + x, tensor);
        text += (text.empty() ? "\"" : ", \"") + (tensor.defined() ? x : "") + "\"";
      }
      return "[" + text + "]";
    };
    std::ostringstream one;
    one << R"({"name": ")" << name << R"(", "op": ")" << op << R"(", "domain": "", "opset": )"
        << opset << R"(, "attributes": {)" << attributes << R"(}, "inputs": )"
        << names(inputs, "input.");
    one << R"(, "outputs": )" << names(outputs, "output.") << "}";
    json_ += (json_.empty() ? "" : ",\n") + one.str();
    write_safetensors(folder / (name + ".safetensors"), tensors);
    write_bytes(folder / "cases.json", "[" + json_ + "]\n");
  }
  Result run(const std::vector<std::string>& operators = {}) const {
    std::vector<std::string> arguments = {folder.path().string()};
    arguments.insert(arguments.end(), operators.begin(), operators.end());
    return test::run(arguments);
  }

  TemporaryFolder folder;

 private:
  std::string json_;
};

/// Queries that are 0 weigh all that they see alike: y is the mean of the seen rows of v.
struct Mean {
  int64_t B = 2, H = 2, G = 1, Lq = 3, Lk = 5, D = 4, E = 6;
  at::Tensor q = torch::zeros({B, H, Lq, D}), k = torch::randn({B, G, Lk, D});
  at::Tensor v = torch::randn({B, G, Lk, E});

  /// seen broadcasts to (B, H, Lq, keys); a row that sees nothing is 0.
  static at::Tensor of(const at::Tensor& seen, const at::Tensor& v, int64_t H) {
    const auto w = seen.expand({v.size(0), H, -1, v.size(2)}).to(v.scalar_type());
    return torch::matmul(w / w.sum(-1, true).clamp_min(1), v.expand({-1, H, -1, -1}));
  }
  at::Tensor of(const at::Tensor& seen) const { return of(seen, v, H); }
  /// p - left <= j <= p + right for positions p = offset + i.
  at::Tensor band(const at::Tensor& offset, int64_t left, int64_t right) const {
    const auto p = torch::arange(Lq).view({1, 1, -1, 1}) + offset.view({-1, 1, 1, 1});
    const auto j = torch::arange(Lk).view({1, 1, 1, -1});
    return (j >= p - left) & (j <= p + right);
  }
  at::Tensor all() const { return torch::ones({B, H, Lq, Lk}, at::kBool); }
};

TEST(Conformance, RightCasesPassAndCorruptedOnesAreNamed) {
  const Mean m;
  Cases cases;
  const NamedTensors inputs = {{"Q", m.q}, {"K", m.k}, {"V", m.v}};
  cases.add("right", "Attention", 23, "", inputs, {{"Y", m.of(m.all())}});
  auto result = cases.run();
  EXPECT_EQ(result.code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("ok    right"), HasSubstr("1 cases, 1 agree, 0 do not")));

  auto corrupted = m.of(m.all()).clone();
  corrupted[1][1][2][3] += 1e-3;
  cases.add("corrupted", "Attention", 23, "", inputs, {{"Y", corrupted}});
  result = cases.run();
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("ok    right"), HasSubstr("FAIL  corrupted"), HasSubstr("Y: differs"),
                    HasSubstr("1 do not; worst"), HasSubstr("corrupted Y")));
}

TEST(Conformance, WhatIsUnknownFailsByName) {
  const Mean m;
  Cases cases;
  const NamedTensors inputs = {{"Q", m.q}, {"K", m.k}, {"V", m.v}}, outputs = {{"Y", m.q}};
  cases.add("op", "Attenton", 23, "", inputs, outputs);
  cases.add("attribute", "Attention", 23, R"("sofcap": 2.0)", inputs, outputs);
  cases.add("window", "Attention", 24, R"("left_window_size": 2)", inputs, outputs);
  cases.add("kind", "Attention", 23, R"("softcap": "2")", inputs, outputs);
  cases.add("shape", "Attention", 23, "", inputs, outputs);
  cases.add("dtype", "Attention", 23, "", inputs, {{"Y", m.of(m.all()).to(at::kDouble)}});
  cases.add("old", "Attention", 22, "", inputs, outputs);
  const auto result = cases.run();
  EXPECT_EQ(result.code, 1);
  for (const char* text :
       {"unknown operator 'Attenton'", "unknown attribute 'sofcap'", "'left_window_size'",
        "expected a number", "[2, 2, 3, 6] instead of float[2, 2, 3, 4]", "instead of double",
        "older than opset 23", "7 cases, 0 agree, 7 do not"})
    EXPECT_THAT(result.out, HasSubstr(text));
}

TEST(Conformance, ErrorsSayWhatIsWrong) {
  EXPECT_EQ(run({}).code, 2);
  auto result = run({"/no/such/folder"});
  EXPECT_EQ(result.code, 5);
  EXPECT_THAT(result.err, HasSubstr("/no/such/folder/cases.json"));
  const Mean m;
  Cases cases;
  cases.add("x", "Attention", 23, "", {{"Q", m.q}, {"K", m.k}, {"V", m.v}}, {{"Y", m.q}});
  EXPECT_EQ(cases.run({"LinearAttention"}).code, 3);
  const auto file = cases.folder / "x.safetensors";
  write_bytes(file, read_bytes(file).substr(0, 100));
  EXPECT_EQ(cases.run().code, 3);
  std::filesystem::remove(file);
  write_safetensors(file, {{"input.Q", m.q}});
  result = cases.run();
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.err, HasSubstr("'input.K'"));
  std::filesystem::remove(file);
  EXPECT_EQ(cases.run().code, 5);
  for (const char* json : {"[{", "{}", "[{}]", R"([{"name": 3}])"}) {
    write_bytes(cases.folder / "cases.json", json);
    result = cases.run();
    EXPECT_EQ(result.code, 3) << json;
    EXPECT_THAT(result.err, HasSubstr("cases.json")) << json;
  }
}

TEST(Conformance, AttentionMasksAsTheSpecificationSays) {
  const Mean m;
  Cases cases;
  const auto add = [&](const char* name, int opset, const char* attributes, const at::Tensor& mask,
                       const at::Tensor& lengths, const at::Tensor& y) {
    cases.add(name, "Attention", opset, attributes,
              {{"Q", m.q},
               {"K", m.k},
               {"V", m.v},
               {"attn_mask", mask},
               {"pk", {}},
               {"pv", {}},
               {"nonpad_kv_seqlen", lengths}},
              {{"Y", y}});
  };
  const auto some = torch::rand({m.H, m.Lq, m.Lk}) < 0.6, few = torch::rand({m.Lq, 3}) < 0.6;
  const auto row = torch::rand({m.Lk}) < 0.6;
  const auto added = [](const at::Tensor& seen) {
    return torch::zeros(seen.sizes()).masked_fill(~seen, kHidden);
  };
  const auto padded = torch::cat({few, torch::zeros({m.Lq, 2}, at::kBool)}, 1);
  const auto one = torch::ones({m.Lq, 1}, at::kBool);
  const auto first = torch::cat({one, torch::zeros({m.Lq, 4}, at::kBool)}, 1);
  add("three_dimensions_are_heads", 23, "", some, {}, m.of(some));
  add("three_dimensions_added", 24, "", added(some), {}, m.of(some));
  add("one_dimension", 23, "", row, {}, m.of(row.expand({m.Lq, m.Lk})));
  add("shorter", 24, "", few, {}, m.of(padded));
  add("shorter_added", 24, "", added(few), {}, m.of(padded));
  add("one_key_is_shorter", 24, "", one, {}, m.of(first));
  add("one_key_is_broadcast", 23, "", one, {}, m.of(m.all()));
  add("softcap_before_mask", 24, R"("softcap": 0.5)", added(some), {}, m.of(some));
  const auto zero = torch::zeros({1}, at::kLong), lengths = torch::tensor({5, 2}, at::kLong);
  const auto ends = lengths - m.Lq;
  const auto padding = torch::arange(m.Lk).view({1, 1, 1, -1}) < lengths.view({-1, 1, 1, 1});
  add("causal", 23, R"("is_causal": 1)", {}, {}, m.of(m.band(zero, 9, 0)));
  add("causal_and_mask", 24, R"("is_causal": 1)", some, {}, m.of(m.band(zero, 9, 0) & some));
  add("lengths", 24, "", {}, lengths, m.of(padding.expand({m.B, 1, m.Lq, m.Lk})));
  add("lengths_and_mask", 24, "", added(some), lengths, m.of(padding & some));
  add("causal_at_the_end", 24, R"("is_causal": 1)", {}, lengths, m.of(m.band(ends, 9, 0)));
  add("all_three", 24, R"("is_causal": 1)", added(few), lengths, m.of(m.band(ends, 9, 0) & padded));
  add("window", 25, R"("left_window_size": 1, "right_window_size": 2)", {}, {},
      m.of(m.band(zero, 1, 2)));
  add("left", 25, R"("left_window_size": 0)", {}, lengths, m.of(m.band(ends, 0, 9) & padding));
  add("right", 25, R"("right_window_size": 2, "is_causal": 1)", {}, {}, m.of(m.band(zero, 9, 0)));
  const auto result = cases.run();
  EXPECT_EQ(result.code, 0) << result.out << result.err;
}

TEST(Conformance, AttentionJoinsThePast) {
  Mean m;
  Cases cases;
  const auto past_k = torch::randn({m.B, m.G, 2, m.D}), past_v = torch::randn({m.B, m.G, 2, m.E});
  const auto k = torch::cat({past_k, m.k}, 2), v = torch::cat({past_v, m.v}, 2);
  const NamedTensors inputs = {{"Q", m.q}, {"K", m.k},           {"V", m.v},
                               {"", {}},   {"past_key", past_k}, {"past_value", past_v}};
  m.Lk += 2;
  const auto seen = m.band(torch::full({1}, 2, at::kLong), 9, 0);
  const auto scores = torch::zeros({m.B, m.H, m.Lq, m.Lk}).masked_fill(~seen, kHidden);
  cases.add("past", "Attention", 24, R"("is_causal": 1, "qk_matmul_output_mode": 2)", inputs,
            {{"Y", Mean::of(seen, v, m.H)}, {"pk", k}, {"pv", v}, {"scores", scores}});
  cases.add("weights", "Attention", 24, R"("is_causal": 1, "qk_matmul_output_mode": 3)", inputs,
            {{"Y", {}}, {"pk", {}}, {"pv", v}, {"weights", torch::softmax(scores, -1)}});
  const auto result = cases.run();
  EXPECT_EQ(result.code, 0) << result.out << result.err;
}

TEST(Conformance, AttentionOfOtherDtypes) {
  const Mean m;
  Cases cases;
  const auto y = Mean::of(m.all(), m.v.to(at::kDouble), m.H);
  const auto add = [&](const char* name, const char* attributes, at::ScalarType q,
                       at::ScalarType v) {
    cases.add(name, "Attention", 24, attributes,
              {{"Q", m.q.to(q)}, {"K", m.k.to(q)}, {"V", m.v.to(v)}}, {{"Y", y.to(q)}});
  };
  add("double", "", at::kDouble, at::kFloat);
  add("half", "", at::kHalf, at::kHalf);
  add("bfloat16", "", at::kBFloat16, at::kBFloat16);
  add("half_of_float", "", at::kHalf, at::kFloat);
  add("softmax_in_double", R"("softmax_precision": 11)", at::kFloat, at::kFloat);
  add("softmax_in_half", R"("softmax_precision": 10, "scale": 0.25)", at::kFloat, at::kFloat);
  const auto result = cases.run();
  EXPECT_EQ(result.code, 0) << result.out << result.err;
}

TEST(Conformance, RotaryEmbeddingOfBothRanks) {
  Cases cases;
  const auto x = torch::randn({2, 3, 4, 6}), a = torch::randn({10, 2});
  const auto ids = torch::randint(10, {2, 4}, at::kLong);
  const auto turned = torch::embedding(a, ids).unsqueeze(1);  // (2, 1, 4, 2)
  const auto left = x.narrow(3, 0, 2), right = x.narrow(3, 2, 2);
  const auto y = torch::cat({left * turned.cos() - right * turned.sin(),
                             right * turned.cos() + left * turned.sin(), x.narrow(3, 4, 2)},
                            3);
  const auto flat = [](const at::Tensor& t) { return t.transpose(1, 2).flatten(2); };
  cases.add("four", "RotaryEmbedding", 23, R"("rotary_embedding_dim": 4)",
            {{"X", x}, {"c", a.cos()}, {"s", a.sin()}, {"p", ids}}, {{"Y", y}});
  const auto rows = turned.squeeze(1);
  cases.add("three", "RotaryEmbedding", 23, R"("rotary_embedding_dim": 4, "num_heads": 3)",
            {{"X", flat(x)}, {"c", rows.cos()}, {"s", rows.sin()}}, {{"Y", flat(y)}});
  auto result = cases.run();
  EXPECT_EQ(result.code, 0) << result.out << result.err;
  cases.add("width", "RotaryEmbedding", 23, "",
            {{"X", x}, {"c", a.cos()}, {"s", a.sin()}, {"p", ids}}, {{"Y", y}});
  cases.add("ids", "RotaryEmbedding", 23, R"("rotary_embedding_dim": 4)",
            {{"X", x}, {"c", a.cos()}, {"s", a.sin()}, {"p", ids + 10}}, {{"Y", y}});
  result = cases.run();
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.out, AllOf(HasSubstr("half of the 6 channels"), HasSubstr("FAIL  ids")));
}

TEST(OnnxProject, ItsCasesOfAttentionAndRotaryEmbeddingAgree) {
  const auto folder = shared_data() / "onnx_attention";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no " << folder;
  const auto result = run({folder.string(), "Attention", "RotaryEmbedding"});
  EXPECT_EQ(result.code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("57 cases, 57 agree"));
}

}  // namespace
}  // namespace heed::test
