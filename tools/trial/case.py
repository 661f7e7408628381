"""One case: a command line, what must come of it, and who judges."""

import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

LIMIT = 60  # seconds
ALWAYS_WRONG = ("unexpected failure", "terminate called", "Assertion", "Traceback", "LibTorch:", "std::")


@dataclass
class Case:
    name: str
    command: object  # text of words with {w} (the world) and {s} (the scratch folder), or a list of words
    codes: object = 0
    says: str = ""  # a pattern that standard output and error together must have
    stdin: bytes = b""
    prepare: object = None  # called with (world, scratch) before
    check: object = None  # called with (result, world, scratch) after; gives a complaint or nothing
    env: dict = field(default_factory=dict)
    closed: tuple = ()  # descriptors
    largest_file: int = 0  # bytes
    memory: int = 0  # bytes of address space
    stdout: str = ""  # a path instead of a pipe
    signal: int = 0  # sent when the file `when` is there, or after `after` seconds
    when: str = ""
    after: float = 0.5
    program: str = ""  # another than heed
    skip: object = None  # gives the reason why this machine cannot run it, or nothing
    leaves: tuple = ()  # files that may stay behind although the command failed


@dataclass
class Result:
    code: int
    out: bytes
    err: bytes
    hung: bool
    program: str = ""  # heed

    @property
    def text(self):
        return (self.out + b"\n" + self.err).decode("utf-8", "replace")


def words_of(case, world, scratch):
    words = shlex.split(case.command) if isinstance(case.command, str) else list(case.command)
    places = {"{w}": str(world), "{s}": str(scratch)}
    done = []
    for word in words:
        for mark, path in places.items():
            word = word.replace(os.fsencode(mark), os.fsencode(path)) if isinstance(word, bytes) else word.replace(
                mark, path)
        done.append(word)
    return done


def settings(case):
    def set_up():
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):  # ignored where the trial itself runs in the background
            signal.signal(number, signal.SIG_DFL)
        for number in case.closed:
            os.close(number)
        if case.largest_file:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (case.largest_file, case.largest_file))
        if case.memory:
            resource.setrlimit(resource.RLIMIT_AS, (case.memory, case.memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return set_up


def interrupt(case, process, scratch):
    end = time.monotonic() + LIMIT / 2
    while process.poll() is None and time.monotonic() < end:
        if not case.when or any(scratch.glob(case.when)):
            break
        time.sleep(0.005)
    if not case.when:
        time.sleep(case.after)
    if process.poll() is None:
        process.send_signal(case.signal)


def execute(case, heed, world, scratch):
    words = ([] if case.program else [heed]) + words_of(case, world, scratch)
    places = {"HEED": str(heed), "W": str(world), "S": str(scratch)}
    out = open(case.stdout, "wb") if case.stdout else subprocess.PIPE
    process = subprocess.Popen(words, cwd=scratch, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.PIPE,
                               env={**os.environ, **places, **case.env}, preexec_fn=settings(case))
    try:
        if case.signal:
            interrupt(case, process, scratch)
        found, said = process.communicate(case.stdin, timeout=LIMIT)
        return Result(process.returncode, found or b"", said, False, heed)
    except subprocess.TimeoutExpired:
        process.kill()
        found, said = process.communicate()
        return Result(process.returncode, found or b"", said, True, heed)
    finally:
        if case.stdout:
            out.close()


def expected(case):
    return case.codes if isinstance(case.codes, (tuple, set, range)) else (case.codes,)


def judge(case, result, scratch, before):
    """Complaints, each a line."""
    if result.hung:
        return [f"does not end within {LIMIT} s"]
    found = []
    if result.code < 0 and case.signal != -result.code:
        found.append(f"ended by {signal.Signals(-result.code).name}")
    elif result.code not in expected(case):
        found.append(f"exit code {result.code}, expected {' or '.join(map(str, expected(case)))}")
    if result.code not in (0, 141) and result.code > 0 and 2 not in case.closed and not result.err.strip():
        found.append("fails without a word on standard error")
    for word in ALWAYS_WRONG:
        if word in result.text:
            found.append(f"says '{word}'")
    if case.says and not re.search(case.says, result.text, re.S):
        found.append(f"says nothing of /{case.says}/")
    raw = re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]", result.err)
    if raw:
        found.append(f"a raw control character {raw.group()!r} on standard error")
    if result.code == 0 and "--json" in str(case.command) and 1 not in case.closed and not case.stdout:
        found += complaints_of_json(result.out)
    left = sorted(str(path.relative_to(scratch)) for path in scratch.rglob("*") if path not in before)
    if result.code > 0 and result.code < 128:
        stays = [name for name in left if not any(re.match(allowed, name) for allowed in case.leaves)]
        if stays:
            found.append(f"leaves {', '.join(stays[:3])}")
    if result.code >= 0 and any(".partial-" in name or ".ready-" in name for name in left):
        found.append("leaves an unfinished file")
    return found


def complaints_of_json(printed):
    """One object, or one a line."""
    try:
        text = printed.decode("utf-8")
        try:
            json.loads(text)
        except ValueError:
            for line in text.splitlines():
                json.loads(line)
    except ValueError as error:
        return [f"--json prints what is no JSON: {error}"]
    return []


def run(case, heed, world, scratch):
    """(complaints, result) of a case in a new folder."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    scratch.chmod(0o755)
    if case.prepare:
        case.prepare(Path(world), Path(scratch))
    before = set(scratch.rglob("*"))
    result = execute(case, heed, world, scratch)
    complaints = judge(case, result, scratch, before)
    if case.check and not result.hung:
        try:
            more = case.check(result, Path(world), Path(scratch))
        except subprocess.TimeoutExpired as late:
            more = f"afterwards {late}"
        if more:
            complaints.append(more)
    return complaints, result
