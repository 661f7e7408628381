#include "data/json_tokenizer/read_pattern.h"

#include "heed/core/error.h"

namespace heed::data::json_tokenizer {

Pattern read_pattern(const Reader& component) {
  const Reader reader(component.at("pattern"), component.path("pattern"), component.file(),
                      {"String", "Regex"});
  const bool literal = reader.has("String");
  if (literal == reader.has("Regex"))
    refuse_at(component.file(), reader.path(), "expected one of 'String' and 'Regex'");
  if (literal) return Pattern::literal(reader.text("String"));
  try {
    return Pattern::regex(reader.text("Regex"));
  } catch (const ModelError& error) {
    refuse_at(component.file(), reader.path("Regex"), error.what());
  }
}

}  // namespace heed::data::json_tokenizer
