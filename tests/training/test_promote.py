"""`make promote`: the gate is asked, its answer is told, and a person may overrule it with a reason."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from registry.channels import Draft
from registry.records import history
from registry.stores_folder import Folder
from tests.training.conftest import agree
from training import promote
from training.bundle import service
from training.config.gating import Decision, Gate
from training.problems import RunProblem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Project
    from tests.training.conftest import Drafts


def object_to(folder: Path, served: Path | None) -> Decision:
    return Decision("ask", ["It cannot be told."], {"served": served.name if served else None})


@pytest.fixture
def asked(drafts: Drafts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    """`make promote` with a gate of the test's own, in a registry that serves the old of two bundles."""
    conf = tmp_path / "conf.yaml"
    conf.write_text(
        json.dumps({"extends": str(promote.from_root("conf/smoke.yaml")), "registry": str(drafts.registry)})
    )
    drafts.publish("new", judge=object_to)

    def run(*arguments: str, judge: Any = agree) -> int:
        monkeypatch.setattr(promote, "judge_by", lambda rules: judge)
        return promote.main([str(conf), *arguments])

    return run


def test_what_the_gate_agrees_to_goes_into_service(drafts: Drafts, asked: Any, capsys: pytest.CaptureFixture[str]):
    assert asked("--version", drafts.versions["new"][:8], "--why", "a look at the report") == 0

    assert drafts.served() == "new"
    assert history(Folder(drafts.registry), "local")[-1].why == "a look at the report"
    assert "It may pass." in capsys.readouterr().out


def test_what_the_gate_leaves_to_a_person_needs_a_persons_reason(drafts: Drafts, asked: Any, capsys: Any):
    version = ["--version", drafts.versions["new"]]
    assert asked(*version, judge=object_to) == 1
    assert "FORCE=1 WHY=" in capsys.readouterr().err
    assert asked(*version, "--force", judge=object_to) == 1
    assert "the record keeps why" in capsys.readouterr().err
    assert drafts.served() == "old"

    assert asked(*version, "--force", "--why", "I looked", judge=object_to) == 0
    last = history(Folder(drafts.registry), "local")[-1]
    assert (drafts.served(), last.forced, last.why, last.gate["decision"]) == ("new", True, "I looked", "ask")


def test_force_where_the_gate_agrees_overrules_nothing(drafts: Drafts, asked: Any):
    asked("--version", drafts.versions["new"], "--force", "--why", "just in case")

    assert not history(Folder(drafts.registry), "local")[-1].forced


def test_what_is_served_is_not_promoted_again(drafts: Drafts, asked: Any, capsys: pytest.CaptureFixture[str]):
    assert asked("--version", drafts.versions["old"]) == 0

    assert "serves" in capsys.readouterr().out
    assert len(history(Folder(drafts.registry), "local")) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--version", "abcdef"], "holds no bundle of version"),
        (["--channel", "prodution"], "has no channel 'prodution'"),
        (["--channel", "../x"], "is no name of a channel"),
    ],
)
def test_a_slip_is_told_and_leaves_no_trace(
    drafts: Drafts, asked: Any, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
):
    before = sorted(drafts.registry.rglob("*"))
    given = arguments if "--version" in arguments else [*arguments, "--version", drafts.versions["new"]]

    assert asked(*given) == 1
    assert message in capsys.readouterr().err
    assert sorted(drafts.registry.rglob("*")) == before


def test_for_a_far_registry_the_gates_draft_is_written_and_nothing_else(drafts: Drafts, asked: Any, tmp_path: Path):
    """The one that promotes has the cloud's libraries and the private key, and no gate."""
    far = tmp_path / "far"
    far.mkdir()
    arguments = ["--channel", "production", "--version", drafts.versions["new"], "--against", str(far)]
    before = sorted(drafts.registry.rglob("*"))

    assert asked(*arguments, "--draft", str(tmp_path / "draft.json")) == 0
    draft = Draft(**json.loads((tmp_path / "draft.json").read_bytes()))
    assert (draft.version, draft.seen, draft.gate["served"]) == (drafts.versions["new"], 0, None)
    assert asked(*arguments, "--draft", str(tmp_path / "other.json"), judge=object_to) == 1
    assert json.loads((tmp_path / "other.json").read_bytes())["gate"]["reasons"] == ["It cannot be told."]
    assert sorted(drafts.registry.rglob("*")) == before


def test_the_gate_is_asked_again_where_another_promotion_came_between(drafts: Drafts, monkeypatch: pytest.MonkeyPatch):
    store, judged = Folder(drafts.registry), []
    drafts.publish("new", judge=object_to)

    def judge(folder: Path, served: Path | None) -> Decision:
        judged.append(served.name)
        if len(judged) == 1:  # while the gate is at work, somebody else promotes
            service.promote(store, "local", Draft(drafts.versions["new"], "somebody else"))
        return agree(folder, served)

    _, record = service.put_into_service(store, "local", Draft(drafts.versions["old"], "me"), judge)

    assert judged == [drafts.versions["old"], drafts.versions["new"]]
    assert (record.number, record.gate["served"]) == (3, drafts.versions["new"])


@pytest.mark.run
@pytest.mark.slow
def test_a_run_whose_model_is_worse_is_kept_out_of_service_and_says_how_to_overrule_it(project: Project):
    before = project.version()
    other = "linear_regression: {estimator: sklearn.neighbors.KNeighborsRegressor, parameters: {n_neighbors: 200}}"
    project.edit("conf/smoke.yaml", "  ridge: null\n", f"  ridge: null\n  svr: null\n  {other}\n")
    project.edit("conf/smoke.yaml", "  random_forest:\n    parameters: {n_estimators: 10}\n", "  random_forest: null\n")
    done = project.run()
    again = project.run()

    assert (done.returncode, project.version()) == (0, before)
    for told in ("The gate refuses it; what was served is served on.", "worse", "the served model stays", "FORCE=1"):
        assert told in done.stdout
    assert "Nothing to do" in again.stdout, "the same question has the same answer"
    assert "The gate refuses it" in again.stdout
    refused = list((project.folder / "runs/smoke/models/channels/local/refused").iterdir())
    assert len(refused) == 1

    version = done.stdout.partition("VERSION=")[2][:12]
    forced = project.python(
        "-m", "training.promote", "conf/smoke.yaml", "--version", version, "--force", "--why", "why not"
    )
    assert forced.returncode == 0, forced.stderr
    assert project.version().startswith(version)


@pytest.mark.run  # a process of its own each
def test_the_gate_works_in_a_process_of_its_own(drafts: Drafts):
    """What it loads may do anything to the process that it is in."""
    judge, folders = service.judge_by(Gate()), [drafts.folder(name) for name in ("new", "old")]
    decision = judge(*folders)

    assert decision.decision in ("ask", "refuse"), "bundles that tell nothing are not promoted"
    assert (decision.numbers["candidate"], decision.numbers["served"]) == (folders[0].name, folders[1].name)
    assert judge(folders[0], None).numbers["served"] is None


@pytest.mark.run
def test_a_gate_that_comes_to_no_end_promotes_nothing(drafts: Drafts):
    with pytest.raises(RunProblem, match="the gate could not look at"):
        service.judge_by(Gate.model_construct(margin=-1.0))(drafts.folder("new"), None)
