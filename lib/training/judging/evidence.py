"""The evidence of a comparison: what a later gate needs to hold a newer model against this one, on the same rows.

04_compare makes it of the winner as it was fitted before the refit, and the bundle carries it as `evidence.npz`.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b, sha256
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, FiniteFloat

from modelbundle.digests import canonical_json
from modelbundle.frame import records_of
from training.data.reading import features_and_target
from training.models.constant import best_constant
from training.problems import Problem

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from modelbundle.contract import Contract
    from training.data.split import Fold, Parts

EVIDENCE = "evidence.npz"


class EvidenceProblem(Problem):
    """Evidence that cannot be gone by, with the reason in one sentence."""


class Validated(BaseModel):
    """What was found before the refit.

    metric: the scorer that decided; scores: scorer -> one per fold, greater is better; fold_rows: how many rows each
    fold fits and scores; folds, places: of fold_digests; constant: the best one of the training rows, by that metric.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    metric: str
    scores: dict[str, list[FiniteFloat]]
    fold_rows: list[tuple[int, int]]
    folds: str
    places: str
    constant: FiniteFloat


@dataclass(frozen=True)
class Evidence:
    """What a gate asks of a bundle.

    fitted: digests of the rows that the served model was fitted on, each once; records: those of the hold-out, as
    JSON; actual, predicted: their true values and the predictions before the refit, in the target's unit.
    """

    validated: Validated
    fitted: np.ndarray
    records: list[dict[str, Any]]
    actual: np.ndarray
    predicted: np.ndarray

    @cached_property
    def fold_lengths(self) -> list[Fold]:
        """Folds of the right lengths, for what asks for no more than these."""
        return [{"fit": range(fit), "score": range(score)} for fit, score in self.validated.fold_rows]


def make_evidence(  # noqa: PLR0913 - each is what one section of 04_compare found
    table: pd.DataFrame, contract: Contract, parts: Parts, held_out: pd.DataFrame,
    scores: Mapping[str, Sequence[float]], metric: str,
) -> bytes:  # fmt: skip
    """Write the evidence as one file, whose bytes depend on nothing else.

    table: all rows, on which the model that is served will be fitted; held_out: of predictions.held_out_predictions;
    scores: the winner's, scorer -> one per fold; metric: the scorer that decides.
    """
    X, y = features_and_target(table, contract)
    rows = row_digests(X, y)
    validated = Validated(
        metric=metric,
        scores={name: list(map(float, scores[name])) for name in sorted(scores)},
        fold_rows=[(len(fold["fit"]), len(fold["score"])) for fold in parts["folds"]],
        constant=best_constant(y.iloc[parts["training"]], metric),
        **fold_digests(rows, y, parts["folds"]),
    )
    return _written(
        validated=canonical_json(validated.model_dump(mode="json")),
        records=canonical_json(records_of(table.iloc[held_out["row"]], contract)),
        fitted=np.unique(rows),
        actual=held_out["actual"].to_numpy(dtype=float),
        predicted=held_out["predicted"].to_numpy(dtype=float),
    )


def _written(**parts: np.ndarray | bytes) -> bytes:
    """Write arrays and texts as one file; numpy gives each entry of the zip the same date."""
    file = io.BytesIO()
    arrays = {name: np.frombuffer(part, np.uint8) if isinstance(part, bytes) else part for name, part in parts.items()}
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def row_digests(X: pd.DataFrame, y: pd.Series | np.ndarray) -> np.ndarray:
    """Digest each row of canonical features and its target: equal rows have equal digests, wherever they stand.

    The identifier has no part in it, nor has the order of the columns. 64 bits are enough: among a million rows and as
    many others two that differ look equal with a probability of 10^12 / 2^64, less than one in ten million; and then a
    row that is new counts as known, which only makes the gate more careful.
    """
    names = sorted(X.columns)
    header = json.dumps(names).encode()
    columns = [*(X[name].tolist() for name in names), np.asarray(y, dtype=float).tolist()]
    digests = (
        blake2b(header + b"".join(map(_cell, row)), digest_size=8).digest() for row in zip(*columns, strict=True)
    )
    return np.frombuffer(b"".join(digests), dtype="<u8")


def _cell(value: Any) -> bytes:
    """One cell in a form that tells a number, a text and a missing cell apart; 0.0 and -0.0 are one number."""
    if isinstance(value, str):
        text = value.encode("utf-8", "surrogatepass")
        return b"t" + struct.pack("<I", len(text)) + text
    return b"-" if value is None or value != value else b"n" + struct.pack("<d", value + 0.0)


def fold_digests(rows: np.ndarray, y: pd.Series, folds: Sequence[Fold]) -> dict[str, str]:
    """Digests of which rows stand in which fold; rows: of row_digests.

    folds: by content, whatever the order of the rows. places: by position and true value, so that a contract with one
    more feature still meets the same rows in the same folds.
    """
    content = sha256()
    for fold in folds:
        for part in (fold["fit"], fold["score"]):
            content.update(struct.pack("<q", len(part)) + np.sort(rows[part]).tobytes())
    places = sha256(np.asarray(y, dtype="<f8").tobytes() + canonical_json([list(fold.values()) for fold in folds]))
    return {"folds": content.hexdigest(), "places": places.hexdigest()}


def read(data: bytes) -> Evidence:
    """Read what make_evidence wrote; raises EvidenceProblem unless it is that, sound and finite."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        found = Evidence(
            validated=Validated.model_validate_json(arrays["validated"].tobytes()),
            records=json.loads(arrays["records"].tobytes()),
            **{name: arrays[name] for name in ("fitted", "actual", "predicted")},
        )
        _require_sound(found)
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise EvidenceProblem(f"{EVIDENCE} is no evidence that this code reads: {error}") from error
    return found


def _require_sound(found: Evidence) -> None:
    """Raise ValueError unless all parts fit together."""
    rows, folds = len(found.records), len(found.validated.fold_rows)
    if found.fitted.dtype != np.dtype("<u8") or found.fitted.ndim != 1 or not len(found.fitted):
        raise ValueError("fitted should hold digests of 64 bits")
    for name, values in (("actual", found.actual), ("predicted", found.predicted)):
        if values.dtype != np.dtype(float) or values.shape != (rows,) or not np.isfinite(values).all():
            raise ValueError(f"{name} should hold one finite number for each of {rows} records")
    if not all(isinstance(record, dict) for record in found.records):
        raise ValueError("records should hold one mapping each")
    if bad := [name for name, scores in found.validated.scores.items() if len(scores) != folds]:
        raise ValueError(f"{bad[0]} should have one score for each of {folds} folds")


def of_bundle(folder: Path, manifest: Mapping[str, Any]) -> Evidence:
    """Read a bundle's evidence, if it is the file that its manifest describes; raises EvidenceProblem."""
    if EVIDENCE not in manifest["files"]:
        raise EvidenceProblem(f"{folder.name[:12]} was made before bundles held evidence: it has no {EVIDENCE}")
    try:
        data = (folder / EVIDENCE).read_bytes()
    except OSError as error:
        raise EvidenceProblem(f"{folder / EVIDENCE} cannot be read: {error.strerror}") from error
    if sha256(data).hexdigest() != manifest["files"][EVIDENCE]["sha256"]:
        raise EvidenceProblem(f"{folder / EVIDENCE} is not the file that manifest.json describes: its digest differs")
    return read(data)
