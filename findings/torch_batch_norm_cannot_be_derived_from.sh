#!/usr/bin/env bash
# Guess: a C++ module may derive from torch::nn::BatchNorm2dImpl as from LayerNormImpl, a class whose functions libtorch has.
# What happens in LibTorch 1.13.1 (and 2.15.0): it does not link. libtorch_cpu has BatchNormImplBase<...>::pretty_print, but does not export
# it, and the virtual table of a derived class needs it; LayerNormImpl's is exported. A batch norm of one's own starts from at::batch_norm.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
timeout 1800 "$folder/venv/bin/pip" install --quiet --no-cache-dir torch==1.13.1 numpy==1.26.4
torch=$("$folder/venv/bin/python" -c 'import torch, os; print(os.path.dirname(torch.__file__))')

# Derives from a module of that name; what the linker says.
derived_from() {
  printf '#include <torch/torch.h>\nstruct Own : torch::nn::%s { using torch::nn::%s::%s; };\nint main() { Own own(%s); }\n' \
    "$1" "$1" "$1" "$2" > "$folder/own.cc"
  g++ -std=c++17 -D_GLIBCXX_USE_CXX11_ABI=0 -isystem "$torch/include" -isystem "$torch/include/torch/csrc/api/include" "$folder/own.cc" \
    -o "$folder/own" -L"$torch/lib" -ltorch -ltorch_cpu -lc10 -Wl,--allow-shlib-undefined 2>&1 || true
}

layer=$(derived_from LayerNormImpl 'torch::nn::LayerNormOptions({3})')
batch=$(derived_from BatchNorm2dImpl 3)
grep -o 'undefined reference to .*' <<< "$batch" | sort -u || true
[[ -z $layer ]] || { echo "LayerNormImpl: $layer"; exit 1; }
grep -q 'undefined reference to .*BatchNormImplBase.*::pretty_print' <<< "$batch" || { echo "BatchNorm2dImpl can be derived from now"; exit 1; }
