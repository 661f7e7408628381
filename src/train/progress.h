// What a person sees while a model trains: a bar on a terminal, a line now and then elsewhere.
#pragma once

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace heed {

struct ProgressOptions {
  bool terminal = false;  ///< a bar that is drawn over; otherwise a line every few seconds
  bool colour = false;
  std::function<int()> width = [] {
    return 80;
  };                            ///< columns of the terminal, asked at each drawing
  std::function<double()> now;  ///< seconds; default: the steady clock
  double seconds_between_lines = 5;
};

/// The options for a descriptor: a terminal or not, its width; no colour where NO_COLOR is set or
/// TERM is dumb.
ProgressOptions progress_options(int descriptor);

/// Where training stands after a step.
struct ProgressState {
  int64_t step = 0, steps = 0;    ///< done, of all
  int64_t epoch = 0, epochs = 0;  ///< counted from 1; 0 where there are none
  double examples = 0;            ///< after the first update of this process: gives the speed
  std::vector<std::pair<std::string, double>> metrics;  ///< "loss", 0.412
};

class Progress {
 public:
  Progress(std::ostream& out, ProgressOptions options);

  void update(const ProgressState& state);  ///< draws, at most ten times a second
  void say(const std::string& line);        ///< a line that stays, above the bar
  void finish();                            ///< draws the last state and leaves the bar

 private:
  void draw();
  std::string text() const;

  std::ostream& out_;
  ProgressOptions options_;
  ProgressState state_;
  int64_t first_step_ = -1;
  double start_ = 0, drawn_ = 0;
  bool bar_is_there_ = false, pending_ = false;
};

}  // namespace heed
