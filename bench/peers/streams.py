"""Many streams of `heed serve` beside llama.cpp: tokens that both write in a second of processor time.

    python bench/peers/streams.py MODEL MODEL.gguf [--heed build/release/heed] [--streams 1,16] [--tokens 64] [--rounds 3]

It needs the package xllamacpp (llama.cpp as a library). MODEL is what Heed serves, as the folder that `heed quantize` made of the same
weights; the GGUF file is what llama.cpp reads. Each side has one thread, reads prompts of some twenty words that differ, and
writes as many tokens of each greedily. What two tokens of each take is taken off, so that prompts do not count. Heed is asked over
HTTP, llama.cpp in this process; a round of one follows a round of the other.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import statistics
import subprocess
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WORDS = "The quick brown fox jumps over the lazy dog and runs into a deep dark wood where a river sings of old days".split()


def prompt(number):
    return f"{number} " + " ".join(WORDS[number % 5 :] + WORDS[: number % 7])


class Heed:
    name = "heed serve"

    def __init__(self, program, model):
        command = [program, "serve", model, "--port", "0", "--threads", "1"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.address = self.process.stdout.readline().strip().rstrip("/")
        if not self.address:
            raise SystemExit(f"{' '.join(command)}: ended before it listened")

    def write(self, number, tokens):
        body = {"prompt": prompt(number), "max_tokens": tokens, "min_tokens": tokens, "temperature": 0}
        request = urllib.request.Request(
            self.address + "/v1/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["usage"]["completion_tokens"]

    def seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self):
        self.process.terminate()
        self.process.wait()


class Llama:
    name = "llama.cpp"

    def __init__(self, model, streams):
        import xllamacpp

        options = xllamacpp.CommonParams()
        options.model.path = model
        options.n_ctx, options.n_parallel, options.n_gpu_layers = 512 * streams, streams, 0
        options.cpuparams.n_threads = options.cpuparams_batch.n_threads = 1
        options.cache_ram_mib = 0
        options.verbosity = -1
        self.server = xllamacpp.Server(options)

    def write(self, number, tokens):
        answer = self.server.handle_completions(
            {"prompt": prompt(number), "max_tokens": tokens, "temperature": 0, "ignore_eos": True, "cache_prompt": False}
        )
        return (json.loads(answer) if isinstance(answer, str) else answer)["usage"]["completion_tokens"]

    def seconds(self):
        return time.process_time()

    def end(self):
        pass


def rate(side, streams, tokens):
    taken = []
    for length in (2, tokens):
        before = side.seconds()
        with concurrent.futures.ThreadPoolExecutor(streams) as pool:
            count = sum(pool.map(lambda number: side.write(number, length), range(streams)))
        taken.append((side.seconds() - before, count))
    return (taken[1][1] - taken[0][1]) / (taken[1][0] - taken[0][0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("gguf")
    parser.add_argument("--heed", default=str(ROOT / "build/release/heed"))
    parser.add_argument("--streams", default="1,16", help="numbers of streams")
    parser.add_argument("--tokens", type=int, default=64, help="of each stream")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    numbers = [int(number) for number in args.streams.split(",")]
    sides = [Heed(args.heed, args.model), Llama(args.gguf, max(numbers))]
    try:
        for side in sides:
            side.write(99, 8)
        for streams in numbers:
            found = {side.name: [] for side in sides}
            for _ in range(args.rounds):
                for side in sides:
                    found[side.name].append(rate(side, streams, args.tokens))
            medians = {name: statistics.median(rates) for name, rates in found.items()}
            print(json.dumps({"streams": streams} | {name: [round(r, 1) for r in rates] for name, rates in found.items()}
                             | {"times": round(medians[Heed.name] / medians[Llama.name], 2)}), flush=True)
    finally:
        for side in sides:
            side.end()


if __name__ == "__main__":
    main()
