"""Workflows as their users need them: least rights, an end for every job, sound shell, green where nothing is set."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.delivery.conftest import ROOT

FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in FILES}
JOBS = {f"{name}.{job}": body for name, workflow in WORKFLOWS.items() for job, body in workflow["jobs"].items()}
STEPS = {
    f"{job}[{number}]": step
    for job, body in JOBS.items()
    for number, step in enumerate(body.get("steps", []))
    if "run" in step
}
VERBS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_the_shell_of_a_step_is_sound(step: dict[str, Any], tmp_path: Path):
    script = tmp_path / "step.sh"
    known = "\n".join(f"export {name}=" for name in step.get("env", {}))
    script.write_text(f"#!/bin/bash\nset -e\n{known}\n{step['run']}\n")
    done = subprocess.run(
        [Path(sys.executable).parent / "shellcheck", script], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_no_expression_is_pasted_into_shell_and_every_verb_exists(step: dict[str, Any]):
    assert "${{" not in step["run"]
    assert set(re.findall(r"\bmake (?:-\S+(?: \S*before)? )?([a-z-]+)", step["run"])) <= VERBS


@pytest.mark.parametrize("name", JOBS)
def test_a_job_has_the_rights_that_it_needs_and_ends_some_day(name: str):
    job = JOBS[name]

    assert "permissions" in job
    assert "uses" in job or job["timeout-minutes"] <= 60
    assert WORKFLOWS[name.partition(".")[0]]["permissions"] == {}


def test_only_jobs_that_talk_to_aws_or_pages_may_ask_for_a_token():
    own = {name: body for name, body in JOBS.items() if "uses" not in body}
    allowed = {name for name, body in own.items() if "id-token" in body["permissions"]}
    trading = {
        name
        for name, body in own.items()
        if any(re.search("configure-aws-credentials|deploy-pages", step.get("uses", "")) for step in body["steps"])
    }

    assert allowed == trading
    assert "release.build" not in allowed  # it runs notebooks and packages


@pytest.mark.parametrize("name", ["release.build", "tests.tests", "tests.notebooks", "tests.delivery"])
def test_what_runs_code_of_others_knows_no_secret(name: str):
    assert "secrets." not in yaml.safe_dump(JOBS[name])
    assert JOBS[name]["permissions"] == {"contents": "read"}


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("release.publish", "AWS_RELEASE_ROLE"),
        ("release.pages", "PUBLISH_PAGES"),
        ("release.deploy", "AWS_RELEASE_ROLE"),
        ("infrastructure.plan", "AWS_PLAN_ROLE"),
        ("infrastructure.apply", "AWS_APPLY_ROLE"),
    ],
)
def test_what_publishes_is_left_out_where_its_variable_is_missing(name: str, variable: str):
    assert f"vars.{variable}" in JOBS[name]["if"]


def test_deploying_is_left_out_step_by_step_where_the_environment_has_no_role():
    steps = JOBS["deploy-to.deploy"]["steps"]
    acting = [step for step in steps if "configure-aws" in step.get("uses", "") or "make deploy" in step.get("run", "")]

    assert len(acting) == 2
    assert all(step["if"] == "vars.AWS_DEPLOY_ROLE != ''" for step in acting)
    assert any(step.get("if") == "vars.AWS_DEPLOY_ROLE == ''" and "::notice::" in step["run"] for step in steps)


def test_missing_variables_are_told_by_a_notice():
    for name in ("release.unpublished", "infrastructure.unplanned"):
        assert all("::notice::" in step["run"] for step in JOBS[name]["steps"])


def test_a_rollout_and_an_apply_are_never_cut_off():
    for bearer in (JOBS["release.publish"], JOBS["deploy-to.deploy"], WORKFLOWS["infrastructure"]):
        assert bearer["concurrency"]["cancel-in-progress"] is False


def test_an_approval_that_is_waited_for_holds_up_no_other_release():
    assert not [name for name in ("release", "deploy", "deploy-to", "retrain") if "concurrency" in WORKFLOWS[name]]


def test_production_waits_for_staging():
    assert JOBS["deploy.production"]["needs"] == "staging"
    assert JOBS["deploy-to.deploy"]["environment"] == "${{ inputs.environment }}"


def test_every_variable_and_secret_is_documented_in_one_place():
    text = "\n".join(path.read_text(encoding="utf-8") for path in FILES)
    used = set(re.findall(r"(?:vars|secrets)\.([A-Z_]+)", text))
    document = (ROOT / "delivery/README.md").read_text(encoding="utf-8")

    assert used == set(re.findall(r"^\| `([A-Z_]+)` \|", document, re.MULTILINE))


def test_retraining_goes_through_the_gate():
    assert JOBS["retrain.retrain"]["with"]["gate"] is True
    assert "needs.build.outputs.release == 'true'" in JOBS["release.publish"]["if"]
