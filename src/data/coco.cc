#include "data/coco.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

using CocoJson = nlohmann::json;

/// An object of the file and where it stands: "x.json: annotations[3]".
struct CocoObject {
  const CocoJson& json;
  std::string place;

  [[noreturn]] void refuse(const std::string& what) const { throw DataError(place + ": " + what); }

  const CocoJson& get(const char* key, const char* expected, bool (CocoJson::*is)() const) const {
    if (!json.is_object()) refuse(text_of("expected an object, given ", json.type_name()));
    const auto found = json.find(key);
    if (found == json.end()) refuse(text_of("no '", key, "'; expected ", expected));
    if (!((*found).*is)())
      refuse(text_of("'", key, "': expected ", expected, ", given ", found->type_name()));
    return *found;
  }
  const CocoJson& list(const char* key) const { return get(key, "a list", &CocoJson::is_array); }
  std::string text(const char* key) const {
    auto text = get(key, "a text", &CocoJson::is_string).get<std::string>();
    if (text.empty() || text.find_first_of(std::string_view("\0\n\r\t;", 5)) != std::string::npos)
      refuse(text_of("'", key, "': expected a text without ';', tabs and line feeds"));
    return text;
  }
  int64_t integer(const char* key) const {
    return get(key, "a whole number", &CocoJson::is_number_integer).get<int64_t>();
  }
};

struct Size {
  int64_t width, height;
};

class CocoParser {
 public:
  CocoParser(std::string_view text, std::string name) : name_(std::move(name)) {
    try {
      json_ = CocoJson::parse(text);
    } catch (const CocoJson::parse_error& error) {
      const auto end = text.begin() + static_cast<int64_t>(std::min(error.byte, text.size()));
      throw DataError(text_of(name_, ":", 1 + std::count(text.begin(), end, '\n'),
                              ": expected COCO's JSON; byte ", error.byte,
                              " of the file is wrong"));
    } catch (const CocoJson::exception&) {
      throw DataError(name_ + ": expected COCO's JSON, given a number that is too large");
    }
  }

  std::vector<CocoImage> parse() {
    read_categories(), read_images();
    each("annotations", [&](const CocoObject& object) { add_box(object); });
    return std::move(images_);
  }

 private:
  template <class Do>
  void each(const char* key, Do&& run) const {
    const auto& list = CocoObject{json_, name_}.list(key);
    for (size_t i = 0; i < list.size(); ++i)
      run(CocoObject{list[i], text_of(name_, ": ", key, "[", i, "]")});
  }

  void read_categories() {
    each("categories", [&](const CocoObject& object) {
      auto name = object.text("name");
      name.erase(0, name.find_first_not_of(' ')), name.erase(name.find_last_not_of(' ') + 1);
      if (name.empty()) object.refuse("'name': expected a text that is not blank");
      if (!categories_.emplace(object.integer("id"), name).second)
        object.refuse("'id': this category is there twice");
    });
  }

  void read_images() {
    each("images", [&](const CocoObject& object) {
      const auto id = object.integer("id");
      if (!numbers_.emplace(id, images_.size()).second)
        object.refuse("'id': this image is there twice");
      const Size size{object.integer("width"), object.integer("height")};
      if (size.width < 1 || size.height < 1 || size.width > 65535 || size.height > 65535)
        object.refuse("'width' and 'height': expected pixels, 1 to 65535");
      images_.push_back({object.text("file_name"), std::to_string(id), {}});
      sizes_.push_back(size);
    });
  }

  void add_box(const CocoObject& object) {
    const auto image = numbers_.find(object.integer("image_id"));
    if (image == numbers_.end()) object.refuse("'image_id': the file has no such image");
    const auto category = categories_.find(object.integer("category_id"));
    if (category == categories_.end())
      object.refuse("'category_id': the file has no such category");
    const auto& bbox = object.list("bbox");
    const bool numbers =
        bbox.size() == 4 && std::all_of(bbox.begin(), bbox.end(), [](const auto& each) {
          return each.is_number() && std::isfinite(each.template get<double>());
        });
    if (!numbers) object.refuse("'bbox': expected [x, y, width, height] in pixels");
    ObjectBox box{
        .name = category->second, .x0 = bbox[0].get<double>(), .y0 = bbox[1].get<double>()};
    const double width = bbox[2].get<double>(), height = bbox[3].get<double>();
    if (!(width > 0) || !(height > 0))
      object.refuse("'bbox' has no area: width and height should be above 0");
    box.x1 = box.x0 + width, box.y1 = box.y0 + height;
    const auto found = object.json.find("iscrowd");
    box.crowd = found != object.json.end() && object.integer("iscrowd") == 1;
    cut(box, sizes_[image->second], object);
    images_[image->second].boxes.push_back(std::move(box));
  }

  static void cut(ObjectBox& box, const Size& size, const CocoObject& object) {
    const double W = double(size.width), H = double(size.height);
    const double out = std::max({-box.x0, -box.y0, box.x1 - W, box.y1 - H});
    box.x0 = std::clamp(box.x0, 0.0, W), box.x1 = std::clamp(box.x1, 0.0, W);
    box.y0 = std::clamp(box.y0, 0.0, H), box.y1 = std::clamp(box.y1, 0.0, H);
    if (out >= 1 || !(box.area() > 0))
      object.refuse(
          text_of("'bbox' lies outside of its image, which is ", size.width, " x ", size.height));
  }

  std::string name_;
  CocoJson json_;
  std::map<int64_t, std::string> categories_;
  std::map<int64_t, size_t> numbers_;  // of images, by id
  std::vector<Size> sizes_;
  std::vector<CocoImage> images_;
};

}  // namespace

std::vector<CocoImage> parse_coco(std::string_view json, const std::string& name) {
  return CocoParser(json, name).parse();
}

}  // namespace heed::data
