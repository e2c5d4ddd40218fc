"""Where results come from: a change anywhere below a module changes its digest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from training import provenance
from training.provenance import imported_modules, module_digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MODULES = {
    "training/__init__.py": "",
    "training/fits.py": "from training.metrics import rmse\n",
    "training/metrics.py": "def score():\n    from modelbundle import frame\n",
    "training/plots.py": "import training.fits\n",
    "modelbundle/frame.py": "from training import fits\ntry: from modelbundle import compiled\nexcept: ...\n",
    "modelbundle/compiled.c": "int nothing;\n",
}


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Writes one module of two small packages, which are looked at instead of ours."""

    def write(name: str, code: str) -> None:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(code)
        provenance._imports.cache_clear()
        provenance._digest.cache_clear()

    sources = {package: tmp_path / package for package in ("training", "modelbundle")}
    monkeypatch.setattr(provenance, "SOURCES", sources)
    for name, code in MODULES.items():
        write(name, code)
    yield write
    provenance._imports.cache_clear()
    provenance._digest.cache_clear()


@pytest.mark.parametrize(
    "name", ["training/fits.py", "training/metrics.py", "modelbundle/frame.py", "modelbundle/compiled.c"]
)
def test_a_change_of_what_is_imported_directly_or_not_changes_the_digest(write: Callable, name: str):
    before = module_digest("training.fits")
    write(name, MODULES[name] + "# changed\n")

    assert module_digest("training.fits") != before


def test_a_change_of_what_is_not_imported_leaves_the_digest(write: Callable):
    before = module_digest("training.fits")
    write("training/plots.py", "# changed\n")

    assert module_digest("training.fits") == before


def test_the_order_of_modules_leaves_the_digest(write: Callable):
    assert module_digest("training.fits", "training.plots") == module_digest("training.plots", "training.fits")


@pytest.mark.parametrize(
    ("code", "modules"),
    [
        ("from training.fits import anything", {"training.fits"}),
        ("from training import fits, plots", {"training", "training.fits", "training.plots"}),
        ("import training.fits as f, modelbundle.frame", {"training.fits", "modelbundle.frame"}),
        ("if True:\n    def f():\n        from modelbundle.frame import x", {"modelbundle.frame"}),
        ("import numpy, trainings\nfrom os import path", set()),
        ("from training.none import x", set()),
    ],
)
def test_only_our_own_modules_are_followed(write: Callable, code: str, modules: set[str]):
    assert imported_modules(code) == modules
