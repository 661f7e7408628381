#include "pretrained/tensor_table.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <unordered_map>

#include "core/text.h"
#include "heed/core/error.h"

namespace heed::pretrained {
namespace {

using ByName = std::unordered_map<std::string, at::Tensor>;

/// A bias that some layers of a stack lack: no tensor of theirs, zeros of ours.
constexpr const char* kZeros = "";
/// The same of one that changes nothing of what the model gives, wherever training moved it.
constexpr const char* kIdle = "*";

bool is_absent(const std::string& name) { return name == kZeros || name == kIdle; }

ByName by_name(const NamedTensors& tensors, const std::string& file) {
  ByName all;
  for (const auto& [name, tensor] : tensors)
    if (!all.emplace(name, tensor).second)
      throw ModelError(text_of(file, ": the tensor '", name, "' stands twice"));
  return all;
}

std::string shape_text(at::IntArrayRef shape) {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); ++i) text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return text + ")";
}

bool matches(const std::string& name, const std::string& pattern) {
  if (pattern.ends_with('*')) return name.starts_with(pattern.substr(0, pattern.size() - 1));
  if (pattern.starts_with('*')) return name.ends_with(pattern.substr(1));
  return name == pattern;
}

bool is_float(const at::Tensor& tensor) {
  const auto type = tensor.scalar_type();
  return type == at::kFloat || type == at::kHalf || type == at::kBFloat16 || type == at::kDouble;
}

at::Tensor stack_of(const TensorPair& pair, const ByName& theirs) {
  std::vector<at::Tensor> parts;
  for (const auto& [name, shape] : pair.theirs)
    parts.push_back(is_absent(name) ? at::zeros(shape) : theirs.at(name).to(at::kFloat));
  return parts.size() == 1 ? parts.front() : at::cat(parts, 0);
}

at::Tensor ours_of(const TensorPair& pair, const ByName& theirs) {
  auto tensor = stack_of(pair, theirs);
  if (pair.rows) tensor = tensor.narrow(0, pair.rows->first, pair.rows->end - pair.rows->first);
  if (pair.transpose) tensor = tensor.t().contiguous();
  if (!pair.shape.empty()) tensor = tensor.reshape(pair.shape);
  return pair.add == 0 ? tensor : tensor + pair.add;
}

int64_t rows_of(const TensorPair& pair) {
  return std::accumulate(pair.theirs.begin(), pair.theirs.end(), int64_t{0},
                         [](int64_t sum, const auto& part) { return sum + part.shape[0]; });
}

/// The dimensions of theirs one below the other.
std::vector<int64_t> stacked_shape(const TensorPair& pair) {
  auto shape = pair.theirs.front().shape;
  if (pair.theirs.size() > 1) shape[0] = rows_of(pair);
  return shape;
}

std::vector<int64_t> our_shape(const TensorPair& pair) {
  if (!pair.shape.empty()) return pair.shape;
  auto shape = stacked_shape(pair);
  if (pair.rows) shape[0] = pair.rows->end - pair.rows->first;
  if (pair.transpose) std::swap(shape[0], shape[1]);
  return shape;
}

/// Ours without what was calculated.
at::Tensor undone(const TensorPair& pair, const ByName& ours) {
  const auto found = ours.find(pair.ours);
  const auto shape = our_shape(pair);
  if (found == ours.end() || found->second.sizes() != at::IntArrayRef(shape))
    throw ModelError(
        text_of("tensor '", pair.ours, "': expected ", shape_text(shape), ", found ",
                found == ours.end() ? "no such tensor" : shape_text(found->second.sizes())));
  auto tensor = found->second.to(at::kFloat);
  if (pair.add != 0) tensor = tensor - pair.add;
  return pair.transpose ? tensor.t() : tensor;
}

/// Theirs of one of ours.
NamedTensors parts_of(const TensorPair& pair, const ByName& ours) {
  const auto tensor = undone(pair, ours).reshape(stacked_shape(pair)).contiguous();
  if (pair.theirs.size() == 1) return {{pair.theirs.front().name, tensor}};
  NamedTensors parts;
  int64_t row = 0;
  for (const auto& [name, part] : pair.theirs) {
    const auto own = tensor.narrow(0, row, part[0]).contiguous();
    row += part[0];
    if (!is_absent(name)) parts.emplace_back(name, own);
    if (name == kZeros && own.count_nonzero().item<int64_t>() > 0)
      throw ModelError(text_of("tensor '", pair.ours,
                               "': expected zeros where the folder to be written has no bias"));
  }
  return parts;
}

}  // namespace

bool has_tensor(const NamedTensors& tensors, const std::string& name) {
  return std::any_of(tensors.begin(), tensors.end(),
                     [&](const auto& tensor) { return tensor.first == name; });
}

std::string prefix_of(const NamedTensors& tensors, const std::string& prefix) {
  const bool has = std::any_of(tensors.begin(), tensors.end(), [&](const auto& tensor) {
    return tensor.first.starts_with(prefix);
  });
  return has ? prefix : "";
}

void TensorTable::add(const std::string& ours, const std::string& theirs,
                      std::vector<int64_t> shape) {
  add({.ours = ours, .theirs = {{theirs, std::move(shape)}}});
}

void TensorTable::linear(const std::string& ours, const std::string& theirs, int64_t out,
                         int64_t in, bool bias) {
  stacked(ours, {{theirs, out, bias}}, in);
}

void TensorTable::norm(const std::string& ours, const std::string& theirs, int64_t width,
                       bool bias) {
  add(ours + ".weight", theirs + ".weight", {width});
  if (bias) add(ours + ".bias", theirs + ".bias", {width});
}

void TensorTable::stacked(const std::string& ours, const std::vector<Rows>& theirs, int64_t in) {
  TensorPair weight{.ours = ours + ".weight", .theirs = {}},
      bias{.ours = ours + ".bias", .theirs = {}};
  for (const auto& layer : theirs) {
    weight.theirs.push_back({layer.name + ".weight", {layer.rows, in}});
    const auto without = layer.idle_bias ? kIdle : kZeros;
    bias.theirs.push_back({layer.bias ? layer.name + ".bias" : without, {layer.rows}});
  }
  add(std::move(weight));
  const bool any =
      std::any_of(theirs.begin(), theirs.end(), [](const auto& layer) { return layer.bias; });
  if (any) add(std::move(bias));
}

void TensorTable::part(const std::string& ours, const std::string& theirs, RowRange rows,
                       int64_t all, int64_t in, bool bias) {
  add({.ours = ours + ".weight", .theirs = {{theirs + ".weight", {all, in}}}, .rows = rows});
  if (bias) add({.ours = ours + ".bias", .theirs = {{theirs + ".bias", {all}}}, .rows = rows});
}

void TensorTable::check_shapes(const NamedTensors& theirs, const std::string& file) const {
  const auto known = by_name(theirs, file);
  std::vector<std::string> names;
  for (const auto& [name, tensor] : theirs) names.push_back(name);
  for (const auto& pair : pairs_) {
    for (const auto& [name, shape] : pair.theirs) {
      if (is_absent(name)) continue;
      const auto found = known.find(name);
      if (found == known.end())
        throw ModelError(text_of(file, ": tensor '", name, "': expected ", shape_text(shape),
                                 " as config.json says, found no such tensor",
                                 nearest_name(name, names).empty()
                                     ? ""
                                     : "; the nearest is '" + nearest_name(name, names) + "'"));
      if (found->second.sizes() != at::IntArrayRef(shape))
        throw ModelError(text_of(file, ": tensor '", name, "': expected ", shape_text(shape),
                                 " as config.json says, found ",
                                 shape_text(found->second.sizes())));
      if (!is_float(found->second))
        throw ModelError(text_of(file, ": tensor '", name,
                                 "': expected float32, float16 or bfloat16, found ",
                                 at::toString(found->second.scalar_type())));
    }
  }
}

void TensorTable::check_all_known(const NamedTensors& theirs, const std::string& file) const {
  std::set<std::string> known;
  for (const auto& pair : pairs_)
    for (const auto& tensor : pair.theirs) known.insert(tensor.name);
  for (const auto& [name, as] : same_) known.insert(name);
  for (const auto& kept : kept_) known.insert(kept.prefix + kept.tensor.name);
  for (const auto& [given, tensor] : theirs) {
    const auto& name = given;
    if (known.contains(name)) continue;
    const bool unused = std::any_of(unused_.begin(), unused_.end(),
                                    [&](const auto& pattern) { return matches(name, pattern); });
    if (!unused)
      throw ModelError(
          text_of(file, ": tensor '", name, "' ", shape_text(tensor.sizes()),
                  ": no part of the model that config.json describes has such weights; "
                  "the two do not belong together, or the architecture is another"));
  }
}

void TensorTable::check_same(const NamedTensors& theirs, const std::string& file) const {
  const auto known = by_name(theirs, file);
  for (const auto& [name, as] : same_) {
    const auto one = known.find(name), other = known.find(as);
    if (one == known.end() || other == known.end()) continue;
    if (!at::equal(one->second, other->second))
      throw ModelError(text_of(file, ": tensor '", name, "': expected the same numbers as '", as,
                               "', which it stands for, found others"));
  }
}

NamedTensors TensorTable::ours(const NamedTensors& theirs, const std::string& file) const {
  check_shapes(theirs, file);
  check_all_known(theirs, file);
  check_same(theirs, file);
  const auto known = by_name(theirs, file);
  NamedTensors all;
  for (const auto& pair : pairs_) all.emplace_back(pair.ours, ours_of(pair, known));
  return all;
}

NamedTensors TensorTable::kept_of(const NamedTensors& theirs) const {
  NamedTensors all;
  for (const auto& [name, tensor] : theirs)
    for (const auto& [prefix, kept] : kept_)
      if (name == prefix + kept.name) all.emplace_back(kept.name, tensor.to(at::kFloat));
  return all;
}

const TensorPair* TensorTable::pair_of(const std::string& ours) const {
  for (const auto& pair : pairs_)
    if (pair.ours == ours) return &pair;
  return nullptr;
}

NamedTensors TensorTable::theirs(const NamedTensors& ours, const NamedTensors& kept) const {
  const auto known = by_name(ours, "the model");
  ByName made;
  NamedTensors all;
  for (const auto& pair : pairs_) {
    if (pair.rows) {
      const auto& [name, shape] = pair.theirs.front();
      const auto [place, is_new] = made.emplace(name, at::Tensor());
      if (is_new) all.emplace_back(name, place->second = at::zeros(shape));
      place->second.narrow(0, pair.rows->first, pair.rows->end - pair.rows->first)
          .copy_(undone(pair, known));
      continue;
    }
    for (const auto& [name, tensor] : parts_of(pair, known)) {
      const auto [place, is_new] = made.emplace(name, tensor);
      if (is_new) all.emplace_back(name, tensor);
      if (!is_new && !at::equal(place->second, tensor))
        throw ModelError(text_of("tensor '", pair.ours, "': it and others that are one, '", name,
                                 "', in the folder to be written hold different numbers"));
    }
  }
  for (const auto& [name, tensor] : ours) {
    const auto& own = name;
    if (std::none_of(pairs_.begin(), pairs_.end(), [&](const auto& p) { return p.ours == own; }))
      throw ModelError(text_of("tensor '", name, "' ", shape_text(tensor.sizes()),
                               ": the folder to be written has no such weights"));
  }
  const auto known_kept = by_name(kept, "the model");
  for (const auto& [prefix, tensor] : kept_) {
    const auto& [name, shape] = tensor;
    const auto found = known_kept.find(name);
    if (found == known_kept.end() || found->second.sizes() != at::IntArrayRef(shape))
      throw ModelError(text_of("tensor '", name, "' ", shape_text(shape),
                               ": the class of transformers has it, and the folder that the model "
                               "began with had none to keep"));
    all.emplace_back(prefix + name, found->second);
  }
  return all;
}

}  // namespace heed::pretrained
