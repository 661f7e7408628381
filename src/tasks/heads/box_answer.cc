#include "tasks/heads/box_answer.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "core/text.h"

namespace heed {

Prediction box_answer(std::vector<PredictedBox> boxes) {
  Prediction answer;
  auto list = nlohmann::ordered_json::array();
  for (const auto& each : boxes) {
    char numbers[200];
    std::snprintf(numbers, sizeof numbers, " %.4f at %.0f %.0f %.0f %.0f", each.score, each.x0,
                  each.y0, each.x1, each.y1);
    if (!answer.text.empty()) answer.text += "; ";
    if (each.number > 0) answer.text.append(text_of("#", each.number, " "));
    answer.text.append(each.name).append(numbers);
    auto& json =
        list.emplace_back(nlohmann::ordered_json{{"class", each.name}, {"score", each.score}});
    if (each.number > 0) json["id"] = each.number;
    json["box"] = {each.x0, each.y0, each.x1, each.y1};
  }
  answer.title = text_of(boxes.size(), boxes.size() == 1 ? " box" : " boxes");
  answer.json = nlohmann::ordered_json{{"boxes", list}}.dump(
      -1, ' ', false, nlohmann::json::error_handler_t::replace);
  answer.boxes = std::move(boxes);
  return answer;
}

}  // namespace heed
