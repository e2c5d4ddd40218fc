"""What `make mutate` turns, what it passes by, and that it tells caught from survived."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.mutation import reached
from tests.mutation.__main__ import draw, excuse, excuses
from tests.mutation.turned import mutated, mutations

if TYPE_CHECKING:
    from pathlib import Path


def turned(source: str) -> list[tuple[str, str]]:
    return [(mutation.before, mutation.after) for mutation in mutations("x.py", source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", [("a < b", "a <= b")]),
        ("a is not b", [("a is not b", "a is b")]),
        ("a not in b", [("a not in b", "a in b")]),
        ("a <= b < c", [("a <= b < c", "a < b < c"), ("a <= b < c", "a <= b <= c")]),
        ("a - b", [("a - b", "a + b")]),
        ("a += b", [("a += b", "a -= b")]),
        ("-a", [("-a", "a")]),
        ("a and b", [("a and b", "a or b")]),
        ("not a", [("not a", "a")]),
        ("if a: b()", [("a", "not a")]),
        ("while a: b()", [("a", "not a")]),
        ("b if a else c", [("a", "not a")]),
        ("[a for a in b if c]", [(" for a in b if c".strip(), "for a in b if not c")]),
        ("def f(): return a", [("return a", "return None")]),
        ("a = 3", [("3", "4"), ("3", "2")]),
        ("a = True", [("True", "False")]),
        ("a = 'b'", [("'b'", "''")]),
        ("def f(a=0.5): ...", [("0.5", "1.5"), ("0.5", "-0.5")]),
    ],
)
def test_an_operator_a_condition_a_constant_or_a_result_is_turned(source: str, expected: list[tuple[str, str]]):
    assert turned(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""Words."""',
        "if TYPE_CHECKING:\n    a = 3",
        "if __name__ == '__main__':\n    a = 3",
        "a: Literal['b'] = c",
        "def f(a: 'b') -> 'c': return None",
        "raise Problem('words', 3)",
        "parser.add_argument(help='words')",
        "axes.plot(x, y, alpha=0.5, linewidth=2)",
        "f'words {a:8.3f}'",
        "a = None",
    ],
)
def test_types_docstrings_and_words_for_people_are_passed_by(source: str):
    assert turned(source) == []


def test_a_turned_file_differs_in_one_place_and_can_be_compiled():
    for path in [ROOT / "lib/training/reporting/tables.py", ROOT / "app/standing/follow.py"]:
        source = path.read_text(encoding="utf-8")
        plain = ast.unparse(ast.parse(source)).splitlines()
        found = mutations(path.name, source)
        for mutation in found[::25]:
            other = mutated(source, mutation)
            compile(other, path.name, "exec")
            assert len([1 for one, two in zip(plain, other.splitlines(), strict=True) if one != two]) == 1, mutation

        assert len(found) > 50


def test_a_line_in_a_function_is_told_from_one_that_runs_at_import():
    found = mutations("x.py", "a = 3\ndef f(b=4):\n    return (\n        5\n    )\n")

    assert {(it.before, it.in_function) for it in found if it.kind == "constant"} == {("3", 0), ("4", 0), ("5", 1)}
    assert {it.lines for it in found if it.before == "5"} == {frozenset({3, 4})}


def test_a_seed_draws_the_same_sample_and_each_kind_as_often():
    only = "app/programs/a"
    drawn = draw(40, 3, only)
    kinds = [mutation.kind for mutation in drawn]

    assert drawn == draw(40, 3, only)
    assert drawn != draw(40, 4, only)
    assert {kind: kinds.count(kind) for kind in kinds} == dict.fromkeys(
        ["arithmetic", "comparison", "condition", "constant", "result"], 8
    )
    assert {mutation.path for mutation in drawn} == {"app/programs/answers.py", "app/programs/asking.py"}


def test_what_breaks_pytest_itself_counts_as_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def breaks(*_: object, **__: object) -> int:
        raise ExceptionGroup("unraisable exceptions", [ResourceWarning("unclosed transport")])

    monkeypatch.setattr(pytest, "main", breaks)

    assert reached.try_tests(tmp_path, ["tests/test_x.py::test_x"]) == pytest.ExitCode.INTERNAL_ERROR


def test_every_excuse_is_for_something_that_can_be_turned_and_says_why():
    files = {entry["file"] for entry in excuses()}
    excused = {(it.path, it.before) for file in files for it in draw(10**9, 0, file) if excuse(it)}

    assert {(entry["file"], entry["before"]) for entry in excuses()} == excused
    assert all(len(entry["why"].split()) >= 4 for entry in excuses())


SMALL = {
    "lib/training/__init__.py": "",
    "app/__init__.py": "",
    "lib/training/sizes.py": "DAYS = 7\n\n\ndef half(a):\n    return a / 2\n\n\n"
    "def never_asked(a):\n    return a + 1\n",
    "app/loop.py": "def count(to):\n    while to > 0:\n        to -= 1\n    return 'done'\n",
    "tests/test_sizes.py": "from training.sizes import DAYS, half\nfrom app.loop import count\n\n\n"
    "def test_half():\n    assert half(6) == 3\n\n\ndef test_days():\n    assert DAYS == 7\n\n\n"
    "def test_count():\n    assert count(2) == 'done'\n",
    "pyproject.toml": '[tool.pytest.ini_options]\naddopts = ["--import-mode=importlib"]\n'
    'markers = ["run", "image", "slow"]\n',
}


@pytest.mark.run
@pytest.mark.slow
def test_what_no_test_notices_is_printed_and_decides_the_exit_status(tmp_path: Path):
    for name, text in SMALL.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    shutil.copytree(ROOT / "tests/mutation", tmp_path / "tests/mutation")
    (tmp_path / "tests/mutation/test_mutation.py").unlink()
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    command = [sys.executable, "-m", "tests.mutation", "--count", "100"]
    done = [
        subprocess.run([*command, *more], cwd=tmp_path, capture_output=True, text=True, check=False)
        for more in (["--bar", "0.3"], ["--only", "lib/training/sizes.py", "--bar", "1"])
    ]

    assert [it.returncode for it in done] == [0, 1], done[0].stdout + done[0].stderr
    assert "survived: lib/training/sizes.py:9: return a + 1\n          'a + 1' became 'a - 1'" in done[1].stdout
    assert "'a / 2'" not in done[1].stdout
    assert "'7' became" not in done[1].stdout, "a test that runs no line of the module may notice what it holds"
    assert "'to -= 1' became" not in done[0].stdout, "an endless loop is noticed"
