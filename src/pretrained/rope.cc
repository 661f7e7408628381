#include "pretrained/rope.h"

#include <cmath>

#include "heed/ops/specs.h"

namespace heed::pretrained {
namespace {

constexpr Bounds kThetas = above(0, 1e12);
constexpr Bounds kFactors = between(1, 1e6);
constexpr Bounds kTurns = above(0, 1e6);

using Arguments = std::vector<OpSpec::Argument>;

/// How much yarn's factor s stretches scores (transformers' get_mscale).
double magnitude(double factor, double m) {
  return factor <= 1 ? 1 : 0.1 * m * std::log(factor) + 1;
}

void add_llama3(Config& rope, int64_t max_positions, Arguments& to) {
  to.push_back({"scaling", 4});
  to.push_back({"factor", rope.number("factor", kFactors)});
  to.push_back({"original", double(rope.integer("original_max_position_embeddings",
                                                between(1, kMostLength), max_positions))});
  to.push_back({"beta_fast", rope.number("high_freq_factor", kTurns)});
  to.push_back({"beta_slow", rope.number("low_freq_factor", kTurns)});
}

void add_yarn(Config& rope, int64_t max_positions, Arguments& to) {
  const double factor = rope.number("factor", kFactors);
  const double m = rope.number("mscale", between(0, 1e3), 0);
  const double all = rope.number("mscale_all_dim", between(0, 1e3), 0);
  const double inferred =
      m > 0 && all > 0 ? magnitude(factor, m) / magnitude(factor, all) : magnitude(factor, 1);
  to.push_back({"scaling", 5});
  to.push_back({"factor", factor});
  to.push_back({"original", double(rope.integer("original_max_position_embeddings",
                                                between(1, kMostLength), max_positions))});
  to.push_back({"beta_fast", rope.number("beta_fast", kTurns, 32)});
  to.push_back({"beta_slow", rope.number("beta_slow", kTurns, 1)});
  to.push_back({"attention", rope.number("attention_factor", above(0, 1e3), inferred)});
  to.push_back({"truncate", rope.flag("truncate", true) ? 1.0 : 0.0});
}

/// Of an object {rope_type, ...}; `theta` where the object does not say it.
OpSpec rope_of(Config& rope, std::optional<double> theta, const std::string& theta_key,
               int64_t max_positions) {
  const bool own = rope.has("rope_theta");
  if (own) theta = rope.number("rope_theta", kThetas);
  if (!theta)
    rope.refuse("rope_theta", "is missing, and so is ", theta_key,
                "; models differ in it, so there is no default: write the one that the model was "
                "trained with into config.json");
  const auto old_type = rope.text("type", "default");
  const auto type = rope.text("rope_type", old_type);
  rope.only("partial_rotary_factor", "1.0", "a part of the channels to be turned");
  Arguments arguments{{"base", *theta}};
  if (type == "linear") {
    arguments.push_back({"scaling", 1});
    arguments.push_back({"factor", rope.number("factor", kFactors)});
  } else if (type == "llama3") {
    add_llama3(rope, max_positions, arguments);
  } else if (type == "yarn") {
    add_yarn(rope, max_positions, arguments);
  } else if (type == "default") {
    rope.no_effect({"factor", "original_max_position_embeddings"});
  } else {
    rope.refuse("rope_type", "unknown '", type, "'",
                suggestion(type, {"default", "linear", "llama3", "yarn"}));
  }
  rope.end();
  return {"rope", std::move(arguments)};
}

}  // namespace

std::vector<OpSpec> read_ropes(Config& config, const std::vector<RopeOf>& kinds,
                               int64_t max_positions) {
  auto all = config.object("rope_parameters");
  const bool nested = all && !kinds.front().layers.empty() && all->has(kinds.front().layers);
  std::vector<OpSpec> ropes;
  for (const auto& kind : kinds) {
    std::optional<double> theta;
    if (config.has(kind.old_theta)) theta = config.number(kind.old_theta, kThetas);
    auto own = nested           ? all->object(kind.layers)
               : all            ? config.object("rope_parameters")
               : kind.stretched ? config.object("rope_scaling")
                                : std::nullopt;
    if (!own) own.emplace("{}", config.file());
    ropes.push_back(rope_of(*own, theta, kind.old_theta, max_positions));
  }
  if (nested) all->end();
  config.no_effect({"rope_scaling"});
  return ropes;
}

}  // namespace heed::pretrained
