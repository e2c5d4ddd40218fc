"""The model card (Mitchell and others, 2019, "Model cards for model reporting", FAT*), from the manifest's numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from modelbundle.amounts import amount, between, brief, percent, plain
from training.judging.compare import listed
from training.reporting.markup import literal
from training.reporting.verdict import composed_of

if TYPE_CHECKING:
    from modelbundle.contract import Column, Contract
    from training.judging.facts import ManifestFacts


def model_card(facts: ManifestFacts, contract: Contract, errors: Mapping[str, Mapping[str, float]]) -> str:
    """Write the card in Markdown, as it stands below the verdict.

    facts: the manifest's; contract: with the seen ranges; errors: kind of record -> group -> median error, in the
    target's unit.
    """
    return "\n\n".join(
        [
            *_purpose(facts, contract),
            *_data(facts, contract),
            *_choice(facts),
            *_errors(facts, contract, errors),
            *_limits(facts, contract),
            "## What it reads",
            _table(
                ["feature", "kind", "required", "in training", "meaning"],
                ([contract.label(name), *_read(contract.columns[name])] for name in contract.features),
            ),
        ]
    ) + "\n"  # fmt: skip


def _purpose(facts: ManifestFacts, contract: Contract) -> list[str]:
    made = f", the average of {literal(composed_of(facts['members']))}," if facts["members"] else ""
    return [
        "## What it is for, and what it is not for",
        f"**{literal(facts['winner'])}**{made} is a scikit-learn pipeline that estimates "
        f"{literal(contract.label(contract.target))} from {len(contract.features)} features of one record. It is meant "
        "for records like those that it was trained on, as one opinion beside a person's.",
        "It is no ground for a decision on its own. It is not meant for other places or times "
        "than those in the data, for records outside the ranges below, or for telling what a change would bring: it "
        "knows what goes together, not what causes what.",
    ]


def _data(facts: ManifestFacts, contract: Contract) -> list[str]:
    data = facts["data"]
    missing = [f"{name} {count:,}" for name, count in data["missing_cells"].items() if count]
    gaps = (
        f"Missing cells: {literal(', '.join(missing))}; they were imputed."
        if missing
        else "No cell was missing, so what the model does with a gap was never held against a true value."
    )
    equal = data.get("equal_rows", 0)
    if equal:
        gaps += f" {equal:,} records are equal to another one in all that the model reads; no split parts them."
    out = [f"the identifier {literal(contract.identifier)}"] if contract.identifier else []
    out += [f"columns that the contract does not have: {literal(listed(data['left_out_columns']))}"] * bool(
        data["left_out_columns"]
    )
    failed = [entry["name"] for entry in facts["ranking"] if entry["failed"] is not None]
    out += [f"candidates that failed: {literal(listed(failed))}"] if failed else []
    return [
        "## The data, and their gaps",
        f"{data['rows']:,} records, fingerprint `{data['sha256'][:12]}`: "
        f"{data['rows'] - data['holdout_rows']:,} to train and compare the candidates, "
        f"{data['holdout_rows']:,} held out until the end. The model that is served was then fitted on all of them. "
        f"{gaps}",
        f"Left out: {'; '.join(out) or 'nothing'}. No record was deleted, however unusual.",
    ]


def _choice(facts: ManifestFacts) -> list[str]:
    error, search = facts["metrics"][facts["metric"]], facts["search"]
    unit = f" ({error['unit']})" if error["unit"] else ""
    rows = [
        [entry["name"], "failed", "", ""]
        if entry["failed"] is not None
        else [
            entry["name"],
            amount(entry["mean"]),
            amount(entry["spread"]),
            between(entry["low"], entry["high"]) if entry["name"] != facts["winner"] else "",
        ]
        for entry in facts["ranking"]
    ]
    searched = "Parameters stand in the configuration; no search was made."
    if search:
        rows_searched = (
            "the training records alone" if search["on_these_rows"] else "other records than those that train now"
        )
        blends = f" and {search['blends']:,} blends" if search["blends"] else ""
        searched = f"Parameters come from a search of {search['settings']:,} settings{blends}, on {rows_searched}."
    return [
        "## How it was chosen",
        f"{literal(facts['reason'])} {searched}",
        _table(["candidate", f"{error['label']}{unit}", "± folds", f"worse than {facts['winner']} by"], rows),
        f"Over {facts['data']['folds']} folds that all candidates share; the last column is a 95 % interval, corrected "
        "for the records that folds have in common.",
    ]


def _errors(facts: ManifestFacts, contract: Contract, errors: Mapping[str, Mapping[str, float]]) -> list[str]:
    quoted = [
        [
            metric["label"],
            amount(metric["holdout"], metric["unit"]),
            between(metric["holdout_low"], metric["holdout_high"], metric["unit"]),
        ]
        for metric in facts["metrics"].values()
    ]
    unit = f" ({contract.unit})" if contract.unit else ""
    tables = [
        _table(
            [kind, "records", f"median error{unit}", "intervals hold", f"mean width{unit}"],
            (
                [
                    each["group"],
                    f"{each['rows']:,}",
                    amount(medians[each["group"]]),
                    percent(round(each["coverage"], 2)),
                    amount(each["mean_width"]),
                ]
                for each in facts["coverage"]["by"][kind]
            ),
        )
        for kind, medians in errors.items()
    ]
    return [
        "## How wrong it is, and for whom",
        _table(["metric", "hold-out", "as many other records, about 95 of 100 times"], quoted),
        "By kind of record, each predicted by a model that had not seen it:",
        *tables,
    ]


def _limits(facts: ManifestFacts, contract: Contract) -> list[str]:
    level = facts["intervals"]["level"]
    target = contract.columns[contract.target]
    ends = [("least", target.minimum), ("most", target.maximum)]
    cut = listed([f"at {end} {plain(limit)}" for end, limit in ends if limit is not None])
    return [
        "## Limits",
        *([f"- {contract.target} is {cut}: predictions and intervals keep to that."] if cut else []),
        f"- The {percent(level)} intervals keep their word on average over records like those in training. For one "
        "kind of record they may hold fewer, as the tables show; for records unlike all of them nothing is promised.\n"
        "- A missing optional cell is imputed (median, or commonest category), and a category that training never saw "
        "is treated like the rare ones. Both get a prediction with a warning, which deserves less trust.\n"
        "- Contributions say what the model did with the features, beside one typical record. They are no causes, and "
        "features that go together share what they say.\n"
        "- What is not among the features cannot count.",
        "## How to contest a prediction",
        "1. Hold the features of the record against the facts: a wrong one is the commonest reason, and the mended "
        "record gets a new prediction at once.\n"
        "2. Ask for the reasons (`/predict?explain=true`, or the page): which features made the difference, and is "
        "there a warning that one was missing, unseen or out of range?\n"
        f"3. Look at the interval. A true {literal(contract.target)} inside it is no fault of the model.\n"
        "4. If it still seems wrong, send the record, the answer with its model version, and what speaks against it "
        "to whoever runs this service. A person decides; the case belongs in the next training data.",
    ]


def _read(column: Column) -> list[str]:
    if column.kind == "categorical":
        seen = f"{len(column.seen_categories or ())} categories"
    else:
        seen = f"{brief(column.seen_minimum)} to {brief(column.seen_maximum)}"
    return [column.kind, "yes" if column.required else "no", seen, column.description]


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, *rows]
    written = [f"| {' | '.join(map(literal, line))} |" for line in lines]
    return "\n".join([written[0], "|---" * len(head) + "|", *written[1:]])
