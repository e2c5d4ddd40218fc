"""A client that openapi-python-client makes of /openapi.json, against a real server: what it was told is so."""

from __future__ import annotations

import importlib
import io
import os
import subprocess
import sys
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from app import create_app
from app.settings import Settings
from modelbundle.contract import Contract
from tests.helpers.asking import wait_for
from tests.helpers.registry import RECORD, add, point
from tests.helpers.serving import free_port, serving
from tests.helpers.stand_in import service_of
from tests.modelbundle.conftest import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

pytestmark = pytest.mark.run

# All that a user has to say: by itself the generator knows no CSV.
SETTING = "content_type_overrides:\n  text/csv: application/octet-stream\n"


def generate(document: bytes, folder: Path) -> ModuleType:
    """Make a client and import all of it; the generator may complain of nothing."""
    (folder / "openapi.json").write_bytes(document)
    (folder / "setting.yaml").write_text(SETTING)
    program = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning"]
    done = subprocess.run(
        [*program, "--path", "openapi.json", "--config", "setting.yaml", "--output-path", "priced"],
        cwd=folder,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},  # ruff is there
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "Generating priced\n")
    for path in sorted((folder / "priced").rglob("*.py")):
        importlib.import_module(".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__"))
    return importlib.import_module("priced")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "priced"]:
        del sys.modules[name]


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(f"{url}/openapi.json") as answer:
        return answer.read()


def asked(priced: ModuleType, client: Any, kind: str, **body: Any) -> Any:
    return importlib.import_module(f"priced.api.prices.{kind}").sync(client=client, **body)


def test_everything_that_is_described_can_be_called_and_is_after_a_publish_too(tmp_path: Path):
    models, port = tmp_path / "models", free_port()
    point(models, first := add(models, 1.0))
    with serving(models, port, WORKERS="1", FOLLOW_SECONDS="0.1"), ExitStack() as stack:
        url = f"http://127.0.0.1:{port}"
        priced = generate(fetched(url), tmp_path)
        client = stack.enter_context(priced.Client(base_url=url, raise_on_unexpected_status=True))
        held, types = importlib.import_module("priced.models"), importlib.import_module("priced.types")
        record = held.Record.from_dict(RECORD)

        def prices() -> list[Any]:
            table = types.File(payload=io.BytesIO(b"Zone,Class,Area\nRM,60,7\nRL,20,5\n"))
            one = asked(priced, client, "predict", body=record, explain=True)
            several = asked(priced, client, "predict", body=table)
            named = asked(priced, client, "invocations", body=held.Invocation(dataframe_records=[record, record]))
            assert isinstance(one.predictions[0].explanation.typical, float)
            return [
                one.version,
                [each.prediction for each in one.predictions],
                [each.prediction for each in several.predictions],
                named.predictions,
            ]

        assert prices() == [first, [8.0], [8.0, 6.0], [8.0, 8.0]]
        for path in sorted((tmp_path / "priced/api/service").glob("[a-z]*.py")):
            told = importlib.import_module(f"priced.api.service.{path.stem}").sync(client=client)
            assert told is not None, path.stem
            assert not isinstance(told, held.Problem), path.stem

        refused = asked(priced, client, "predict", body=held.Record.from_dict(RECORD | {"Area": 10_000_000}))
        assert isinstance(refused, held.Problem)
        assert [fault.pointer for fault in refused.errors] == ["/Area"]
        partial = types.File(payload=io.BytesIO(b"Zone,Class,Area\nRM,60,7\nRL,20,much\n"))
        good, bad = asked(priced, client, "predict", body=partial, partial=True).predictions
        assert good.prediction == 8.0
        assert [fault.pointer for fault in bad.errors] == ["/1/Area"]

        point(models, second := add(models, 2.0))
        wait_for(lambda: asked(priced, client, "predict", body=record).version == second, 10)
        assert prices() == [second, [9.0], [9.0, 7.0], [9.0, 9.0]]


def test_a_client_is_made_whatever_features_are_called(tmp_path: Path):
    names = ["1st floor", "Größe", "class", "a:b", 'q"uote', "x,y", "model_config", "body", "a/b~c", "Prediction"]
    words = ['"""', "\\", "'", "{{x}}", "a\nb", "é", "# x"]
    zones = {"categories": ["RL", *words], "labels": {word: f"it is {word} so" for word in words}}
    columns = dict.fromkeys(names, COLUMNS["Area"]) | COLUMNS | {"Zone": COLUMNS["Zone"] | zones}
    app = create_app(Settings(models=tmp_path / "none"))
    app.extensions["service"] = service_of(
        Contract.model_validate({"columns": columns}), lambda records: [1.0] * len(records)
    )
    generate(app.test_client().get("/openapi.json").data, tmp_path)
    record = dict.fromkeys([*names, "Area"], 3.0) | {"Zone": "RL", "Class": 20}

    assert importlib.import_module("priced.models").Record.from_dict(record).to_dict() == record
