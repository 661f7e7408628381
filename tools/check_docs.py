#!/usr/bin/env python3
"""Checks that the documents are true to the tree: links, paths, samples and commands.

    tools/check_docs.py [PROGRAM]    PROGRAM: build/release/heed unless given

- a relative link leads to a file, and its #anchor to a heading there
- a path in backquotes that begins with a folder of the tree exists
- a ```cpp block stands, line after line, in a file of examples/ or tests/; a ```toml block in a file of recipes/
- README in another language has the commands and samples of README.md
- `./dev WORD`, `heed VERB` and `heed_bench VERB` in a block or in backquotes are words that ./dev and the programs know
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
TREE_PATH = re.compile(r"(?:include|src|apps|tests|examples|recipes|docs|tools|cmake|bench)/[\w./-]*\w/?$")
SAMPLES = {"cpp": ("examples/*.cc", "tests/**/*.cc", "include/**/*.h", "src/**/*.h"), "toml": ("recipes/*.toml",)}


def squeezed(text):
    return [line.strip() for line in text.splitlines() if line.strip()]


def contains(whole, part):
    return any(whole[start:start + len(part)] == part for start in range(len(whole) - len(part) + 1))


def anchor(heading):
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def check_links(document, text):
    for target in LINK.findall(text):
        if re.match(r"\w+:", target):
            continue
        name, _, fragment = target.partition("#")
        file = (document.parent / name).resolve() if name else document
        if not file.exists():
            yield f"link to {target}: no such file"
        elif fragment and file.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            if fragment not in map(anchor, headings):
                yield f"link to {target}: no such heading"


def check_paths(text):
    for quoted in INLINE.findall(text):
        if TREE_PATH.match(quoted) and not (ROOT / quoted).exists():
            yield f"`{quoted}` does not exist"


def check_samples(text):
    for language, block in BLOCK.findall(text):
        sources = [file for pattern in SAMPLES.get(language, ()) for file in ROOT.glob(pattern)]
        if sources and not any(contains(squeezed(file.read_text()), squeezed(block)) for file in sources):
            yield f"this {language} block stands in no file of {SAMPLES[language][0]}:\n{block}"


def shown_code(text):
    """Commands and samples, without the comments behind them."""
    blocks = [line for _, block in BLOCK.findall(text) for line in block.splitlines()]
    return [re.sub(r"\s+#( .*)?$", "", line) for line in re.findall(r"^ {4}(.*)$", BLOCK.sub("", text), re.MULTILINE) + blocks]


def check_translation(document, text):
    if not document.name.startswith("README.") or document.name == "README.md":
        return
    ours, english = shown_code(text), shown_code((ROOT / "README.md").read_text())
    for line in [line for line in ours + english if line not in ours or line not in english]:
        yield f"README.md and its translation differ in: {line}"
    if ours != english and sorted(ours) == sorted(english):
        yield "commands stand in another order than in README.md"


def known_words(program):
    usage = subprocess.run([ROOT / "dev", "help"], capture_output=True, text=True, check=True).stdout
    words = {"./dev": set(re.findall(r"^  (\w+) ", usage, re.MULTILINE)) | {"help"}}
    for name in ("heed", "heed_bench"):
        verbs = subprocess.run([program.with_name(name), "--help"], capture_output=True, text=True, check=True).stdout
        words[name] = set(re.findall(r"^  (\w+) ", verbs, re.MULTILINE))
    return words


def check_commands(text, words):
    code = INLINE.findall(text) + [line for _, block in BLOCK.findall(text) for line in block.splitlines()]
    code += re.findall(r"^ {4}(.*)$", text, re.MULTILINE)
    for line in code:
        for command, word in re.findall(r"^\s*(?:\$ )?(?:build/release/)?(\./dev|heed|heed_bench) ([a-z]\w*)", line):
            if word not in words[command]:
                yield f"`{command} {word}` is not known; known: {', '.join(sorted(words[command]))}"


def main():
    program = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "release" / "heed")
    words = known_words(program)
    documents = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
    problems = 0
    for document in documents:
        text = document.read_text()
        for checks in (check_links(document, text), check_paths(text), check_samples(text), check_commands(text, words),
                       check_translation(document, text)):
            for problem in checks:
                problems += 1
                print(f"{document.relative_to(ROOT)}: {problem}")
    print(f"check_docs: {len(documents)} documents, {problems} problems", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
