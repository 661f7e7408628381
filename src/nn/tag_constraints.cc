#include "heed/nn/tag_constraints.h"

#include <set>

#include "core/text.h"

namespace heed::nn {
namespace {

/// A tag as those of iobes: O, B, I, E or S, and the type.
struct SpanTag {
  char letter;
  std::string type;
  bool opens() const { return letter == 'O' || letter == 'B' || letter == 'S'; }
};

SpanTag parse_tag(const std::string& name, SpanScheme scheme) {
  constexpr std::array<const char*, 3> kLetters = {"BI", "BIES", "BILU"};
  const std::string letters = kLetters[static_cast<size_t>(scheme)];
  if (name == "O") return {'O', ""};
  const size_t at = name.size() > 2 && name[1] == '-' ? letters.find(name[0]) : std::string::npos;
  if (at == std::string::npos)
    throw DataError(text_of("tag '", name, "': expected O, or one of ", letters,
                            ", '-' and a type (B-PER), as ", word_of(scheme), " has it"));
  return {"BIES"[at], name.substr(2)};
}

/// Whether a span of `tag` is whole with it. In iob2 any span may be.
bool closes(const SpanTag& tag, SpanScheme scheme) {
  return scheme == SpanScheme::iob2 || tag.letter == 'O' || tag.letter == 'E' || tag.letter == 'S';
}

bool may_follow(const SpanTag& from, const SpanTag& to, SpanScheme scheme) {
  if (to.opens()) return closes(from, scheme);
  return (from.letter == 'B' || from.letter == 'I') && from.type == to.type;
}

}  // namespace

TagConstraints span_constraints(const std::vector<std::string>& names, SpanScheme scheme) {
  std::vector<SpanTag> tags;
  std::set<std::string> seen;
  for (const auto& name : names) {
    if (!seen.insert(name).second) throw DataError("tag '" + name + "' stands twice");
    tags.push_back(parse_tag(name, scheme));
  }
  const auto K = static_cast<int64_t>(names.size());
  TagConstraints all{torch::zeros({K, K}, at::kBool), torch::zeros({K}, at::kBool),
                     torch::zeros({K}, at::kBool), names};
  for (int64_t i = 0; i < K; ++i) {
    const auto& from = tags[static_cast<size_t>(i)];
    all.start.data_ptr<bool>()[i] = from.opens();
    all.end.data_ptr<bool>()[i] = closes(from, scheme);
    for (int64_t j = 0; j < K; ++j)
      all.transitions.data_ptr<bool>()[i * K + j] =
          may_follow(from, tags[static_cast<size_t>(j)], scheme);
  }
  return all;
}

}  // namespace heed::nn
