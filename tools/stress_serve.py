#!/usr/bin/env python3
"""Many clients at once against `heed serve`: requests a second and how long they wait, while others behave badly.

    tools/stress_serve.py HEED MODEL [--texts FILE] [--seconds 30] [--clients 64] [--bad 0] [--route /embed] [--address URL]

Good clients ask for one text of FILE (a line each) after the other and compare every answer with that of the text alone. Bad ones
vanish in the middle, send bodies without end, random bytes, or more than may wait. Prints a line of JSON; exits with 1 where a good
client got a wrong answer or no answer, or memory grew by more than a tenth from the second quarter to the last.
Standard library only.
"""
import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time

STATED = {200, 400, 403, 404, 405, 408, 411, 413, 414, 415, 422, 424, 429, 431, 503}


def request_of(route, text, host):
    body = json.dumps({"inputs": text} if route != "/v1/embeddings" else {"input": text}).encode()
    return (f"POST {route} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


async def answer_of(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").lower().split("\r\n")
    size = next((int(line.split(":")[1]) for line in lines if line.startswith("content-length")), 0)
    return int(lines[0].split()[1]), await reader.readexactly(size)


async def good(state, number):
    rng = random.Random(number)
    reader = writer = None
    while time.monotonic() < state.end:
        which = rng.randrange(len(state.texts))
        began = time.perf_counter()
        try:
            if writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", state.port)
            writer.write(request_of(state.route, state.texts[which], state.host))
            status, body = await asyncio.wait_for(answer_of(reader), 120)
        except (OSError, EOFError, asyncio.TimeoutError):
            state.lost += 1
            writer = None
            continue
        if status == 200:
            state.times.append(time.perf_counter() - began)
            expected = state.alone.setdefault(which, body)
            state.wrong += expected != body
        elif status in (429, 503):
            state.refused += 1
            writer.close()
            writer = None  # a 503 ends the connection, and says so
            await asyncio.sleep(0.1)
        else:
            state.wrong += 1
    if writer:
        writer.close()


async def bad(state, number):
    rng = random.Random(1000 + number)
    while time.monotonic() < state.end:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", state.port)
            kind = rng.randrange(4)
            if kind == 0:  # vanishes
                writer.write(request_of(state.route, rng.choice(state.texts), state.host))
                await asyncio.sleep(rng.random() * 0.05)
            elif kind == 1:  # a body without end
                writer.write(request_of(state.route, "x", state.host).split(b"Content-Length")[0]
                             + b"Transfer-Encoding: chunked\r\n\r\n")
                for _ in range(40):
                    writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
                    await asyncio.sleep(0.02)
            elif kind == 2:  # random bytes
                writer.write(rng.randbytes(rng.randrange(1, 4000)))
                status, _ = await asyncio.wait_for(answer_of(reader), 5)
                state.unstated += status not in STATED
            else:  # much at once
                body = json.dumps({"inputs": [rng.choice(state.texts) for _ in range(500)]}).encode()
                writer.write((f"POST {state.route} HTTP/1.1\r\nHost: {state.host}\r\nContent-Type: application/json\r\n"
                              f"Content-Length: {len(body)}\r\n\r\n").encode() + body)
                await asyncio.sleep(rng.random() * 0.5)
            writer.close()
        except (OSError, EOFError, asyncio.TimeoutError):
            await asyncio.sleep(0.05)


async def watch(state, pid):
    while pid and time.monotonic() < state.end:
        with open(f"/proc/{pid}/statm") as file:
            state.memory.append(int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE"))
        await asyncio.sleep(0.5)


class State:
    def __init__(self, args, address, texts):
        self.host = address.split("//")[1].rstrip("/")
        self.port = int(self.host.split(":")[1])
        self.route, self.texts = args.route, texts
        self.times, self.memory, self.alone = [], [], {}
        self.wrong = self.lost = self.refused = self.unstated = 0


async def ask_alone(state):
    reader, writer = await asyncio.open_connection("127.0.0.1", state.port)
    for which, text in enumerate(state.texts):
        writer.write(request_of(state.route, text, state.host))
        status, body = await answer_of(reader)
        if status != 200:
            sys.exit(f"{text[:40]!r} alone: {status} {body[:200]!r}")
        state.alone[which] = body
    writer.close()


async def stress(state, args, pid):
    await ask_alone(state)
    began = time.monotonic()
    state.end = began + args.seconds
    await asyncio.gather(*(good(state, i) for i in range(args.clients)), *(bad(state, i) for i in range(args.bad)),
                         watch(state, pid))
    return time.monotonic() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("heed")
    parser.add_argument("model")
    parser.add_argument("--texts")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--bad", type=int, default=0)
    parser.add_argument("--route", default="/embed")
    parser.add_argument("--address", help="of a server that runs already, in place of HEED")
    parser.add_argument("--threads")
    args = parser.parse_args()
    texts = [" ".join(random.Random(i).choices("a red house by the sea with many small boats".split(), k=4 + i % 40))
             for i in range(100)]
    if args.texts:
        with open(args.texts) as file:
            texts = [line.rstrip("\n") for line in file if line.strip()][:1000]
    server = None
    if not args.address:
        command = [args.heed, "serve", args.model, "--port", "0", "--truncate"]
        command += ["--threads", args.threads] if args.threads else []
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    address = args.address or server.stdout.readline().strip()
    state = State(args, address, texts)
    try:
        seconds = asyncio.run(stress(state, args, server.pid if server else None))
    finally:
        if server:
            server.send_signal(signal.SIGTERM)
            code = server.wait(90)
    times = sorted(state.times)
    quarter = len(state.memory) // 4
    before = max(state.memory[quarter:2 * quarter], default=0)
    last = max(state.memory[-quarter:], default=0) if quarter else 0
    print(json.dumps({"clients": args.clients, "bad": args.bad, "seconds": round(seconds, 1), "answers": len(times),
                      "per_second": round(len(times) / seconds, 1),
                      "p50_ms": round(1000 * times[len(times) // 2], 1) if times else None,
                      "p99_ms": round(1000 * times[int(len(times) * 0.99)], 1) if times else None,
                      "refused": state.refused, "wrong": state.wrong, "lost": state.lost, "unstated": state.unstated,
                      "mib_before": before >> 20, "mib_last": last >> 20, "exit": code if server else None}))
    grew = before and last > 1.1 * before
    sys.exit(1 if state.wrong or state.lost or state.unstated or grew or (server and code) else 0)


if __name__ == "__main__":
    main()
