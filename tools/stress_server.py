#!/usr/bin/env python3
"""Clients that behave badly, all at once, against `heed look`: slow readers and writers, broken requests, bodies without
end, random bytes. Right is: only the stated answers, flat memory and descriptors, and a client that behaves does not wait.

    tools/stress_server.py HEED MODEL [--seconds 300] [--connections 1000] [--seed 1] [--untimed]

Prints what was answered, how memory and descriptors went and how long a good client waited; exits with 1 where something
is wrong. Standard library only.
"""
import argparse
import asyncio
import collections
import http.client
import json
import logging
import multiprocessing
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import time

STATED = {200, 400, 401, 403, 404, 405, 408, 411, 413, 414, 415, 429, 431, 503}
IDLE_SECONDS = 8
PAUSE = 0.02          # between requests of the good client
SAMPLE = 1.0          # seconds between looks at the process
MOST_GROWTH = 1.10    # of memory from the second quarter to the last
MOST_WAIT = 2.0       # times the idle median


def good_client(port, path, seconds, result):
    """Median and greatest time of an answer, in milliseconds, over one connection."""
    times, wrong = [], 0
    end = time.monotonic() + seconds
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    peer = None
    while time.monotonic() < end:
        try:
            peer = peer or socket.create_connection(("127.0.0.1", port), timeout=30)
            start = time.perf_counter()
            peer.sendall(request)
            answer = b""
            while b"\r\n\r\n" not in answer:
                part = peer.recv(65536)
                if not part:
                    raise OSError("closed")
                answer += part
            head, body = answer.split(b"\r\n\r\n", 1)
            size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            while len(body) < size:
                body += peer.recv(65536)
            times.append(1000 * (time.perf_counter() - start))
            wrong += not head.startswith(b"HTTP/1.1 200")
        except OSError:
            wrong += 1
            peer = None
        time.sleep(PAUSE)
    result.put((statistics.median(times), max(times), len(times), wrong))


class Bad:
    """Kinds of bad clients; each makes one connection and ends it."""

    def __init__(self, port, seed, answers, problems):
        self.port, self.random = port, random.Random(seed)
        self.answers, self.problems = answers, problems
        self.host = f"Host: 127.0.0.1:{port}\r\n"

    async def connect(self):
        return await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 22)

    async def take(self, kind, reader, seconds=40):
        """Reads answers to the end of the connection, or for so long."""
        try:
            answer = await asyncio.wait_for(reader.read(1 << 21), seconds)
        except (OSError, asyncio.TimeoutError):
            return
        if not answer:
            self.answers[f"{kind}: closed"] += 1
            return
        status = answer[9:12].decode("latin1")
        self.answers[f"{kind}: {status}"] += 1
        if not answer.startswith(b"HTTP/1.1 ") or not status.isdigit() or int(status) not in STATED:
            self.problems.append(f"{kind}: answered {answer[:200]!r}")
        elif int(status) >= 400 and b"\r\n\r\n" in answer:
            body = answer.split(b"\r\n\r\n", 1)[1]
            if body and not body.startswith(b'{"error":{"type":"'):
                self.problems.append(f"{kind}: untyped error {answer[:300]!r}")

    async def slow_writer(self):
        reader, writer = await self.connect()
        taking = asyncio.create_task(self.take("slow writer", reader, 100))
        pause = self.random.uniform(0.02, 0.4)
        for byte in f"GET /api/model HTTP/1.1\r\n{self.host}Connection: close\r\nA: {'x' * 100}\r\n\r\n".encode():
            writer.write(bytes([byte]))
            await asyncio.sleep(pause)
            if taking.done():
                break
        await taking
        writer.close()

    async def slow_reader(self):
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(peer, ("127.0.0.1", self.port))
        await loop.sock_sendall(peer, f"GET /app.js HTTP/1.1\r\n{self.host}\r\n".encode() * 4)
        end = loop.time() + self.random.uniform(5, 45)
        got = 0
        while loop.time() < end:
            part = await asyncio.wait_for(loop.sock_recv(peer, 512), 40)
            if not part:
                break
            got += len(part)
            await asyncio.sleep(self.random.uniform(0.2, 1))
        self.answers["slow reader: read for a while"] += 1
        peer.close()

    async def broken(self):
        good = f"POST /api/look HTTP/1.1\r\n{self.host}Content-Type: application/json\r\nContent-Length: 20\r\n\r\n" + '{"text": "the end ."}'
        text = bytearray(good.encode())
        for _ in range(self.random.randint(1, 6)):
            at = self.random.randrange(len(text))
            text[at:at + self.random.randint(0, 4)] = self.random.randbytes(self.random.randint(0, 4))
        reader, writer = await self.connect()
        writer.write(bytes(text))
        if self.random.random() < 0.5:
            writer.write_eof()
        await self.take("broken", reader, 30)
        writer.close()

    async def endless(self):
        reader, writer = await self.connect()
        head = f"POST /api/look HTTP/1.1\r\n{self.host}Content-Type: application/json\r\n"
        chunked = self.random.random() < 0.5
        writer.write((head + ("Transfer-Encoding: chunked" if chunked else "Content-Length: 16000000") + "\r\n\r\n").encode())
        taking = asyncio.create_task(self.take("endless body", reader))
        try:
            while not taking.done():
                writer.write((b"1000\r\n" if chunked else b"") + b"x" * 4096 + (b"\r\n" if chunked else b""))
                await writer.drain()
                await asyncio.sleep(self.random.uniform(0.02, 0.3))
        except OSError:
            pass
        await taking
        writer.close()

    async def noise(self):
        reader, writer = await self.connect()
        writer.write(self.random.randbytes(self.random.randint(1, 60000)))
        await self.take("random bytes", reader, 30)
        writer.close()

    async def large_head(self):
        reader, writer = await self.connect()
        where = self.random.choice(["GET /" + "a" * 20000 + " HTTP/1.1\r\n", "GET / HTTP/1.1\r\n" + "A: b\r\n" * 5000])
        writer.write((where + self.host + "\r\n").encode())
        await self.take("large head", reader, 30)
        writer.close()

    async def silent(self):
        reader, writer = await self.connect()
        await asyncio.sleep(self.random.uniform(1, 70))
        self.answers["silent: left"] += 1
        writer.close()

    async def leaver(self):
        _, writer = await self.connect()
        writer.write(f"GET /api/model HTTP/1.1\r\n{self.host}\r\n".encode())
        await asyncio.sleep(self.random.uniform(0, 0.02))
        writer.transport.abort()
        self.answers["leaver: left"] += 1
        await asyncio.sleep(self.random.uniform(0.5, 2))

    async def foreign(self):
        reader, writer = await self.connect()
        how = self.random.choice(["Host: evil.example\r\n", self.host + "Origin: http://evil.example\r\n"])
        writer.write(f"GET /api/model HTTP/1.1\r\n{how}Connection: close\r\n\r\n".encode())
        await self.take("foreign", reader, 30)
        writer.close()
        await asyncio.sleep(self.random.uniform(0.5, 2))

    async def run(self, end):
        kinds = [self.slow_writer, self.slow_reader, self.broken, self.endless, self.noise, self.large_head,
                 self.silent, self.leaver, self.foreign]
        await asyncio.sleep(self.random.uniform(0, 3))
        while time.monotonic() < end:
            kind = self.random.choices(kinds, weights=[3, 3, 2, 1, 1, 1, 6, 1, 1])[0]
            try:
                await asyncio.wait_for(kind(), max(1, end - time.monotonic()))
            except (OSError, asyncio.TimeoutError):
                pass
            await asyncio.sleep(self.random.uniform(0.2, 2))


def resident(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


async def attack(port, pid, seconds, connections, seed, answers, problems):
    end = time.monotonic() + seconds
    clients = [asyncio.create_task(Bad(port, seed * 100003 + i, answers, problems).run(end)) for i in range(connections)]
    samples = []
    while time.monotonic() < end:
        samples.append((resident(pid), descriptors(pid)))
        await asyncio.sleep(SAMPLE)
    await asyncio.wait(clients, timeout=5)
    for client in clients:
        client.cancel()
    return samples


def bad_clients(port, pid, seconds, connections, seed, result):
    os.nice(10)
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # that a peer has closed is no news
    answers, problems = collections.Counter(), []
    samples = asyncio.run(attack(port, pid, seconds, connections, seed, answers, problems))
    result.put((answers, problems, samples))


def in_process(function, *arguments):
    result = multiprocessing.Queue()
    process = multiprocessing.Process(target=function, args=(*arguments, result))
    process.start()
    return process, result


def measure(port, seconds):
    """{path: (median, greatest, count, wrong)} of good clients, one a path."""
    runs = {path: in_process(good_client, port, path, seconds) for path in ("/health", "/api/model")}
    found = {path: result.get() for path, (_, result) in runs.items()}
    for process, _ in runs.values():
        process.join()
    return found


def warm_up(port):
    """Has the model work, which packs its weights, until the server keeps as many looks as it does."""
    for _ in range(16):
        peer = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        peer.request("POST", "/api/look", json.dumps({"text": "the end ."}), {"Content-Type": "application/json"})
        peer.getresponse().read()
        peer.close()


def judge(idle, busy, samples, after, before, problems, is_timed):
    quarter = max(1, len(samples) // 4)
    early = statistics.median(memory for memory, _ in samples[quarter:2 * quarter])
    late = statistics.median(memory for memory, _ in samples[-quarter:])
    print(f"memory: {before[0]:.0f} MB before, {early:.0f} MB in the second quarter, {late:.0f} MB in the last, "
          f"{max(memory for memory, _ in samples):.0f} MB at most")
    print(f"descriptors: {before[1]} before, {max(count for _, count in samples)} at most, {after[1]} after")
    if late > MOST_GROWTH * early:
        problems.append(f"memory grew from {early:.0f} to {late:.0f} MB")
    if after[1] > before[1] + 4:
        problems.append(f"{after[1] - before[1]} descriptors were left open")
    for path in idle:
        (was, _, _, _), (now, most, count, wrong) = idle[path], busy[path]
        print(f"{path}: median {was:.2f} ms idle, {now:.2f} ms busy ({now / was:.2f} times), {most:.0f} ms at most, "
              f"{count} answers, {wrong} wrong")
        if is_timed and now > MOST_WAIT * was:
            problems.append(f"{path}: the median is {now / was:.1f} times the idle one")
        if wrong:
            problems.append(f"{path}: {wrong} answers of the good client were wrong")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("heed")
    parser.add_argument("model")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--untimed", action="store_true", help="say how long the good client waited, but do not judge it")
    options = parser.parse_args()
    server = subprocess.Popen([options.heed, "look", options.model, "--port", "0"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
    try:
        port = int(server.stdout.readline().rsplit(":", 1)[1].rstrip("/\n"))
        warm_up(port)
        idle = measure(port, min(IDLE_SECONDS, options.seconds))
        before = resident(server.pid), descriptors(server.pid)
        attackers, result = in_process(bad_clients, port, server.pid, options.seconds, options.connections, options.seed)
        time.sleep(min(5, options.seconds / 4))  # until all are there
        busy = measure(port, 0.7 * options.seconds)
        answers, problems, samples = result.get()
        attackers.join()
        time.sleep(3)
        after = resident(server.pid), descriptors(server.pid)
        start = time.monotonic()
        server.send_signal(signal.SIGTERM)
        code = server.wait(timeout=30)
        for kind, count in sorted(answers.items()):
            print(f"{count:7} {kind}")
        judge(idle, busy, samples, after, before, problems, not options.untimed)
        print(f"SIGTERM: {time.monotonic() - start:.1f} s, exit code {code}")
        if code != 128 + signal.SIGTERM:
            problems.append(f"exit code {code}")
    finally:
        server.kill()
    for problem in problems[:20]:
        print(f"WRONG {problem}")
    print(json.dumps({"seconds": options.seconds, "connections": options.connections, "wrong": len(problems)}))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
