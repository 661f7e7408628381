#include "data/voc.h"

#include <expat.h>

#include <exception>
#include <map>
#include <memory>

#include "core/text.h"
#include "heed/core/error.h"
#include "heed/data/records.h"

namespace heed::data {
namespace {

constexpr size_t kDeepestXml = 64;

/// An element's text and the line where it begins.
struct XmlText {
  std::string text;
  int64_t line = 0;
};

/// Texts of the elements below one, by path: "bndbox/xmin".
using XmlTexts = std::map<std::string, XmlText>;

/// Expat calls it element by element. What it throws waits until expat has returned, because expat is C.
class VocParser {
 public:
  explicit VocParser(const std::string& name)
      : name_(name), parser_(XML_ParserCreate(nullptr), XML_ParserFree) {
    if (!parser_) throw std::bad_alloc();
    XML_SetUserData(parser_.get(), this);
    XML_SetElementHandler(
        parser_.get(),
        [](void* self, const XML_Char* element, const XML_Char**) {
          of(self).guarded([&] { of(self).begin(element); });
        },
        [](void* self, const XML_Char*) { of(self).guarded([&] { of(self).end(); }); });
    XML_SetCharacterDataHandler(parser_.get(), [](void* self, const XML_Char* text, int length) {
      of(self).guarded([&] { of(self).add({text, static_cast<size_t>(length)}); });
    });
    XML_SetStartDoctypeDeclHandler(
        parser_.get(), [](void* self, const XML_Char*, const XML_Char*, const XML_Char*, int) {
          of(self).guarded([&] { of(self).refuse("a document type; VOC's files have none"); });
        });
  }

  VocAnnotation parse(std::string_view xml) {
    constexpr size_t kMostBytes = size_t{1} << 30;
    if (xml.size() > kMostBytes)
      throw DataError(name_ + ": larger than 1 GiB; expected one image's XML");
    const auto status = XML_Parse(parser_.get(), xml.data(), static_cast<int>(xml.size()), 1);
    if (error_) std::rethrow_exception(error_);
    const auto code = XML_GetErrorCode(parser_.get());
    if (status != XML_STATUS_OK && code == XML_ERROR_NO_MEMORY) throw std::bad_alloc();
    if (status != XML_STATUS_OK) refuse(std::string("broken XML, ") + XML_ErrorString(code));
    return finished();
  }

 private:
  static VocParser& of(void* self) { return *static_cast<VocParser*>(self); }

  template <class Do>
  void guarded(Do&& run) noexcept {
    if (error_) return;
    try {
      run();
    } catch (...) {
      error_ = std::current_exception();
      XML_StopParser(parser_.get(), XML_FALSE);
    }
  }

  int64_t line() const { return static_cast<int64_t>(XML_GetCurrentLineNumber(parser_.get())); }

  [[noreturn]] void refuse(const std::string& what, int64_t at = 0) const {
    throw DataError(text_of(name_, ":", at > 0 ? at : line(), ": ", what));
  }

  void begin(const std::string& element) {
    if (path_.empty() && element != "annotation")
      refuse("the element '" + element + "'; expected 'annotation', as in VOC's files");
    if (path_.size() == kDeepestXml) refuse("elements in elements, deeper than any of VOC's");
    path_.push_back({.name = element, .line = line(), .text = ""});
    if (path_.size() == 2 && element == "object") object_.clear();
  }

  void add(std::string_view text) { path_.back().text += text; }

  void end() {
    const auto last = std::move(path_.back());
    path_.pop_back();
    const bool in_object = path_.size() > 1 && path_[1].name == "object";
    if (path_.size() == 1 && last.name == "object") return add_object(last.line);
    if (path_.size() < 1) return;
    std::string where;
    for (size_t i = in_object ? 2 : 1; i < path_.size(); ++i) where += path_[i].name + "/";
    // Parts of an object (a person's head) have boxes of their own, which are not the object's.
    if (where.starts_with("part/")) return;
    auto& texts = in_object ? object_ : image_;
    const auto [found, is_new] =
        texts.emplace(where + last.name, XmlText{trim(last.text), last.line});
    if (!is_new && is_used(found->first))
      refuse("the element '" + found->first + "' twice", last.line);
  }

  static bool is_used(const std::string& path) {
    return path == "filename" || path.starts_with("size/") || path == "name" ||
           path == "difficult" || path.starts_with("bndbox/");
  }

  static std::string trim(const std::string& text) {
    const auto begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string::npos) return "";
    return text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
  }

  const XmlText& get(const XmlTexts& texts, const std::string& path, int64_t begin) const {
    const auto found = texts.find(path);
    if (found == texts.end() || found->second.text.empty()) refuse("no '" + path + "'", begin);
    return found->second;
  }

  double number(const XmlTexts& texts, const std::string& path, int64_t begin) const {
    const auto& found = get(texts, path, begin);
    double value = 0;
    if (!parse_number(found.text, value))
      refuse("'" + path + "': expected a number, given '" + found.text + "'", found.line);
    return value;
  }

  void add_object(int64_t begin) {
    ObjectBox box;
    box.name = get(object_, "name", begin).text;
    if (box.name.find_first_of(";\n\r\t") != std::string::npos)
      refuse("'name': the class '" + box.name + "' holds ';' or a tab or a line's end", begin);
    box.x0 = number(object_, "bndbox/xmin", begin) - 1;
    box.y0 = number(object_, "bndbox/ymin", begin) - 1;
    box.x1 = number(object_, "bndbox/xmax", begin);
    box.y1 = number(object_, "bndbox/ymax", begin);
    const auto difficult = object_.find("difficult");
    box.difficult = difficult != object_.end() && difficult->second.text == "1";
    if (!(box.x1 > box.x0) || !(box.y1 > box.y0))
      refuse("'bndbox' of '" + box.name + "' has no area; expected xmin <= xmax and ymin <= ymax",
             object_.at("bndbox/xmin").line);
    boxes_.push_back(std::move(box));
    lines_.push_back(object_.at("bndbox/xmin").line);
  }

  int64_t pixels(const std::string& path) const {
    const double found = number(image_, path, 1);
    if (!(found >= 1 && found <= 65535) || found != double(int64_t(found)))
      refuse("'" + path + "': expected pixels, 1 to 65535, given '" + image_.at(path).text + "'",
             image_.at(path).line);
    return static_cast<int64_t>(found);
  }

  VocAnnotation finished() const {
    VocAnnotation all{get(image_, "filename", 1).text, pixels("size/width"), pixels("size/height"),
                      boxes_};
    for (size_t i = 0; i < boxes_.size(); ++i) {
      const auto& box = boxes_[i];
      if (box.x0 < 0 || box.y0 < 0 || box.x1 > double(all.width) || box.y1 > double(all.height))
        refuse(text_of("'bndbox' of '", box.name, "': ", box.x0 + 1, " ", box.y0 + 1, " ", box.x1,
                       " ", box.y1, " lies outside of the image, which is ", all.width, " x ",
                       all.height, " and whose pixels count from 1"),
               lines_[i]);
    }
    return all;
  }

  struct Open {
    std::string name;
    int64_t line;
    std::string text;
  };

  std::string name_;
  std::unique_ptr<std::remove_pointer_t<XML_Parser>, decltype(&XML_ParserFree)> parser_;
  std::exception_ptr error_;
  std::vector<Open> path_;
  XmlTexts image_, object_;
  std::vector<ObjectBox> boxes_;
  std::vector<int64_t> lines_;  // where each box stands
};

}  // namespace

VocAnnotation parse_voc(std::string_view xml, const std::string& name) {
  return VocParser(name).parse(xml);
}

}  // namespace heed::data
