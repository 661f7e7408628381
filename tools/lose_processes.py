#!/usr/bin/env python3
"""Kills, stops and cuts off processes of `heed train` that train as one, at random, and looks at what becomes of the rest.

    tools/lose_processes.py HEED [--runs 200] [--seed 1] [--most-processes 4] [--folder FOLDER]

A run is 2 to 4 processes over a small set of images, one of which is lost at some step: by SIGKILL, by SIGSTOP, or by the
network (each process in a network namespace of its own, whose packets are dropped or whose link goes down; for root
alone, without it these are left out). Right is: every other process ends within 15 s with exit code 8 and names the one
that is lost (who is cut off names rank 0); the run's folder goes on by --resume, of which every third loses another process;
and what it ends with has the bits of a run that nobody left. Prints a line a run and counts; exits with 1 where something is
wrong. Standard library only.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

MOST_SECONDS = 15.0   # from the loss to the end of the others
MOST_START = 600.0    # until a step that is waited for is done
STEPS = 84

RECIPE = """seed = 5
[input]
kind = "image"
augment = { shift = 1, erase = 0.3 }
[data]
train = "{folder}/train"
test = "{folder}/test"
holdout = 0.1
[encoder]
kind = "image"
stem = "conv"
patch = 4
width = 16
layers = 2
hidden = 64
dropout = 0.1
attention = { position = "learned", num_heads = 2 }
[head]
kind = "class"
[train]
epochs = 12
batch = 10
accumulate = 2
save_every = 3
keep_checkpoints = 2
log_every = 1
ema = 0.8
"""


def write_images(prefix, count, rng):
    """Grey images of 12 x 12 whose bright quarter is the class, as IDX."""
    images, labels = bytearray(), bytearray()
    for _ in range(count):
        label = rng.randrange(4)
        labels.append(label)
        for y in range(12):
            for x in range(12):
                bright = (y >= 6) * 2 + (x >= 6) == label
                images.append(rng.randrange(60) + (150 if bright else 0))
    pathlib.Path(f"{prefix}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 0x803, count, 12, 12) + images)
    pathlib.Path(f"{prefix}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, count) + labels)


class Network:
    """A machine a process: network namespaces around a bridge, which has one of its own."""

    def __init__(self, count):
        self.name = f"heed{os.getpid() % 100000}"
        self.count = count
        self.run(["ip", "netns", "add", f"{self.name}-hub"])
        self.hub(["ip", "link", "add", "bridge", "type", "bridge"])
        self.hub(["ip", "link", "set", "bridge", "up"])
        for rank in range(count):
            space = self.space(rank)
            self.run(["ip", "netns", "add", space])
            self.hub(["ip", "link", "add", f"rank{rank}", "type", "veth", "peer", "name", "eth0", "netns", space])
            self.hub(["ip", "link", "set", f"rank{rank}", "master", "bridge", "up"])
            for words in (["addr", "add", f"{self.address(rank)}/24", "dev", "eth0"], ["link", "set", "eth0", "up"],
                          ["link", "set", "lo", "up"]):
                self.run(["ip", "-n", space, *words])

    @staticmethod
    def run(words):
        subprocess.run(words, check=True, capture_output=True)

    def hub(self, words):
        self.run(["ip", "netns", "exec", f"{self.name}-hub", *words])

    def space(self, rank):
        return f"{self.name}-{rank}"

    @staticmethod
    def address(rank):
        return f"10.77.0.{rank + 1}"

    def drop(self, rank):
        self.hub(["bridge", "link", "set", "dev", f"rank{rank}", "state", "0"])

    def unplug(self, rank):
        self.hub(["ip", "link", "set", f"rank{rank}", "down"])

    def mend(self, rank):
        self.hub(["ip", "link", "set", f"rank{rank}", "up"])
        self.hub(["bridge", "link", "set", "dev", f"rank{rank}", "state", "3"])

    def close(self):
        for space in [self.space(rank) for rank in range(self.count)] + [f"{self.name}-hub"]:
            subprocess.run(["ip", "netns", "del", space], check=False, capture_output=True)


def free_port():
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return any_port.getsockname()[1]


class Training:
    """The processes of one training. Those of `network` are on machines of their own."""

    def __init__(self, heed, folder, out, count, network, number):
        self.out, self.said, self.children = out, [], []
        port = free_port()
        for rank in range(count):
            address = network.address(0) if network else "127.0.0.1"
            environment = dict(os.environ, RANK=str(rank), WORLD_SIZE=str(count), MASTER_ADDR=address,
                               MASTER_PORT=str(port), LOCAL_RANK="0" if network else str(rank),
                               LOCAL_WORLD_SIZE="1" if network else str(count))
            words = ["ip", "netns", "exec", network.space(rank)] if network else []
            words += [heed, "train", f"{folder}/recipe.toml", "--threads", "1", "--out", str(out), "--resume"]
            said = folder / f"said-{out.name}-{number}-{rank}"
            self.said.append(said)
            with open(said, "wb") as file:  # `ip netns exec` becomes the program: its process is ours to signal
                self.children.append(subprocess.Popen(words, env=environment, stdout=file, stderr=file,
                                                      stdin=subprocess.DEVNULL))

    def steps(self):
        log = self.out / "log.jsonl"
        lines = log.read_text().splitlines() if log.exists() else []
        for line in reversed(lines):
            try:
                return json.loads(line)["step"]
            except (ValueError, KeyError):
                continue
        return 0

    def wait_for_step(self, step):
        end = time.monotonic() + MOST_START
        while self.steps() < step:
            if time.monotonic() > end or any(child.poll() is not None for child in self.children):
                return False
            time.sleep(0.002)
        return True

    def kill(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()

    def told(self, rank):
        return self.said[rank].read_text(errors="replace")


def lose(training, how, victim, network):
    """Loses a process; what was wrong about the end of the others, and how long the last took."""
    start, wrong = time.monotonic(), []
    child = training.children[victim]
    if how == "kill":
        child.kill()
    elif how == "stop":
        child.send_signal(signal.SIGSTOP)
    else:
        getattr(network, how)(victim)
    others = [rank for rank in range(len(training.children)) if rank != victim]
    ends = others if how in ("kill", "stop") else others + [victim]
    for rank in ends:
        try:
            code = training.children[rank].wait(max(0.1, start + 2 * MOST_SECONDS - time.monotonic()))
        except subprocess.TimeoutExpired:
            wrong.append(f"rank {rank} hangs")
            continue
        lost = victim if rank != victim else 0 if victim else None  # rank 0 cut off misses some other
        pattern = r"rank \d+ on .* is lost" if lost is None else rf"rank {lost} on .* is lost"
        if how in ("drop", "unplug"):  # in the middle of a request to the store: docs/processes.md
            pattern += r"|another process is lost|rank 0 on .* is lost"
        if code != 8:
            wrong.append(f"rank {rank} ended with {code}: {training.told(rank)[-300:]!r}")
        elif not re.search(pattern, training.told(rank)):
            wrong.append(f"rank {rank} does not name the lost one: {training.told(rank)[-300:]!r}")
    seconds = time.monotonic() - start
    if seconds > MOST_SECONDS:
        wrong.append(f"took {seconds:.1f} s")
    if network:
        network.mend(victim)
    training.kill()
    return wrong, seconds


def outcome(out):
    """What a run ends with: the best model's bytes and the losses of all steps."""
    losses = {}
    for line in (out / "log.jsonl").read_text().splitlines():
        line = json.loads(line)
        if "loss" in line:
            losses[line["step"]] = line["loss"]
    return (out / "best/model.safetensors").read_bytes(), losses


def whole(heed, folder, count):
    training = Training(heed, folder, folder / f"whole-{count}", count, None, 0)
    codes = [child.wait(600) for child in training.children]
    if any(codes):
        sys.exit(f"a run of {count} that nobody left ended with {codes}: {training.told(0)[-500:]}")
    return outcome(training.out)


def one_run(heed, folder, rng, number, networks, wanted, most):
    ways = ["kill", "stop"] + (["drop", "unplug"] if networks else [])
    count = rng.randrange(2, most + 1)
    out, wrong, told, times = folder / f"run-{number}", [], [], []
    losses = 2 if rng.randrange(3) == 0 else 1
    step = 0
    for attempt in range(losses + 1):
        how, victim = rng.choice(ways), rng.randrange(count)
        network = networks.get(count) if how in ("drop", "unplug") else None
        last = attempt == losses
        training = Training(heed, folder, out, count, None if last else network, attempt)
        step = rng.randrange(step + 1, STEPS - 8 * (losses - attempt)) if not last else STEPS
        if last:
            codes = [child.wait(600) for child in training.children]
            if any(codes):
                wrong.append(f"the run that goes on ended with {codes}: {training.told(0)[-300:]!r}")
        elif not training.wait_for_step(step):
            wrong.append(f"step {step} was not reached: {training.told(0)[-300:]!r}")
            training.kill()
        else:
            found, seconds = lose(training, how, victim, network)
            wrong += found
            times.append((how, seconds))
        told.append(f"{how} rank {victim} at step {step}" if not last else "goes on")
        if wrong:
            training.kill()
            break
    if not wrong and outcome(out) != wanted[count]:
        wrong.append("it ends with other bits or losses than a run that nobody left")
    if not wrong:
        shutil.rmtree(out)
    print(f"{number:4}  {count} processes: {', '.join(told)}: {'; '.join(wrong) or 'right'}"
          f"  {' '.join(f'{seconds:.1f} s' for _, seconds in times)}", flush=True)
    return wrong, times


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("heed")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most-processes", type=int, default=4)
    parser.add_argument("--folder", help="where runs that were wrong stay; default: a new one")
    options = parser.parse_args()
    folder = pathlib.Path(options.folder or tempfile.mkdtemp(prefix="heed-lost-"))
    folder.mkdir(parents=True, exist_ok=True)
    heed = str(pathlib.Path(options.heed).resolve())
    rng = random.Random(options.seed)
    write_images(folder / "train", 150, rng), write_images(folder / "test", 40, rng)
    (folder / "recipe.toml").write_text(RECIPE.replace("{folder}", str(folder)))
    counts = range(2, options.most_processes + 1)
    wanted = {count: whole(heed, folder, count) for count in counts}
    network = Network(options.most_processes) if os.geteuid() == 0 else None
    bad, times = 0, collections.defaultdict(list)
    try:
        for number in range(options.runs):
            wrong, took = one_run(heed, folder, rng, number, {c: network for c in counts} if network else {}, wanted,
                                  options.most_processes)
            bad += bool(wrong)
            for how, seconds in took:
                times[how].append(seconds)
    finally:
        if network:
            network.close()
    for how, seconds in sorted(times.items()):
        print(f"{how}: {len(seconds)} losses, the others ended after {min(seconds):.1f} to {max(seconds):.1f} s")
    print(f"{options.runs} runs, {bad} wrong")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
