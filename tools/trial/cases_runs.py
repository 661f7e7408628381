"""Runs that are stopped, killed and taken up again; pipes, full disks, folders of others; more than one program at a time."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import world as worlds
from case import Case

HERE = Path(__file__).resolve().parents[2]
GOLDEN = HERE.parent / "shared/data/golden"
LONG = "--set train.epochs=60 --set train.save_every=7"
RUN = ["train", "{w}/class.toml", "--out", "{s}/run"]
EVERY = sorted(worlds.CELLS)
RECORDS = {cell for cell in EVERY if worlds.CELLS[cell][0] == "records.csv"}


def shell(name, script, codes=0, says="", **more):
    """A script of bash, in which $HEED is the program, $W the world and $S the scratch folder; its exit code is judged."""
    return Case(name, ["bash", "-c", script], codes, says, program="bash", **more)


def heed(result, scratch, *words, **more):
    return subprocess.run([result.program, *map(str, words)], cwd=scratch, capture_output=True, text=True, timeout=60, **more)


def bits(folder):
    """The tensors of a run's best model and its last checkpoint."""
    found = [folder / "best/model.safetensors", *sorted(folder.glob("last-*/*.safetensors"))[-2:]]
    return [path.read_bytes() for path in found]


def goes_on(cell, more, printed):
    """After it was stopped or killed: it goes on, and ends with the bits of a run that was left alone."""
    def check(result, world, scratch):
        words = ["train", world / f"{cell}.toml", "--out", scratch / "run", *more]
        if printed:
            command = re.search(r"heed (train .*--resume.*)", result.text)
            if not command:
                return "prints no command that goes on"
            done = subprocess.run(["bash", "-c", f"'{result.program}' " + command.group(1)], cwd=scratch, capture_output=True,
                                  text=True, timeout=60)
        else:
            done = heed(result, scratch, *words, "--resume")
        if done.returncode != 0:
            return f"does not go on: {done.stderr[-300:]}"
        alone = heed(result, scratch, *words[:3], scratch / "alone", *more)
        if alone.returncode != 0:
            return f"cannot be trained alone: {alone.stderr[-300:]}"
        return "" if bits(scratch / "run") == bits(scratch / "alone") else "ends with other bits"
    return check


def of_signals():
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)):
        yield Case(f"{number.name} in training, and the printed command", " ".join(RUN) + " " + LONG, code, signal=number,
                   when="run/last-*", leaves=("run",), check=goes_on("class", LONG.split(), True))
    for cell in ("class", "translation", "forecast", "image", "items"):
        yield Case(f"SIGKILL in training of {cell}", f"train {{w}}/{cell}.toml --out {{s}}/run {LONG}", (-9,), signal=signal.SIGKILL,
                   when="run/last-*", leaves=("run",), check=goes_on(cell, LONG.split(), False))
    for when in ("run/last-*14", "run/.*", "run/*partial*", "run/best", "run/log.jsonl"):
        yield Case(f"SIGKILL at {when}", " ".join(RUN) + " " + LONG, (-9, 0), signal=signal.SIGKILL, when=when, leaves=("run",),
                   check=goes_on("class", LONG.split(), False))
    for verb, words in (("predict", "predict {w}/m/class -"), ("predict of a translator", "predict {w}/m/translation -"),
                        ("embed", "embed {w}/m/embedding -"), ("score", "score - --reference {w}/a"),
                        ("map", "map {w}/m/translation -")):
        for number in (signal.SIGINT, signal.SIGTERM):
            yield Case(f"{number.name} while {verb} waits for input", words, (-number, 128 + number), signal=number, after=1.5)
    yield shell("a run that nohup protects goes on", "trap '' HUP; $HEED train $W/class.toml --out $S/run & p=$!; sleep 0.3; "
                "kill -HUP $p; wait $p", 0, leaves=("run",))


READERS = {
    "predict": "predict $W/m/class $W/records.csv", "predict --json": "predict $W/m/class $W/records.csv --json",
    "embed": "embed $W/m/embedding $W/records.csv", "eval": "eval $W/m/class --data $W/records.csv --json",
    "check": "check $W/class.toml", "recipe": "recipe --reference", "env": "env", "map": "map $W/m/class $W/records.csv:2",
    "summary": "summary $W/m/class", "score": "score $W/a --reference $W/a", "help": "--help",
    "the translator": "predict $W/m/translation $W/a", "check of a model": "check $W/m/class",
}


def of_readers_that_leave():
    for verb, words in READERS.items():
        yield shell(f"the reader of {verb} goes away", f"$HEED {words} | true; c=${{PIPESTATUS[0]}}; echo $c; [[ $c =~ ^(0|5|141)$ ]]")
        yield shell(f"{verb} onto a full device", f"$HEED {words} > /dev/full", 5, "No space left")


def of_pipes():
    for cell in EVERY:
        data = worlds.data_of(cell, "$W")
        form = "--set data.format=csv" if data[0].endswith(".csv") else "--set data.format=conll" if cell == "tags" else \
            "--set data.format=squad" if cell == "spans" else ""
        if data[0].endswith("set"):  # of which no pipe brings one
            continue
        rows = "--set input.answer=rows" if cell == "anomaly" else ""
        form += " " + rows
        same = f"$HEED predict $W/m/{cell} {rows} {data[0]} > f && "
        yield shell(f"{cell}: predict reads a pipe as the file", same +
                    f"$HEED predict $W/m/{cell} {form} <(cat {data[0]}) > p; c=$?; cat f | head -3; [[ $c != 0 ]] && exit $c; cmp f p",
                    (0, 2, 3), leaves=("f", "p"))
        yield shell(f"{cell}: predict reads standard input", f"$HEED predict $W/m/{cell} {form} - < {data[0]} > p",
                    (0, 2, 3), leaves=("p",))
        pipes = " ".join(f"--data <(cat {path})" for path in data)
        files = " ".join(f"--data {path}" for path in data)
        still = "grep -v '^data\\|^seconds'"
        yield shell(f"{cell}: eval reads a pipe as the file, or says no", f"$HEED eval $W/m/{cell} {form} {pipes} > p; c=$?; "
                    f"[[ $c != 0 ]] && exit $c; $HEED eval $W/m/{cell} {rows} {files} > f; cmp <({still} f) <({still} p)",
                    (0, 2, 3, 4, 5), leaves=("f", "p"))
    for cell in ("class", "corpus", "translation", "stories", "forecast"):
        yield shell(f"{cell}: training reads a pipe, or says no", f"mkfifo d.csv; cat {worlds.data_of(cell, '$W')[0]} > d.csv & "
                    f"timeout 20 $HEED train $W/{cell}.toml --out run --set data.train=d.csv; c=$?; kill %1 2> /dev/null; exit $c",
                    (0, 2, 3, 4, 5), leaves=("run", "d.csv"))


def stopped(change):
    """A run of one epoch, of which something is changed."""
    def prepare(world, scratch):
        shutil.copytree(world / "m/class", scratch / "run")
        shutil.copy(world / "records.csv", scratch / "records.csv")
        change(scratch / "run")
    return prepare


def last(run):
    return next(run.glob("last-*"))


def cut(path, count=20):
    path.write_bytes(path.read_bytes()[:-count])


# What happened to the run's folder, the codes that are right, what is said.
CHANGES = {
    "nothing": (lambda run: None, 0, ""),
    "its log gone": (lambda run: (run / "log.jsonl").unlink(), (0, 4, 5), ""),
    "its log cut": (lambda run: cut(run / "log.jsonl"), (0, 4), ""),
    "its log another text": (lambda run: (run / "log.jsonl").write_text("hello\n"), (0, 4), "log"),
    "its best model gone": (lambda run: shutil.rmtree(run / "best"), (0, 4), ""),
    "its best model damaged": (lambda run: cut(run / "best/model.safetensors"), 4, "best/model.safetensors"),
    "its checkpoint gone": (lambda run: shutil.rmtree(last(run)), 0, "no checkpoint .last-STEP/. to go on from"),
    "its checkpoint damaged": (lambda run: cut(last(run) / "model.safetensors"), 4, "model.safetensors"),
    "its state damaged": (lambda run: cut(last(run) / "state.safetensors"), 4, "state.safetensors"),
    "its state gone": (lambda run: (last(run) / "state.json").unlink(), 4, "state.json"),
    "its state edited": (lambda run: (last(run) / "state.json").write_text("{}"), 4, "state.json"),
    "its vocabulary gone": (lambda run: (last(run) / "text.tokenizer").unlink(), (4, 5), "text.tokenizer"),
    "its recipe edited": (lambda run: (last(run) / "recipe.toml").write_text("seed = 2\n"), 4, "recipe.toml"),
    "a file of the user's in it": (lambda run: (run / "notes.txt").write_text("mine"), 0, ""),
    "an old name of the user's in it": (lambda run: (run / ".notes.old-2020").write_text("mine"), 0, ""),
    "a checkpoint that is a file": (lambda run: (run / "last-00000009").write_text("x"), (0, 4, 5), "last-00000009"),
    "a checkpoint that is a circle": (lambda run: (run / "last-00000009").symlink_to("last-00000009"), (0, 4, 5), ""),
    "it in a link": (lambda run: (run.rename(run.parent / "real"), run.symlink_to("real")), 0, ""),
}


def of_resuming():
    more = "--resume --set train.epochs=3"
    for what, (change, codes, says) in CHANGES.items():
        yield Case(f"a run goes on: {what}", " ".join(RUN) + " " + more, codes, says, prepare=stopped(change), leaves=("run", "real"),
                   check=lambda result, world, scratch: "" if result.code or (scratch / "run/log.jsonl").exists() else "no log")
    yield Case("a run goes on: other data", " ".join(RUN) + " " + more + " --set data.train={s}/records.csv", (0, 4), "data.train|step",
               prepare=stopped(lambda run: None), leaves=("run",))
    yield Case("a run goes on: its data gone", " ".join(RUN) + " " + more + " --set data.train={s}/gone.csv", (3, 4, 5), "gone.csv|data.train",
               prepare=stopped(lambda run: None), leaves=("run",))
    yield Case("a run goes on: another width", " ".join(RUN) + " " + more + " --set encoder.width=16", 4, "encoder.width",
               prepare=stopped(lambda run: None), leaves=("run",))
    yield Case("a run goes on: another seed", " ".join(RUN) + " " + more + " --set seed=7", 4, "seed", prepare=stopped(lambda run: None),
               leaves=("run",))
    yield Case("a run goes on: nothing more to do", " ".join(RUN) + " --resume", 0, "", prepare=stopped(lambda run: None), leaves=("run",))
    yield Case("a new run into an old one", " ".join(RUN), 2, "--resume", prepare=stopped(lambda run: None), leaves=("run",))
    yield Case("a new run into a folder of other things", " ".join(RUN), 2, "run", leaves=("run",),
               prepare=lambda world, scratch: ((scratch / "run").mkdir(), (scratch / "run/mine.txt").write_text("x")),
               check=lambda result, world, scratch: "" if (scratch / "run/mine.txt").exists() else "the user's file is gone")
    yield Case("a run into a file", " ".join(RUN), (2, 5), "run", prepare=lambda world, scratch: (scratch / "run").write_text("x"))
    yield Case("a run into a circle", " ".join(RUN), (2, 5), "run", prepare=lambda world, scratch: (scratch / "run").symlink_to("run"))
    yield Case("a run into a link to nothing", " ".join(RUN), (0, 2, 5), "run", leaves=("run", "gone"),
               prepare=lambda world, scratch: (scratch / "run").symlink_to("gone"))


MOUNT = "unshare -m bash -c 'mkdir disk && mount -t tmpfs -o size={size} none disk && {script}'"


def of_full_disks():
    def on_disk(name, size, script, codes=5, says="No space left|disk"):
        return shell(f"a full disk: {name}", MOUNT.format(size=size, script=script), codes, says, leaves=("disk",), skip=no_mount)
    after = "; c=$?; ls -A disk; exit $c"
    yield on_disk("train", "16k", "$HEED train $W/class.toml --out disk/run" + after)
    yield on_disk("train, later", "120k", f"$HEED train $W/class.toml --out disk/run {LONG}; c=$?; [[ $c == 0 ]] || "
                  "$HEED check disk/run > /dev/null || exit 99; exit $c", (0, 5), "")
    yield on_disk("eval --output", "4k", "head -c 8192 /dev/zero > disk/x; $HEED eval $W/m/class --data $W/records.csv --output disk/o" + after)
    yield on_disk("map --png", "4k", "head -c 8192 /dev/zero > disk/x; $HEED map $W/m/class $W/records.csv:2 --png disk/o.png" + after)
    yield on_disk("eval --png", "4k", "head -c 8192 /dev/zero > disk/x; $HEED eval $W/m/class --data $W/records.csv --png disk/o.png" + after)
    yield on_disk("embed --output", "4k", "head -c 8192 /dev/zero > disk/x; $HEED embed $W/m/embedding $W/records.csv --output disk/o.npy" + after)
    yield on_disk("predict", "4k", "head -c 8192 /dev/zero > disk/x; $HEED predict $W/m/class $W/records.csv > disk/o" + after)
    yield on_disk("a run that goes on", "90k", "cp -r $W/m/class disk/run && head -c 99999 /dev/zero > disk/x; "
                  "$HEED train $W/class.toml --out disk/run --resume --set train.epochs=9; c=$?; rm disk/x; "
                  "$HEED check disk/run > /dev/null || exit 99; exit $c", (0, 5), "")


def no_mount():
    tried = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True)
    return "" if tried.returncode == 0 else "this machine lets nobody mount a disk"


def no_other_user():
    tried = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "true"], capture_output=True)
    return "" if tried.returncode == 0 else "no rights to become another user"


def of_rights():
    as_nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups "
    for name, script in {
        "train": "$HEED train $W/class.toml --out closed/run", "eval --output": "$HEED eval $W/m/class --data $W/records.csv --output closed/o",
        "map --png": "$HEED map $W/m/class $W/records.csv:2 --png closed/o.png", "map --svg": "$HEED map $W/m/class $W/records.csv:2 --svg closed/o.svg",
        "map --pdf": "$HEED map $W/m/class $W/records.csv:2 --pdf closed/o.pdf", "map --html": "$HEED map $W/m/class $W/records.csv:2 --html closed/o.html",
        "map --record": "$HEED map $W/m/class $W/records.csv:2 --record closed/o.safetensors",
        "map --npy": "$HEED map $W/m/class $W/records.csv:2 --npy closed/o.npy",
        "embed --output": "$HEED embed $W/m/embedding $W/records.csv --output closed/o.npy",
        "train into a run": "$HEED train $W/class.toml --out closed/m --resume --set train.epochs=3",
    }.items():
        yield shell(f"a folder that is read-only: {name}", f"mkdir closed; cp -r $W/m/class closed/m; {as_nobody}{script}", 5, "ermission|closed",
                    leaves=("closed",), skip=no_other_user)
    for name, script in {"a recipe": "$HEED check secret", "data": "$HEED eval $W/m/class --set data.format=csv --data secret",
                         "a model": "$HEED predict secret $W/records.csv", "input": "$HEED predict $W/m/translation secret"}.items():
        make = "cp -r $W/m/class secret; chmod 700 secret" if name == "a model" else "cp $W/a secret; chmod 600 secret"
        yield shell(f"what may not be read: {name}", f"{make}; {as_nobody}{script}", (4, 5), "secret.*ermission|ermission.*secret",
                    leaves=("secret",), skip=no_other_user)


def of_closed_streams():
    verbs = {"train": "train {w}/class.toml --out {s}/run", "eval": "eval {w}/m/class --data {w}/records.csv --output {s}/o",
             "map": "map {w}/m/class {w}/records.csv:2 --png {s}/o.png", "embed": "embed {w}/m/embedding {w}/records.csv --output {s}/o.npy",
             "check": "check {w}/m/class"}
    for verb, words in verbs.items():
        for closed in ((0,), (1,), (2,), (0, 1), (0, 1, 2)):
            codes = (0, 5) if 1 in closed else 0
            yield Case(f"{verb} without streams {', '.join(map(str, closed))}", words, codes, closed=closed, leaves=("o", "run"),
                       check=whole_outputs)


def whole_outputs(result, world, scratch):
    """What was written has its own bytes and no line of another stream."""
    import json
    for log in scratch.glob("run/log.jsonl"):
        for line in log.read_text().splitlines():
            json.loads(line)
    for path in scratch.glob("o.*"):
        begins = {".png": b"\x89PNG", ".npy": b"\x93NUMPY"}[path.suffix]
        if not path.read_bytes().startswith(begins):
            return f"{path.name} begins with {path.read_bytes()[:20]!r}"
    return ""


def of_two_at_once():
    start = f"$HEED train $W/class.toml --out run --set train.save_every=7 --set train.epochs=2000 2> first & p=$!; while ! compgen -G 'run/last-*' > /dev/null; do sleep 0.02; done; "
    end = "; c=$?; kill -TERM $p; wait $p; [[ $? == 143 ]] || exit 98; $HEED check run > /dev/null || exit 99; exit $c"
    yield shell("two runs into one folder", start + "$HEED train $W/class.toml --out run" + end, (2, 5), "run", leaves=("run", "first"))
    yield shell("a run goes on while it runs", start + f"$HEED train $W/class.toml --out run --set train.save_every=7 --set train.epochs=2000 --resume" + end, (2, 5), "run",
                leaves=("run", "first"))
    yield shell("eval of a run that trains", start + "$HEED eval run --data $W/records.csv" + end, 0, "accuracy", leaves=("run", "first"))
    yield shell("check of a run that trains", start + "$HEED check run" + end, (0, 4, 5), "", leaves=("run", "first"))
    yield shell("two programs write one file", "$HEED eval $W/m/class --data $W/records.csv --output o & $HEED eval $W/m/class --data "
                "$W/records.csv --output o; wait; wc -l < o", 0, "24", leaves=("o",))


def of_embed():
    model = "embed {w}/m/embedding {w}/records.csv"
    yield Case("embed", model, 0, '"vector"')
    yield shell("embed reads standard input", "$HEED embed $W/m/embedding - < $W/a | wc -l", 0, "20")
    for ending in ("npy", "safetensors", "jsonl"):
        yield Case(f"embed --output .{ending}", f"{model} --output {{s}}/o.{ending}", 0, leaves=("o",),
                   check=lambda result, world, scratch: "" if list(scratch.glob("o.*")) else "nothing is written")
    yield Case("embed --output of another ending", f"{model} --output {{s}}/o.txt", 2, "npy.*safetensors.*jsonl")
    yield Case("embed --output of no ending", f"{model} --output {{s}}/o", 2, "npy")
    yield Case("embed --output over its input", "embed {w}/m/embedding {s}/x.jsonl --set data.format=csv --output {s}/x.jsonl", (2, 3, 5), "x.jsonl",
               prepare=lambda world, scratch: shutil.copy(world / "records.csv", scratch / "x.jsonl"),
               check=lambda result, world, scratch: "" if (scratch / "x.jsonl").read_bytes() == (world / "records.csv").read_bytes()
               else "the input is overwritten")
    yield Case("embed --output to a folder", f"{model} --output {{s}}/d.npy", (2, 5), "d.npy", prepare=lambda w, s: (s / "d.npy").mkdir())
    yield Case("embed --search", f"{model} --search {{w}}/records.csv --top 2", 0, "records.csv")
    yield Case("embed --search --json", f"{model} --search {{w}}/records.csv --json", 0, "")
    yield Case("embed --search nothing", f"{model} --search {{s}}/gone.csv", (3, 5), "gone.csv")
    yield Case("embed --top alone", f"{model} --top 2", 2, "--search")
    yield Case("embed --top 0", f"{model} --search {{w}}/records.csv --top 0", 2, "--top")
    yield Case("embed --json alone", f"{model} --json", 2, "--json")
    yield Case("embed --search and --output", f"{model} --search {{w}}/records.csv --output {{s}}/o.npy", (0, 2), "", leaves=("o",))
    yield Case("embed of a classifier", "embed {w}/m/class {w}/records.csv", (2, 4), "embedding")
    yield Case("embed of a translator", "embed {w}/m/translation {w}/a", (2, 4), "embedding")
    yield Case("embed of nothing", "embed {w}/m/embedding {s}/e.csv", (2, 3), "e.csv", prepare=lambda w, s: (s / "e.csv").write_text(""))
    yield Case("embed of unknown words alone", "embed {w}/m/embedding -", 3, "unknown", stdin=b"zzz qqq\n")
    yield Case("embed of a blank line", "embed {w}/m/embedding -", (0, 3), "", stdin=b"\n")
    yield Case("embed of no UTF-8", "embed {w}/m/embedding -", 3, "UTF-8", stdin=b"\xff\n")
    yield Case("embed of a recipe", "embed {w}/embedding.toml {w}/a", (2, 4), "embedding.toml")


def of_transcripts():
    """Models of language that are none, and error rates."""
    predict = "predict {w}/m/transcript {w}/heard.csv --set head.beam_size=8 --set head.language.file="
    yield Case("transcripts: a model of language", predict + "{w}/words.arpa --json", 0, "log_probability")
    yield Case("transcripts: its lexicon", predict + "{w}/words.arpa --set head.language.lexicon=true", 0, "")
    yield Case("transcripts: none of that name", predict + "{s}/gone.arpa", (3, 5), "gone.arpa")
    yield Case("transcripts: no model of language", predict + "{w}/records.csv", 3, "records.csv:")
    yield Case("transcripts: one that is cut", predict + "{s}/w.arpa", 3, "w.arpa:", prepare=lambda w, s: (s / "w.arpa").write_bytes((w / "words.arpa").read_bytes()[:50]))
    yield Case("transcripts: of another case", predict + "{s}/w.arpa", 3, "w.arpa", prepare=lambda w, s: (s / "w.arpa").write_text((w / "words.arpa").read_text().replace("ab", "AB").replace("6 b", "6 B")))
    yield Case("transcripts: a language and no beam", "predict {w}/m/transcript {w}/heard.csv --set head.language.file={w}/words.arpa", (2, 4), "beam_size")
    yield Case("transcripts: times of a text", "predict {w}/m/transcript {w}/heard.csv --set head.times=true", (2, 4), "times")
    yield Case("transcripts: too long", "train {w}/transcript.toml --set data.train={s}/t.csv --out {s}/run", 3, "t.csv:2", prepare=lambda w, s: (s / "t.csv").write_text("heard,said\nab,aabbaabb\n"))
    yield Case("score: error rates", "score {w}/a --reference {w}/b --metric wer,cer", 0, "wer|")
    yield Case("score: error rates of two references", "score {w}/a --reference {w}/a --reference {w}/b --metric wer", 2, "one --reference")
    yield Case("score: error rates of nothing", "score {s}/blank --reference {s}/blank --metric cer", 3, "blank", prepare=lambda w, s: (s / "blank").write_text("\n\n"))


def gguf_file(world, scratch):
    sys.path.insert(0, str(HERE / "tests/mutants"))
    import gguf
    (scratch / "m.gguf").write_bytes(gguf.file_of(gguf.pairs(), gguf.tensors()))


def of_gguf():
    short = " --set head.generate.max_length=6"
    for verb, words, codes, says in (
            ("check", "check {s}/m.gguf", 0, "nothing is wrong"), ("check --json", "check {s}/m.gguf --json", 0, "folders"),
            ("summary", "summary {s}/m.gguf", 0, "parameters"), ("map", "map {s}/m.gguf ab --json" + short, 0, "maps"),
            ("eval", "eval {s}/m.gguf --data {w}/a" + short, (0, 3), ""), ("embed", "embed {s}/m.gguf {w}/a", (2, 4), "embedding"),
            ("train", "train {s}/m.gguf", (2, 4), "m.gguf"), ("score", "score {s}/m.gguf --reference {w}/a", 3, "m.gguf"),
            ("import", "import {s}/m.gguf {w}/a --out {s}/o", (2, 4), "m.gguf"),
            ("predict --set of a width", "predict {s}/m.gguf {w}/a --set head.width=16", 4, "width")):
        yield Case(f"GGUF: {verb}", words, codes, says, prepare=gguf_file)
    yield Case("GGUF: predict", "predict {s}/m.gguf -" + short, 0, "ab", prepare=gguf_file, stdin=b"ab a\n")
    yield Case("GGUF: cut", "summary {s}/m.gguf", 4, "m.gguf", prepare=lambda w, s: (gguf_file(w, s), cut(s / "m.gguf", 100)))
    yield Case("GGUF: of a start alone", "summary {s}/m.gguf", (4,), "m.gguf", prepare=lambda w, s: (s / "m.gguf").write_bytes(b"GGUF\3\0\0\0"))


def golden(name, change=None):
    def prepare(world, scratch):
        shutil.copytree(GOLDEN / name, scratch / "m")
        for path in (scratch / "m").iterdir():
            path.chmod(0o644)
        (scratch / "m").chmod(0o755)
        if change:
            change(scratch / "m")
    return prepare


def no_golden():
    return "" if GOLDEN.exists() else f"{GOLDEN} is not here"


def replace(name, old, new):
    def change(model):
        text = (model / name).read_text()
        assert old in text, (name, old)
        (model / name).write_text(text.replace(old, new, 1))
    return change


def of_other_folders():
    def case(name, folder, words, codes, says, change=None, **more):
        return Case(f"a folder of others, {folder}: {name}", words, codes, says, prepare=golden(folder, change), skip=no_golden, **more)
    short = " --set head.generate.max_length=4"
    texts = ("bert", "roberta", "modernbert")
    writers = ("gpt2", "llama", "qwen3", "gemma2", "gemma3")
    for folder in (*texts, *writers, "t5", "t5_gated", "marian", "vit", "bert_token_classification"):
        yield case("summary", folder, "summary {s}/m", (0, 4), "parameters|lacks its tokenizer")
        yield case("check", folder, "check {s}/m", (0, 4), "nothing is wrong|lacks its tokenizer")
    for folder in texts:
        yield case("embed", folder, "embed {s}/m -", (0, 2, 4), "", stdin=b"To be or not\n")
        yield case("map", folder, ["map", "{s}/m", "To be or not", "--json"], 0, "maps")
    for folder in writers:
        yield case("predict", folder, "predict {s}/m -" + short, 0, "To be", stdin=b"To be\n")
        yield case("map", folder, ["map", "{s}/m", "To be", "--json", *short.split()], 0, "maps")
    yield case("no weights", "bert", "summary {s}/m", (4, 5), "safetensors", lambda m: (m / "model.safetensors").unlink())
    yield case("a pickle", "bert", "summary {s}/m", 4, "pickle|safetensors",
               lambda m: (m / "model.safetensors").rename(m / "pytorch_model.bin"))
    yield case("weights that are cut", "bert", "summary {s}/m", 4, "model.safetensors", lambda m: cut(m / "model.safetensors"))
    yield case("no tokenizer", "bert", "predict {s}/m -", 4, "tokenizer", lambda m: (m / "tokenizer.json").unlink(), stdin=b"a\n")
    yield case("a tokenizer that is cut", "gpt2", "predict {s}/m -", 4, "tokenizer.json", lambda m: cut(m / "tokenizer.json"), stdin=b"a\n")
    yield case("an unknown model_type", "bert", "summary {s}/m", 4, "model_type.*bert", replace("config.json", '"model_type": "bert"', '"model_type": "mamba"'))
    yield case("more layers than weights", "bert", "summary {s}/m", 4, "tensor",
               lambda m: (m / "config.json").write_text(re.sub(r'"num_hidden_layers": \d+', '"num_hidden_layers": 9', (m / "config.json").read_text())))
    yield case("a billion layers", "llama", "summary {s}/m", 4, "num_hidden_layers|tensor",
               lambda m: (m / "config.json").write_text(re.sub(r'"num_hidden_layers": \d+', '"num_hidden_layers": 1000000000', (m / "config.json").read_text())))
    yield case("config.json is empty", "bert", "summary {s}/m", 4, "config.json", lambda m: (m / "config.json").write_text(""))
    yield case("config.json is a circle", "bert", "summary {s}/m", (4, 5), "config.json|m is no model",
               lambda m: ((m / "config.json").unlink(), (m / "config.json").symlink_to("config.json")))
    yield case("train into it", "bert", "train {w}/class.toml --out {s}/m", 2, "m", leaves=("m",))
    yield case("begin with it", "bert", ["train", "{w}/class.toml", "--out", "{s}/run", "--set", "encoder.from={s}/m"], (0, 4), "encoder", leaves=("run",))


def cases():
    for group in (of_signals, of_readers_that_leave, of_pipes, of_resuming, of_full_disks, of_rights, of_closed_streams, of_two_at_once,
                  of_embed, of_transcripts, of_gguf, of_other_folders):
        yield from group()
