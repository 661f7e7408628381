// KWT-1's trained weights, imported: what it hears in three sounds against its formula in float64.
#include <gmock/gmock.h>

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "files.h"
#include "heed/tasks/predictor.h"
#include "heed/train/import.h"
#include "shared_data.h"
#include "sounds.h"

namespace heed {
namespace {

/// As tests/data/front_end_test.cc has them: silence behind 9000 samples of two tones.
std::vector<float> two_tones_of_kwt1() {
  std::vector<float> samples(16000);
  for (size_t i = 0; i < 9000; ++i) {
    const double n = double(i), t = n / 16000;
    samples[i] = float(0.3 * std::sin(2 * std::numbers::pi * (200 * t + 600 * t * t)) +
                       0.1 * std::sin(0.013 * n * n));
  }
  return samples;
}

/// Log-probabilities of the classes in the order of labels.txt, by a script in NumPy's float64 that computes MODEL.txt's formula
/// from the file's own constants; those of logits differ by one number.
const std::vector<double> kSilence = {-0.10218341, -4.7614418, -4.5828983, -4.6975801,
                                      -4.6925221,  -4.8023262, -4.8255855, -4.7023427,
                                      -4.8080204,  -4.6894152, -4.7271973, -4.7603125};
const std::vector<double> kTwoTones = {-4.2175812, -3.4005019, -0.44571547, -2.1379147,
                                       -4.0570647, -4.6167791, -2.9265663,  -3.9956643,
                                       -4.1964668, -3.5086754, -3.3953164,  -4.1372019};

TEST(Kwt1, HearsWhatItsFormulaDoes) {
  const auto own = test::shared_data() / "models/kwt1";
  if (!std::filesystem::exists(own)) GTEST_SKIP() << own << " is not here";
  const test::TemporaryFolder folder;
  const auto imports = std::filesystem::path(HEED_SOURCE_DIR) / "recipes/imports";
  const auto command = (imports / "kwt1").string() + " " + (own / "kwt1.safetensors").string() +
                       " " + (own / "labels.txt").string() + " " + (folder / "tensors").string();
  ASSERT_EQ(std::system(command.c_str()), 0);
  import_model(imports / "kwt1-map.toml", folder / "tensors/tensors.safetensors", folder / "model");
  auto predictor = Predictor::load(folder / "model");
  const std::vector<std::string> classes = {"_silence_", "_unknown_", "yes", "no",  "up",   "down",
                                            "left",      "right",     "on",  "off", "stop", "go"};
  const std::pair<std::vector<float>, const std::vector<double>*> cases[] = {
      {std::vector<float>(16000), &kSilence},
      {std::vector<float>(3000), &kSilence},  // filled up with silence
      {two_tones_of_kwt1(), &kTwoTones}};
  for (const auto& [samples, expected] : cases) {
    const auto file = (folder / "a.wav").string();
    test::write_bytes(file, test::float_wav(samples, 16000));
    const auto found = predictor.predict(predictor.stream({file})->next(1)).at(0).at(0);
    const auto top = nlohmann::json::parse(found.json).at("top");
    EXPECT_GE(top.size(), 5u);
    for (const auto& each : top) {
      const auto name = each.at("class").get<std::string>();
      const auto number = size_t(std::find(classes.begin(), classes.end(), name) - classes.begin());
      EXPECT_NEAR(std::log(each.at("probability").get<double>()), expected->at(number), 1e-4)
          << name;
    }
  }
}

}  // namespace
}  // namespace heed
