#!/usr/bin/env python3
"""The least server of sentence vectors by onnxruntime: POST /embed, a queue, batches of what waits.

    build/embed-env/bin/python bench/peers/serve_onnx.py MODEL.onnx FOLDER [--threads 1] [--most 32] [--port 0]

MODEL.onnx is a graph that bench/peers/embed.py exports (input_ids, attention_mask, token_type_ids -> states), FOLDER has its
tokenizer.json. A batch is what waits, shortest first, 32 at most; one thread computes while another reads requests. Prints its
address. tools/stress_serve.py --address asks it as it asks `heed serve`.
"""
import argparse
import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import numpy
import onnxruntime
from tokenizers import Tokenizer


class Model:
    def __init__(self, args):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = args.threads
        self.session = onnxruntime.InferenceSession(args.model, options, providers=["CPUExecutionProvider"])
        self.tokenizer = Tokenizer.from_file(f"{args.folder}/tokenizer.json")
        self.tokenizer.enable_truncation(256)
        self.tokenizer.enable_padding()
        self.names = [one.name for one in self.session.get_inputs()]

    def vectors(self, texts):
        found = self.tokenizer.encode_batch(texts)
        ids = numpy.array([one.ids for one in found], dtype=numpy.int64)
        mask = numpy.array([one.attention_mask for one in found], dtype=numpy.int64)
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": ids * 0}
        states = self.session.run(None, {name: feed[name] for name in self.names})[0]
        weights = mask[:, :, None].astype(numpy.float32)
        mean = (states * weights).sum(1) / weights.sum(1)
        return mean / numpy.linalg.norm(mean, axis=1, keepdims=True)


async def compute(model, queue, most):
    loop = asyncio.get_running_loop()
    pool = ThreadPoolExecutor(1)
    while True:
        batch = [await queue.get()]
        while not queue.empty():
            batch.append(queue.get_nowait())
        batch.sort(key=lambda one: len(one[0]))
        for first in range(0, len(batch), most):
            part = batch[first:first + most]
            vectors = await loop.run_in_executor(pool, model.vectors, [text for text, _ in part])
            for (_, future), vector in zip(part, vectors):
                if not future.done():
                    future.set_result(vector)


async def answer(queue, reader, writer):
    loop = asyncio.get_running_loop()
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            size = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            future = loop.create_future()
            queue.put_nowait((json.loads(await reader.readexactly(size))["inputs"], future))
            body = json.dumps([[float(x) for x in await future]]).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def serve(args):
    queue = asyncio.Queue()
    server = await asyncio.start_server(lambda r, w: answer(queue, r, w), "127.0.0.1", args.port)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", flush=True)
    await compute(Model(args), queue, args.most)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("folder")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--most", type=int, default=32)
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
