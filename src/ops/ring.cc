#include "ops/ring.h"

#include <algorithm>
#include <limits>

#include "heed/core/error.h"
#include "kernels/masking.h"
#include "ops/call.h"
#include "ops/kernel_call.h"
#include "ops/make_mask.h"

namespace heed::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr const char* kSink = "sinks.score";

/// The call of a process: its own q, k and v, all else of the whole.
struct RingCall : torch::CustomClassHolder {
  Call call;
  Ring* ring = nullptr;
  at::Tensor row_stats;  ///< (2, B, H, L_i) of the process' queries, which forward writes

  RingPart queries() const { return {ring->rank(), ring->count(), call.context.sizes.Lq}; }
  RingPart keys_of(int64_t rank) const { return {rank, ring->count(), call.context.sizes.Lk}; }
  int64_t owner(int64_t step) const {  // of the keys that are here after so many passes
    return (ring->rank() - step + ring->count()) % ring->count();
  }
  bool adds_up() const { return call.how.normalizer.name == "sigmoid"; }
  bool has_sinks() const { return call.context.parameters.count(kSink) > 0; }
};

/// Keys and values (or their gradients) of a process as one line of numbers, and views of it.
struct Packed {
  at::Tensor flat, k, v;

  Packed(const Call& call, int64_t length) {
    const auto& s = call.context.sizes;
    flat = at::empty({s.B * s.G * length * (s.D + s.E)}, call.k.options());
    const int64_t keys = s.B * s.G * length * s.D;
    k = flat.narrow(0, 0, keys).view({s.B, s.G, length, s.D});
    v = flat.narrow(0, keys, flat.numel() - keys).view({s.B, s.G, length, s.E});
  }
};

/// The masks of the whole call, to ask what they hide.
template <class T>
class Seen {
 public:
  explicit Seen(const Call& call) : sizes_(call.context.sizes) {
    for (const auto& op : call.how.masks) all_.add(make_mask<T>(op, call.context));
  }
  bool any(const Piece& queries, const Piece& keys) const {
    if (queries.size == 0 || keys.size == 0) return false;
    for (int64_t b = 0; b < sizes_.B; ++b)
      for (int64_t h = 0; h < sizes_.H; ++h)
        if (kernels::coverage_of<T>(all_.problem, {b, h, queries.first, queries.size},
                                    {keys.first, keys.end()}) != kernels::Coverage::none)
          return true;
    return false;
  }

 private:
  kernels::Sizes sizes_;
  Pipeline<T> all_;
};

/// A piece of the queries and one of the keys: where they stand in the whole, and in the tensors here.
struct Pair {
  Piece queries, keys;
  int64_t query_row = 0, key_row = 0;
};

/// Those of the queries here with the keys of each process of which anything is seen.
class Pairs {
 public:
  explicit Pairs(const RingCall& ring) {
    if (ring.call.compute == at::kDouble)
      find(ring, Seen<double>(ring.call));
    else
      find(ring, Seen<float>(ring.call));
  }
  const std::vector<Pair>& with(int64_t owner) const { return of_[static_cast<size_t>(owner)]; }

 private:
  template <class T>
  void find(const RingCall& ring, const Seen<T>& seen) {
    const auto own = ring.queries();
    for (int64_t owner = 0; owner < ring.ring->count(); ++owner) {
      const auto other = ring.keys_of(owner);
      auto& found = of_.emplace_back();
      for (size_t i = 0; i < own.pieces.size(); ++i)
        for (size_t j = 0; j < other.pieces.size(); ++j)
          if (seen.any(own.pieces[i], other.pieces[j]))
            found.push_back({own.pieces[i], other.pieces[j], i ? own.pieces[0].size : 0,
                             j ? other.pieces[0].size : 0});
    }
  }

  std::vector<std::vector<Pair>> of_;
};

/// The part of a bias that broadcasts to (B, H, Lq, Lk).
at::Tensor bias_of(at::Tensor bias, const Pair& pair) {
  const auto cut = [&](int64_t from_behind, const Piece& piece) {
    if (bias.dim() >= from_behind && bias.size(-from_behind) != 1)
      bias = bias.narrow(-from_behind, piece.first, piece.size);
  };
  cut(2, pair.queries), cut(1, pair.keys);
  return bias;
}

/// The call of a pair alone, by its place in the whole.
Call call_of(const RingCall& ring, const Pair& pair, const Packed& keys) {
  Call call = ring.call;
  call.q = call.q.narrow(2, pair.query_row, pair.queries.size);
  call.k = keys.k.narrow(2, pair.key_row, pair.keys.size);
  call.v = keys.v.narrow(2, pair.key_row, pair.keys.size);
  auto& context = call.context;
  context.row = pair.queries.first, context.column = pair.keys.first;
  if (context.bias.defined()) context.bias = bias_of(context.bias, pair);
  return call;
}

/// e^(x - most), 1 where both are the same infinity.
at::Tensor weight_beside(const at::Tensor& most, const at::Tensor& x) {
  return (x - most).exp().masked_fill(x == most, 1);
}

/// out (B, H, Lq, E) and row_stats (2, B, H, Lq) of the keys so far, and of more keys.
void merge(const at::Tensor& out, const at::Tensor& stats, const Attended& more) {
  const auto most = at::maximum(stats[0], more.row_stats[0]);
  const auto was = weight_beside(most, stats[0]) * stats[1];
  const auto is = weight_beside(most, more.row_stats[0]) * more.row_stats[1];
  const auto sum = was + is;
  const auto share = [&](const at::Tensor& x) {
    return (x / sum).masked_fill(sum == 0, 0).unsqueeze(3);
  };
  out.mul_(share(was)).add_(more.out * share(is));
  stats[0].copy_(most), stats[1].copy_(sum);
}

/// Nothing seen yet but the sinks.
Attended at_first(const RingCall& ring) {
  const auto& call = ring.call;
  const auto& s = call.context.sizes;
  const int64_t Lq = call.q.size(2);
  Attended result;
  result.out = at::zeros({s.B, s.H, Lq, s.E}, call.q.options());
  result.row_stats = at::zeros({2, s.B, s.H, Lq}, call.q.options());
  if (ring.adds_up()) return result;
  auto most = result.row_stats[0], sum = result.row_stats[1];
  most.fill_(kHidden);
  if (!ring.has_sinks()) return result;
  const auto sinks = call.context.parameter(kSink).detach().view({1, -1, 1});
  most.copy_(sinks.expand_as(most)), sum.copy_((sinks != kHidden).expand_as(sum));
  return result;
}

Attended forward_here(const RingCall& ring) {
  const auto& call = ring.call;
  const Pairs pairs(ring);
  auto result = at_first(ring);
  Packed here(call, call.k.size(2));
  here.k.copy_(call.k), here.v.copy_(call.v);
  for (int64_t step = 0; step < ring.ring->count(); ++step) {
    std::function<void()> wait;
    Packed next = here;
    if (step + 1 < ring.ring->count()) {
      next = Packed(call, ring.keys_of(ring.owner(step + 1)).size());
      wait = ring.ring->start_pass(here.flat, next.flat);
    }
    for (const auto& pair : pairs.with(ring.owner(step))) {
      const auto found = by_kernels(call_of(ring, pair, here), false);
      const auto out = result.out.narrow(2, pair.query_row, pair.queries.size);
      if (ring.adds_up())
        out.add_(found.out);
      else
        merge(out, result.row_stats.narrow(3, pair.query_row, pair.queries.size), found);
    }
    if (wait) wait();
    here = next;
  }
  return result;
}

/// Those of the scores of the sinks (H), which no pair has: - w delta, w the weight of the sink of a row.
at::Tensor sink_gradient(const RingCall& ring, const Attended& result, const at::Tensor& grad_out) {
  const auto& sinks = ring.call.context.parameter(kSink);
  const auto weight =
      weight_beside(result.row_stats[0], sinks.view({1, -1, 1})) / result.row_stats[1];
  const auto delta = (grad_out * result.out).sum(3);  // (B, H, L_i)
  return (weight.masked_fill(result.row_stats[1] == 0, 0) * delta)
      .sum(at::IntArrayRef({0, 2}))
      .neg();
}

/// What backward collects beside the gradients of keys and values, which travel.
struct RingGradients {
  const RingCall& ring;
  const Attended& result;
  at::Tensor grad_out;
  std::vector<bool> wanted;     ///< in the order of differentiable(), as are
  std::vector<at::Tensor> all;  ///< these, undefined where not wanted; k and v are not here

  RingGradients(const RingCall& of, const Attended& attended, at::Tensor grad,
                std::vector<bool> which)
      : ring(of), result(attended), grad_out(std::move(grad)), wanted(std::move(which)) {
    for (const auto& input : differentiable(ring.call))
      all.push_back(wanted[all.size()] ? at::zeros_like(input) : at::Tensor());
  }

  /// Those of the keys and values of `owner`, from all queries here.
  Packed of_keys(const std::vector<Pair>& pairs, const Packed& here) {
    Packed found(ring.call, here.k.size(2));
    found.flat.zero_();
    const bool has_bias = ring.call.context.bias.defined();
    for (const auto& pair : pairs) {
      const auto rows = [&](const at::Tensor& x, int64_t dim) {
        return x.narrow(dim, pair.query_row, pair.queries.size);
      };
      const auto grads =
          kernel_gradients(call_of(ring, pair, here), rows(result.out, 2),
                           rows(result.row_stats, 3).contiguous(), rows(grad_out, 2), wanted);
      const auto add = [](const at::Tensor& to, const at::Tensor& more) {
        if (more.defined()) to.add_(more);  // keys play no part in a score of places
      };
      add(rows(all[0], 2), grads[0]);
      add(found.k.narrow(2, pair.key_row, pair.keys.size), grads[1]);
      add(found.v.narrow(2, pair.key_row, pair.keys.size), grads[2]);
      for (size_t i = 3; i < all.size(); ++i)
        if (wanted[i]) add(has_bias && i == 3 ? bias_of(all[i], pair) : all[i], grads[i]);
    }
    return found;
  }
};

/// Gradients of keys and values follow them around the ring, each process adding its own, and come home with the last pass.
variable_list backward_here(const RingCall& ring, const Attended& result,
                            const at::Tensor& grad_out, const std::vector<bool>& wanted) {
  const auto& call = ring.call;
  const Pairs pairs(ring);
  RingGradients found(ring, result, grad_out, wanted);
  Packed here(call, call.k.size(2)), before = here;
  here.k.copy_(call.k), here.v.copy_(call.v);
  std::function<void()> wait_gradients;
  for (int64_t step = 0; step < ring.ring->count(); ++step) {
    std::function<void()> wait_keys;
    Packed next = here;
    if (step + 1 < ring.ring->count()) {
      next = Packed(call, ring.keys_of(ring.owner(step + 1)).size());
      wait_keys = ring.ring->start_pass(here.flat, next.flat);
    }
    const auto own = found.of_keys(pairs.with(ring.owner(step)), here);
    if (wait_gradients) wait_gradients(), own.flat.add_(before.flat);
    before = Packed(call, ring.keys_of(ring.owner(step + 1)).size());
    wait_gradients = ring.ring->start_pass(own.flat, before.flat);
    if (wait_keys) wait_keys();
    here = next;
  }
  wait_gradients();
  auto& all = found.all;
  all[1] = before.k, all[2] = before.v;
  if (!ring.has_sinks()) return all;
  const auto& parameters = call.context.parameters;
  const auto sinks =
      all.size() - static_cast<size_t>(std::distance(parameters.find(kSink), parameters.end()));
  if (wanted[sinks]) all[sinks] = sink_gradient(ring, result, grad_out);
  return all;
}

class RingFunction : public torch::autograd::Function<RingFunction> {
 public:
  /// `inputs` are those of the call, in the order of differentiable().
  static at::Tensor forward(AutogradContext* ctx, at::TensorList inputs,
                            const c10::intrusive_ptr<RingCall>& ring) {
    const auto result = forward_here(*ring);
    ring->row_stats = result.row_stats;
    auto kept = c10::make_intrusive<RingCall>(*ring);
    variable_list tensors{result.out, result.row_stats};
    tensors.insert(tensors.end(), inputs.begin(), inputs.end());
    for (auto* t : differentiable(kept->call)) *t = at::empty({0});  // put back in backward
    kept->row_stats = at::Tensor();
    ctx->save_for_backward(tensors);
    ctx->saved_data["ring"] = at::IValue::make_capsule(std::move(kept));
    return result.out;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grad_outs) {
    if (torch::GradMode::is_enabled())
      throw UsageError("ring attention has no second derivative; compute it by one process");
    const auto tensors = ctx->get_saved_variables();
    const auto holder = ctx->saved_data["ring"].toCapsule();
    RingCall ring = static_cast<const RingCall&>(*holder);
    size_t next = 2;
    std::vector<bool> wanted;
    for (auto* t : differentiable(ring.call)) {
      *t = tensors[next++];
      // Keys and values of one process are queried by others, which may want theirs.
      wanted.push_back(wanted.size() < 3 || ctx->needs_input_grad(wanted.size()));
    }
    auto grads = backward_here(ring, {tensors[0], tensors[1], {}, {}}, grad_outs[0], wanted);
    grads.emplace_back();  // of the call
    return grads;
  }
};

[[noreturn]] void refuse_ring(const std::string& word, const char* why) {
  throw ModelError("train.sequence_parallel: the attention's '" + word + "' " + why +
                   "; train it with sequence_parallel = 1");
}

/// Empty memory of the whole's shape, to check a call by: no more than a number is there.
at::Tensor whole_shape(const at::Tensor& part, int64_t length) {
  return at::empty({1}, part.options()).expand({part.size(0), part.size(1), length, part.size(3)});
}

}  // namespace

void check_ring(const Attention& how) {
  const auto& normalizer = how.normalizer.name;
  if (normalizer != "softmax" && normalizer != "sigmoid")
    refuse_ring(normalizer, "needs all scores of a row at once, and a ring sees them part by part");
  for (const auto& modifier : how.modifiers)
    if (modifier.name == "talking")
      refuse_ring(modifier.name, "mixes weights of all heads, which a ring knows at the end alone");
}

at::Tensor ring_attend(Ring& ring, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const Attention& how, const AttendInputs& inputs, RingLengths whole,
                       at::Tensor* row_stats) {
  check_ring(how);
  const auto compute = q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  auto given = inputs;
  for (auto& [name, tensor] : given.parameters) tensor = tensor.to(compute);
  for (auto* t : {&given.bias, &given.attn_mask})
    if (*t && (*t)->scalar_type() != at::kBool) *t = (*t)->to(compute);
  const auto own_q = q.to(compute), own_k = k.to(compute), own_v = v.to(compute);
  auto own = c10::make_intrusive<RingCall>();
  auto& call = own->call;
  call = checked_operator(whole_shape(own_q, whole.queries), whole_shape(own_k, whole.keys),
                          whole_shape(own_v, whole.keys), how, given);
  call.q = own_q, call.k = own_k, call.v = own_v;
  const auto& s = call.context.sizes;
  if (call.context.attn_mask.defined())
    call.context.attn_mask = call.context.attn_mask.expand({s.B, s.H, s.Lq, s.Lk});
  if (call.context.block_mask.defined())
    call.context.block_mask = call.context.block_mask.expand({s.B, s.H, -1, -1});
  std::erase_if(call.how.modifiers, [](const OpSpec& op) { return op.name == "sinks"; });
  own->ring = &ring;
  if (!kernels_can(call))
    refuse_ring(how.score.name, "has no kernel with these arguments, which a ring needs");
  const auto tensors = differentiable(std::as_const(call));
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const auto out = RingFunction::apply(at::TensorList(tensors), own).to(q.scalar_type());
  if (row_stats) *row_stats = own->row_stats;
  return out;
}

}  // namespace heed::ops
