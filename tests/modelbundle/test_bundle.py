"""Loading a bundle: verified before anything is unpickled, refused with a sentence that names what differs."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modelbundle.bundle import SCHEMA_VERSION, VERIFIED_FILES, BundleProblem, current_folder, load_bundle
from modelbundle.digests import digest_bytes
from tests.modelbundle.conftest import rename, vouch

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY_FILE = ("manifest.json", *VERIFIED_FILES)


class Trap:
    """Whoever unpickles it makes a file."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


def flip_last_byte(path: Path) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    return path


def refusal(folder: Path) -> str:
    """What the refusal of a bundle says."""
    with pytest.raises(BundleProblem) as refused:
        load_bundle(folder)
    return str(refused.value)


def edit_golden(folder: Path, prediction: Callable[[float], float]) -> Path:
    """Change the first golden answer, and the manifest with it."""
    golden = json.loads((folder / "golden.json").read_bytes())
    first = golden["requests"][0]
    first["prediction"] = prediction(first["prediction"])
    (folder / "golden.json").write_text(json.dumps(golden))
    return vouch(folder)


def test_a_sound_bundle_answers_in_the_order_of_the_records(folder: Path):
    bundle = load_bundle(folder)
    small, large = {"Class": 60, "Area": 3}, {"Class": "20", "Area": 12, "Zone": "RM"}

    assert bundle.version == folder.name
    assert bundle.predict([small, large]) == pytest.approx([12.0, 21.0])
    assert bundle.predict([large, small]) == pytest.approx([21.0, 12.0])


@pytest.mark.parametrize("name", VERIFIED_FILES)
def test_a_changed_byte_is_refused_with_both_digests(folder: Path, name: str):
    expected = digest_bytes((folder / name).read_bytes())
    flip_last_byte(folder / name)

    message = refusal(folder)

    assert str(folder / name) in message
    assert f"expected sha256 {expected}" in message
    assert f"found {digest_bytes((folder / name).read_bytes())}" in message


@pytest.mark.parametrize("name", VERIFIED_FILES)
def test_a_file_cut_short_is_refused_with_both_sizes(folder: Path, name: str):
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:-10])

    assert f"({len(data)} bytes)" in refusal(folder)
    assert f"({len(data) - 10} bytes)" in refusal(folder)


@pytest.mark.parametrize("name", EVERY_FILE)
def test_a_missing_file_is_named(folder: Path, name: str):
    (folder / name).unlink()

    assert refusal(folder) == f"{folder / name} cannot be read: No such file or directory"


def test_a_changed_manifest_is_refused_with_both_digests(folder: Path):
    flip_last_byte(folder / "manifest.json")
    found = digest_bytes((folder / "manifest.json").read_bytes())

    message = refusal(folder)

    assert message == f"{folder / 'manifest.json'} has the digest {found}, but its folder is named {folder.name}"


def test_a_folder_with_another_name_is_refused(folder: Path):
    assert "but its folder is named renamed" in refusal(folder.rename(folder.with_name("renamed")))


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
    recorded = json.loads((folder / "golden.json").read_bytes())["requests"][0]["prediction"]

    message = refusal(edit_golden(folder, change))

    assert "golden.json, request 0: model.pkl answers " in message
    assert f"and answered {change(recorded)!r} when it was made" in message


def test_a_golden_answer_may_differ_in_the_last_digits(folder: Path):
    assert load_bundle(edit_golden(folder, lambda it: it * (1 + 1e-12)))


@pytest.mark.parametrize("manifest", [b"no JSON", b"[]", b'{"schema_version": 1}'])
def test_a_manifest_that_describes_nothing_is_refused(folder: Path, manifest: bytes):
    assert "manifest.json" in refusal(rename(folder, manifest))


def test_a_manifest_that_leaves_a_file_out_is_refused(folder: Path):
    files = json.loads((folder / "manifest.json").read_bytes())["files"]
    del files["preprocessing.pkl"]

    assert "preprocessing.pkl" in refusal(vouch(folder, files=files))


def test_what_is_for_information_only_may_change(folder: Path):
    (folder / "run.json").write_text("changed by hand")

    assert load_bundle(folder)


TAMPERINGS = {
    "the pickle alone": lambda folder: folder,
    "the pickle and the manifest, under the old name": lambda folder: vouch(folder).rename(folder),
    "all of it, for another schema": lambda folder: vouch(folder, schema_version=9),
    "all of it, for other versions": lambda folder: vouch(folder, versions={}),
    "all of it, with damaged golden answers": lambda folder: flip_last_byte(vouch(folder) / "golden.json").parent,
    "all of it, with damaged preprocessing": lambda folder: flip_last_byte(vouch(folder) / "preprocessing.pkl").parent,
}


@pytest.mark.parametrize("tamper", TAMPERINGS.values(), ids=TAMPERINGS)
def test_nothing_is_unpickled_unless_everything_is_verified(
    folder: Path, tmp_path: Path, tamper: Callable[[Path], Path]
):
    (folder / "model.pkl").write_bytes(pickle.dumps(Trap(tmp_path / "unpickled")))

    refusal(tamper(folder))

    assert not (tmp_path / "unpickled").exists()


def test_the_trap_springs_where_it_is_vouched_for(folder: Path, tmp_path: Path):
    """Or the test above would prove nothing."""
    (folder / "model.pkl").write_bytes(pickle.dumps(Trap(tmp_path / "unpickled")))

    with pytest.raises(AttributeError):  # what the trap leaves cannot predict
        load_bundle(vouch(folder))

    assert (tmp_path / "unpickled").exists()


def test_the_current_bundle_is_the_one_that_the_pointer_names(folder: Path):
    (folder.parent / "current").write_text(f"{folder.name}\n")

    assert current_folder(folder.parent) == folder


def test_without_a_pointer_the_refusal_says_what_to_do(tmp_path: Path):
    with pytest.raises(BundleProblem, match=r"current does not exist: .*make run makes one"):
        current_folder(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found ''"),
        (b"../../x/", "found '../../x/'"),
        (b"../" + b"a" * 61, "found '../aaa"),
        (b"A" * 64, "found 'AAA"),
        (b"a" * 65, "64 hexadecimal digits"),
        (b"a" * 63 + b"\x00", "64 hexadecimal digits"),
        (b"\xff\xfe" * 32, "64 hexadecimal digits"),
        (b"a" * 64, f"names {'a' * 64}, but "),
    ],
)
def test_a_pointer_to_nothing_is_refused(folder: Path, content: bytes, message: str):
    (folder.parent / "current").write_bytes(content)

    with pytest.raises(BundleProblem) as refused:
        current_folder(folder.parent)

    assert message in str(refused.value)
    assert str(folder.parent / "current") in str(refused.value)
