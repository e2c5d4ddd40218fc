"""The configuration: what a file may say, and what its author is told of a mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from training.config.conf import Conf, load_conf
from training.problems import ConfigProblem

if TYPE_CHECKING:
    from pathlib import Path

BASE = """
name: small
title: Small
data: {path: small.csv}
contract:
  columns:
    Area: {kind: numeric}
    Zone: {kind: categorical}
    Price: {role: target, kind: numeric, minimum: 1}
metric: neg_mean_absolute_error
also_report: [r2, neg_mean_absolute_error]
candidates:
  median: {estimator: sklearn.dummy.DummyRegressor, baseline: true}
  ridge: {estimator: sklearn.linear_model.Ridge, parameters: {alpha: 1.0, tol: 0.1}}
"""


def load(folder: Path, change: str = "", base: str = BASE) -> Conf:
    """Load a file that extends the base."""
    (folder / "base.yaml").write_text(base)
    (folder / "changed.yaml").write_text(f"extends: base.yaml\n{change}")
    return load_conf(folder / "changed.yaml")


def complaint(folder: Path, change: str = "", base: str = BASE) -> str:
    """What is said of a wrong file."""
    with pytest.raises(ConfigProblem) as refused:
        load(folder, change, base)
    return str(refused.value)


@pytest.mark.parametrize("file", ["conf/house_prices.yaml", "conf/smoke.yaml"])
def test_the_files_of_this_project_are_sound(file: str):
    assert {"linear_regression", "svr", "random_forest"} <= set(load_conf(file).candidates)


def test_a_file_is_the_one_that_it_extends_where_it_says_nothing(tmp_path: Path):
    changed, base = load(tmp_path), load_conf(tmp_path / "base.yaml")

    assert changed == base


def test_extending_changes_single_keys_at_any_depth(tmp_path: Path):
    changed = load(tmp_path, "metric: r2\ncandidates: {ridge: {parameters: {alpha: 2.0}}}")

    assert changed.metric == "r2"
    assert changed.candidates["ridge"].parameters == {"alpha": 2.0, "tol": 0.1}
    assert list(changed.candidates) == ["median", "ridge"]


def test_a_list_replaces_the_list_that_it_extends(tmp_path: Path):
    assert load(tmp_path, "also_report: [neg_max_error]").also_report == ["neg_max_error"]


def test_the_deciding_scorer_comes_first_and_each_once(tmp_path: Path):
    assert load(tmp_path).scorers == ["neg_mean_absolute_error", "r2"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("metrik: r2", "metrik: unknown key; did you mean metric? allowed are name, title, data,"),
        ("split: {fold: 3}", "split.fold: unknown key; did you mean folds? allowed are holdout_fraction, folds,"),
        ("data: {read: {seperator: x}}", "data.read.seperator: unknown key; allowed are sep, decimal,"),
        (
            "data: {download: {url: 'http://x', retry: 2}}",
            "data.download.retry: unknown key; did you mean retries? allowed are url, sha256,",
        ),
        (
            "candidates: {ridge: {parameter: {}}}",
            "candidates.ridge.parameter: unknown key; did you mean parameters? allowed are estimator, parameters,",
        ),
        (
            "contract: {columns: {Area: {minimun: 1}}}",
            "contract.columns.Area.minimun: unknown key; did you mean minimum? allowed are role, kind,",
        ),
    ],
)
def test_an_unknown_key_is_named_with_those_that_are_allowed(tmp_path: Path, change: str, message: str):
    assert message in complaint(tmp_path, change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("rule: best", "rule: Input should be 'best_mean' or 'simplest_within_one_standard_error' (found 'best')"),
        ("candidates: {ridge: {preprocessing: none}}", "candidates.ridge.preprocessing: Input should be 'plain', "),
        ("target_transform: sqrt", "target_transform: Input should be 'log' or 'none' (found 'sqrt')"),
        ("split: {folds: 1}", "split.folds: Input should be greater than or equal to 2 (found 1)"),
        ("split: {holdout_fraction: 1}", "split.holdout_fraction: Input should be less than 1 (found 1)"),
        ("learning_curve: [0.5, 2]", "learning_curve: 2.0 is not a share of the rows, above 0 and at most 1"),
        ("contract: {columns: {Zone: {minimum: 1}}}", "contract.columns.Zone: a categorical column takes categories"),
        ("contract: {columns: {Area: {role: target}}}", "contract: exactly one column has the role target"),
        ("candidates: {Ridge: {estimator: a.B}}", "candidates: 'Ridge' is not a name in lower case"),
        ("candidates: {ridge: {estimator: Ridge}}", "candidates.ridge.estimator: "),
        ("candidates: {ridge: {baseline: true}}", "candidates: all have baseline: true, so none could win"),
        ("candidates: {median: {baseline: false}}", "candidates: none has baseline: true"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_what_would(tmp_path: Path, change: str, message: str):
    assert message in complaint(tmp_path, change)


def test_a_class_without_its_module_is_answered_with_an_example(tmp_path: Path):
    assert "dotted path" in complaint(tmp_path, "candidates: {ridge: {estimator: Ridge}}")


def test_a_log_target_must_be_positive(tmp_path: Path):
    message = complaint(tmp_path, "target_transform: log", BASE.replace("minimum: 1", "minimum: 0"))

    assert "target_transform: log needs a positive target: give Price a minimum above 0" in message


def test_all_mistakes_are_told_at_once(tmp_path: Path):
    message = complaint(tmp_path, "rule: best\nmetrik: r2\nsplit: {folds: 1}")

    assert all(f"\n  - {where}: " in message for where in ("rule", "metrik", "split.folds"))


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("", "base.yaml should hold a mapping with keys such as name, data and candidates"),
        ("- a\n- b", "base.yaml should hold a mapping"),
        ("a: [1", "base.yaml is not YAML: "),
        ("extends: none.yaml", "there is no configuration"),
        ("extends: base.yaml", "extends"),
        ("extends: changed.yaml", "extends"),
        (BASE.replace("name: small", ""), "name: Field required"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(tmp_path: Path, base: str, message: str):
    assert message in complaint(tmp_path, base=base)


def test_a_missing_file_is_answered_with_those_that_are_there():
    with pytest.raises(ConfigProblem, match=r"no configuration .*house.yaml; .*house_prices.yaml, smoke.yaml"):
        load_conf("conf/house.yaml")


def test_serving_takes_for_missing_what_the_data_say_is_missing(tmp_path: Path):
    conf = load(
        tmp_path, "data: {read: {na_values: ['-999', ' . ']}, download: {url: 'http://x/y', read: {na_values: '?'}}}"
    )

    assert {"", "NA", "?", "-999", "."} <= set(conf.contract.missing)


def test_without_the_usual_texts_for_missing_an_empty_cell_still_is(tmp_path: Path):
    assert load(tmp_path, "data: {read: {keep_default_na: false, na_values: x}}").contract.missing == ("", "x")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("gate: {margins: 0.1}", "gate.margins: unknown key; did you mean margin? allowed are margin, minimum_rows"),
        ("gate: {margin: -0.1}", "gate.margin: Input should be greater than or equal to 0 (found -0.1)"),
        ("gate: {margin: .nan}", "gate.margin: "),
        ("gate: {minimum_rows: 1}", "gate.minimum_rows: Input should be greater than or equal to 2"),
        ("gate: {least_coverage: 1.0}", "gate.least_coverage: Input should be less than 1"),
    ],
)
def test_rules_of_the_gate_that_make_no_sense_are_told(tmp_path: Path, line: str, message: str):
    assert message in complaint(tmp_path, line)


def test_the_gate_has_rules_where_a_file_names_none(tmp_path: Path):
    rules = load(tmp_path).gate

    assert (rules.margin, rules.minimum_rows, rules.least_coverage) == (0.02, 100, None)
    assert load(tmp_path, "gate: {margin: 0.05}").gate.margin == 0.05
