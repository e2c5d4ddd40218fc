"""The rooms of our packages: which may import which, no circles, and no folder that one loses one's way in."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import ROOT
from training import provenance

PACKAGES = {name: ROOT / "lib" / name for name in ("training", "registry", "modelbundle")} | {"app": ROOT / "app"}
# Each floor's rooms may import those of the floors below it; "" is the ground, what lies beside the rooms.
FLOORS = {
    "training": [
        ("",),
        ("config",),
        ("data",),
        ("models",),
        ("judging",),
        ("reporting", "bundle"),
        ("graph",),
        ("tracking",),
    ],
    "registry": [("",), ("commands",)],
    "modelbundle": [("",), ("plan",)],
    "app": [("",), ("watching",), ("server", "programs"), ("people", "standing")],
}
# They begin something: they import what they need, and nobody in their package imports them.
VERBS = {
    "training.run", "training.runs", "training.promote", "training.fetch", "training.report", "training.draft_conf",
    "modelbundle.bundle", "app", "app.gunicorn_conf",
}  # fmt: skip
MOST_MODULES = 14


@pytest.fixture(autouse=True)
def app_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Digests are of two packages, and look for imports in no other."""
    monkeypatch.setattr(provenance, "SOURCES", PACKAGES)


def imports(package: str, folder: Path) -> dict[str, set[str]]:
    """Each module of a package, and the modules of the package that it imports when it runs."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = (package, *path.relative_to(folder).with_suffix("").parts)
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        above = name if is_package else name.rpartition(".")[0]
        found[name] = provenance.imported_modules(path.read_text(encoding="utf-8"), above) - {name}
    return {name: those & set(found) - {package} for name, those in found.items()}


def upwards(package: str, found: dict[str, set[str]]) -> list[tuple[str, str]]:
    """The imports of another room that does not lie below, and of what nobody is to import."""
    height = {name: number for number, floor in enumerate(FLOORS[package]) for name in floor}
    rooms = {name: next((part for part in name.split(".")[1:2] if part in height), "") for name in found}
    wrong = []
    for name, those in found.items():
        for each in those:
            is_other = rooms[name] != rooms[each] and name not in VERBS
            if each in VERBS or (is_other and height[rooms[each]] >= height[rooms[name]]):
                wrong.append((name, each))
    return wrong


@pytest.mark.parametrize("package", PACKAGES)
def test_rooms_import_those_below_them(package: str):
    assert not upwards(package, imports(package, PACKAGES[package]))


@pytest.mark.parametrize("package", PACKAGES)
def test_no_import_leads_back_to_where_it_began(package: str):
    TopologicalSorter(imports(package, PACKAGES[package])).prepare()


@pytest.mark.parametrize("package", PACKAGES)
def test_nobody_imports_what_a_package_itself_defines(package: str):
    """Its __init__ imports the rooms: that would be a circle, which the test above does not see."""
    folder = PACKAGES[package]
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == package:
                for alias in node.names:
                    assert list(folder.glob(f"{alias.name}*")), path


@pytest.mark.parametrize("package", PACKAGES)
def test_every_room_has_its_floor_and_says_what_it_is_for(package: str):
    rooms = {path.name: path / "__init__.py" for path in {each.parent for each in PACKAGES[package].glob("*/*.py")}}

    assert {"", *rooms} == {name for floor in FLOORS[package] for name in floor}
    for path in rooms.values():
        assert "; imports " in ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


@pytest.mark.parametrize("root", [*PACKAGES.values(), ROOT / "delivery", ROOT / "benchmarks", ROOT / "tests"], ids=str)
def test_no_folder_holds_more_modules_than_one_overlooks(root: Path):
    for folder in {path.parent for path in root.rglob("*.py") if "node_modules" not in path.parts}:
        assert len(list(folder.glob("*.py"))) <= MOST_MODULES, folder


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("data/table.py", "from training.models import metrics"),
        ("data/table.py", "def later():\n    from training.graph.graph import x"),
        ("bundle/plan.py", "from training.reporting import plots"),
        ("paths.py", "from training.config.conf import load_conf"),
        ("graph/tasks.py", "from training import run"),
    ],
)
def test_an_import_upwards_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, module: str, source: str):
    folder = tmp_path / "training"
    for name in ("models/metrics", "graph/graph", "reporting/plots", "config/conf", "run"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.py").write_text("x = 1\n")
    (folder / module).parent.mkdir(exist_ok=True)
    (folder / module).write_text(source)
    monkeypatch.setattr(provenance, "SOURCES", {"training": folder})

    assert upwards("training", imports("training", folder))


def test_a_circle_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name, other in (("a", "b"), ("b", "a")):
        (tmp_path / f"{name}.py").write_text(f"def later():\n    from training import {other}\n")
    monkeypatch.setattr(provenance, "SOURCES", {"training": tmp_path})

    with pytest.raises(CycleError):
        TopologicalSorter(imports("training", tmp_path)).prepare()
