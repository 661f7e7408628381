// Ctrl-C, SIGTERM and the end of the terminal (SIGHUP) as a wish to stop, which the training loop asks for between steps.
#pragma once

namespace heed {

/// While it lives, the first SIGINT, SIGTERM or SIGHUP is only noted; a second one ends the process at once
/// with exit code 128 + n. Of a process that `heed launch` started only the launcher ends at once: it passes signals on that a
/// batch system sends to each process, too, and this one must have the time to save. A signal that the process was started to ignore (nohup) stays ignored.
/// One at a time; not thread-safe to make.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();  ///< what was there before handles the signals again
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// The first signal that came since the object was made, or 0. The program then saves, and exits
  /// with 128 + this.
  static int caught() noexcept;
};

}  // namespace heed
