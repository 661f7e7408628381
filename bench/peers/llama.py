"""A GGUF model's chat beside llama.cpp, both with its weights in float32: the same tokens, and tokens a second.

    python bench/peers/llama.py MODEL.gguf [--heed build/release/heed] [--threads N] [--rounds N] [--tokens N]

It needs the packages numpy, gguf and xllamacpp (llama.cpp as a library). The weights are written out as float32 once, beside
the model or into --folder. Twenty prompts are answered greedily: the share of equal tokens, up to the first that differs and
one by one. Then both write the same number of tokens in turns. A rate is from the difference of a long and a short answer,
so that neither start nor prompt counts; by the processor's time as well as the clock's, because others may use the machine. The memory's
rate is that of reading as many bytes in the same run.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
QUESTIONS = """What is the capital of France?
Explain gravity to a child.
Write a haiku about the sea.
List three uses of salt.
What is 12 times 7?
Who wrote Hamlet?
Translate 'good morning' into Spanish.
Give me a recipe for pancakes.
What is photosynthesis?
Name five planets.
How do I boil an egg?
Write a short poem about autumn.
What is the difference between a list and a tuple in Python?
Summarize the story of Romeo and Juliet.
Why is the sky blue?
Tell me a joke.
What year did World War II end?
Describe a cat in two sentences.
How many legs does a spider have?
What should I pack for a trip to the mountains?""".split("\n")


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--heed", default=ROOT / "build/release/heed", type=pathlib.Path)
    parser.add_argument("--folder", type=pathlib.Path, help="where the float32 file is written; default: the model's")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=128, help="more tokens in a long answer than in a short one")
    return parser.parse_args()


def as_float32(source, target):
    import gguf
    import numpy

    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, reader.get_field("general.architecture").contents())
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        value = 0 if field.name == "general.file_type" else field.contents()
        if field.types[0] == gguf.GGUFValueType.ARRAY:
            writer.add_array(field.name, value)
        else:
            writer.add_key_value(field.name, value, field.types[0])
    for tensor in reader.tensors:
        numbers = gguf.dequantize(tensor.data, tensor.tensor_type).astype(numpy.float32)
        writer.add_tensor(tensor.name, numbers.reshape([int(n) for n in tensor.shape][::-1]))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class Llama:
    def __init__(self, model, threads):
        import xllamacpp

        options = xllamacpp.CommonParams()
        options.model.path = str(model)
        options.n_ctx, options.n_parallel, options.n_gpu_layers = 1024, 1, 0
        options.cpuparams.n_threads = options.cpuparams_batch.n_threads = threads
        options.cache_type_k = options.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        options.cache_ram_mib = 0
        options.verbosity = -1
        self.server = xllamacpp.Server(options)

    def answer(self, prompt, tokens, **more):
        request = {"prompt": prompt, "max_tokens": tokens, "temperature": 0, "cache_prompt": False, **more}
        answer = self.server.handle_completions(request)
        return json.loads(answer) if isinstance(answer, str) else answer

    def seconds(self, prompt, tokens):
        before, clock = time.process_time(), time.monotonic()
        self.answer(prompt, tokens, ignore_eos=True)
        return time.process_time() - before, time.monotonic() - clock


class Heed:
    def __init__(self, program, model, threads):
        self.command = [str(program), "predict", str(model), "-", "--threads", str(threads)]

    def run(self, lines, *settings):
        command = self.command + [word for setting in settings for word in ("--set", setting)]
        done = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"peers: {' '.join(command)}: {done.stderr}")
        return done.stdout.splitlines()

    def answers(self, lines, tokens):
        command = [f"head.generate.max_new={tokens}"]
        self.command.append("--json")
        found = [json.loads(line) for line in self.run(lines, *command)]
        self.command.pop()
        return found

    def seconds(self, line, tokens):
        before, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        self.run([line], f"head.generate.max_new={tokens}", f"head.generate.min_new={tokens}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.monotonic() - clock


def read_rate(size, threads):
    """Bytes a second of so many threads, each with its share: numpy.dot alone uses one."""
    from concurrent.futures import ThreadPoolExecutor

    import numpy

    shares = numpy.array_split(numpy.ones(size // 4, numpy.float32), threads)
    best = [1e9, 1e9]
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(5):
            before, clock = time.process_time(), time.monotonic()
            list(pool.map(lambda share: numpy.dot(share, share), shares))
            best = [min(best[0], time.process_time() - before), min(best[1], time.monotonic() - clock)]
    return [size / seconds for seconds in best]


def agree(heed, llama, template):
    """Equal tokens, as pieces of text: Heed says its own, llama.cpp its text."""
    same = until = count = 0
    for question, ours in zip(QUESTIONS, heed.answers(QUESTIONS, 64)):
        pieces = [token["piece"] for token in ours["tokens"] if token["piece"] != "</s>"]
        theirs = llama.answer(template(question), 64)["choices"][0]["text"]
        text = ours["output"]
        first = next((i for i in range(min(len(text), len(theirs))) if text[i] != theirs[i]), min(len(text), len(theirs)))
        equal = text == theirs
        share = 1.0 if equal else first / max(len(text), len(theirs), 1)
        same += len(pieces) if equal else 0
        until += share * len(pieces)
        count += len(pieces)
        if not equal:
            print(f"  differ behind {first} characters: {question}\n    heed      {text[first:first + 60]!r}\n    llama.cpp {theirs[first:first + 60]!r}")
    print(f"tokens {count}; in answers that are the same {same / count:.1%}; before the first difference {until / count:.1%}")


def main():
    args = parse()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", str(args.threads))
    model = (args.folder or args.model.parent) / (args.model.stem + "-f32.gguf")
    if not model.exists():
        as_float32(args.model, model)
    heed, llama = Heed(args.heed, model, args.threads), Llama(model, args.threads)
    system = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
    template = lambda question: f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
    agree(heed, llama, template)
    size = model.stat().st_size
    rates = {"heed": [], "llama.cpp": [], "memory": []}
    for _ in range(args.rounds):
        question = QUESTIONS[7]
        for name, peer, prompt in (("heed", heed, question), ("llama.cpp", llama, template(question))):
            short, long = peer.seconds(prompt, 8), peer.seconds(prompt, 8 + args.tokens)
            rates[name].append([args.tokens / (b - a) for a, b in zip(short, long)])
        rates["memory"].append([rate / size for rate in read_rate(size, args.threads)])
    for name, found in rates.items():
        by_cpu, by_clock = (statistics.median(column) for column in zip(*found))
        print(f"{name:10} {by_cpu:6.1f} tokens a second of processor time, {by_clock:6.1f} by the clock")


if __name__ == "__main__":
    main()
