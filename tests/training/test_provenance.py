"""Where results come from: a change anywhere below a module changes its digest."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from training import provenance
from training.models.evaluate import FITTING
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
# A package with rooms: each imports in another way, and two name a module for types alone.
ROOMS = {
    "training/graph.py": "import training.models.linear\n",
    "training/types_alone.py": "",
    "training/models/__init__.py": "from . import shared\n",
    "training/models/shared.py": "",
    "training/models/linear.py": "from .trees import x\nfrom ..ground import names\nfrom training.data import rows\n",
    "training/models/trees/__init__.py": "if TYPE_CHECKING:\n    from ... import types_alone\n",
    "training/models/trees/fast.c": "int nothing;\n",
    "training/models/trees/slow.py": "",
    "training/ground/__init__.py": "def later():\n    from ..models.trees import fast\n",
    "training/ground/names.py": "if t.TYPE_CHECKING:\n    import training.types_alone\nelse:\n    from . import old\n",
    "training/ground/old.py": "",
    "training/data/__init__.py": "rows = 3\n",
    "training/data/unused.py": "",
}


def forget() -> None:
    """Files are read once in a process; the next look reads them again."""
    provenance._imports.cache_clear()
    provenance._digest.cache_clear()


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Writes one module of two small packages, which are looked at instead of ours."""

    def write(name: str, code: str) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(code)
        forget()

    sources = {package: tmp_path / package for package in ("training", "modelbundle")}
    monkeypatch.setattr(provenance, "SOURCES", sources)
    for name, code in (MODULES | ROOMS).items():
        write(name, code)
    yield write
    forget()


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


@pytest.mark.parametrize("name", ROOMS)
def test_in_a_package_with_rooms_all_that_runs_counts_and_nothing_else(write: Callable, name: str):
    unused = {"training/types_alone.py", "training/models/trees/slow.py", "training/data/unused.py"}
    before = module_digest("training.graph")
    write(name, ROOMS[name] + "# changed\n")

    assert (module_digest("training.graph") == before) == (name in unused)


@pytest.mark.parametrize(
    ("code", "modules"),
    [
        ("if TYPE_CHECKING:\n    import training.fits", set()),
        ("if typing.TYPE_CHECKING:\n    import training.fits\nelse:\n    import training.plots", {"training.plots"}),
        ("if not TYPE_CHECKING:\n    import training.fits\nelse:\n    import training.plots", {"training.fits"}),
        ("if x:\n    pass\nelif TYPE_CHECKING:\n    import training.fits", set()),
        ("if TYPE_CHECKING_TOO:\n    import training.fits", {"training.fits"}),
        (
            "def f():\n    if TYPE_CHECKING:\n        import training.fits\n    import training.plots",
            {"training.plots"},
        ),
    ],
)
def test_what_is_imported_for_types_alone_does_not_count(write: Callable, code: str, modules: set[str]):
    assert imported_modules(code) == modules


@pytest.mark.parametrize(
    ("code", "modules"),
    [
        ("from . import shared, absent", {"training.models", "training.models.shared"}),
        ("from .shared import *", {"training.models.shared"}),
        ("from .. import ground", {"training", "training.ground"}),
        ("from ..ground.names import x", {"training.ground.names"}),
        ("import training.models.trees", {"training.models.trees"}),
    ],
)
def test_relative_imports_start_from_the_package_of_the_module(write: Callable, code: str, modules: set[str]):
    assert imported_modules(code, "training.models") == modules


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of our two packages, which is looked at instead of them."""
    shutil.copytree(ROOT / "lib", tmp_path / "lib", ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    monkeypatch.setattr(provenance, "SOURCES", {name: tmp_path / "lib" / name for name in provenance.SOURCES})
    forget()
    yield tmp_path / "lib"
    forget()


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("training/models/evaluate.py", True),
        ("training/models/diagnose.py", True),
        ("training/models/metrics.py", True),
        ("training/models/__init__.py", True),
        ("modelbundle/amounts.py", True),
        ("training/__init__.py", True),
        ("training/models/search.py", False),
        ("training/config/conf.py", False),
        ("training/data/__init__.py", False),
        ("training/data/split.py", False),
        ("training/reporting/plots.py", False),
    ],
)
def test_a_comment_throws_remembered_fits_away_only_where_fitting_runs_it(sources: Path, file: str, counts: bool):
    before = module_digest(*FITTING)
    (sources / file).write_text((sources / file).read_text() + "# changed\n")
    forget()

    assert (module_digest(*FITTING) != before) == counts


@pytest.mark.run
def test_the_digest_of_fits_covers_every_module_that_fitting_loads():
    code = "import sys, training.models.diagnose; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name for name in done.stdout.split() if name.partition(".")[0] in provenance.SOURCES}

    assert {*FITTING, "training.models.metrics"} <= loaded
    assert loaded <= provenance.with_imports(FITTING)


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
