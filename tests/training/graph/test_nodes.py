"""The notebook graph as data: what there is to run, what each notebook reads and waits for, and where results go."""

from __future__ import annotations

import pytest

from training.config.conf import Conf, load_conf
from training.config.gating import Gate
from training.graph import graph
from training.problems import ConfigProblem


@pytest.fixture(scope="module")
def conf() -> Conf:
    return load_conf("conf/house_prices.yaml")


@pytest.fixture(scope="module")
def smoke() -> Conf:
    return load_conf("conf/smoke.yaml")


SMALL = ["median", "linear_regression", "svr", "random_forest"]


def test_the_most_complex_candidates_begin_first(smoke: Conf):
    assert list(smoke.candidates) == SMALL
    assert list(graph.nodes(smoke)) == [
        ("02_preprocess", ""),
        *[("03_train", name) for name in reversed(SMALL)],
        ("01_eda", ""),
        ("04_compare", ""),
        ("05_publish", ""),
    ]


def test_a_node_is_named_after_its_notebook_and_candidate():
    assert graph.node_name("03_train", "svr") == "03_train-svr"
    assert graph.node_name("01_eda") == "01_eda"


def test_an_unknown_candidate_is_answered_with_those_that_there_are(smoke: Conf):
    with pytest.raises(ConfigProblem, match=r"there is no candidate 'svm'; the configuration has median, .*svr"):
        graph.parts_read(smoke, "03_train", "svm")


def test_a_notebook_reads_its_parts_of_the_configuration_and_no_others(conf: Conf):
    read = graph.parts_read(conf, "03_train", "blend")

    assert set(read) == set(graph.READS["03_train"])
    assert read["seed"] == conf.split.seed
    assert read["candidate"] == conf.candidates["blend"]
    assert read["members"] == conf.members("blend") != {}
    assert read["contract"] == conf.contract
    assert graph.parts_read(conf, "01_eda").keys() == {"data", "contract", "target_transform"}


def test_which_scorer_decides_is_told_to_the_comparison_and_the_audit_alone(conf: Conf):
    other = conf.model_copy(update={"metric": conf.also_report[0], "also_report": [conf.metric, *conf.also_report[1:]]})

    for notebook, candidate in [("03_train", "svr"), ("04_compare", ""), ("audit", "")]:
        changed = graph.parts_read(conf, notebook, candidate) != graph.parts_read(other, notebook, candidate)
        assert changed == (notebook != "03_train")
    assert graph.parts_read(conf, "04_compare")["scorers"][0] == conf.metric


def test_no_notebook_reads_the_rules_of_the_gate(conf: Conf):
    """So that changing them makes nothing run again."""
    other = conf.model_copy(update={"gate": Gate(margin=0.5, minimum_rows=7, least_coverage=0.1)})

    for notebook in graph.NOTEBOOK_NAMES:
        assert "gate" not in graph.READS[notebook]
        assert graph.parts_read(conf, notebook, "svr") == graph.parts_read(other, notebook, "svr")


def test_only_candidates_with_a_space_are_searched_and_a_blend_after_them(conf: Conf, smoke: Conf):
    searched = [name for name, candidate in conf.candidates.items() if candidate.search]

    assert searched
    assert list(graph.searches(conf)) == [*[("tune", name) for name in searched], ("blend", "")]
    assert list(graph.searches(smoke)) == [("tune", "svr"), ("tune", "random_forest")]


def test_each_notebook_waits_for_those_whose_results_it_reads(conf: Conf, smoke: Conf):
    trained = [f"03_train-{name}" for name in SMALL]
    tuned = [f"tune-{name}" for kind, name in graph.searches(conf) if kind == "tune"]

    assert (
        graph.upstream(smoke, "01_eda")
        == graph.upstream(smoke, "02_preprocess")
        == graph.upstream(smoke, "audit")
        == []
    )
    assert graph.upstream(smoke, "03_train") == graph.upstream(smoke, "tune") == ["02_preprocess"]
    assert graph.upstream(smoke, "04_compare") == ["02_preprocess", *trained]
    assert graph.upstream(smoke, "05_publish") == ["04_compare", *trained]
    assert graph.upstream(conf, "blend") == ["02_preprocess", *tuned]


def test_the_comparison_is_the_front_page_and_the_others_lie_one_level_down(smoke: Conf):
    assert graph.pages(smoke) == {
        "04_compare": "report.html",
        "01_eda": "report/01_eda.html",
        "02_preprocess": "report/02_preprocess.html",
        **{f"03_train-{name}": f"report/03_train-{name}.html" for name in SMALL},
        "05_publish": "report/model_card.html",
    }


def test_a_problem_has_folders_of_its_own(smoke: Conf):
    folders = [str(made(smoke).relative_to(graph.ROOT)) for made in (graph.runs_folder, graph.reports_folder)]

    assert folders == ["runs/smoke", "reports/smoke"]
    assert graph.memory_file(smoke) == graph.runs_folder(smoke) / ".doit.json"


@pytest.mark.parametrize(
    ("notebooks", "message"),
    [
        (
            {"05_x": {}},
            "there is no notebook 05_x; there are 01_eda, 02_preprocess, 03_train, 04_compare, 05_publish, tune",
        ),
        ({"01_eda": {"odd_rows": 3}}, "01_eda has no parameter odd_rows; did you mean odd_rows_shown"),
        ({"03_train": {"candidate": "svr"}}, "notebooks.03_train: the run itself sets candidate; remove it"),
        ({"01_eda": {"output": "x"}}, "notebooks.01_eda: the run itself sets output; remove it"),
        ({"audit": {"inputs": "x", "conf": "y"}}, "notebooks.audit: the run itself sets conf, inputs; remove it"),
        ({"tune": {"candidate": "svr"}}, "notebooks.tune: the run itself sets candidate; remove it"),
    ],
)
def test_a_notebook_or_parameter_that_cannot_be_set_is_refused(smoke: Conf, notebooks: dict, message: str):
    graph.require_known_parameters(smoke)

    with pytest.raises(ConfigProblem, match=message):
        graph.require_known_parameters(smoke.model_copy(update={"notebooks": notebooks}))
