"""What a person sees of a notebook that works for long."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from papermill.parameterize import parameterize_path

from training.graph import execute
from training.graph.execute import Progress

BAR = "\rre-splits:  30%|███       | 3/10 [02:00<04:40, 40.0s/it]"
SHORT = "/tmp"  # noqa: S108 - nothing is written there
INNER = "\rtrials:  50%|█████     | 2/4 [00:01<00:01,  1.0s/it]\x1b[A"


def test_now_and_then_it_tells_how_far_the_outermost_loop_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    progress = Progress("audit")
    progress.write(f"\rre-splits:   0%|          | 0/10 [00:00<?, ?it/s]{BAR}\x1b[A")
    monkeypatch.setattr(execute, "SECONDS_BETWEEN_NEWS", 0)
    progress.write(INNER)

    assert capsys.readouterr().out == "          … audit: re-splits:  30% 3/10 [02:00<04:40, 40.0s/it]\n"


def test_it_does_not_tell_it_all_the_time(capsys: pytest.CaptureFixture[str]):
    progress = Progress("audit")
    progress.write(BAR)

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("text", ["", "\n", "UserWarning: something\n", "\r"])
def test_what_is_no_progress_is_not_told(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(execute, "SECONDS_BETWEEN_NEWS", 0)
    Progress("audit").write(text)

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("folder", ["plain", "a {b} c", "{0}", "{{x}}", "it's ü"])
def test_papermill_takes_a_path_as_it_is(folder: str):
    """It would put parameters in place of what stands in braces, and stop where there is no such parameter."""
    path = Path("/checkout") / folder / "notebook.ipynb"

    assert parameterize_path(execute._literally(path), {"x": 1, "b": 2}) == str(path)


@pytest.mark.parametrize(
    ("usual", "taken"), [(SHORT, None), ("/home/ü/tmp", SHORT), (f"/{'long' * 20}", SHORT)], ids=["", "ü", "long"]
)
def test_sockets_go_where_their_names_are_short_enough(monkeypatch: pytest.MonkeyPatch, usual: str, taken: str | None):
    """A socket's path may have about a hundred bytes, and is written in UTF-8."""
    monkeypatch.setattr(tempfile, "gettempdir", lambda: usual)

    assert execute._short() == taken
