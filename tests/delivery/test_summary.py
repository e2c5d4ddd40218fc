"""What a workflow's summary shows: the ranking beside the main branch's, or the cell that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from delivery import summary

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

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
        "| forest | failed: Memory/Error | 37,000 ± 1,000 | - |",
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
