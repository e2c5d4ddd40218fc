"""The Makefile's verbs take what people give as it is, wherever the checkout lies: by stand-ins, and once for real."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

ODD_FOLDER = "a b ü'c"
# What a shell or make would take for something else: each of it is part of a name, or of a file's or an address's.
ODD = """my [data] (1), "so" it's 100 % * $HOME $(id) `id` $$ {a,b}; & | < > # ~ ? ! \\ é €"""
PYTHONS = (".venv", ".venv-delivery", ".venv-policy")
# verb -> the variables that it takes
TAKES = {
    "run": ["CONF"],
    "tune": ["CONF"],
    "audit": ["CONF"],
    "report": ["CONF"],
    "runs": ["CONF", "LAST", "WINNER", "STATUS", "TAG", "DATA"],
    "compare": ["CONF", "A", "B"],
    "tag": ["CONF", "RUN", "NAME"],
    "fetch": ["CONF", "DATA_URL", "DATA_SHA256"],
    "contract": ["CSV", "TARGET", "ID"],
    "bench-app": ["MLFLOW"],
    "probe": ["URL", "GOLDEN"],
    "push": ["TAG", "ECR"],
    "deploy": ["ENVIRONMENT", "IMAGE", "GOLDEN", "URL", "SERVICE"],
    "gate": ["CURRENT", "MARGIN"],
    "summary": ["BEFORE", "LOG"],
    "image": ["CONF", "DATA_URL", "DATA_SHA256", "IMAGE"],
    "archive": ["CONF", "DATA_URL", "IMAGE"],
    "terraform-plan": ["ENVIRONMENT"],
    "terraform-apply": ["ENVIRONMENT"],
}
TELLS = """#!/bin/sh
printf '%s\\0' "$@" >> "$TOLD"
case "$*" in
*" build "*output* | build*output*)
    mkdir -p dist/models/bundles/v1 dist/models/channels/local
    echo v1 > dist/models/channels/local/current
    echo '{"data": {"sha256": "0"}}' > dist/models/bundles/v1/manifest.json ;;
esac
"""


@pytest.fixture
def stood_in(tmp_path: Path) -> Path:
    """A folder with the Makefile, in which every program only tells what it was given."""
    folder, programs = tmp_path / ODD_FOLDER, tmp_path / "programs"
    programs.mkdir()
    for name in ("docker", "skopeo", "terraform"):
        write_program(programs / name)
    for name in ("requirements/uv.txt", "requirements/dev.txt", "requirements/delivery.txt", "pyproject.toml"):
        write(folder / name)
    write(folder / "lib/modelbundle/plan/compiled.c")
    shutil.copy(ROOT / "Makefile", folder)
    for name in (".ready", ".installed"):
        for python in PYTHONS:
            write(folder / python / name)
    for python in PYTHONS:
        (folder / python / "bin").mkdir()
        write_program(folder / python / "bin/python")
    write(folder / "dist/models/channels/local/current", "v1")
    return folder


def write(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def write_program(path: Path) -> None:
    write(path, TELLS)
    path.chmod(0o755)


def told(folder: Path, verb: str, given: dict[str, str], *, by_environment: bool = False) -> list[str]:
    """All words that a verb gave to programs."""
    path = f"{folder.parent / 'programs'}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "TOLD": str(folder.parent / "told")}
    words = [f"{name}={value}" for name, value in given.items()]
    command = ["make", "--no-print-directory", verb, *([] if by_environment else words)]
    done = subprocess.run(
        command, cwd=folder, env=environment | (given if by_environment else {}), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return [os.fsdecode(word) for word in (folder.parent / "told").read_bytes().split(b"\0")]


@pytest.mark.parametrize(
    ("verb", "by_environment"), [*((verb, False) for verb in TAKES), ("contract", True), ("deploy", True)]
)
def test_a_verb_hands_on_what_it_was_given_as_one_word(stood_in: Path, verb: str, by_environment: bool):
    """Blanks, brackets, quotes, dollar signs and all."""
    given = {name: f"{name.lower()} {ODD}" for name in TAKES[verb]}
    words = told(stood_in, verb, given, by_environment=by_environment)

    for value in given.values():
        assert [word for word in words if word.partition("=")[2] == value or value in word], (value, words)
    assert not {path.name for path in stood_in.iterdir()} & {"so", "id"}


def test_what_is_not_given_is_left_out(stood_in: Path):
    assert told(stood_in, "contract", {"CSV": "x.csv", "TARGET": "y"})[-5:-1] == [
        "training.draft_conf",
        "--target=y",
        "--",
        "x.csv",
    ]


def test_several_registries_are_several_words(stood_in: Path):
    words = told(stood_in, "push", {"TAG": "v1", "ALSO": "docker.io/me/one docker.io/me/two*"})

    assert words[-4:-1] == ["--tag=v1", "--also=docker.io/me/one", "--also=docker.io/me/two*"]


def test_no_recipe_pastes_what_people_give_into_a_shells_line():
    recipes = "".join(re.findall(r"^\t.*\n", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    ours = {"BIN", "DELIVERY", "DELIVERY_TESTS", "PULLER", "ALONE", "GOLDEN_FILE", "MAKEFILE_LIST", "MAKE"}
    several_words = {"DOCKER", "BUILD_OPTIONS", "IMAGE_OPTIONS", "UPGRADE"}  # the shell's, as the user writes them

    assert set(re.findall(r"\$\(([A-Z_]+)\)", recipes)) == ours | several_words
