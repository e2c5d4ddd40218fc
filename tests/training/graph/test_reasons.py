"""Why a notebook runs again: by key of what it is made from, by file, and in doit itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from doit.cmd_base import ModuleTaskLoader
from doit.doit_cmd import DoitMain
from doit.reporter import ZeroReporter
from doit.tools import config_changed

from training.graph import reasons

if TYPE_CHECKING:
    from pathlib import Path

MADE_FROM = {
    "code": "c1",
    "parameters": {"rows": 3, "conf": "x"},
    "conf": {"candidate": {"C": 1.0}},
    "environment": "e",
}


class Step:
    """A step in a folder, made from something, two files and its target; running it says why it ran."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name in ("data.csv", "results.json"):
            (folder / "02_preprocess").mkdir(exist_ok=True)
            (folder / "02_preprocess" / name).write_text(name)

    def run(self, **changes: Any) -> list[str] | None:
        """Let doit run it; returns why it ran, or None if it did not."""
        decides, target, found = MADE_FROM | changes, self.folder / "out.json", []
        files = [str(path) for path in sorted((self.folder / "02_preprocess").iterdir())]

        def task_step() -> dict[str, Any]:
            return {
                "actions": [lambda: target.write_text("made") and None],
                "file_dep": files,
                "targets": [str(target)],
                "uptodate": [config_changed(decides), reasons.Reasons(decides)],
            }

        class Watch(ZeroReporter):
            def execute_task(self, task: Any) -> None:
                found.append(task.meta["why"])

        config = {"GLOBAL": {"reporter": Watch, "dep_file": str(self.folder / ".doit.json"), "backend": "json"}}
        assert DoitMain(ModuleTaskLoader({"task_step": task_step}), extra_config=config).run(["run"]) == 0
        return found[0] if found else None


@pytest.fixture
def step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Step:
    monkeypatch.chdir(tmp_path)
    return Step(tmp_path)


def test_the_first_time_and_nothing_to_do(step: Step):
    assert step.run() == [reasons.FIRST]
    assert step.run() is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"code": "c2"}, ["code"]),
        ({"environment": "f"}, ["environment"]),
        ({"parameters": {"rows": 4, "conf": "x"}}, ["parameters.rows"]),
        ({"parameters": {"rows": 3, "conf": "x", "more": 1}}, ["parameters.more"]),
        ({"parameters": {"rows": 3}}, ["parameters.conf"]),
        ({"conf": {"candidate": {"C": 2.0}}, "code": "c2"}, ["code", "conf.candidate"]),
    ],
)
def test_a_changed_key_is_named(step: Step, changes: dict[str, Any], why: list[str]):
    step.run()

    assert step.run(**changes) == why
    assert step.run(**changes) is None


def test_changed_new_and_forgotten_files_are_named(step: Step):
    step.run()
    (step.folder / "02_preprocess/data.csv").write_text("other")
    (step.folder / "02_preprocess/results.json").write_text("other")
    data = f"file {step.folder}/02_preprocess/data.csv"
    assert step.run() == [data, "results of 02_preprocess"]

    (step.folder / "02_preprocess/data.csv").unlink()
    assert step.run() == [f"no longer reads {data}"]
    (step.folder / "02_preprocess/data.csv").write_text("other")
    assert step.run() == [data]


def test_lost_results_are_named(step: Step):
    step.run()
    (step.folder / "out.json").unlink()

    assert step.run(code="c2") == [reasons.GONE, "code"]


def test_what_is_remembered_from_before_is_said_to_be_unknown(step: Step):
    step.run()
    memory = json.loads((step.folder / ".doit.json").read_text())
    del memory["step"]["_values_:"]["made_from"]
    (step.folder / ".doit.json").write_text(json.dumps(memory))

    assert step.run(code="c2") == [reasons.BEFORE_RECORDS]
