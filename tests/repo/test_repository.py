"""What holds for the repository as a whole: one-way dependencies, one place for versions, nothing made in it."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from packaging.requirements import Requirement

from tests.conftest import ROOT
from training.config.conf import load_conf

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PACKAGES = {
    path.name: path
    for path in [
        ROOT / "lib/modelbundle",
        ROOT / "lib/registry",
        ROOT / "lib/training",
        ROOT / "app",
        ROOT / "delivery",
    ]
}
FORBIDDEN = {
    "modelbundle": {"registry", "training", "app", "papermill", "matplotlib", "doit"},
    # its readers hold neither frames nor models
    "registry": {"training", "app", "papermill", "matplotlib", "doit", "numpy", "pandas", "sklearn", "flask"},
    "app": {"training", "papermill", "matplotlib", "doit", "nbconvert"},
    "training": {"app", "flask", "gunicorn"},
    "delivery": {"training", "modelbundle", "app"},  # speaks to what runs, and reads what was made
}


def committed() -> list[str]:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this is no git checkout")
    return done.stdout.splitlines()


def imported(path: Path) -> set[str]:
    """Top-level names that a module imports, wherever in it; a relative import stays in its package."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in names}


def modules(packages: Mapping[str, Path]) -> dict[str, tuple[str, Path]]:
    """The modules of packages, at any depth: path as people name it -> package, file."""
    found = [(name, folder, path) for name, folder in packages.items() for path in sorted(folder.rglob("*.py"))]
    return {f"{name}/{path.relative_to(folder)}": (name, path) for name, folder, path in found}


MODULES = modules(PACKAGES)


def pins(lock: Path) -> dict[str, set[str]]:
    """Package -> pinned versions; several where they depend on the Python version."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([^ ;\\]+)", lock.read_text(encoding="utf-8"), re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


@pytest.mark.parametrize(("package", "path"), MODULES.values(), ids=MODULES)
def test_dependencies_point_one_way(package: str, path: Path):
    """notebooks → training → registry → modelbundle ← registry ← app; delivery stands apart."""
    assert not imported(path) & FORBIDDEN[package]


@pytest.mark.parametrize(("package", "path"), MODULES.values(), ids=MODULES)
def test_a_module_says_what_it_is_for_and_is_read_in_one_sitting(package: str, path: Path):
    text = path.read_text(encoding="utf-8")

    assert ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= 250


def test_every_package_is_held_to_the_rules_and_so_is_a_package_in_it(tmp_path: Path):
    (tmp_path / "training/room").mkdir(parents=True)
    (tmp_path / "training/room/module.py").write_text("def later():\n    from app import pages\n")
    ((package, path),) = modules({"training": tmp_path / "training"}).values()

    assert imported(path) & FORBIDDEN[package] == {"app"}
    assert {path.name for path in ROOT.glob("lib/*/") if list(path.glob("*.py"))} <= set(PACKAGES)
    assert {package for package, _ in MODULES.values()} == set(FORBIDDEN)


@pytest.mark.run
def test_a_wheel_holds_every_module_and_template_those_of_packages_in_packages_too(tmp_path: Path):
    shutil.copytree(ROOT / "lib", tmp_path / "lib", ignore=shutil.ignore_patterns("__pycache__", "*.so", "*.egg-info"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name in ("training/room", "training/room/cupboard"):
        (tmp_path / "lib" / name).mkdir()
        (tmp_path / "lib" / name / "__init__.py").touch()
    there = {path.relative_to(tmp_path / "lib").as_posix() for path in (tmp_path / "lib").rglob("*") if path.is_file()}
    build = ["uv", "build", "--quiet", "--wheel", "--offline", "--no-build-isolation", "--python", sys.executable]
    subprocess.run([Path(sys.executable).with_name(build[0]), *build[1:], tmp_path], check=True)
    (wheel,) = tmp_path.glob("dist/*.whl")

    assert there <= set(zipfile.ZipFile(wheel).namelist())


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_locked_package_has_a_hash_and_no_address(lock: Path):
    text = lock.read_text(encoding="utf-8")

    assert not re.search(r"https?://|--index-url|--find-links", text)
    for entry in re.split(r"\n(?=\w)", text):
        assert "==" not in entry or "--hash=sha256:" in entry, entry.splitlines()[0]


@pytest.mark.parametrize("part", ["app", "pipeline"])
def test_the_locks_agree_with_each_other(part: str):
    everything = pins(ROOT / "requirements/dev.txt")

    for name, versions in pins(ROOT / "requirements" / f"{part}.txt").items():
        assert versions <= everything[name], name


@pytest.mark.parametrize("part", ["app", "pipeline", "dev"])
def test_the_locks_hold_what_the_input_files_ask_for(part: str):
    lines = (ROOT / "requirements" / f"{part}.in").read_text(encoding="utf-8").splitlines()
    asked = [Requirement(line.split("#")[0]) for line in lines if line and not line.startswith(("#", "-r"))]
    held = pins(ROOT / "requirements" / f"{part}.txt")

    assert asked
    for one in asked:
        assert held[one.name], one
        assert all(one.specifier.contains(version) for version in held[one.name]), one


def test_the_conda_environment_takes_every_package_from_the_locks():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python, pip, packages = environment["dependencies"]

    assert packages == {"pip": ["-r requirements/dev.txt"]}
    assert pip == "pip"
    assert re.fullmatch(r"python=3\.1[1-4]", python)


def test_the_declared_python_is_the_one_that_make_accepts():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    assert 'requires-python = ">=3.11,<3.15"' in project
    assert "(3, 11) <= v <= (3, 14)" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_source_root_is_not_ignored_and_nothing_that_runs_make_is_committed():
    files = committed()

    assert [name for name in files if name.startswith("lib/training/")]
    made = r"(runs|scratch|models|\.cache|data/downloads)/|reports/.*\.html$|.*\.(pkl|pyc|joblib)$"
    assert not [name for name in files if re.match(made, name)]


def test_only_the_pictures_of_the_readme_are_binary():
    drawings = [name for name in committed() if name.endswith(".svg") and not name.startswith("app/people/static/")]
    pictures = [name for name in committed() if name.endswith((".png", ".jpg", ".gif"))] + drawings

    assert pictures
    assert len(pictures) <= 3
    for name in pictures:
        assert (ROOT / name).stat().st_size < 200_000
        assert name in (ROOT / "README.md").read_text(encoding="utf-8")


def documents() -> list[Path]:
    return [ROOT / name for name in committed() if name.endswith(".md")]


def test_every_file_that_a_document_links_to_exists():
    links = [
        (document, link)
        for document in documents()
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    ]

    assert len(links) >= 20
    for document, link in links:
        assert (document.parent / link).exists(), f"{document.relative_to(ROOT)} links to {link}"


def test_every_verb_that_a_document_or_workflow_calls_is_in_the_makefile():
    verbs = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    callers = [*documents(), *ROOT.glob(".github/workflows/*.y*ml"), ROOT / ".ci/run"]
    called = {
        caller.relative_to(ROOT).as_posix(): set(
            re.findall(r"(?:^\s*|`|run: |&& |; )make ([a-z][a-z-]+)", caller.read_text(encoding="utf-8"), re.MULTILINE)
        )
        for caller in callers
    }

    assert all(called[name] for name in ("README.md", "CONTRIBUTING.md", ".ci/run", ".github/workflows/tests.yml"))
    assert {name: found - verbs for name, found in called.items() if found - verbs} == {}


def test_the_columns_that_are_documented_are_those_of_the_contract():
    documented = re.findall(r"^\| `(\w+)` \|", (ROOT / "data/README.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert documented == list(load_conf("conf/house_prices.yaml").contract.columns)


def test_workflows_pin_actions_by_digest_and_start_without_permissions():
    texts = [path.read_text(encoding="utf-8") for path in ROOT.glob(".github/workflows/*.y*ml")]
    # a workflow of this repository comes with the commit
    actions = [action for text in texts for action in re.findall(r"uses: (?!\./)(.*)", text)]

    assert all(yaml.safe_load(text)["permissions"] == {} for text in texts)
    assert len(actions) >= 10
    for action in actions:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
