#!/usr/bin/env bash
# Guess: where torch.clamp leaves a number as it is, the gradient passes, at the ends, too, as it does in PyTorch 1.13: a parameter
# that starts at the lower end of its range can leave it.
# What happens in PyTorch 2.15.0: at exactly min or max the gradient is 0, of clamp(min, max) and of one end alone. clamp(x, 0) is
# what relu is. A parameter that is kept in its range by clamp_ under no_grad, and clamped again where it is used, stays for good
# at an end that it once reached; in 1.13.1 it comes back. torch.maximum has 1/2 there in both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/look.py" <<'PYTHON'
import torch


def slope(f, at):
    x = torch.tensor(float(at), requires_grad=True)
    f(x).backward()
    return x.grad.item()


def learn():
    """A share that starts at an end, and whose best value is 0.7."""
    share = torch.zeros((), requires_grad=True)
    descent = torch.optim.SGD([share], lr=0.1)
    for _ in range(200):
        descent.zero_grad()
        (share.clamp(0, 1) - 0.7).square().backward()
        descent.step()
        with torch.no_grad():
            share.clamp_(0, 1)
    return round(share.item(), 3)


found = {"clamp(0, 1) at 0": slope(lambda x: x.clamp(0, 1), 0), "clamp(0, 1) at 1": slope(lambda x: x.clamp(0, 1), 1),
         "clamp(min=0) at 0": slope(lambda x: x.clamp(min=0), 0), "clamp(max=1) at 1": slope(lambda x: x.clamp(max=1), 1),
         "inside": slope(lambda x: x.clamp(0, 1), 0.5), "share": learn()}
print("torch", torch.__version__, found)
ends = {found[name] for name in found if " at " in name}
if torch.__version__.startswith("1.13.1"):
    assert ends == {1.0} and found["share"] == 0.7
else:
    assert ends == {0.0} and found["inside"] == 1.0 and found["share"] == 0.0
PYTHON
for version in 1.13.1 2.15.0; do
  python3 -m venv "$folder/$version"
  timeout 1800 "$folder/$version/bin/pip" install --quiet --no-cache-dir "torch==$version" numpy==1.26.4
  "$folder/$version/bin/python" "$folder/look.py"
done
echo "as found: the ends of clamp let nothing back in 2.15.0, and all in 1.13.1"
