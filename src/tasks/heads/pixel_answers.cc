#include "tasks/heads/pixel_answers.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/data/mask_file.h"
#include "heed/metrics/masks.h"
#include "tasks/heads/pixel_masks.h"

namespace heed {
namespace {

namespace fs = std::filesystem;

std::vector<double> shares_of(const Mask& classes, size_t count) {
  std::vector<int64_t> pixels(count);
  for (const int32_t value : classes.values) ++pixels[static_cast<size_t>(value)];
  std::vector<double> shares;
  for (const int64_t own : pixels)
    shares.push_back(static_cast<double>(own) / static_cast<double>(classes.pixels()));
  return shares;
}

}  // namespace

PixelAnswer pixel_answer(const at::Tensor& logits, bool instances) {
  const auto best = logits.argmax(0).to(at::kInt).contiguous();
  PixelAnswer found{Mask(best.size(0), best.size(1))};
  std::copy_n(best.data_ptr<int32_t>(), best.numel(), found.classes.values.begin());
  if (!instances) return found;
  found.objects = objects_of(found.classes);
  for (auto& value : found.classes.values) value = std::min(value, 1);
  return found;
}

std::string shares_text(const Mask& classes, const std::vector<std::string>& names) {
  std::string text;
  const auto shares = shares_of(classes, names.size());
  for (size_t k = 0; k < names.size(); ++k) {
    char share[16];
    std::snprintf(share, sizeof share, " %.4f", shares[k]);
    text.append(k ? "\t" : "").append(names[k]).append(share);
  }
  return text;
}

Prediction pixel_prediction(const PixelAnswer& answer, const std::vector<std::string>& names,
                            const std::string& file) {
  const auto shares = shares_of(answer.classes, names.size());
  auto by_name = nlohmann::ordered_json::object();
  for (size_t k = 0; k < names.size(); ++k) by_name[names[k]] = shares[k];
  nlohmann::ordered_json json{{"height", answer.classes.height},
                              {"width", answer.classes.width},
                              {"shares", std::move(by_name)}};
  Prediction made{shares_text(answer.classes, names), ""};
  if (!answer.objects.values.empty()) {
    const auto objects = count_objects(answer.objects);
    json["objects"] = objects;
    made.text.append("\t")
        .append(std::to_string(objects))
        .append(objects == 1 ? " object" : " objects");
  }
  if (!file.empty()) json["mask"] = file, made.text.append("\t").append(file);
  made.json = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return made;
}

MaskFolder::MaskFolder(std::string folder) : folder_(std::move(folder)) {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) throw FileError("--output " + folder_ + ": " + error.message());
}

std::string MaskFolder::write(const PixelAnswer& answer, const std::string& image) {
  const auto path = fs::path(folder_) / (names_.take(fs::path(image).stem().string()) + ".png");
  std::error_code none;
  if (fs::equivalent(path, image, none))
    throw UsageError("--output " + folder_ + ": the mask would be written over the image " +
                     path.string() + "; choose another folder");
  replace_file(path, answer.objects.values.empty()
                         ? data::encode_mask(answer.classes, data::MaskColours::palette)
                         : data::encode_mask(answer.objects, data::MaskColours::grey));
  return path.string();
}

}  // namespace heed
