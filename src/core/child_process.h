// Foreign code that may end the process it runs in.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace heed {

/// What became of the work in a child process.
struct ChildResult {
  bool returned = false;   ///< the work came to its end
  std::string bytes = {};  ///< what it returned
  std::string end = {};    ///< otherwise how it ended: "signal 11 (Segmentation fault)"
  std::string said = {};   ///< the last line that it wrote to standard error
};

/// Runs `work` on all that `next` gives, in a copy of this process: what it does to its memory, a
/// signal and exit() end the copy alone. `next` puts a text into its argument, or returns false at
/// the end; it runs here, and what it throws leaves here once the child is gone. In the child no
/// other thread lives, so `work` asks for nothing that this process computes in threads. What the
/// child writes to standard error is kept, the last line of it. Throws FileError where the system
/// refuses a process, std::bad_alloc where it was killed for want of memory.
ChildResult in_child_process(const std::function<bool(std::string&)>& next,
                             const std::function<std::string(std::vector<std::string>)>& work);

}  // namespace heed
