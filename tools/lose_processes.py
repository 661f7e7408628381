#!/usr/bin/env python3
"""Kills, stops and cuts off processes of `heed train` that train as one, at random, and looks at what becomes of the rest.

    tools/lose_processes.py HEED [--runs 200] [--seed 1] [--most-processes 4] [--folder FOLDER]

A run is 2 to 4 processes over a small set of images, one of which is lost at some step: by SIGKILL, by SIGSTOP, by the
network (each process in a network namespace of its own, whose packets are dropped or whose link goes down), or by a disk that is full
(the run's folder is a small tmpfs); for root alone, without it the last two are left out. In one run of four a process is slow before that: it is
stopped for a few seconds again and again, and must be waited for. Right is: every other process ends within 15 s with exit code 8 and names the one
that is lost (who is cut off names rank 0; who has no space left says so, with exit code 5); the run's folder goes on by --resume, of which every
third loses another process; and what it ends with has the bits of a run that nobody left. Prints a line a run and counts; exits with 1 where
something is wrong. Standard library only.
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
MOST_PAUSE = 5.0      # of a slow process: silence counts from 7 s
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
        for tries in range(50, -1, -1):  # a link that has just come up may not be ready
            try:
                return self.hub(["bridge", "link", "set", "dev", f"rank{rank}", "state", "3"])
            except subprocess.CalledProcessError:
                if tries == 0:
                    raise
                time.sleep(0.1)

    def close(self):
        for space in [self.space(rank) for rank in range(self.count)] + [f"{self.name}-hub"]:
            subprocess.run(["ip", "netns", "del", space], check=False, capture_output=True)


class Disk:
    """A small file system of its own for a run's folder."""

    def __init__(self, path):
        self.path = path
        path.mkdir()
        Network.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(path)])

    def fill(self):
        with open(self.path / "filler", "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def empty(self):
        (self.path / "filler").unlink(missing_ok=True)

    def close(self):
        Network.run(["umount", str(self.path)])
        self.path.rmdir()


def free_port():
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return any_port.getsockname()[1]


class Training:
    """The processes of one training. Those of `network` are on machines of their own."""

    def __init__(self, heed, folder, out, count, network, number):
        self.out, self.network, self.said, self.children = out, network, [], []
        self.before = self.log()
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

    def log(self):
        log = self.out / "log.jsonl"
        return log.read_text() if log.exists() else ""

    def steps(self):
        """Of this start: 0 as long as the log is that of the one before."""
        text = self.log()
        for line in reversed(text.splitlines() if text != self.before else []):
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

    def is_finished(self):
        return all(child.poll() == 0 for child in self.children)

    def kill(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()

    def told(self, rank):
        return self.said[rank].read_text(errors="replace")


def slow_down(training, victim, rng):
    """Stops a process for some seconds, three times; what was wrong."""
    child = training.children[victim]
    for _ in range(3):
        child.send_signal(signal.SIGSTOP)
        time.sleep(rng.uniform(0.5, MOST_PAUSE))
        child.send_signal(signal.SIGCONT)
        training.wait_for_step(training.steps() + 1)
        time.sleep(0.1)
    ended = [rank for rank, one in enumerate(training.children) if one.poll() not in (None, 0)]
    return [f"rank {rank} did not wait for the slow one: {training.told(rank)[-300:]!r}" for rank in ended]


def wrong_end(how, rank, victim, code, told):
    """What is wrong about the end of a process; None where it is right."""
    if how == "full" and rank == 0:
        wanted, pattern = 5, r"No space left on device"
    elif how == "full":
        wanted, pattern = 8, r"rank 0 on .* has ended: .*No space left on device"
    else:
        lost = victim if rank != victim else 0
        wanted, pattern = 8, r"rank \d+ on .* is lost" if lost == rank else rf"rank {lost} on .* is lost"
    if code != wanted:
        return f"rank {rank} ended with {code}: {told[-300:]!r}"
    return None if re.search(pattern, told) else f"rank {rank} does not name the lost one: {told[-300:]!r}"


def lose(training, how, victim, network, disk):
    """Loses a process; what was wrong about the end of the others, and how long the last took."""
    start, wrong = time.monotonic(), []
    child = training.children[victim]
    if how == "kill":
        child.kill()
    elif how == "stop":
        child.send_signal(signal.SIGSTOP)
    elif how == "full":
        disk.fill()
    else:
        getattr(network, how)(victim)
    for rank, one in enumerate(training.children):
        if rank == victim and how in ("kill", "stop"):
            continue
        try:
            code = one.wait(max(0.1, start + 2 * MOST_SECONDS - time.monotonic()))
        except subprocess.TimeoutExpired:
            wrong.append(f"rank {rank} hangs")
            continue
        found = wrong_end(how, rank, victim, code, training.told(rank))
        wrong += [found] if found else []
    if how == "full" and training.is_finished():  # it had written its last checkpoint before the disk was full
        wrong = []
    seconds = time.monotonic() - start
    if seconds > MOST_SECONDS:
        wrong.append(f"took {seconds:.1f} s")
    if network:
        network.mend(victim)
    if disk:
        disk.empty()
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


def lose_once(training, how, rng, victim, network, disk, step, told):
    """One training up to its loss; what was wrong, and the seconds of the loss."""
    if not training.wait_for_step(step):
        if training.is_finished():  # the start before came to its end behind its last loss
            return [], []
        return [f"step {step} was not reached: {training.told(0)[-300:]!r}"], []
    if rng.randrange(4) == 0:
        slow = rng.randrange(len(training.children))
        told.append(f"rank {slow} is slow")
        wrong = slow_down(training, slow, rng)
        if wrong or training.is_finished():
            return wrong, []
    told.append(f"{how} rank {victim} at step {step}")
    wrong, seconds = lose(training, how, victim, network, disk)
    return wrong, [(how, seconds)]


def one_run(heed, folder, rng, number, network, wanted, most):
    ways = ["kill", "stop"] + (["drop", "unplug", "full"] if network else [])
    count = rng.randrange(2, most + 1)
    disk = Disk(folder / f"disk-{number}") if network else None
    out, wrong, told, times = (disk.path if disk else folder) / f"run-{number}", [], [], []
    losses = 2 if rng.randrange(3) == 0 else 1
    step = 0
    for attempt in range(losses):
        how, victim = rng.choice(ways), rng.randrange(count)
        victim = 0 if how == "full" else victim
        step = rng.randrange(step + 1, STEPS - 8 * (losses - attempt))
        training = Training(heed, folder, out, count, network if how in ("drop", "unplug") else None, attempt)
        found, seconds = lose_once(training, how, rng, victim, training.network, disk, step, told)
        wrong += found
        times += seconds
        training.kill()
        if wrong:
            break
    if not wrong:
        training = Training(heed, folder, out, count, None, losses)
        codes = [child.wait(600) for child in training.children]
        told.append("goes on")
        if any(codes):
            wrong.append(f"the run that goes on ended with {codes}: {training.told(0)[-300:]!r}")
        elif outcome(out) != wanted[count]:
            wrong.append("it ends with other bits or losses than a run that nobody left")
    if wrong:
        shutil.copytree(out, folder / f"wrong-{number}", dirs_exist_ok=True)
    shutil.rmtree(out)
    if disk:
        disk.close()
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
            wrong, took = one_run(heed, folder, rng, number, network, wanted, options.most_processes)
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
