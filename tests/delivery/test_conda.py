"""environment.yml, read as conda reads it, agrees with the locks and with what make accepts."""

from __future__ import annotations

import re

import yaml
from rattler import MatchSpec, PackageName, PackageRecord
from rattler.package import BuildString

from tests.delivery.conftest import ROOT

LOCK = (ROOT / "requirements/dev.txt").read_text(encoding="utf-8")
SPECS = [
    spec
    for spec in yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    if isinstance(spec, str)
]


def record(name: str, version: str) -> PackageRecord:
    where = {"subdir": "linux-64", "arch": None, "platform": None}
    return PackageRecord(name=PackageName(name), version=version, build=BuildString("0"), build_number=0, **where)


def test_the_python_of_conda_is_one_that_make_accepts():
    python = MatchSpec(next(spec for spec in SPECS if spec.startswith("python")))
    accepted = {minor for minor in range(20) if python.matches(record("python", f"3.{minor}.1"))}

    assert len(accepted) == 1
    assert accepted <= set(range(11, 15))


def test_what_conda_installs_itself_is_what_the_lock_holds():
    """Python and pip, and whatever else is asked of conda: each spec has to admit the locked version."""
    assert [spec for spec in SPECS if MatchSpec(spec).name is None] == []
    for spec in SPECS:
        name = MatchSpec(spec).name.normalized
        for version in re.findall(rf"^{re.escape(name)}==([^ ;\\]+)", LOCK, re.MULTILINE):
            assert MatchSpec(spec).matches(record(name, version)), f"{spec} does not admit {version}"


def test_a_spec_that_contradicts_the_lock_would_be_found():
    (version,) = re.findall(r"^numpy==([^ ;\\]+)", LOCK, re.MULTILINE)[:1]

    assert MatchSpec(f"numpy={version}").matches(record("numpy", version))
    assert not MatchSpec("numpy<1").matches(record("numpy", version))
