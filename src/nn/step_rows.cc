#include "nn/step_rows.h"

namespace heed::nn {
namespace {

thread_local const std::vector<StepRow>* stepped_rows = nullptr;

}  // namespace

StepRows::StepRows(const std::vector<StepRow>& rows) : outer_(stepped_rows) {
  stepped_rows = &rows;
}
StepRows::~StepRows() { stepped_rows = outer_; }

const std::vector<StepRow>* StepRows::given() noexcept { return stepped_rows; }

}  // namespace heed::nn
