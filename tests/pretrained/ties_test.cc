// A matrix that is the embedding and the output at once: what config.json says of it, and what the file holds.
#include <gmock/gmock.h>

#include "pretrained/folders.h"

namespace heed {
namespace {

using test::Json;
using testing::AllOf;
using testing::HasSubstr;

constexpr int64_t kTiedWidth = 8, kTiedPieces = 6;
constexpr const char *kTiedEmbedding = "model.embed_tokens.weight", *kTiedHead = "lm_head.weight";

/// A Llama of one layer; `ties`: what its config says, null: nothing.
class TiedFolder {
 public:
  explicit TiedFolder(Json ties) {
    torch::manual_seed(2);
    config_ = {{"architectures", {"LlamaForCausalLM"}},
               {"model_type", "llama"},
               {"vocab_size", kTiedPieces},
               {"hidden_size", kTiedWidth},
               {"intermediate_size", 12},
               {"num_hidden_layers", 1},
               {"num_attention_heads", 2},
               {"max_position_embeddings", 64},
               {"rms_norm_eps", 1e-5},
               {"hidden_act", "silu"},
               {"rope_parameters", {{"rope_type", "default"}, {"rope_theta", 1e4}}}};
    if (!ties.is_null()) config_["tie_word_embeddings"] = ties;
    const auto add = [&](const std::string& name, int64_t rows, int64_t columns) {
      tensors_.emplace_back("model.layers.0." + name + ".weight", at::randn({rows, columns}));
    };
    for (const char* name : {"q_proj", "k_proj", "v_proj", "o_proj"})
      add(std::string("self_attn.") + name, kTiedWidth, kTiedWidth);
    add("mlp.gate_proj", 12, kTiedWidth), add("mlp.up_proj", 12, kTiedWidth);
    add("mlp.down_proj", kTiedWidth, 12);
    for (const char* name : {"model.norm", "model.layers.0.input_layernorm",
                             "model.layers.0.post_attention_layernorm"})
      tensors_.emplace_back(name + std::string(".weight"), at::rand({kTiedWidth}));
  }
  TiedFolder& with(const char* name, at::Tensor tensor) {
    tensors_.emplace_back(name, std::move(tensor));
    return *this;
  }
  /// What reading says; "tied" or "apart" where it is a model.
  std::string read() {
    test::write_folder(here_ / "a", config_, tensors_);
    if (const auto wrong = test::complaint(here_ / "a"); !wrong.empty()) return wrong;
    for (const auto& [name, tensor] : read_pretrained(here_ / "a").tensors)
      if (name == "head.output") return "apart";
    return "tied";
  }

 private:
  test::TemporaryFolder here_;
  Json config_;
  NamedTensors tensors_;
};

at::Tensor a_matrix() { return at::randn({kTiedPieces, kTiedWidth}); }

TEST(PretrainedTies, OneMatrixSavedOnceUnderEitherName) {
  EXPECT_EQ(TiedFolder(true).with(kTiedEmbedding, a_matrix()).read(), "tied");
  EXPECT_EQ(TiedFolder(true).with(kTiedHead, a_matrix()).read(), "tied");
}

TEST(PretrainedTies, OneMatrixSavedTwice) {
  const auto matrix = a_matrix();
  EXPECT_EQ(TiedFolder(true).with(kTiedEmbedding, matrix).with(kTiedHead, matrix).read(), "tied");
}

TEST(PretrainedTies, TwoMatricesWhateverTheConfigSays) {
  for (const auto& ties : {Json(true), Json(false), Json()})
    EXPECT_EQ(TiedFolder(ties).with(kTiedEmbedding, a_matrix()).with(kTiedHead, a_matrix()).read(),
              "apart");
}

TEST(PretrainedTies, NotTiedAndOneIsMissing) {
  EXPECT_THAT(TiedFolder(false).with(kTiedEmbedding, a_matrix()).read(),
              AllOf(HasSubstr("tie_word_embeddings"), HasSubstr("no lm_head.weight")));
  EXPECT_THAT(TiedFolder(false).with(kTiedHead, a_matrix()).read(),
              AllOf(HasSubstr("tie_word_embeddings"), HasSubstr("no model.embed_tokens.weight")));
}

TEST(PretrainedTies, AMatrixOfAnotherShape) {
  EXPECT_THAT(
      TiedFolder(true).with(kTiedEmbedding, at::randn({kTiedPieces + 1, kTiedWidth})).read(),
      AllOf(HasSubstr(kTiedEmbedding), HasSubstr("(6, 8)"), HasSubstr("(7, 8)")));
}

}  // namespace
}  // namespace heed
