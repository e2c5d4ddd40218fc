"""What a person sees of a notebook that works for long."""

from __future__ import annotations

import pytest

from training import execute
from training.execute import Progress

BAR = "\rre-splits:  30%|███       | 3/10 [02:00<04:40, 40.0s/it]"
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
