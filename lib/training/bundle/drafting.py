"""Drafting the bundle: the pickles, the golden requests and the manifest, all without a clock."""

from __future__ import annotations

import math
import pickle
from typing import TYPE_CHECKING, Any

from modelbundle.bundle import PLAN, SCHEMA_VERSION, installed_versions
from modelbundle.contract import Column, Contract
from modelbundle.digests import canonical_json, digest_bytes
from modelbundle.frame import canonical_frame, records_of, records_to_frame
from training.bundle.plan_check import make_plan
from training.finite import predict
from training.problems import CandidateFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from training.judging.facts import ManifestFacts

GOLDEN_ROWS = 5
# Other processors round the last digits differently; more than this is another model.
RELATIVE_TOLERANCE = 1e-9


def with_seen_ranges(contract: Contract, table: pd.DataFrame) -> Contract:
    """Add to each feature the range or the categories that the training rows covered."""
    frame = canonical_frame(table, contract)

    def seen(name: str, column: Column) -> Column:
        if column.role != "feature":
            return column
        values = frame[name].dropna()
        if column.kind == "categorical":
            return column.model_copy(update={"seen_categories": tuple(sorted(values.unique()))})
        return column.model_copy(update={"seen_minimum": float(values.min()), "seen_maximum": float(values.max())})

    columns = {name: seen(name, column) for name, column in contract.columns.items()}
    return Contract(columns=columns, missing=contract.missing)


def golden_requests(pipeline: Any, contract: Contract, table: pd.DataFrame) -> dict[str, Any]:
    """A few requests with the pipeline's answers: ordinary rows, a row with only what is required, an unseen category.

    They are written as a client would write them, and replayed whenever the bundle is loaded.
    """
    positions = [round(step * (len(table) - 1) / (GOLDEN_ROWS - 1)) for step in range(GOLDEN_ROWS)]
    records = records_of(table.iloc[positions], contract)
    required = [name for name in contract.features if contract.columns[name].required]
    records.append({name: records[0][name] for name in required or list(records[0])[:1]})
    records += [records[0] | {name: "never seen"} for name in contract.categorical]
    requests = [
        {"record": record, "prediction": answer}
        for record, answer in zip(records, _answers(pipeline, records, contract), strict=True)
        if math.isfinite(answer)
    ]
    return {"relative_tolerance": RELATIVE_TOLERANCE, "requests": requests}


def _answers(pipeline: Any, records: list[dict[str, Any]], contract: Contract) -> list[float]:
    """Predict; NaN for an odd record that lies where the arithmetic fails: serving refuses it, too."""
    try:
        return predict(pipeline, records_to_frame(records, contract)).tolist()
    except CandidateFailed:
        return [math.nan] if len(records) == 1 else [_answers(pipeline, [each], contract)[0] for each in records]


def draft_bundle(
    model: bytes,
    contract: Contract,
    table: pd.DataFrame,
    facts: ManifestFacts,
    carried: Mapping[str, bytes] | None = None,
) -> dict[str, bytes]:
    """Make the files of a bundle from the refitted winner.

    model: its pickle; contract: with the seen ranges; facts: what else the manifest tells; carried: files that the
    comparison made, which the manifest vouches for too.
    Returns file name -> content, manifest.json among them.
    Raises CandidateFailed if it cannot predict the rows that it was fitted on.
    """
    pipeline = pickle.loads(model)  # noqa: S301 - made by this run a moment ago
    predict(pipeline, canonical_frame(table, contract))
    plan, reason = make_plan(pipeline, contract, table)
    files = {
        "model.pkl": model,
        "preprocessing.pkl": pickle.dumps(pipeline["preprocess"], protocol=5),
        "golden.json": canonical_json(golden_requests(pipeline, contract, table)),
        **({PLAN: plan} if plan else {}),
        **(carried or {}),
    }
    manifest = {
        **facts,
        "schema_version": SCHEMA_VERSION,
        **({} if plan else {"without_plan": reason}),
        "contract": contract.model_dump(mode="json", exclude_defaults=True),
        "versions": installed_versions(),
        "files": {name: {"sha256": digest_bytes(data), "size": len(data)} for name, data in files.items()},
    }
    return files | {"manifest.json": canonical_json(manifest)}
