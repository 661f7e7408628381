// Texts and pairs of texts as a folder's input gives them to its encoder, against transformers' ids and type ids.
#include <nlohmann/json.hpp>

#include "files.h"
#include "golden/golden.h"
#include "heed/core/files.h"
#include "heed/tasks/predictor.h"

namespace heed {
namespace {

using nlohmann::json;

class GoldenTextInputs : public testing::TestWithParam<const char*> {
 protected:
  /// The tensors of a record.
  Batch batch(const Predictor& predictor, const json& record) {
    test::write_bytes(here_ / "in.jsonl", record.dump() + "\n");
    return predictor.stream({(here_ / "in.jsonl").string()})->next(1)->batch({0}, {});
  }
  static std::vector<int64_t> numbers(const at::Tensor& row) {
    const auto own = row.contiguous();
    return {own.data_ptr<int64_t>(), own.data_ptr<int64_t>() + own.numel()};
  }

 private:
  const test::TemporaryFolder here_;
};

TEST_P(GoldenTextInputs, IdsAndTypeIds) {
  HEED_NEEDS_GOLDEN(GetParam());
  const auto folder = test::shared_data() / "golden" / GetParam();
  const auto cases = json::parse(read_text(folder / "tokenizer_cases.json"));
  // Some texts are longer than these small models take.
  const auto single = Predictor::load(folder, {"input.max_length=0"});
  const auto two = Predictor::load(folder, {"input.max_length=0", "input.second=pair"});
  for (const auto& one : cases.at("cases")) {
    if (one.at("text") == "") continue;  // a record without a text
    SCOPED_TRACE(one.at("text").get<std::string>());
    EXPECT_EQ(json(numbers(batch(single, {{"text", one.at("text")}}).at("tokens"))), one.at("ids"));
  }
  const auto& pair = cases.at("pair");
  const auto found = batch(two, {{"text", pair.at("text")}, {"pair", pair.at("pair")}});
  EXPECT_EQ(json(numbers(found.at("tokens"))), pair.at("ids"));
  EXPECT_EQ(json(numbers(found.at("segments"))), pair.at("type_ids"));
}

INSTANTIATE_TEST_SUITE_P(Folders, GoldenTextInputs,
                         testing::Values("bert", "roberta", "modernbert"));

}  // namespace
}  // namespace heed
