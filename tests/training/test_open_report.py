"""make report: where the report is, or what makes it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from training import report

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pages that were opened; reports stand in a folder of the test."""
    found: list[str] = []
    monkeypatch.setattr(report, "reports_folder", lambda conf: tmp_path / conf.name)
    monkeypatch.setattr(report.webbrowser, "open", found.append)
    return found


def test_the_report_is_opened_and_its_place_is_told(
    opened: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "smoke").mkdir()
    (tmp_path / "smoke/report.html").touch()
    monkeypatch.setattr(sys, "argv", ["report", "conf/smoke.yaml"])

    assert report.main() == 0
    assert opened == [(tmp_path / "smoke/report.html").as_uri()]
    assert str(tmp_path / "smoke/report.html") in capsys.readouterr().out


@pytest.mark.parametrize(
    ("conf", "message"),
    [("conf/smoke.yaml", "does not exist yet; make run makes it"), ("conf/absent.yaml", "conf/absent.yaml")],
)
def test_without_a_report_or_a_configuration_it_says_so(
    opened: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], conf: str, message: str
):
    monkeypatch.setattr(sys, "argv", ["report", conf])

    assert report.main() == 1
    assert opened == []
    assert message in capsys.readouterr().err
