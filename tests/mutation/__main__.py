"""Turn one thing in the code at a time, and see whether a unit test notices: `make mutate`.

A tool of our own: mutmut 3 turns nothing outside functions, cosmic-ray runs every test for every change, and neither
draws a seeded sample. Here a change goes into a copy of the checkout, and the tests that reach its line run, in a
process forked where the libraries are loaded already.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import coverage
import yaml

from tests.mutation.reached import measure, processes, run, try_tests
from tests.mutation.turned import Mutation, mutated, mutations

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
EXCUSED = Path(__file__).with_name("excused.yaml")
SECONDS_TO_MEASURE = 900


class Reached:
    """Which tests reach which line of the unchanged code, and how long each takes."""

    def __init__(self, checkout: Path) -> None:
        self.checkout = checkout
        self.data = coverage.CoverageData(str(checkout / ".coverage"))
        self.data.read()
        told = json.loads((checkout / "tests.json").read_bytes())
        self.seconds, self.fixtures = told["seconds"], told["fixtures"]

    def tests(self, mutation: Mutation) -> list[str]:
        """The tests that might notice, quick ones first.

        What runs at import may be noticed by whatever reaches the module, and by all tests of a file that names it.
        """
        found = self.data.contexts_by_lineno(str(self.checkout / mutation.path))
        wanted = [found.get(line, []) for line in mutation.lines] if mutation.in_function else found.values()
        contexts = {context for line in wanted for context in line} - {""}
        chosen = [it for it in self.seconds if it in contexts or {f"@{name}" for name in self.fixtures[it]} & contexts]
        if not mutation.in_function:
            *_, package, module = Path(mutation.path).with_suffix("").parts
            named = re.compile(rf"^ *(from|import) ([\w.]+\.)?{package}\b.*\b{module}\b", re.MULTILINE)
            files = dict.fromkeys(test.partition("::")[0] for test in self.seconds)
            naming = {file for file in files if named.search((self.checkout / file).read_text(encoding="utf-8"))}
            chosen = [it for it in self.seconds if it in chosen or it.partition("::")[0] in naming]
        return sorted(chosen, key=self.seconds.get)


def draw(count: int, seed: int, only: str) -> list[Mutation]:
    """A seeded sample of what can be turned below a path: as many of each kind, as far as there are any."""
    kinds: dict[str, list[Mutation]] = defaultdict(list)
    for path in sorted(path for folder in ("lib", "app") for path in (ROOT / folder).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        for mutation in mutations(name, path.read_text(encoding="utf-8")) if name.startswith(only) else []:
            kinds[mutation.kind].append(mutation)
    chance = random.Random(seed)  # noqa: S311
    for _, found in sorted(kinds.items()):
        chance.shuffle(found)
    in_turn = itertools.chain.from_iterable(itertools.zip_longest(*(found for _, found in sorted(kinds.items()))))
    return [mutation for mutation in in_turn if mutation][:count]


@cache
def excuses() -> list[dict[str, str]]:
    """What need not be noticed: file, before, after (or `anything`), and why."""
    return yaml.safe_load(EXCUSED.read_text(encoding="utf-8"))


def excuse(mutation: Mutation) -> str | None:
    """Why no test need notice a mutation, if somebody has said so."""
    for entry in excuses():
        same = entry["file"] == mutation.path and entry["before"] == mutation.before
        if same and entry["after"] in (mutation.after, "anything"):
            return entry["why"]
    return None


def copy_checkout(folder: Path) -> Path:
    """Copy what git knows or would take, and what was compiled."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    compiled = [path.relative_to(ROOT) for path in ROOT.glob("lib/**/*.so")]
    for name in [*filter(None, listed), *compiled]:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def survives(context: Any, checkout: Path, mutation: Mutation, reached: Reached) -> bool:
    """Whether no test notices a mutation; one that makes tests endless is noticed."""
    file, tests = checkout / mutation.path, reached.tests(mutation)
    if not tests:
        return True
    whole = file.read_text(encoding="utf-8")
    try:
        _write(file, mutated(whole, mutation))
        status = run(context, checkout, try_tests, tests, seconds=30 + 8 * sum(reached.seconds[it] for it in tests))
    finally:
        _write(file, whole)
    return status == 0


def _write(file: Path, source: str) -> None:
    """Write a module; what Python compiled of the one before might look as new as this one."""
    file.write_text(source, encoding="utf-8")
    Path(importlib.util.cache_from_source(file)).unlink(missing_ok=True)


def try_all(chosen: list[Mutation], folder: Path, jobs: int) -> Iterator[tuple[Mutation, bool]]:
    """Each mutation and whether it survives, as it comes out; raises SystemExit if the tests fail without any."""
    context, free = processes(), SimpleQueue()
    first = copy_checkout(folder / "0")
    if status := run(context, first, measure, seconds=SECONDS_TO_MEASURE):
        told = (first / "pytest.log").read_text(encoding="utf-8", errors="replace")[-3000:]
        raise SystemExit(f"{told}\nmake mutate: the unit tests fail as the code stands ({status}); mend that first")
    reached = Reached(first)
    for checkout in [first, *(copy_checkout(folder / str(number)) for number in range(1, jobs))]:
        free.put(checkout)

    def one(mutation: Mutation) -> tuple[Mutation, bool]:
        checkout = free.get()
        try:
            return mutation, survives(context, checkout, mutation, reached)
        finally:
            free.put(checkout)

    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(one, chosen)


def main() -> int:
    """Draw, try, and print what survives; the exit status says whether enough was caught."""
    parser = argparse.ArgumentParser(prog="make mutate", description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200, help="how many are drawn (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="which ones (default: %(default)s)")
    parser.add_argument("--bar", type=float, default=0.8, help="share that must be caught (default: %(default)s)")
    parser.add_argument("--only", default="", help="a file or folder from the root, such as lib/modelbundle")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many at once (default: %(default)s)")
    options = parser.parse_args()
    chosen = draw(options.count, options.seed, options.only)
    if not chosen:
        parser.error(
            f"nothing can be turned below {options.only!r}; give a path from the root, such as lib/modelbundle"
        )
    print(f"{len(chosen)} of what can be turned, drawn with seed {options.seed}; first all unit tests as they are")
    caught = 0
    with tempfile.TemporaryDirectory(prefix="mutate-") as folder:
        for number, (mutation, survived) in enumerate(try_all(chosen, Path(folder), options.jobs), 1):
            caught += not survived
            if survived:
                _tell(mutation)
            if number % 20 == 0 or number == len(chosen):
                print(f"… {number} of {len(chosen)} tried, {caught} caught", flush=True)
    share = caught / len(chosen)
    print(f"{share:.0%} caught; {options.bar:.0%} are asked for")
    return int(share < options.bar)


def _tell(mutation: Mutation) -> None:
    line = (ROOT / mutation.path).read_text(encoding="utf-8").splitlines()[mutation.line - 1].strip()
    why = excuse(mutation)
    print(f"survived: {mutation.path}:{mutation.line}: {line}")
    print(f"          {mutation.before!r} became {mutation.after!r}{f' (excused: {why})' if why else ''}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
