#!/usr/bin/env python3
"""A U-Net in PyTorch beside recipes/nuclei.toml: the same size, crops, steps, optimizer and loss.

    bench/peers/unet.py DATA [--skip attention_gate] [--steps N] [--threads 2]

DATA: the folder with train/, valid/ and test/, each with images/ and masks/ (0: background). Prints the time a step, and Dice over
the images of a part (per image, then the mean), from whole images. Needs torch, numpy and pillow.
"""
import argparse
import math
import time
from pathlib import Path

import numpy
import torch
from PIL import Image
from torch import nn
from torch.nn import functional


def twice(inputs, outputs):
    layers = []
    for channels in (inputs, outputs):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1, bias=False), nn.GroupNorm(math.gcd(8, outputs), outputs),
                   nn.ReLU(True)]
    return nn.Sequential(*layers)


class Gate(nn.Module):
    """Oktay et al. 2018: the skip weighed by the coarser signal."""

    def __init__(self, channels, signal):
        super().__init__()
        hidden = channels // 2
        self.of_x = nn.Conv2d(channels, hidden, 2, stride=2, bias=False)
        self.of_signal = nn.Conv2d(signal, hidden, 1)
        self.psi = nn.Conv2d(hidden, 1, 1)

    def forward(self, x, g):
        a = torch.sigmoid(self.psi(functional.relu(self.of_x(x) + self.of_signal(g))))
        return functional.interpolate(a, size=x.shape[2:], mode="bilinear", align_corners=False) * x


class UNet(nn.Module):
    def __init__(self, width, levels, skip, classes=2):
        super().__init__()
        sizes = [width * 2**i for i in range(levels + 1)]
        self.down = nn.ModuleList(twice(sizes[i - 1] if i else 3, sizes[i]) for i in range(levels + 1))
        self.up = nn.ModuleList(nn.ConvTranspose2d(sizes[i + 1], sizes[i], 2, stride=2) for i in range(levels))
        self.gates = nn.ModuleList(Gate(sizes[i], sizes[i + 1]) for i in range(levels)) if skip == "attention_gate" else None
        self.join = nn.ModuleList(twice(2 * sizes[i], sizes[i]) for i in range(levels))
        self.last = nn.Conv2d(width, classes, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, x):
        kept = []
        for i, block in enumerate(self.down):
            x = block(functional.max_pool2d(x, 2) if i else x)
            kept.append(x)
        for i in reversed(range(len(self.up))):
            skip = self.gates[i](kept[i], x) if self.gates else kept[i]
            x = self.join[i](torch.cat([skip, self.up[i](x)], 1))
        return self.last(x)


def read(folder):
    images, masks = [], []
    for path in sorted((folder / "images").iterdir()):
        images.append(torch.tensor(numpy.array(Image.open(path).convert("RGB"))).permute(2, 0, 1).float() / 255)
        masks.append(torch.tensor((numpy.array(Image.open(folder / "masks" / path.name)) > 0).astype(numpy.int64)))
    return images, masks


def loss_of(logits, mask):
    p = logits.softmax(1)[:, 1]
    y = mask.float()
    dice = (2 * (p * y).sum() + 1) / (p.sum() + y.sum() + 1)
    return functional.cross_entropy(logits, mask) + 1 - dice


def dice_of(model, images, masks):
    model.eval()
    scores = []
    with torch.no_grad():
        for image, mask in zip(images, masks):
            found = model(image[None])[0].argmax(0)
            both = (found * mask).sum().item()
            scores.append(2 * both / max(1, (found.sum() + mask.sum()).item()))
    model.train()
    return sum(scores) / len(scores)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--skip", choices=["concat", "attention_gate"], default="concat")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--levels", type=int, default=3)
    parser.add_argument("--crop", type=int, default=128)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--valid-every", type=int, default=100)
    flags = parser.parse_args()
    torch.set_num_threads(flags.threads)
    torch.manual_seed(flags.seed)
    parts = {name: read(flags.data / name) for name in ("train", "valid", "test")}
    pixels = torch.cat([image.flatten(1) for image in parts["train"][0]], 1)
    mean, std = pixels.mean(1)[:, None, None], pixels.std(1)[:, None, None]
    for images, _ in parts.values():
        images[:] = [(image - mean) / std for image in images]
    model = UNet(flags.width, flags.levels, flags.skip)
    print(sum(p.numel() for p in model.parameters()), "parameters")
    optimizer = torch.optim.AdamW(model.parameters(), lr=flags.lr, weight_decay=0.01)
    images, masks = parts["train"]
    begin, order, best = time.time(), [], (0, None)
    for step in range(flags.steps):
        rate = min((step + 1) / 50, 0.5 + 0.5 * math.cos(math.pi * step / flags.steps))
        for group in optimizer.param_groups:
            group["lr"] = flags.lr * rate
        batch = []
        while len(batch) < flags.batch:
            order = order or torch.randperm(len(images)).tolist()
            i = order.pop()
            top = torch.randint(images[i].shape[1] - flags.crop + 1, ()).item()
            left = torch.randint(images[i].shape[2] - flags.crop + 1, ()).item()
            cut = (slice(top, top + flags.crop), slice(left, left + flags.crop))
            pair = images[i][(slice(None), *cut)], masks[i][cut]
            batch.append([x.flip(-1) for x in pair] if torch.rand(()) < 0.5 else pair)
        loss = loss_of(model(torch.stack([x for x, _ in batch])), torch.stack([y for _, y in batch]))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % flags.valid_every == 0 or step + 1 == flags.steps:
            seconds = (time.time() - begin) / (step + 1)
            score = dice_of(model, *parts["valid"])
            print(f"step {step + 1}  loss {loss.item():.4f}  valid dice {score:.4f}  {1000 * seconds:.0f} ms a step", flush=True)
            if score > best[0]:
                best = score, {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(best[1])
    print(f"best valid dice {best[0]:.4f}  test dice {dice_of(model, *parts['test']):.4f}")


if __name__ == "__main__":
    main()
