"""Whether the program answered a mutant as it should."""

import re
from dataclasses import dataclass
from pathlib import Path

MIB_AT_MOST = 3000
WRONG_WORDS = ("unexpected failure", "bad_alloc", "std::", "terminate called", "basic_string", "vector::", "json.exception", "Success",
               "LibTorch", "c10::", "torch.", "INTERNAL ASSERT", "nan)")
UNFINISHED = re.compile(r"\.(partial|ready|old)-|heed-partial")


@dataclass
class Outcome:
    code: int
    milliseconds: int
    kib: int
    out: str
    err: str
    there: list  # files that were there before
    left: list  # files that were not

    @property
    def message(self):
        """The error and its list, where it has one."""
        at = ("\n" + self.err).rfind("\nheed: error: ")
        return self.err[at:].strip() if at >= 0 else ""


def outcome_of(folder, before, code, milliseconds, kib):
    left = sorted(set(files_of(folder)) - set(before))
    out, err = (Path(f"{folder}{end}").read_text(errors="replace") for end in (".out", ".err"))
    return Outcome(code, milliseconds, kib, out, err, before, left)


def files_of(folder):
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]


def judge(mutant, outcome):
    """What is wrong; empty: nothing."""
    code = outcome.code
    if code in (128 + 9, 128 + 14):
        return "hangs"
    if code > 128 + 2 or "crash: signal" in outcome.err:
        return f"ends by signal {code - 128}: {crash_of(outcome.err)}"
    if code == 130:
        return "" if mutant.trains else "more than 10 s of processor time"
    if outcome.kib > MIB_AT_MOST * 1024:
        return "takes GiB of memory"
    if any(UNFINISHED.search(name) for name in outcome.left):
        return "leaves an unfinished file"
    if code == 0:
        return f"takes what it may not take: {kind_of(mutant)}" if mutant.change.refuse else ""
    if code not in (2, 3, 4, 5, 6) and not (code == 7 and mutant.trains):
        return f"exit {code}: {shape_of(outcome.message)}"
    return judge_failure(mutant, outcome)


def judge_failure(mutant, outcome):
    message = outcome.message
    if not message:
        return f"exit {outcome.code} without a message"
    for word in WRONG_WORDS:
        if word in message:
            return f"says '{word}': {shape_of(message)}"
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f]", message):
        return f"a raw control character: {shape_of(message)}"
    if outcome.left and outcome.code in (2, 3, 4):
        return f"fails and leaves {shape_of(outcome.left[0])}: {shape_of(message)}"
    if outcome.code == 7:
        return ""
    names = [name.split("/")[-1] for name in (*mutant.files, *outcome.there)] + [name for name in mutant.change.names if name]
    if not any(name in message + outcome.out or name.encode("unicode_escape").decode() in message for name in names):
        return f"names neither file nor key: {shape_of(message)}"
    return ""


def kind_of(mutant):
    return re.sub(r"\d+", "#", re.sub(r"line \d+: .*", "line", mutant.change.what))[:60]


def crash_of(err):
    """The innermost frame that is ours or a library's."""
    frames = re.findall(r"^\S*/([\w.-]+)\(([^+)]*)\+?[^)]*\)", err, re.M)
    named = [f"{library} {name}" for library, name in frames if not library.startswith(("heed_mutants", "libc.", "libstdc", "libgcc"))]
    return named[0] if named else "?"


def shape_of(message):
    """A message without what differs from case to case."""
    message = re.sub(r"heed: error: ", "", message)
    message = re.sub(r"/\S*/", "", message)
    message = re.sub(r"'[^']*'|\"[^\"]*\"", "'..'", message)
    return re.sub(r"[-\d][\d.e+-]*", "#", message)[:150]
