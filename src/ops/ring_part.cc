#include "heed/core/error.h"
#include "ops/ring.h"

namespace heed::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kPieces = 2;  // of a process

struct GatherCall : torch::CustomClassHolder {
  Ring* ring = nullptr;
  int64_t length = 0;

  /// Of what is here after so many passes.
  RingPart part(int64_t step) const {
    const int64_t count = ring->count();
    return {(ring->rank() - step + count) % count, count, length};
  }
};

std::vector<int64_t> with_length(at::IntArrayRef shape, int64_t length) {
  auto all = shape.vec();
  all.at(1) = length;
  return all;
}

/// The whole of parts along dimension 1.
class GatherFunction : public torch::autograd::Function<GatherFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& part,
                            const c10::intrusive_ptr<GatherCall>& call) {
    ctx->saved_data["ring"] = at::IValue::make_capsule(call);
    const auto whole = at::empty(with_length(part.sizes(), call->length), part.options());
    auto here = part.contiguous();
    call->part(0).put(here, whole, 1);
    for (int64_t step = 1; step < call->ring->count(); ++step) {
      const auto from = call->part(step);
      const auto next = at::empty(with_length(part.sizes(), from.size()), part.options());
      call->ring->start_pass(here, next)();
      from.put(next, whole, 1);
      here = next;
    }
    return whole;
  }

  /// The sum for a process begins at the next one and comes home with the last pass.
  static variable_list backward(AutogradContext* ctx, const variable_list& grad_outs) {
    const auto holder = ctx->saved_data["ring"].toCapsule();
    const auto& call = static_cast<const GatherCall&>(*holder);
    auto sum = call.part(1).of(grad_outs[0], 1).contiguous();
    for (int64_t step = 2; step <= call.ring->count(); ++step) {
      const auto own = call.part(step).of(grad_outs[0], 1);
      const auto next = at::empty(own.sizes(), own.options());
      call.ring->start_pass(sum, next)();
      sum = next + own;
    }
    return {sum, at::Tensor()};
  }
};

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

void RingPart::put(const at::Tensor& part, const at::Tensor& whole, int64_t dim) const {
  int64_t row = 0;
  for (const auto& piece : pieces) {
    whole.narrow(dim, piece.first, piece.size).copy_(part.narrow(dim, row, piece.size));
    row += piece.size;
  }
}

at::Tensor ring_gather(Ring& ring, const at::Tensor& part, int64_t length) {
  auto call = c10::make_intrusive<GatherCall>();
  call->ring = &ring, call->length = length;
  const auto compute = part.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  return GatherFunction::apply(part.to(compute), call).to(part.scalar_type());
}

}  // namespace heed::ops
