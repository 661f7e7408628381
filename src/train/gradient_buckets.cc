#include "train/gradient_buckets.h"

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <stdexcept>

namespace heed {

/// Gradients of parameters of one dtype, one behind the other, then for each a 1 where this process has one.
struct GradientBuckets::Bucket {
  std::vector<size_t> parameters = {};
  std::vector<int64_t> offsets = {};
  int64_t elements = 0;
  at::Tensor buffer = {};
  size_t missing = 0;  ///< parameters whose gradient is still to come
  std::function<void()> wait = {};
  /// Of a table alone: a 1 for each row that is not 0 here, then one where this process has a gradient.
  at::Tensor rows = {};

  at::Tensor part(size_t place, const at::Tensor& parameter) const {
    return buffer.narrow(0, offsets[place], parameter.numel()).view_as(parameter);
  }
  at::Tensor flag(size_t place) const {
    return buffer.narrow(0, elements + static_cast<int64_t>(place), 1);
  }
};

namespace {

/// A 1 for each row of a float32 table that has a value other than 0.
void mark_rows(const at::Tensor& table, at::Tensor& rows) {
  const int64_t columns = table.size(1);
  const auto* values = table.data_ptr<float>();
  auto* marks = rows.data_ptr<int32_t>();
  for (int64_t row = 0; row < table.size(0); ++row) {
    const auto* first = values + row * columns;
    marks[row] = std::any_of(first, first + columns, [](float x) { return x != 0; });
  }
}

}  // namespace

struct GradientBuckets::State {
  explicit State(Processes& processes) : processes(processes) {}

  Processes& processes;
  std::vector<at::Tensor> parameters;
  std::vector<decltype(torch::autograd::impl::grad_accumulator(at::Tensor()))> accumulators;
  std::vector<size_t> bucket_of, place_in;
  std::vector<Bucket> buckets;
  std::vector<bool> is_ready;
  size_t started = 0;  ///< buckets
  bool is_armed = false;

  void add(size_t parameter);
  void ready(size_t parameter);
  void start_whole();
  void sum_table(Bucket& bucket);
};

/// Puts a parameter into the last bucket, or into a new one: what is as large as a bucket (a table of embeddings, whose gradient
/// comes last) has one of its own, and holds up no other.
void GradientBuckets::State::add(size_t parameter) {
  const auto& tensor = parameters[parameter];
  const auto bytes = static_cast<int64_t>(tensor.nbytes());
  const bool fits =
      !buckets.empty() && bytes < kBucketBytes &&
      buckets.back().elements * tensor.element_size() < kBucketBytes &&
      parameters[buckets.back().parameters.front()].options().type_equal(tensor.options());
  if (!fits) buckets.emplace_back();
  auto& bucket = buckets.back();
  bucket_of[parameter] = buckets.size() - 1;
  place_in[parameter] = bucket.parameters.size();
  bucket.parameters.push_back(parameter);
  bucket.offsets.push_back(bucket.elements);
  bucket.elements += tensor.numel();
}

void GradientBuckets::State::ready(size_t parameter) {
  if (!is_armed) return;
  if (is_ready[parameter]) throw std::logic_error("a parameter had two gradients in one backward");
  is_ready[parameter] = true;
  auto& bucket = buckets[bucket_of[parameter]];
  const auto& gradient = parameters[parameter].grad();
  auto part = bucket.part(place_in[parameter], parameters[parameter]);
  if (gradient.defined()) {
    part.copy_(gradient);
  } else {
    part.zero_();
  }
  bucket.flag(place_in[parameter]).fill_(gradient.defined());
  if (bucket.rows.defined()) {
    mark_rows(part, bucket.rows);
    bucket.rows.data_ptr<int32_t>()[part.size(0)] = gradient.defined();
  }
  --bucket.missing;
  start_whole();
}

void GradientBuckets::State::start_whole() {
  for (; started < buckets.size() && buckets[started].missing == 0; ++started)
    buckets[started].wait = processes.start_sum(
        buckets[started].rows.defined() ? buckets[started].rows : buckets[started].buffer);
}

/// Behind the sum of the marks: where at most half of the rows have a gradient anywhere, as of embeddings the words of a batch,
/// these alone are sent. The same sum; which of both is chosen depends on the batch alone, as bits of three processes do.
void GradientBuckets::State::sum_table(Bucket& bucket) {
  auto table = bucket.part(0, parameters[bucket.parameters.front()]);
  const auto used = bucket.rows.narrow(0, 0, table.size(0)).nonzero().squeeze(1);
  if (2 * used.size(0) > table.size(0)) return processes.start_sum(bucket.buffer)();
  const auto values = table.index_select(0, used);
  if (used.size(0) > 0) processes.start_sum(values)();
  table.index_copy_(0, used, values);
  bucket.flag(0).copy_(bucket.rows.narrow(0, table.size(0), 1));
}

GradientBuckets::GradientBuckets(torch::nn::Module& model, Processes& processes) {
  if (!processes.are_several()) return;
  state_ = std::make_shared<State>(processes);
  for (const auto& parameter : model.parameters())
    if (parameter.requires_grad()) state_->parameters.push_back(parameter);
  const size_t count = state_->parameters.size();
  state_->bucket_of.resize(count), state_->place_in.resize(count), state_->is_ready.resize(count);
  for (size_t i = count; i-- > 0;) state_->add(i);
  for (auto& bucket : state_->buckets)
    bucket.buffer =
        at::zeros({bucket.elements + std::ssize(bucket.parameters)},
                  state_->parameters[bucket.parameters.front()].options().requires_grad(false));
  for (auto& bucket : state_->buckets) {
    const auto& first = state_->parameters[bucket.parameters.front()];
    if (first.dim() == 2 && static_cast<int64_t>(first.nbytes()) >= kBucketBytes &&
        first.scalar_type() == at::kFloat)
      bucket.rows = at::zeros({first.size(0) + 1}, at::kInt);
  }
  using torch::autograd::variable_list;
  for (size_t i = 0; i < count; ++i) {
    auto accumulator = torch::autograd::impl::grad_accumulator(state_->parameters[i]);
    accumulator->add_post_hook(std::make_unique<torch::autograd::utils::LambdaPostHook>(
        [state = std::weak_ptr(state_), i](const variable_list& outputs, const variable_list&) {
          const at::NoGradGuard no_grad;
          if (const auto alive = state.lock()) alive->ready(i);
          return outputs;
        }));
    state_->accumulators.push_back(std::move(accumulator));
  }
}

GradientBuckets::~GradientBuckets() = default;

void GradientBuckets::arm() {
  if (!state_) return;
  for (auto& bucket : state_->buckets) bucket.missing = bucket.parameters.size();
  state_->is_ready.assign(state_->parameters.size(), false);
  state_->started = 0;
  state_->is_armed = true;
}

void GradientBuckets::finish() {
  if (!state_) return;
  const at::NoGradGuard no_grad;
  for (size_t i = state_->parameters.size(); i-- > 0;)
    if (!state_->is_ready[i]) state_->ready(i);
  state_->is_armed = false;
  for (auto& bucket : state_->buckets) {
    bucket.wait();
    if (bucket.rows.defined()) state_->sum_table(bucket);
    const auto used =
        bucket.buffer.narrow(0, bucket.elements, std::ssize(bucket.parameters)).to(at::kFloat);
    for (size_t place = 0; place < bucket.parameters.size(); ++place) {
      auto& parameter = state_->parameters[bucket.parameters[place]];
      const bool is_used = used.data_ptr<float>()[place] > 0;
      parameter.mutable_grad() = is_used ? bucket.part(place, parameter) : at::Tensor();
    }
  }
}

}  // namespace heed
