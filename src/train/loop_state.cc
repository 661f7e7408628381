#include "train/loop_state.h"

#include <nlohmann/json.hpp>

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
  try {
    const Json json = Json::parse(text);
    const auto mean = [&](const char* name) {
      return Mean{json.at(name).at("sum"), json.at(name).at("count")};
    };
    state.step = json.at("step");
    state.epoch = json.at("epoch");
    state.finished = json.at("finished");
    state.cursor = {json.at("cursor").at("epoch"), json.at("cursor").at("position")};
    state.epoch_loss = mean("epoch_loss"), state.log_loss = mean("log_loss");
    state.plateau = json.at("plateau");
    state.plateau_patience.waited = json.at("plateau_waited");
    state.stop_patience.waited = json.at("stop_waited");
    state.best_epoch = json.at("best_epoch"), state.best_loss = json.at("best_loss");
    for (const auto& [name, value] : json.at("best").items())
      state.best.emplace_back(name, number_of(value));
  } catch (const Json::exception& error) {
    throw ModelError(file + ": not the state of a training run: " + error.what() +
                     "; resume from another checkpoint");
  }
  return state;
}

}  // namespace heed
