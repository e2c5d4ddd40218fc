"""Where results come from: digests of the code that made them, the locked environment, the commit."""

from __future__ import annotations

import ast
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

import modelbundle
from modelbundle.digests import digest_bytes, digest_file, digest_json
from training.paths import ROOT

SOURCES = {"training": Path(__file__).parent, "modelbundle": Path(modelbundle.__file__).parent}


def imported_modules(source: str) -> set[str]:
    """Names of the modules of our two packages that a piece of Python imports itself."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if _file(name) is not None}


def module_digest(*modules: str) -> str:
    """Digest of the named modules and of all that they import from our two packages, directly or not."""
    seen: set[str] = set()
    waiting = set(modules)
    while waiting:
        name = waiting.pop()
        seen.add(name)
        waiting |= _imports(name) - seen
    return digest_json({name: _digest(name) for name in sorted(seen)})


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


def _file(module: str) -> Path | None:
    package, _, name = module.partition(".")
    if package not in SOURCES or "." in name:
        return None
    paths = [SOURCES[package] / f"{name or '__init__'}{ending}" for ending in (".py", ".c")]
    return next((path for path in paths if path.is_file()), None)


@cache
def _imports(module: str) -> set[str]:
    path = _file(module)
    return imported_modules(path.read_text(encoding="utf-8")) if path.suffix == ".py" else set()


@cache
def _digest(module: str) -> str:
    return digest_bytes(_file(module).read_bytes())
