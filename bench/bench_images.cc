#include "bench_images.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "heed/core/error.h"
#include "heed/data/dataset.h"

namespace heed::cli {
namespace {

using Json = nlohmann::json;

data::Image image_of(const Json& asked) {
  data::ImageOptions options;
  options.channels = asked.value("channels", int64_t{0});
  options.size = asked.value("size", std::vector<int64_t>());
  const auto resample = from_word<data::Resample>(asked.value("resample", "bilinear"));
  const auto fit = from_word<data::Fit>(asked.value("fit", "stretch"));
  if (!resample || !fit) throw DataError("resample or fit is none: " + asked.dump());
  options.resample = *resample, options.fit = *fit;
  auto image = data::read_source(asked.at("file").get<std::string>(), options);
  const auto box = asked.value("box", std::vector<double>());
  if (box.size() != 4) return data::fit(std::move(image), options);
  return data::resize(image, {box[0], box[1], box[2], box[3]}, options.size.at(0),
                      options.size.at(1), options.resample);
}

}  // namespace

void bench_images() {
  for (std::string line; std::getline(std::cin, line);) {
    const auto asked = Json::parse(line, nullptr, false);
    if (!asked.is_object()) throw DataError("expected an object of JSON, given " + line);
    const auto image = image_of(asked);
    std::cout << image.shape.channels << ' ' << image.shape.height << ' ' << image.shape.width
              << '\n';
    std::cout.write(reinterpret_cast<const char*>(image.values.data()), std::ssize(image.values));
    std::cout.flush();
  }
}

}  // namespace heed::cli
