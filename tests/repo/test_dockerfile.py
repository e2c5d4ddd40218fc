"""What holds for the image, as far as its files say it: what goes in, who runs it, how it stops, its health."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import PurePosixPath

import pytest

from tests.conftest import ROOT


def instructions() -> list[tuple[str, str]]:
    """(keyword, rest) of each instruction, with continued lines joined and comments left out."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    return [tuple(line.split(maxsplit=1)) for line in re.sub(r"\\\n\s*", "", text).splitlines() if line.strip()]


def last_stage() -> list[tuple[str, str]]:
    found = instructions()
    return found[max(number for number, (keyword, _) in enumerate(found) if keyword == "FROM") :]


def excluded(path: str) -> bool:
    """Whether .dockerignore keeps a path out: of the patterns that match it or a folder above it, the last decides."""
    places = [place for place in [PurePosixPath(path), *PurePosixPath(path).parents] if place.name]
    out = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.strip().removeprefix("!").removesuffix("/")
        if pattern and not pattern.startswith("#"):
            anchored = pattern if pattern.startswith("**/") else f"/{pattern}"
            if any((PurePosixPath("/") / place).match(anchored.removeprefix("**/")) for place in places):
                out = not line.strip().startswith("!")
    return out


def copied() -> list[str]:
    """What COPY takes from the checkout, not from another stage."""
    return [
        source
        for keyword, rest in instructions()
        if keyword == "COPY" and "--from=" not in rest
        for source in [word for word in rest.split() if not word.startswith("--")][:-1]
    ]


@pytest.mark.parametrize("source", copied())
def test_what_is_copied_exists_and_reaches_the_build(source: str):
    assert (ROOT / source).exists()
    assert not excluded(source)


def test_every_committed_file_of_a_copied_folder_reaches_the_build():
    done = subprocess.run(["git", "ls-files", *copied()], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this is no git checkout")

    assert not [name for name in done.stdout.splitlines() if excluded(name)]


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".env",
        ".venv/bin/python",
        "models/channels/local/current",
        "runs/house_prices/memory.json",
        "data/downloads/house_prices.csv",
        "lib/training/__pycache__/run.pyc",
        "notebooks/.ipynb_checkpoints/01_eda.ipynb",
        "notebooks/.ruff_cache/0.17.6/1",
        "tests/conftest.py",
    ],
)
def test_results_environments_and_secrets_stay_out_of_the_build(path: str):
    assert excluded(path)


def test_every_stage_has_the_same_base_so_that_python_has_the_same_paths():
    stages = [rest.split() for keyword, rest in instructions() if keyword == "FROM"]
    names = {name for _, _, name in stages}

    assert {base for base, _, name in stages if name != "artefacts"} - names == {"${BASE}"}
    assert ["scratch", "AS", "artefacts"] in stages  # files to take out, nothing that runs


def test_the_base_is_pinned_by_digest():
    (base,) = [rest for keyword, rest in instructions() if keyword == "ARG" and rest.startswith("BASE=")]

    assert re.fullmatch(r"BASE=python:3\.\d+-slim-\w+@sha256:[0-9a-f]{64}", base)


def test_the_service_gets_none_of_what_makes_models():
    copied = [rest.split()[-2] for keyword, rest in last_stage() if keyword == "COPY"]

    assert copied == ["/opt/venv", "/project/lib/modelbundle", "/project/lib/registry", "/project/models", "app"]
    assert not [rest for keyword, rest in last_stage() if keyword == "RUN" and "install" in rest]


def test_the_service_copies_its_packages_from_a_stage_that_installs_app_txt_alone():
    stage, installed = "", {}
    for keyword, rest in instructions():
        stage = rest.split()[-1] if keyword == "FROM" else stage
        if keyword == "RUN":
            installed.setdefault(stage, []).extend(re.findall(r"-r (\S+)", rest))
    (packages,) = [re.search(r"--from=(\w+) /opt/venv", rest) for _, rest in last_stage() if "/opt/venv /opt" in rest]

    assert installed[packages[1]] == ["requirements/app.txt"]


def test_the_service_runs_as_a_user_with_a_number_that_is_not_root():
    users = [rest for keyword, rest in last_stage() if keyword == "USER"]

    assert users
    assert re.fullmatch(r"[1-9]\d*(:[1-9]\d*)?", users[-1])


def test_the_command_is_a_list_so_that_signals_reach_the_server():
    (command,) = [rest for keyword, rest in last_stage() if keyword == "CMD"]

    assert json.loads(command) == ["python", "-m", "app"]


def test_the_health_check_asks_the_port_that_the_service_was_given():
    (check,) = [rest for keyword, rest in last_stage() if keyword == "HEALTHCHECK"]
    command = json.loads(check[check.index("[") :])

    assert command[0] == "python"
    assert "/readyz" in command[-1]
    assert "os.environ['PORT']" in command[-1]


def test_the_model_is_copied_from_the_pipeline_as_roots_own():
    """A copy from a stage keeps its owner, and there that is the number that the service runs as."""
    copies = [rest for keyword, rest in last_stage() if keyword == "COPY" and "--from=pipeline" in rest]

    assert copies
    assert all("--chown=0:0" in rest for rest in copies)
