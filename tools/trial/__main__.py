"""Tries Heed as a hostile or new user: several hundred command lines, each with what must come of it.

    ./dev trial [--only PATTERN] [--list] [--keep]

A case is wrong where the program crashes, hangs, fails unexpectedly or without a word, leaves half a file, or where its
exit code or message is another than its table says (cases_*.py). Prints the wrong ones and their number; exit code 1 where there
are some. Standard library only; the same cases in the same order every time.
"""

import argparse
import importlib
import re
import shlex
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import case as cases_of_trial  # noqa: E402
import world as worlds  # noqa: E402


def all_cases():
    found = []
    for file in sorted(Path(__file__).parent.glob("cases_*.py")):
        module = importlib.import_module(file.stem)
        found += [(file.stem[len("cases_"):], case) for case in module.cases()]
    names = [f"{group}: {case.name}" for group, case in found]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise SystemExit(f"trial: cases of one name: {', '.join(sorted(twice))}")
    return list(zip(names, (case for _, case in found)))


def shown(command):
    return command if isinstance(command, str) else shlex.join(map(str, command))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("heed", nargs="?", default="build/release/heed")
    parser.add_argument("--only", default="", help="cases whose name has this pattern")
    parser.add_argument("--list", action="store_true", help="print the cases and run none")
    parser.add_argument("--keep", action="store_true", help="keep the folders")
    given = parser.parse_args()
    chosen = [(name, case) for name, case in all_cases() if re.search(given.only, name)]
    if given.list:
        for name, case in chosen:
            print(f"{name}\n    heed {shown(case.command)}")
        return print(f"{len(chosen)} cases")
    heed = Path(given.heed).resolve()
    home = Path(tempfile.mkdtemp(prefix="heed-trial-"))
    home.chmod(0o755)
    world = worlds.make(home / "world", heed)
    wrong = skipped = 0
    for number, (name, case) in enumerate(chosen):
        why = case.skip() if case.skip else ""
        if why:
            skipped += 1
            print(f"not run  {name}: {why}", flush=True)
            continue
        complaints, result = cases_of_trial.run(case, heed, world, home / f"{number}")
        if complaints:
            wrong += 1
            print(f"WRONG  {name}: {'; '.join(complaints)}\n    heed {shown(case.command)}\n    " +
                  result.err.decode("utf-8", "replace")[-400:].strip().replace("\n", "\n    "), flush=True)
        if not given.keep:
            cases_of_trial.shutil.rmtree(home / f"{number}", ignore_errors=True)
    print(f"{len(chosen)} cases, {wrong} wrong, {skipped} not run")
    if not given.keep:
        cases_of_trial.shutil.rmtree(home, ignore_errors=True)
    sys.exit(wrong > 0)


main()
