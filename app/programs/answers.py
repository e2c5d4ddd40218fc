"""Records in, prices out: each with interval, reasons and warnings, or with its faults; as JSON or as CSV."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING, Any

from app.problems import Problem, refused
from app.programs.asking import explanations, predictions
from app.programs.checks import Fault, fault, faults_of
from app.programs.explain import check_explainable, explanation
from app.programs.rounding import rounded
from app.programs.unusual import MAX_SUGGESTED_RECORDS, unseen_faults, warnings_of

if TYPE_CHECKING:
    from app.programs.reading import Batch
    from app.programs.service import Service
    from modelbundle.bundle import Bundle
    from modelbundle.contract import Contract
    from modelbundle.contributions import Contributions

# Beyond so many faults each record tells only its first, and near misses are looked for no more: a body of nonsense
# should not be answered with a far longer one.
MAX_FAULTS = 2_000

Answer = dict[str, Any]
Interval = tuple[float, ...]  # its two ends, or none where the bundle has no intervals


def answer(
    batch: Batch, service: Service, *, partial: bool = False, explain: bool = False, strict: bool = False
) -> list[Answer]:
    """Answer every record, in order: identifier if given, prediction, interval if the bundle has one, and warnings.

    partial: a faulty record gets its errors in place of a prediction. Otherwise, and where there is no record at all,
    faults raise the Problem 422, which lists them.
    strict: a category that training never saw is a fault, and no warning.
    explain: each prediction gets its explanation. Raises the Problem 400 or 413 where none is to be had.
    """
    if explain:
        check_explainable(len(batch.records), service.bundle)
    if not batch.records:
        raise refused([fault("", "at least one record", "none")], 1)
    good, faults = _parted(batch, service, partial=partial, strict=strict)
    answers = {}
    asked = _asked(list(good.values()), service.bundle, explain=explain)
    for (number, record), (value, reasons) in zip(good.items(), asked, strict=True):
        interval = _interval(value, service.bundle)
        if lacking := _lacking(value, reasons, interval):
            faults[number] = [fault(batch.pointers[number], *lacking)]
            continue
        warnings = warnings_of(record, service, suggest=number < MAX_SUGGESTED_RECORDS)
        answers[number] = _priced(record, value, reasons, interval, service) | {"warnings": warnings}
    if faults and not partial:
        raise _refused(faults)
    for number, found in faults.items():
        answers[number] = _identified(batch.records[number], service.contract) | {"errors": found}
    return [answers[number] for number in range(len(batch.records))]


def _parted(
    batch: Batch, service: Service, *, partial: bool, strict: bool
) -> tuple[dict[int, dict[str, Any]], dict[int, list[Fault]]]:
    """The records to price, as the contract reads them, and the faults of the others, by number."""
    faults = {} if batch.sound else _all_faults(batch, service)
    if faults and not (partial or strict):
        raise _refused(faults)
    good = _without(dict(enumerate(batch.records)), faults)
    if not batch.sound:  # what was checked as it was read, was read by the contract too
        good = {number: record | service.contract.read(record) for number, record in good.items()}
    if strict:
        faults = dict(sorted((faults | unseen_faults(good, batch.pointers, service)).items()))
    if faults and not partial:
        raise _refused(faults)
    return _without(good, faults), faults


def _without(records: dict[int, Any], faults: dict[int, Any]) -> dict[int, Any]:
    return {number: record for number, record in records.items() if number not in faults}


def _refused(faults: dict[int, list[Fault]]) -> Problem:
    return refused([each for found in faults.values() for each in found], len(faults))


def _asked(records: list[Any], bundle: Bundle, *, explain: bool) -> list[tuple[float, Contributions | None]]:
    """Ask the model. The price is the last step of its own explanation: nothing is predicted twice."""
    if explain:
        return [(each.prediction, each) for each in explanations(records, bundle)]
    return [(value, None) for value in predictions(records, bundle)]


def _lacking(value: float, reasons: Contributions | None, interval: Interval) -> tuple[str, str] | None:
    """What was expected and what came, if it is no answer: an extreme record may lie where arithmetic overflows."""
    if not all(map(math.isfinite, (value, *interval))):
        return "a record that the model can answer", f"an answer of {value}"
    if reasons and not reasons.complete:
        return "a record that the model can explain", "no usable number on the way to it from the typical record"
    return None


def _all_faults(batch: Batch, service: Service) -> dict[int, list[Fault]]:
    faults: dict[int, list[Fault]] = {}
    count = 0
    for number, (record, pointer) in enumerate(zip(batch.records, batch.pointers, strict=True)):
        if number in batch.faults:
            found = [batch.faults[number]]
        else:
            found = faults_of(
                record, pointer, service.contract, service.records,
                suggest=count < MAX_FAULTS // 10, first=count >= MAX_FAULTS,
            )  # fmt: skip
        if found:
            faults[number] = found
            count += len(found)
    return faults


def _identified(record: Any, contract: Contract) -> Answer:
    value = record.get(contract.identifier) if isinstance(record, dict) else None
    named = isinstance(value, str | int) and not isinstance(value, bool)
    return {contract.identifier: value} if named or (isinstance(value, float) and math.isfinite(value)) else {}


def _interval(value: float, bundle: Bundle) -> Interval:
    return bundle.intervals.around(value, bundle.contract.limits) if bundle.intervals else ()


def _priced(
    record: dict[str, Any], value: float, reasons: Contributions | None, interval: Interval, service: Service
) -> Answer:
    priced = _identified(record, service.contract)
    priced["prediction"] = rounded(value)
    if interval:
        low, high = interval
        priced["interval"] = {"level": service.bundle.intervals.level, "low": rounded(low), "high": rounded(high)}
    if reasons:
        priced["explanation"] = explanation(reasons)
    return priced


def answer_document(answers: list[Answer], bundle: Bundle) -> dict[str, Any]:
    """Put the answers beside what holds for all of them: the model, its version, what is predicted in which unit."""
    return {
        "model": bundle.manifest["name"],
        "version": bundle.version,
        "target": bundle.contract.target,
        "unit": bundle.contract.unit,
        "predictions": answers,
    }


def answer_table(
    answers: list[Answer], batch: Batch, bundle: Bundle, *, partial: bool = False, explain: bool = False
) -> str:
    """Write the answers as CSV: the table that was sent, and beside it what JSON would tell, a column each."""
    header, *rows = batch.table or _identifiers(answers, bundle.contract)
    ends = ["low", "high"] if bundle.intervals else []
    reasons = ["typical", *(f"contribution {feature}" for feature in bundle.contract.features)] if explain else []
    added = ["prediction", *ends, *reasons, "warnings", *(["errors"] if partial else [])]
    taken = {*header, *bundle.contract.features}
    text = io.StringIO()
    writer = csv.writer(text)  # with the line ends of RFC 4180: cells that hold one of their characters are quoted
    writer.writerow([*header, *(f"model {column}" if column in taken else column for column in added)])
    for row, each in zip(rows, answers, strict=True):
        sent, cells = (row + [""] * len(header))[: len(header)], _cells(each)
        writer.writerow([*sent, *(cells.get(column) for column in added)])
    return text.getvalue()


def _identifiers(answers: list[Answer], contract: Contract) -> list[list[str]]:
    """What stands beside the answers to JSON, which has no header: the identifiers, if there are any."""
    name = contract.identifier
    named = [name] if any(name in each for each in answers) else []
    return [named, *([each.get(column, "") for column in named] for each in answers)]


def _cells(answer: Answer) -> dict[str, Any]:
    """What an answer puts into the columns of a table, by their names."""
    reasons = answer.get("explanation", {"typical": None, "contributions": {}})
    return {
        "prediction": answer.get("prediction"),
        **answer.get("interval", {}),
        "typical": reasons["typical"],
        **{f"contribution {feature}": amount for feature, amount in reasons["contributions"].items()},
        "warnings": "; ".join(warning["detail"] for warning in answer.get("warnings", [])),
        "errors": "; ".join(fault["detail"] for fault in answer.get("errors", [])),
    }
