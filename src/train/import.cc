#include "heed/train/import.h"

#include <algorithm>
#include <set>

#include "core/text.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/core/nearest.h"
#include "heed/train/model_folder.h"
#include "heed/train/recipe.h"

namespace heed {
namespace {

constexpr std::string_view kLayer = "{i}";

bool has_layer(const std::string& name) { return name.find(kLayer) != std::string::npos; }

std::string of_layer(std::string name, int64_t i) {
  for (size_t at = name.find(kLayer); at != std::string::npos; at = name.find(kLayer))
    name.replace(at, kLayer.size(), std::to_string(i));
  return name;
}

/// Whether `name` is the pattern with some number in place of {i}.
bool matches(const std::string& name, const std::string& pattern) {
  const size_t at = pattern.find(kLayer);
  if (at == std::string::npos) return name == pattern;
  size_t end = at;
  while (end < name.size() && name[end] >= '0' && name[end] <= '9') ++end;
  return end > at && end - at < 10 &&
         of_layer(pattern, std::stoll(name.substr(at, end - at))) == name;
}

class Importer {
 public:
  Importer(const NamedTensors& theirs, const ImportMap& map) : theirs_(theirs), map_(map) {}

  NamedTensors run() {
    NamedTensors ours;
    for (const auto& rule : map_.tensors) {
      const bool layered = has_layer(rule.from.front());
      if (layered != has_layer(rule.to)) refuse(rule, "expected {i} in both names or in neither");
      for (int64_t i = 0; i == 0 || (layered && find(of_layer(rule.from.front(), i))); ++i)
        ours.emplace_back(of_layer(rule.to, i), made(rule, i));
    }
    check_all_used();
    return ours;
  }

 private:
  template <class... Pieces>
  [[noreturn]] static void refuse(const TensorRule& rule, const Pieces&... pieces) {
    throw ModelError(text_of("import: tensor '", rule.to, "': ", pieces...));
  }

  const at::Tensor* find(const std::string& name) const {
    for (const auto& [theirs, tensor] : theirs_)
      if (theirs == name) return &tensor;
    return nullptr;
  }

  at::Tensor taken(const TensorRule& rule, const std::string& name) {
    std::vector<std::string> known;
    for (const auto& item : theirs_) known.push_back(item.first);
    const auto* tensor = find(name);
    if (!tensor) refuse(rule, "there is no tensor '", name, "'", suggestion(name, known));
    if (!tensor->is_floating_point())
      refuse(rule, "'", name, "': expected a floating dtype, given ", tensor->dtype());
    used_.insert(name);
    return tensor->to(at::kFloat);
  }

  at::Tensor made(const TensorRule& rule, int64_t i) {
    std::vector<at::Tensor> parts;
    for (const auto& name : rule.from) {
      parts.push_back(taken(rule, of_layer(name, i)));
      const auto& first = parts.front();
      if (rule.from.size() > 1 && (first.dim() == 0 || parts.back().dim() != first.dim() ||
                                   parts.back().sizes().slice(1) != first.sizes().slice(1)))
        refuse(rule, "expected parts that differ in their first dimension only, given ",
               first.sizes(), " and ", parts.back().sizes());
    }
    auto t = parts.size() == 1 ? parts[0] : torch::cat(parts, 0);
    if (rule.rows) {
      const int64_t first = rule.rows->at(0), end = rule.rows->at(1);
      if (t.dim() == 0 || first < 0 || first > end || end > t.size(0))
        refuse(rule, "rows: expected first and end within ", t.sizes(), ", given ", first, " and ",
               end);
      t = t.narrow(0, first, end - first);
    }
    if (rule.transpose) {
      if (t.dim() != 2) refuse(rule, "transpose: expected a matrix, given ", t.sizes());
      t = t.t();
    }
    return rule.scale == 1 ? t.contiguous() : t * rule.scale;
  }

  void check_all_used() const {
    for (const auto& [name, tensor] : theirs_) {
      const bool ignored =
          std::any_of(map_.ignore.begin(), map_.ignore.end(),
                      [&, &theirs = name](const auto& p) { return matches(theirs, p); });
      if (!ignored && !used_.contains(name))
        throw ModelError(text_of("import: no rule uses the tensor '", name, "' ", tensor.sizes(),
                                 "; map it, or name it under ignore"));
    }
  }

  const NamedTensors& theirs_;
  const ImportMap& map_;
  std::set<std::string> used_;
};

}  // namespace

NamedTensors import_tensors(const NamedTensors& theirs, const ImportMap& map) {
  return Importer(theirs, map).run();
}

void import_model(const std::filesystem::path& mapping, const std::filesystem::path& tensors,
                  const std::filesystem::path& folder) {
  const auto map = ImportMap::parse(read_text(mapping), mapping.string());
  const auto recipe = mapping.parent_path() / map.recipe;
  ModelFiles files;
  files.recipe = read_text(recipe);
  RecipeFile::parse(files.recipe, recipe.string());
  files.tensors = import_tensors(read_safetensors(tensors).tensors, map);
  for (const auto& rule : map.files) {
    auto& text = files.others[rule.to] = read_text(tensors.parent_path() / rule.from);
    if (!rule.append.empty() && !text.empty() && text.back() != '\n') text += '\n';
    for (const auto& line : rule.append) text += line + '\n';
  }
  save_model(folder, files);
}

}  // namespace heed
