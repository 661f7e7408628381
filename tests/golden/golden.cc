#include "golden/golden.h"

#include <algorithm>
#include <regex>

#include "heed/core/error.h"

namespace heed::test {
namespace {

std::string made_up_pieces(int64_t count) {
  std::string text = "<pad>\n<unk>\n<s>\n</s>\n";
  for (int64_t i = 4; i < count; ++i) text += "piece" + std::to_string(i) + "\n";
  return text;
}

int64_t vocabulary_of(const NamedTensors& tensors) {
  for (const char* name : {"encoder.embedding", "head.target_embedding"})
    for (const auto& [own, tensor] : tensors)
      if (own == name) return tensor.size(0);
  return 0;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
  return text;
}

/// Where rows of (B, L, ...) are real.
at::Tensor real_rows(const at::Tensor& tensor, const at::Tensor& mask) {
  return tensor.index({mask.to(at::kBool)});
}

double farthest(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

}  // namespace

Golden::Golden(const std::string& name) {
  const auto folder = golden_folder(name);
  for (auto& [own, tensor] : read_safetensors(folder / "expected.safetensors").tensors)
    expected_.emplace(own, tensor);
  files_ = read_pretrained(folder);
  const auto pieces = made_up_pieces(vocabulary_of(files_.tensors));
  for (const char* tokenizer : {"text.tokenizer", "shared.tokenizer", "written.tokenizer"})
    files_.others[tokenizer] = pieces;
  const auto text = std::regex_replace(files_.recipe, std::regex("kind = \"json\"\nrows = [0-9]+"),
                                       "kind = \"vocabulary\"");
  auto recipe = RecipeFile::parse(text, name);
  if (has("token_type_ids")) recipe.set("input.second=second");
  cell_ = std::make_unique<Cell>(Recipe::read(recipe));
  cell_->load(files_.others);
  cell_->make_model();
  load_into(*cell_->module, files_.tensors, folder / "model.safetensors");
  cell_->module->eval();
}

const at::Tensor& Golden::at(const std::string& name) const { return expected_.at(name); }

Batch Golden::text_batch() const {
  const auto& ids = at("input_ids");
  Batch batch{{{"tokens", ids}, {"lengths", at("attention_mask").sum(1)}},
              at::arange(ids.size(0), at::kLong)};
  if (has("token_type_ids"))
    batch.tensors["segments"] = at("token_type_ids");
  else if (cell_->sizes().contains("segments") && cell_->sizes().at("segments").front() > 0)
    batch.tensors["segments"] = at::zeros_like(ids);
  return batch;
}

SequenceModelPtr Golden::sequence_model() const {
  return std::dynamic_pointer_cast<SequenceModel>(*cell_->module->named_children().find("head"));
}

void Golden::expect(const std::string& name, const at::Tensor& ours, double tolerance) const {
  auto theirs = at(name), own = ours;
  ASSERT_EQ(own.sizes(), theirs.sizes()) << name;
  const bool rows =
      has("attention_mask") && theirs.dim() > 2 && theirs.size(1) == at("attention_mask").size(1);
  if (rows) {
    theirs = real_rows(theirs, at("attention_mask"));
    own = real_rows(own, at("attention_mask"));
  }
  const double far = farthest(own, theirs);
  testing::Test::RecordProperty(replaced(name, ".", "_"), std::to_string(far));
  EXPECT_LE(far, tolerance) << name;
  EXPECT_GT(theirs.to(at::kDouble).std().item<double>(), 10 * tolerance) << name;
}

void Golden::expect_maps(const std::vector<Map>& maps, const std::string& names) const {
  for (size_t i = 0; i < maps.size(); ++i) {
    const auto name = names + "." + std::to_string(i);
    ASSERT_TRUE(has(name)) << name;
    const auto& theirs = at(name);
    double far = 0;
    for (int64_t b = 0; b < theirs.size(0); ++b) {
      auto own = maps[i].dense(b), other = theirs[b];  // (H, Lq, Lk)
      ASSERT_EQ(own.sizes(), other.sizes()) << name;
      if (has("attention_mask") && own.size(1) == at("attention_mask").size(1)) {
        const auto real = at("attention_mask")[b].sum().item<int64_t>();
        own = own.narrow(1, 0, real), other = other.narrow(1, 0, real);
      }
      far = std::max(far, farthest(own, other));
    }
    testing::Test::RecordProperty(replaced(name, ".", "_"), std::to_string(far));
    EXPECT_LE(far, 1e-5) << name;
  }
  EXPECT_FALSE(has(names + "." + std::to_string(maps.size()))) << "there are more " << names;
}

}  // namespace heed::test
