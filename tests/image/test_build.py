"""What make image builds: a change costs what it must, newer data may come from elsewhere, a broken model stays out."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.helpers.server import serving_file
from tests.image.conftest import IMAGE, broken_image, build, docker, inspect, running, wait_for

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.image


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the build reads, to change."""
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in files.stdout.splitlines():
        if (ROOT / name).is_file() and not name.startswith(("tests/", "terraform/", "docs/")):
            target = tmp_path / "checkout" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
            target.chmod((ROOT / name).stat().st_mode)
    return tmp_path / "checkout"


def test_a_change_in_the_app_neither_installs_nor_trains_again(checkout: Path):
    with (checkout / "app/people/pages.py").open("a") as file:
        file.write("# changed\n")

    done = build(checkout, "--tag=house-prices-changed")
    assert done.returncode == 0, done.stderr
    before, after = inspect(IMAGE, ".RootFS.Layers"), inspect("house-prices-changed", ".RootFS.Layers")
    docker("rmi", "house-prices-changed")

    assert len(before) == len(after)
    changed = [number for number, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    assert changed
    assert len(changed) <= 2  # the app and what is compiled of it; not the packages, not the model


def test_newer_data_may_come_from_an_address_and_a_failing_cell_fails_the_build(checkout: Path, tmp_path: Path):
    """Fetched in the build; a broken file ends it with the notebook, the cell and what is wrong on the log."""
    table = (ROOT / "data/house_prices.csv").read_text().replace("RL,", "XX,", 1)
    with serving_file(table.encode()) as url:
        done = build(
            checkout, f"--build-arg=DATA_URL={url}", "--target=artefacts", f"--output=type=local,dest={tmp_path}/d"
        )

    assert done.returncode != 0
    assert "is now what http://127.0.0.1" in done.stderr
    assert "02_preprocess failed: " in done.stderr
    assert "MSZoning" in done.stderr
    assert not (tmp_path / "d").exists()


def test_a_bundle_that_fails_verification_keeps_it_unready():
    often = ["--health-interval=1s", "--health-start-period=1s"]
    with broken_image() as image, running(image, *often) as container:
        status, body = container.ask("/readyz")
        wait_for(lambda: container.health() == "unhealthy", 30, "unhealthy")

        assert status == 503
        assert "model.pkl" in json.loads(body)["detail"]
        assert container.ask("/predict", [{}])[0] == 503
        assert container.ask("/healthz")[0] == 200
