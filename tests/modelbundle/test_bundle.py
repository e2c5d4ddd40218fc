"""Loading a bundle: refused with a sentence that names what differs, and found by the registry's pointer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from modelbundle.bundle import PLAN, SCHEMA_VERSION, BundleProblem, current_folder, load_bundle
from modelbundle.contributions import Typical
from modelbundle.plan.plan import write_plan
from tests.modelbundle.conftest import refusal, vouch, without_plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def edit_golden(folder: Path, prediction: Callable[[float], float]) -> Path:
    """Change the first golden answer, and the manifest with it."""
    golden = json.loads((folder / "golden.json").read_bytes())
    first = golden["requests"][0]
    first["prediction"] = prediction(first["prediction"])
    (folder / "golden.json").write_text(json.dumps(golden))
    return vouch(folder)


def another_plan(data: bytes) -> bytes:
    """A sound plan that answers 1 to everything."""
    read = {"numbers": [], "fill": [], "lookups": [], "products": [], "categories": [], "columns": 0}
    return write_plan({"read": read, "model": {"kind": "constant", "value": 1.0}})


def test_a_sound_bundle_answers_in_the_order_of_the_records(folder: Path):
    bundle = load_bundle(folder)
    small, large = {"Class": 60, "Area": 3}, {"Class": "20", "Area": 12, "Zone": "RM"}

    assert bundle.version == folder.name
    assert bundle.predict([small, large]) == pytest.approx([12.0, 21.0])
    assert bundle.predict([large, small]) == pytest.approx([21.0, 12.0])


@pytest.mark.parametrize("found", [SCHEMA_VERSION + 1, None, "1"])
def test_another_schema_is_refused_with_both_versions(folder: Path, found: Any):
    message = refusal(vouch(folder, schema_version=found))

    assert message.endswith(f"manifest.json has schema_version {found}; this code reads {SCHEMA_VERSION}")


@pytest.mark.parametrize(
    ("name", "version"), [("python", "3.2"), ("scikit-learn", "0.1"), ("numpy", "0.2"), ("pandas", None)]
)
def test_other_versions_are_refused_with_both(folder: Path, name: str, version: str | None):
    versions = json.loads((folder / "manifest.json").read_bytes())["versions"]

    message = refusal(vouch(folder, versions=versions | {name: version}))

    assert f"was made with {name} {version} (here {versions[name]})" in message


def test_all_versions_that_differ_are_named_at_once(folder: Path):
    message = refusal(vouch(folder, versions={}))

    assert all(f"{name} None (here " in message for name in ("python", "joblib", "numpy", "pandas", "scipy"))


@pytest.mark.parametrize("change", [lambda it: it * 1.0001, lambda it: -it, lambda it: float("nan")])
def test_another_golden_answer_is_refused_with_both_answers(folder: Path, change: Callable[[float], float]):
    """Neither the plan nor, after it, the pickle gives it."""
    recorded = json.loads((folder / "golden.json").read_bytes())["requests"][0]["prediction"]

    message = refusal(edit_golden(folder, change))

    assert "golden.json, request 0: model.pkl answers " in message
    assert f"and answered {change(recorded)!r} when it was made" in message


def test_the_plan_serves_where_there_is_one_and_the_pickle_where_there_is_none(folder: Path):
    record = {"Class": 60, "Area": 3}
    planned = load_bundle(folder)
    pickled = load_bundle(without_plan(folder))

    assert (planned.served_by, pickled.served_by) == ("plan", "pickle")
    assert planned.predict([record]) == pytest.approx(pickled.predict([record]), rel=1e-12)
    assert pickled.why == "the bundle holds no plan"


def test_a_bundle_tells_why_it_has_no_plan(folder: Path):
    bare = without_plan(folder)

    assert load_bundle(vouch(bare, without_plan="SVR with the kernel 'poly' is none")).why.startswith("SVR with")


@pytest.mark.parametrize("damage", [lambda data: data[:-100], lambda data: b"", lambda data: b"{}", another_plan])
def test_a_plan_that_does_not_repeat_the_golden_answers_leaves_it_to_the_pickle(
    folder: Path, damage: Callable[[bytes], bytes]
):
    record, before = {"Class": 60, "Area": 3}, load_bundle(folder)
    (folder / PLAN).write_bytes(damage((folder / PLAN).read_bytes()))
    after = load_bundle(vouch(folder))

    assert after.served_by == "pickle"
    assert after.why.startswith("plan.npz is not used here: ")
    assert after.predict([record]) == pytest.approx(before.predict([record]))


def test_a_golden_answer_may_differ_in_the_last_digits(folder: Path):
    assert load_bundle(edit_golden(folder, lambda it: it * (1 + 1e-12)))


def test_what_is_for_information_only_may_change(folder: Path):
    (folder / "run.json").write_text("changed by hand")

    assert load_bundle(folder)


def test_the_current_bundle_is_the_one_that_the_pointer_names(folder: Path):
    (folder.parent / "current").write_text(f"{folder.name}\n")

    assert current_folder(folder.parent) == folder


def test_without_a_pointer_the_refusal_says_what_to_do(tmp_path: Path):
    with pytest.raises(BundleProblem, match=r"current does not exist: .*make run makes one"):
        current_folder(tmp_path)


POINTERS = {
    "nothing": (b"", "found ''"),
    "a path": (b"../../x/", "found '../../x/'"),
    "a path of 64 characters": (b"../" + b"a" * 61, "found '../aaa"),
    "upper case": (b"A" * 64, "found 'AAA"),
    "too long": (b"a" * 65, "64 hexadecimal digits"),
    "a null byte": (b"a" * 63 + b"\x00", "64 hexadecimal digits"),
    "not even text": (b"\xff\xfe" * 32, "64 hexadecimal digits"),
    "no such folder": (b"a" * 64, f"names {'a' * 64}, but "),
}


@pytest.mark.parametrize(("content", "message"), POINTERS.values(), ids=POINTERS)
def test_a_pointer_to_nothing_is_refused(folder: Path, content: bytes, message: str):
    (folder.parent / "current").write_bytes(content)

    with pytest.raises(BundleProblem) as refused:
        current_folder(folder.parent)

    assert message in str(refused.value)
    assert str(folder.parent / "current") in str(refused.value)


TYPICAL = {"scale": "linear", "record": {"Zone": "RL", "Class": "60", "Area": 9.5}}


def test_a_bundle_may_tell_what_is_typical(folder: Path):
    assert load_bundle(folder).typical is None
    assert load_bundle(vouch(folder, typical=TYPICAL)).typical == Typical.model_validate(TYPICAL)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"Zone": "RL", "Class": "60"}, "should tell every required feature; it lacks Area"),
        ({"Zone": "RL", "Class": None, "Area": None}, "should tell every required feature; it lacks Class, Area"),
        ({"Class": "60", "Area": 9.5, "Price": 10, "area": 9.5}, "should name features alone; got Price, area"),
    ],
)
def test_a_typical_record_that_no_client_could_send_is_refused(folder: Path, record: dict[str, Any], words: str):
    message = refusal(vouch(folder, typical=TYPICAL | {"record": record}))

    assert "manifest.json is no manifest of a bundle" in message
    assert f"typical.record {words} " in message


def test_a_typical_record_may_have_gaps_where_a_clients_may(folder: Path):
    gaps = {"Class": "60", "Area": 9.5}

    assert load_bundle(vouch(folder, typical=TYPICAL | {"record": gaps})).typical.record == gaps


@pytest.mark.parametrize(
    ("scale", "area", "words"),
    [
        ("log", -10, "expected a record with a finite prediction above 0, since the scale is log; model.pkl answers -"),
        ("linear", "large", "model.pkl cannot predict its record: ValueError"),
    ],
)
def test_a_typical_record_without_a_usable_prediction_is_refused(folder: Path, scale: str, area: Any, words: str):
    record = TYPICAL["record"] | {"Area": area}

    assert words in refusal(vouch(folder, typical={"scale": scale, "record": record}))
