// SVG documents read back.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace heed::lens {

/// Checks that the document is well-formed as far as Heed's own SVG goes: every element closed in
/// order, attributes quoted, no bare '<' or '&', known entities. Returns the text of all <text>
/// elements, entities resolved.
class XmlCheck {
 public:
  explicit XmlCheck(std::string text) : text_(std::move(text)) {}

  std::vector<std::string> texts() {
    while (at_ < text_.size()) text_[at_] == '<' ? tag() : content();
    EXPECT_TRUE(open_.empty());
    return texts_;
  }

 private:
  void tag() {
    const size_t end = text_.find('>', at_);
    ASSERT_NE(end, std::string::npos);
    const std::string tag = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    if (tag.front() == '?') return;
    EXPECT_EQ(std::count(tag.begin(), tag.end(), '"') % 2, 0) << tag;
    if (tag.front() == '/') {
      ASSERT_FALSE(open_.empty());
      EXPECT_EQ(open_.back(), tag.substr(1));
      open_.pop_back();
    } else if (tag.back() != '/') {
      open_.push_back(tag.substr(0, tag.find(' ')));
      if (open_.back() == "text") texts_.emplace_back();
    }
  }

  void content() {
    if (text_[at_] != '&') {
      if (!open_.empty() && open_.back() == "text") texts_.back() += text_[at_];
      ++at_;
      return;
    }
    const size_t end = text_.find(';', at_);
    ASSERT_NE(end, std::string::npos);
    const std::string entity = text_.substr(at_, end - at_ + 1);
    const std::map<std::string, char> known{
        {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}};
    ASSERT_TRUE(known.contains(entity)) << entity;
    if (!open_.empty() && open_.back() == "text") texts_.back() += known.at(entity);
    at_ = end + 1;
  }

  std::string text_;
  size_t at_ = 0;
  std::vector<std::string> open_, texts_;
};

}  // namespace heed::lens
