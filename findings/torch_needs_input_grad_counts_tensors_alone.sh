#!/usr/bin/env bash
# Guess: in the backward of a C++ torch::autograd::Function, needs_input_grad(i) speaks of argument i of forward, as place i of the
# list that backward returns does.
# What happens in LibTorch 1.13.1 (and 2.15.0): it counts only the arguments that are tensors and are there. An optional tensor that was
# left out shifts all behind it: of forward(x, none, w) number 1 is w and number 2 throws "Index out of range", while backward
# must return three gradients, the second of them undefined. So whether w wants a gradient is answered by the place of the one left out.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
timeout 1800 "$folder/venv/bin/pip" install --quiet --no-cache-dir torch==1.13.1 numpy==1.26.4
torch=$("$folder/venv/bin/python" -c 'import torch, os; print(os.path.dirname(torch.__file__))')
libraries=$(find "$folder/venv/lib" -path '*nvidia*/lib' -type d | paste -sd:)
cat > "$folder/asks.cc" <<'CODE'
#include <torch/torch.h>

#include <iostream>

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Product : torch::autograd::Function<Product> {
  static at::Tensor forward(AutogradContext*, const at::Tensor& x, const c10::optional<at::Tensor>&, const at::Tensor& w) {
    return x * w;
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grad) {
    for (size_t i = 0; i < 3; ++i) {
      std::cout << i << ' ';
      try {
        std::cout << (ctx->needs_input_grad(i) ? "wants" : "does not want") << '\n';
      } catch (const c10::Error& error) {
        std::cout << error.what_without_backtrace() << '\n';
      }
    }
    return {grad[0], {}, grad[0]};
  }
};

int main() {
  const auto x = torch::ones({1}).requires_grad_(), w = torch::ones({1}).requires_grad_();
  Product::apply(x, c10::optional<at::Tensor>(), w).backward();
}
CODE
g++ -std=c++17 -D_GLIBCXX_USE_CXX11_ABI=0 -isystem "$torch/include" -isystem "$torch/include/torch/csrc/api/include" "$folder/asks.cc" \
  -o "$folder/asks" -L"$torch/lib" -ltorch -ltorch_cpu -lc10 -Wl,-rpath,"$torch/lib"
said=$(LD_LIBRARY_PATH=$libraries "$folder/asks")
echo "$said"
grep -qx '1 wants' <<< "$said" || { echo "number 1 is no longer w"; exit 1; }
grep -q '^2 .*Index out of range' <<< "$said" || { echo "number 2 no longer throws"; exit 1; }
