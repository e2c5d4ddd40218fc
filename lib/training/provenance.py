"""Where results come from: digests of the code that made them, the locked environment, the commit."""

from __future__ import annotations

import ast
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import accumulate
from pathlib import Path

import modelbundle
import registry
from modelbundle.digests import digest_bytes, digest_file, digest_json
from training.paths import ROOT

SOURCES = {
    "training": Path(__file__).parent,
    "registry": Path(registry.__file__).parent,
    "modelbundle": Path(modelbundle.__file__).parent,
}


def imported_modules(source: str, package: str = "") -> set[str]:
    """Names of the modules of our packages that a piece of Python imports itself, in functions too.

    What is imported for types alone does not count: it changes nothing that runs.
    package: the one that relative imports start from.
    """
    found = set()
    for node in _that_run(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if _files(name)}


def module_digest(*modules: str) -> str:
    """Digest of the named modules and of all that they import from our packages, directly or not."""
    return digest_json({name: _digest(name) for name in sorted(with_imports(modules))})


def with_imports(modules: Iterable[str]) -> set[str]:
    """The named modules and all that they import from our packages, at any depth.

    Importing a module runs the packages that it lies in, so these count with it.
    """
    seen: set[str] = set()
    waiting = set(modules)
    while waiting:
        name = waiting.pop()
        seen.add(name)
        waiting |= (_imports(name) | _packages_above(name)) - seen
    return seen


def locked_environment() -> str:
    """Digest of what the code runs on: the locked packages, Python and the machine's architecture."""
    lock = digest_file(ROOT / "requirements" / "pipeline.txt")
    return digest_json([lock, list(sys.version_info[:3]), platform.machine(), sys.platform])


def git_commit() -> str:
    """The commit that is checked out, marked where files differ from it; "unknown" outside a git checkout."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()


def _that_run(node: ast.AST) -> Iterator[ast.AST]:
    """A node and those below it, without what stands there for type checkers alone."""
    yield node
    below = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and _is_for_types(node.test):
        below = node.orelse
    elif isinstance(node, ast.If) and isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not):
        below = node.body if _is_for_types(node.test.operand) else below
    for child in below:
        yield from _that_run(child)


def _is_for_types(test: ast.expr) -> bool:
    """Whether a condition is TYPE_CHECKING, which holds for type checkers and never when the code runs."""
    return ast.unparse(test).rpartition(".")[2] == "TYPE_CHECKING"


def _absolute(node: ast.ImportFrom, package: str) -> str:
    """The full name of what `from … import` names; each dot before it, after the first, is one package further up."""
    if not node.level:
        return node.module
    start = package.rsplit(".", node.level - 1)[0]
    return f"{start}.{node.module}" if node.module else start


def _packages_above(module: str) -> set[str]:
    names = accumulate(module.split(".")[:-1], "{}.{}".format)
    return {name for name in names if _files(name)}


def _files(module: str) -> list[Path]:
    """The files of a module of our packages: Python, C or both; none if it is no such module."""
    package, _, name = module.partition(".")
    if package not in SOURCES:
        return []
    path = SOURCES[package].joinpath(*name.split("."))
    beside = [path.with_name(f"{path.name}{ending}") for ending in (".py", ".c")] if name else []
    return [file for file in [path / "__init__.py", *beside] if file.is_file()]


@cache
def _imports(module: str) -> set[str]:
    found = set()
    for path in _files(module):
        if path.suffix == ".py":
            package = module if path.name == "__init__.py" else module.rpartition(".")[0]
            found |= imported_modules(path.read_text(encoding="utf-8"), package)
    return found


@cache
def _digest(module: str) -> str:
    return digest_json([digest_bytes(path.read_bytes()) for path in _files(module)])
