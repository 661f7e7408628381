"""Whether a verb that met a fault answered as it should."""

import itertools
import json
import re
from pathlib import Path

# What a failure of each kind may end with: memory (6) or files (5).
CODES = {"alloc": {6}, "tensor": {6}, "thread": {5, 6}, "process": {5, 6}}
# Kinds whose failure may leave something behind that a later call clears away.
LEAVES = {"remove", "list", "look", "close", "lock", "open", "alloc", "rename", "sync"}
UNFINISHED = re.compile(r"\.(partial|ready|old)-|heed-partial")
SPEED = re.compile(r'("?(\w+_per_second|peak_memory_mib|seconds|memory_available_mib)"?[:\t ]+)[0-9.e+-]+')


def files_of(folder):
    """Every file below a folder -> its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def still(text):
    """Output without what the clock and the machine decide."""
    return SPEED.sub(r"\1#", text)


def log_of(text):
    """The lines of a log that a run which goes on writes again the same; without speeds."""
    lines = [json.loads(line) for line in text.splitlines()]
    return [{k: v for k, v in line.items() if not SPEED.match(k + ":0")} for line in lines if "changed" not in line]


def same_run(found, expected):
    """What differs between two finished runs; empty: nothing that matters."""
    differ = []
    names = {name for name in found | expected if "tfevents" not in name and not name.endswith("recipe.toml")}
    for name in sorted(names):
        if name.endswith("log.jsonl"):
            try:
                if log_of(found.get(name, b"").decode()) != log_of(expected.get(name, b"").decode()):
                    differ.append(name)
            except ValueError:
                differ.append(name + " (no JSON)")
        elif found.get(name) != expected.get(name):
            differ.append(name)
    return differ


class Outcome:
    """One run of a case: its code, streams and files."""

    def __init__(self, folder: Path, code, fired, calls):
        self.code, self.fired, self.calls = code, fired, calls
        self.out = Path(f"{folder}.out").read_text(errors="replace")
        self.err = Path(f"{folder}.err").read_text(errors="replace")
        self.files = files_of(folder)


# Who ends the process where memory runs out, and cannot be stopped from outside: the innermost frame of the stack, or
# what was said last.
OUT_OF_REACH = {
    "oneDNN uses memory that it did not get": r"libdnnl",
    "nlohmann::json asks for memory in its destructor": r"json_value.{0,3}destroy",
    "SentencePiece's protobuf is half made": r"libsentencepiece",
    "toml++ bears no failure": r"libtomlplusplus",
    "LibTorch's at::set_num_threads bears no failure": r"tell_follower",
    "fontconfig goes on, or waits for ever, where it got no memory": r"libfontconfig",
    "pango uses memory that it did not get": r"libpango",
    "GLib ends the process where it gets no memory or thread": r"libg(lib|object)-2",
}
# Who goes on without what it got no memory for, so that a picture lacks a letter or has another font.
DRAWS_WITHOUT = re.compile(r"lib(harfbuzz|pango|pangoft2|pangocairo|fontconfig|freetype|fribidi)[-.]")
FRAME = re.compile(r"^(?!\S*(?:libc\.so|libstdc|libgcc|heed_faults))\S+\([^)]*\)\[.*$", re.M)


def stack(outcome, mark):
    """The last stack behind a mark, those of the C and C++ libraries left out: its two innermost frames, and all from the
    innermost to the first of Heed's."""
    frames = FRAME.findall(outcome.err[outcome.err.rfind(mark):]) if mark in outcome.err else []
    frames = [frame for frame in frames if not frame.startswith("fault")]
    others = itertools.takewhile(lambda frame: not re.search(r"libheed|/heed\(", frame), frames)
    return "\n".join(frames[:2]), "\n".join(others)


def out_of_reach(outcome):
    """Who is to blame for an end that Heed cannot prevent; empty: nobody else."""
    if outcome.code == 127 and "thread-local data" in outcome.err:
        return "glibc gets no thread-local data"
    if "failed to register TLS destructor" in outcome.err:
        return "glibc gets no memory for the end of thread-local data"
    if "libgomp: " in outcome.err and outcome.code == 1:
        return "libgomp ends the process"
    if "GLib-ERROR" in outcome.err:
        return "GLib ends the process where it gets no memory or thread"
    if outcome.code == 4 and "not TOML: Error while parsing" in outcome.err:
        return "toml++ says of a number that memory ran out for: no number"
    unsaid = outcome.code == 0 or "no fonts were found" in outcome.err
    if unsaid and DRAWS_WITHOUT.search(stack(outcome, "fault: alloc")[1]):
        return "fontconfig, pango and HarfBuzz go on without what they got no memory for"
    frames = "\n".join(stack(outcome, "fault: signal"))
    return next((who for who, mark in OUT_OF_REACH.items() if re.search(mark, frames)), "")


def message_problem(outcome):
    """A failure is told in one line at the end of standard error."""
    lines = outcome.err.strip().splitlines()
    if not lines or not lines[-1].startswith("heed: error: "):
        return "no message"
    if "unexpected failure" in lines[-1] or "Success" in lines[-1]:
        return "message: " + lines[-1]
    return ""


def judge(case, kind, how, outcome, before, normal):
    """What is wrong with an outcome, beside the files before and the outcome without a fault; empty: nothing."""
    if outcome.code == 128 + 14:
        return "hangs"
    if outcome.code >= 128 or "fault: signal" in outcome.err:
        return f"ends by signal {outcome.code - 128}"
    soft = how in ("short", "EINTR")
    if outcome.code == 0:
        return judge_success(case, kind, outcome, normal)
    if soft:
        return f"exit {outcome.code} where nothing failed"
    if outcome.code not in CODES.get(kind, {5}):
        return f"exit {outcome.code}"
    return message_problem(outcome) or judge_failure(case, kind, outcome, before, normal)


def without_older_checkpoints(found, expected):
    """Without checkpoints that could not be removed, as long as they are whole: they do no harm, and are removed later."""
    folders = {name.rsplit("/", 1)[0] for name in found if re.search(r"(^|/)last-\d+/", name)}
    wanted = {name.rsplit("/", 1)[0] for name in expected if re.search(r"(^|/)last-\d+/", name)}
    files_in = lambda folder, files: {name.rsplit("/", 1)[1] for name in files if name.rsplit("/", 1)[0] == folder}  # noqa: E731
    whole = files_in(max(wanted), expected) if wanted else set()
    old = {folder for folder in folders - wanted if folder < max(wanted, default="") and files_in(folder, found) == whole}
    return {name: value for name, value in found.items() if name.rsplit("/", 1)[0] not in old}


def judge_success(case, kind, outcome, normal):
    if still(outcome.out) != still(normal.out):
        return "exit 0, other output"
    found, expected = dict(outcome.files), dict(normal.files)
    if kind in LEAVES | {"read"}:
        found = without_older_checkpoints(found, expected)
    if kind in LEAVES:
        found = {name: value for name, value in found.items() if not UNFINISHED.search(name)}
    differ = same_run(found, expected)
    return f"exit 0, other files: {' '.join(differ)}" if differ else ""


def judge_failure(case, kind, outcome, before, normal):
    """Each file is as before or as it was to be; a run is judged by going on with it."""
    if case.words[0] != "check" and not still(normal.out).startswith(still(outcome.out)):
        return "other output"
    for name in before:
        if name not in outcome.files and not (case.run and name.startswith(case.run + "/")):
            return f"{name} is gone"
    for name, value in outcome.files.items():
        if case.run and name.startswith(case.run + "/"):
            continue
        if UNFINISHED.search(name):
            if kind not in LEAVES:
                return f"leaves {name}"
        elif value != before.get(name) and value != normal.files.get(name):
            return f"half a file: {name}"
    return judge_folders(case, outcome, before, normal)


def judge_folders(case, outcome, before, normal):
    """A model folder that is written is the old one or the new one, whole."""
    for output in case.outputs:
        found, old, new = ({name: value for name, value in files.items() if name.startswith(output + "/")}
                           for files in (outcome.files, before, normal.files))
        if found not in (old, new, {}):
            return f"half a folder: {output}"
        if not found and old:
            return f"{output} is gone"
    return ""
