#!/usr/bin/env python3
"""Rules of the tree that no compiler checks: which floor may include which, where LibTorch may appear, file sizes.

    tools/check_tree.py [ROOT]    prints `file:line: what is wrong` and exits with 1 where something is
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
LIBTORCH = re.compile(r"(torch|ATen|c10|caffe2)/")
LIBTORCH_FREE = ("core", "kernels", "metrics", "serve")
LONGEST_FILE = 500
REASON = "Longer than 500 lines because"


def floors_of(root):
    """{floor: the floors that it may include}, from the heed_floor lines of CMakeLists.txt, and what is wrong there."""
    allowed, problems = {}, []
    text = (root / "CMakeLists.txt").read_text()
    for call in re.finditer(r"^heed_floor\((\w+)([^)]*)\)", text, re.MULTILINE):
        name, links = call.group(1), re.findall(r"\bheed_(\w+)", call.group(2))
        line = text.count("\n", 0, call.start()) + 1
        problems += [f"CMakeLists.txt:{line}: floor {name} stands on {floor}, which is not below it"
                     for floor in links if floor not in allowed]
        allowed[name] = {name}.union(*(allowed.get(floor, set()) for floor in links))
    return allowed, problems


def floor_of(path, allowed):
    """The floor of src/F/x, include/heed/F/x or tests/F/x; None for what may include every floor."""
    parts = path.parts
    for folder in (("src",), ("include", "heed"), ("tests",)):
        rest = parts[len(folder):]
        if parts[: len(folder)] == folder and len(rest) > 1 and rest[0] in allowed:
            return rest[0]
    return None


def check_include(path, floor, quote, target, allowed):
    public = path.parts[0] == "include"
    named = target.removeprefix("heed/").split("/")[0]
    if floor and named in allowed and named not in allowed[floor]:
        yield f"floor {floor} includes {target} of floor {named}, which is not below it"
    if floor in LIBTORCH_FREE and LIBTORCH.match(target):
        yield f"floor {floor} does without LibTorch, but includes {target}"
    if public and quote == '"' and not target.startswith("heed/"):
        yield f"a public header includes the private {target}"
    if public and quote == "<" and "/" in target and not LIBTORCH.match(target):
        yield f"a public header includes {target}, which a user of the installed library may lack"


def check_file(path, text, allowed):
    lines = text.splitlines()
    floor = floor_of(path, allowed)
    if len(lines) > LONGEST_FILE and REASON not in text:
        yield f"{path}:1: {len(lines)} lines; split it, or say in a comment '{REASON} ...'"
    for number, line in enumerate(lines, 1):
        if match := INCLUDE.match(line):
            for problem in check_include(path, floor, match[1], match[2], allowed):
                yield f"{path}:{number}: {problem}"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
    allowed, problems = floors_of(root)
    if not allowed:
        problems.append(f"{root}/CMakeLists.txt: no heed_floor(...) line")
    files = [path for folder in ("include", "src", "apps", "tests", "examples", "bench")
             for path in sorted((root / folder).rglob("*")) if path.suffix in (".h", ".cc")]
    for path in files:
        problems += check_file(path.relative_to(root), path.read_text(), allowed)
    for problem in problems:
        print(problem)
    print(f"check_tree: {len(files)} files, {len(problems)} problems", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
