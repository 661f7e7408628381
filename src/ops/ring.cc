#include "ops/ring.h"

#include <algorithm>
#include <limits>

#include "heed/core/error.h"
#include "ops/call.h"
#include "ops/kernel_call.h"

namespace heed::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kPieces = 2;  // of a process

/// The call of a process, with its own q, k and v, and what it needs to know of the whole.
struct RingCall : torch::CustomClassHolder {
  Call call;
  at::Tensor lengths;  ///< (B) of all keys; undefined: all are real
  Ring* ring = nullptr;
  int64_t length = 0;

  RingPart part(int64_t rank) const { return {rank, ring->count(), length}; }
  int64_t owner(int64_t step) const {  // of the keys that are here after so many passes
    return (ring->rank() - step + ring->count()) % ring->count();
  }
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

bool hides(const OpSpec& mask, const Piece& queries, const Piece& keys) {
  if (!mask.alternatives.empty()) return false;
  const int64_t last_query = queries.end() - 1, last_key = keys.end() - 1;
  if (mask.name == "causal" || mask.name == "strided") return keys.first > last_query;
  if (mask.name != "window" && mask.name != "dilated") return false;
  const auto left = static_cast<int64_t>(mask.at("left")),
             right = static_cast<int64_t>(mask.at("right"));
  const int64_t step = mask.name == "dilated" ? static_cast<int64_t>(mask.at("step")) : 1;
  return (left >= 0 && last_key < queries.first - left * step) ||
         (right >= 0 && keys.first > last_query + right * step);
}

bool sees_nothing(const Call& call, const Piece& queries, const Piece& keys) {
  return queries.size == 0 || keys.size == 0 ||
         std::any_of(call.how.masks.begin(), call.how.masks.end(),
                     [&](const OpSpec& mask) { return hides(mask, queries, keys); });
}

/// A piece of the queries and one of the keys: where they stand in the tensors here, and in the whole.
struct Pair {
  Piece queries, keys;
  int64_t query_row = 0, key_row = 0, number = 0;
};

/// Those of the queries here with the keys of `owner` of which anything is seen.
std::vector<Pair> pairs_with(const RingCall& ring, int64_t owner) {
  const auto own = ring.part(ring.ring->rank()), other = ring.part(owner);
  std::vector<Pair> all;
  for (int64_t i = 0; i < kPieces; ++i)
    for (int64_t j = 0; j < kPieces; ++j) {
      const auto &queries = own.pieces[i], &keys = other.pieces[j];
      if (!sees_nothing(ring.call, queries, keys))
        all.push_back({queries, keys, i ? own.pieces[0].size : 0, j ? other.pieces[0].size : 0,
                       (owner * kPieces + j) * kPieces + i});
    }
  return all;
}

/// The call of a pair alone, by its place in the whole.
Call call_of(const RingCall& ring, const Pair& pair, const at::Tensor& k, const at::Tensor& v) {
  Call call = ring.call;
  call.q = call.q.narrow(2, pair.query_row, pair.queries.size);
  call.k = k.narrow(2, pair.key_row, pair.keys.size);
  call.v = v.narrow(2, pair.key_row, pair.keys.size);
  auto& context = call.context;
  context.sizes.Lq = pair.queries.size, context.sizes.Lk = pair.keys.size;
  context.offset = pair.queries.first - pair.keys.first;
  context.seed += static_cast<uint64_t>(pair.number);
  if (ring.lengths.defined())
    context.key_lengths = (ring.lengths - pair.keys.first).clamp(0, pair.keys.size).contiguous();
  return call;
}

/// out (B, H, Lq, E) and row_stats (2, B, H, Lq) of the keys so far, and of more keys.
void merge(const at::Tensor& out, const at::Tensor& stats, const Attended& more) {
  const auto most = at::maximum(stats[0], more.row_stats[0]);
  const auto base = most.masked_fill(most.isneginf(), 0);  // of rows that see nothing yet
  const auto was = (stats[0] - base).exp() * stats[1];
  const auto is = (more.row_stats[0] - base).exp() * more.row_stats[1];
  const auto sum = was + is;
  const auto share = [&](const at::Tensor& x) {
    return (x / sum).masked_fill(sum == 0, 0).unsqueeze(3);
  };
  out.mul_(share(was)).add_(more.out * share(is));
  stats[0].copy_(most), stats[1].copy_(sum);
}

Attended forward_here(const RingCall& ring) {
  const auto& call = ring.call;
  const auto& s = call.context.sizes;
  const auto options = call.q.options();
  Attended result;
  result.out = at::zeros({s.B, s.H, s.Lq, s.E}, options);
  result.row_stats = at::zeros({2, s.B, s.H, s.Lq}, options);
  result.row_stats[0].fill_(-std::numeric_limits<double>::infinity());
  Packed here(call, s.Lk);
  here.k.copy_(call.k), here.v.copy_(call.v);
  for (int64_t step = 0; step < ring.ring->count(); ++step) {
    std::function<void()> wait;
    Packed next = here;
    if (step + 1 < ring.ring->count()) {
      next = Packed(call, ring.part(ring.owner(step + 1)).size());
      wait = ring.ring->start_pass(here.flat, next.flat);
    }
    for (const auto& pair : pairs_with(ring, ring.owner(step)))
      merge(result.out.narrow(2, pair.query_row, pair.queries.size),
            result.row_stats.narrow(3, pair.query_row, pair.queries.size),
            by_kernels(call_of(ring, pair, here.k, here.v), false));
    if (wait) wait();
    here = next;
  }
  return result;
}

/// What backward collects: gradients of the tensors of the call, in the order of differentiable().
struct RingGradients {
  at::Tensor q;
  std::vector<at::Tensor> learned;

  /// Those of the keys and values of `owner`, from all queries here.
  Packed of_keys(const RingCall& ring, int64_t owner, const Packed& here, const Attended& result,
                 const at::Tensor& grad_out) {
    Packed found(ring.call, here.k.size(2));
    found.flat.zero_();
    for (const auto& pair : pairs_with(ring, owner)) {
      const auto rows = [&](const at::Tensor& x, int64_t dim) {
        return x.narrow(dim, pair.query_row, pair.queries.size);
      };
      const auto call = call_of(ring, pair, here.k, here.v);
      const std::vector<bool> all(differentiable(call).size(), true);
      const auto grads =
          kernel_gradients(call, rows(result.out, 2), rows(result.row_stats, 3).contiguous(),
                           rows(grad_out, 2), all);
      rows(q, 2).add_(grads[0]);
      found.k.narrow(2, pair.key_row, pair.keys.size).add_(grads[1]);
      found.v.narrow(2, pair.key_row, pair.keys.size).add_(grads[2]);
      for (size_t i = 0; i < learned.size(); ++i)
        if (grads[3 + i].defined()) learned[i].add_(grads[3 + i]);
    }
    return found;
  }
};

/// Gradients of keys and values follow them around the ring, each process adding its own, and come home with the last pass.
variable_list backward_here(const RingCall& ring, const Attended& result,
                            const at::Tensor& grad_out) {
  const auto& call = ring.call;
  RingGradients found{at::zeros_like(call.q), {}};
  for (const auto& [name, tensor] : call.context.parameters)
    found.learned.push_back(at::zeros_like(tensor));
  Packed here(call, call.context.sizes.Lk), before = here;
  here.k.copy_(call.k), here.v.copy_(call.v);
  std::function<void()> wait_gradients;
  for (int64_t step = 0; step < ring.ring->count(); ++step) {
    std::function<void()> wait_keys;
    Packed next = here;
    if (step + 1 < ring.ring->count()) {
      next = Packed(call, ring.part(ring.owner(step + 1)).size());
      wait_keys = ring.ring->start_pass(here.flat, next.flat);
    }
    const auto own = found.of_keys(ring, ring.owner(step), here, result, grad_out);
    if (wait_gradients) wait_gradients(), own.flat.add_(before.flat);
    before = Packed(call, ring.part(ring.owner(step + 1)).size());
    wait_gradients = ring.ring->start_pass(own.flat, before.flat);
    if (wait_keys) wait_keys();
    here = next;
  }
  wait_gradients();
  variable_list all{found.q, before.k, before.v};
  all.insert(all.end(), found.learned.begin(), found.learned.end());
  return all;
}

class RingFunction : public torch::autograd::Function<RingFunction> {
 public:
  /// `inputs` are those of the call, in the order of differentiable().
  static at::Tensor forward(AutogradContext* ctx, at::TensorList inputs,
                            const c10::intrusive_ptr<RingCall>& ring) {
    const auto result = forward_here(*ring);
    variable_list tensors{result.out, result.row_stats};
    tensors.insert(tensors.end(), inputs.begin(), inputs.end());
    for (auto* t : differentiable(ring->call)) *t = at::empty({0});  // put back in backward
    ctx->save_for_backward(tensors);
    ctx->saved_data["ring"] = at::IValue::make_capsule(ring);
    return result.out;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grad_outs) {
    if (torch::GradMode::is_enabled())
      throw UsageError("ring attention has no second derivative; compute it by one process");
    const auto tensors = ctx->get_saved_variables();
    const auto holder = ctx->saved_data["ring"].toCapsule();
    RingCall ring = static_cast<const RingCall&>(*holder);
    size_t next = 2;
    for (auto* t : differentiable(ring.call)) *t = tensors[next++];
    auto grads = backward_here(ring, {tensors[0], tensors[1], {}, {}}, grad_outs[0]);
    grads.emplace_back();  // of the call
    return grads;
  }
};

/// The whole of parts along dimension 1.
class GatherFunction : public torch::autograd::Function<GatherFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& part,
                            const c10::intrusive_ptr<RingCall>& call) {
    ctx->saved_data["ring"] = at::IValue::make_capsule(call);
    auto& ring = *call->ring;
    const auto whole = at::empty({part.size(0), call->length, part.size(2)}, part.options());
    auto here = part.contiguous();
    put(whole, call->part(ring.rank()), here);
    for (int64_t step = 1; step < ring.count(); ++step) {
      const auto from = call->part(call->owner(step));
      const auto next = at::empty({part.size(0), from.size(), part.size(2)}, part.options());
      ring.start_pass(here, next)();
      put(whole, from, next);
      here = next;
    }
    return whole;
  }

  /// The sum for a process begins at the next one and comes home with the last pass.
  static variable_list backward(AutogradContext* ctx, const variable_list& grad_outs) {
    const auto holder = ctx->saved_data["ring"].toCapsule();
    const auto& call = static_cast<const RingCall&>(*holder);
    const auto& grad = grad_outs[0];
    const auto of = [&](int64_t step) { return call.part(call.owner(step)).of(grad, 1); };
    auto sum = of(1).contiguous();
    for (int64_t step = 2; step <= call.ring->count(); ++step) {
      const auto own = of(step);
      const auto next = at::empty(own.sizes(), own.options());
      call.ring->start_pass(sum, next)();
      sum = next + own;
    }
    return {sum, at::Tensor()};
  }

 private:
  static void put(const at::Tensor& whole, const RingPart& part, const at::Tensor& rows) {
    int64_t row = 0;
    for (const auto& piece : part.pieces) {
      whole.narrow(1, piece.first, piece.size).copy_(rows.narrow(1, row, piece.size));
      row += piece.size;
    }
  }
};

[[noreturn]] void refuse_ring(const std::string& word, const char* why) {
  throw ModelError("train.sequence_parallel: the attention's '" + word + "' " + why +
                   "; train it with sequence_parallel = 1");
}

constexpr const char* kAbsolute =
    "goes by a token's place in the whole, which a part does not know";

void check_masks(const std::vector<OpSpec>& masks, bool inside = false) {
  for (const auto& mask : masks) {
    if (mask.name == "key_lengths" && (inside || !mask.alternatives.empty()))
      refuse_ring(mask.name,
                  "beside another mask of which one is enough (|) is not known to a ring");
    constexpr std::array kKnown{"causal",  "window",      "dilated",
                                "strided", "key_lengths", "adaptive_span"};
    if (std::find(kKnown.begin(), kKnown.end(), mask.name) == kKnown.end())
      refuse_ring(mask.name, kAbsolute);
    check_masks(mask.alternatives, true);
  }
}

}  // namespace

RingPart::RingPart(int64_t rank, int64_t count, int64_t length) {
  const auto piece = [&](int64_t i) {
    const int64_t first = length * i / (kPieces * count),
                  end = length * (i + 1) / (kPieces * count);
    return Piece{first, end - first};
  };
  pieces = {piece(rank), piece(kPieces * count - 1 - rank)};
}

at::Tensor RingPart::of(const at::Tensor& x, int64_t dim) const {
  return at::cat({x.narrow(dim, pieces[0].first, pieces[0].size),
                  x.narrow(dim, pieces[1].first, pieces[1].size)},
                 dim);
}

at::Tensor ring_gather(Ring& ring, const at::Tensor& part, int64_t length) {
  auto call = c10::make_intrusive<RingCall>();
  call->ring = &ring, call->length = length;
  const auto compute = part.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  return GatherFunction::apply(part.to(compute), call).to(part.scalar_type());
}

void check_ring(const Attention& how) {
  if (how.normalizer.name != "softmax")
    refuse_ring(how.normalizer.name,
                "needs all scores of a row at once, and a ring sees them part by part");
  if (how.score.name == "location") refuse_ring(how.score.name, kAbsolute);
  if (how.position.name == "rope_2d") refuse_ring(how.position.name, kAbsolute);
  for (const auto& modifier : how.modifiers)
    if (modifier.name != "softcap" && modifier.name != "gate")
      refuse_ring(modifier.name, "acts on a row's scores of all keys, or of all heads");
  check_masks(how.masks);
}

at::Tensor ring_attend(Ring& ring, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const Attention& how, const AttendInputs& inputs, int64_t length) {
  check_ring(how);
  if (inputs.attn_mask || inputs.bias || inputs.segment_ids || inputs.block_mask)
    throw UsageError(
        "ring attention: expected no attn_mask, bias, segment_ids or block_mask, which belong to "
        "all "
        "tokens at once");
  const auto compute = q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  auto given = inputs;
  given.query_offset = 0, given.key_lengths = {};
  for (auto& [name, tensor] : given.parameters) tensor = tensor.to(compute);
  auto own = c10::make_intrusive<RingCall>();
  auto local = how;
  const bool masked = inputs.key_lengths.has_value();
  std::erase_if(local.masks, [](const OpSpec& mask) { return mask.name == "key_lengths"; });
  own->call = checked_operator(q.to(compute), k.to(compute), v.to(compute), local, given);
  if (masked) own->call.how.masks.push_back({"key_lengths"}), own->lengths = *inputs.key_lengths;
  own->ring = &ring, own->length = length;
  if (!kernels_can(own->call))
    refuse_ring(how.score.name, "has no kernel with these arguments, which a ring needs");
  const auto tensors = differentiable(std::as_const(own->call));
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  return RingFunction::apply(at::TensorList(tensors), own).to(q.scalar_type());
}

}  // namespace heed::ops
