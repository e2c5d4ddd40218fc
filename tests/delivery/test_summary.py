"""What a workflow's summary shows: the ranking beside the main branch's, or the cell that failed."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from delivery import gate, summary

ROOT = Path(__file__).parents[2]
RMSE = {"label": "RMSE", "unit": "USD"}


def row(name: str, mean: float | None, failed: str | None = None) -> dict[str, Any]:
    return {"name": name, "mean": mean, "spread": 1000.0 if mean else None, "failed": failed}


def manifest(*ranking: dict[str, Any], metric: str = "rmse") -> dict[str, Any]:
    return {
        "title": "House prices", "winner": "svr", "reason": "svr is best.", "metric": metric,
        "metrics": {metric: RMSE}, "ranking": list(ranking),
    }  # fmt: skip


def test_each_candidate_stands_beside_itself_on_main():
    new = manifest(row("svr", 33_000.0), row("ridge", 34_000.0), row("forest", None, "Memory|Error"))
    before = manifest(row("svr", 35_000.0), row("tree", 40_000.0), row("forest", 37_000.0))

    assert summary.comparison(new, before).splitlines()[4:] == [
        "| Candidate | RMSE (USD), mean ± spread | on main | change |",
        "|---|---|---|---|",
        "| **svr** | 33,000 ± 1,000 | 35,000 ± 1,000 | -5.7% |",
        "| ridge | 34,000 ± 1,000 | - | new |",
        "| forest | failed: Memory&#124;Error | 37,000 ± 1,000 | - |",
        "| tree | - | 40,000 ± 1,000 | gone |",
    ]


def test_without_a_main_branch_or_with_another_metric_only_the_ranking_is_shown():
    new = manifest(row("svr", 33_000.0))

    assert "| **svr** | 33,000 ± 1,000 |\n" in summary.comparison(new, None)
    assert "nothing to compare" in summary.comparison(new, manifest(row("svr", 0.1), metric="r2"))
    assert "same as on main" in summary.comparison(new, new)


def test_a_failed_run_shows_from_its_first_error_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    log = tmp_path / "run.log"
    log.write_text("▶ 02_preprocess\n✗ 02_preprocess\n\n02_preprocess failed: cell 5\n  raise X\nX: no\n")

    assert summary.main(["--log", str(log)]) == 0
    assert capsys.readouterr().out == (
        "### The run failed\n\n````text\n02_preprocess failed: cell 5\n  raise X\nX: no\n````\n\n"
    )


def test_a_log_without_an_error_of_ours_shows_its_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    log = tmp_path / "run.log"
    log.write_text("\n".join(f"line {number}" for number in range(100)))

    assert summary.main(["--log", str(log)]) == 0
    shown = capsys.readouterr().out
    assert "line 60" in shown
    assert "line 59" not in shown
    assert summary.main(["--models", str(tmp_path / "none")]) == 1


HOSTILE = [
    "$$",
    "a|b",
    "<b>x</b>",
    "**b**",
    "[x](http://y)",
    "![x](y)",
    "# h",
    "&amp;",
    "`c`",
    "@me",
    "#12",
    ":+1:",
    "a\nb",
]
LITERAL = re.compile(r"<span>&#\d+;</span>|&#\d+;")


def seen(line: str) -> str:
    """What the reader of a line sees."""
    return html.unescape(re.sub("</?span>", "", line))


@pytest.mark.parametrize("text", HOSTILE)
def test_no_name_is_markup(text: str):
    told = manifest(row(text, 1.5), row("svr", None, f"its fit raised {text}"))
    told |= {"title": text, "reason": f"{text} is best.", "winner": text}
    told["metrics"] = {"rmse": {"label": "RMSE", "unit": text}}
    heading, _, reason, _, head, rule, first, failed = summary.comparison(told, told).splitlines()[:8]

    assert rule == "|---|---|---|---|"
    assert [line.count("|") for line in (head, first, failed)] == [5, 5, 5], "no cell is cut in two"
    for line in (heading, reason, head, first, failed):
        assert text.replace("\n", " ") in seen(line)
        assert not re.search(r"[$<>`@\[\]&]|:\w|.#", LITERAL.sub("", line.removeprefix("### ")))


def test_no_unit_is_markup_in_the_gates_decision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    new, current, told = (tmp_path / name for name in ("new.json", "current.json", "summary.md"))
    metric = {"label": "RMSE", "unit": "$m^2$ <b>", "folds_mean": 2.0}
    new.write_text(json.dumps({"metric": "rmse", "metrics": {"rmse": metric}, "data": {"rows": 10}}))
    current.write_text(new.read_text().replace("2.0", "1.0"))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(told))

    assert gate.main([str(new), str(current)]) == 0
    assert "RMSE 1 to 2 $m^2$ <b> is" in seen(told.read_text())
    assert not re.search(r"[$<^]", LITERAL.sub("", told.read_text()))


def test_no_log_ends_the_block_that_it_stands_in():
    shown = summary.failure("x failed: y\n`````\n# not a heading\n")

    assert shown == "### The run failed\n\n``````text\nx failed: y\n`````\n# not a heading\n``````\n"


def test_texts_are_written_as_in_the_reports():
    rule = re.compile(
        r"^_SIGNS = .*?^\)$|^_ALONE = \S+|^def (?:literal|_reference)\(.*?\n\n\n", re.MULTILINE | re.DOTALL
    )
    here, there = (
        rule.findall((ROOT / path).read_text()) for path in ("delivery/markup.py", "lib/training/reporting/markup.py")
    )

    assert len(here) == 4
    assert here == there
