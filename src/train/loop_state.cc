#include "train/loop_state.h"

#include <nlohmann/json.hpp>

#include "formats/json_object.h"
#include "heed/core/error.h"
#include "train/json_number.h"

namespace heed {

namespace {
using Json = nlohmann::ordered_json;
}

std::string LoopState::to_json() const {
  Json best_metrics = Json::object();
  for (const auto& [name, value] : best) best_metrics[name] = value;
  const Json json = {
      {"step", step},
      {"epoch", epoch},
      {"finished", finished},
      {"cursor", {{"epoch", cursor.epoch}, {"position", cursor.position}}},
      {"epoch_loss", {{"sum", epoch_loss.sum}, {"count", epoch_loss.count}}},
      {"log_loss", {{"sum", log_loss.sum}, {"count", log_loss.count}}},
      {"plateau", plateau},
      {"plateau_waited", plateau_patience.waited},
      {"stop_waited", stop_patience.waited},
      {"best_epoch", best_epoch},
      {"best_loss", best_loss},
      {"best", best_metrics},
  };
  return with_words(json).dump(2) + "\n";
}

LoopState LoopState::from_json(const std::string& text, const std::string& file) {
  LoopState state;
  const JsonObject json(text, file);
  const Bounds count = between(0, kMostSeed);
  const auto mean = [&](const char* name) {
    const auto of = json.object(name);
    return Mean{of.any_number("sum"), of.integer("count", count)};
  };
  state.step = json.integer("step", count);
  state.epoch = json.integer("epoch", count);
  state.finished = json.flag("finished");
  const auto cursor = json.object("cursor");
  state.cursor = {cursor.integer("epoch", count), cursor.integer("position", count)};
  state.epoch_loss = mean("epoch_loss"), state.log_loss = mean("log_loss");
  state.plateau = json.number("plateau");
  state.plateau_patience.waited = json.integer("plateau_waited", count);
  state.stop_patience.waited = json.integer("stop_waited", count);
  state.best_epoch = json.integer("best_epoch", count);
  state.best_loss = json.any_number("best_loss");
  state.best = json.any_numbers("best");
  return state;
}

}  // namespace heed
