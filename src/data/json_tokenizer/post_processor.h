// The part of a tokenizer that puts special tokens around texts and joins pairs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/json_tokenizer/reader.h"
#include "heed/data/json_tokenizer.h"

namespace heed::data::json_tokenizer {

class PostProcessor {
 public:
  virtual ~PostProcessor() = default;
  /// How many tokens are put in.
  virtual int64_t added(bool pair) const = 0;
  /// Changes the encodings, which are joined afterwards.
  virtual void process(std::vector<Encoding>& encodings, bool add_special_tokens) const = 0;
};
using PostProcessorPtr = std::unique_ptr<PostProcessor>;

/// A post-processor of a file, by its type; null for null. Throws ModelError.
PostProcessorPtr make_post_processor(const Json& value, const std::string& path,
                                     const std::string& file);
PostProcessorPtr make_template(const Reader& reader);

}  // namespace heed::data::json_tokenizer
