"""The outcome in sentences: what 03_train and 04_compare say below their figures, the verdict, the model card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modelbundle.amounts import amount
from training.outcome import POOLED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from modelbundle.contract import Contract
    from training.compare import Choice
    from training.metrics import Metric


def tell_candidate(name: str, scores: Mapping[str, Sequence[float]], metric: Metric, typical: float) -> str:
    """One sentence on one candidate; typical: the median of the target, to judge the error by."""
    values = np.array([metric.value(score) for score in scores[metric.scorer]])
    share = f", {values.mean() / typical:.0%} of the median target" if metric.unit and typical > 0 else ""
    return (
        f"Over {len(values)} folds {name} has a mean {metric.label} of **{metric.text(values.mean())}**{share}; "
        f"it ranges from {metric.text(values.min())} to {metric.text(values.max())}."
    )


def tell_paired(choice: Choice, metric: Metric) -> str:
    """One sentence per rival on the winner's lead over it, with the corrected 95 % interval."""
    rivals = [entry for entry in choice.ranking if entry.name != choice.winner and not entry.baseline]
    told = [
        f"{entry.name} is {'worse' if entry.difference >= 0 else 'better'} by **{metric.text(abs(entry.difference))}** "
        f"(worse by {amount(entry.low)} to {amount(entry.high)})"
        + (": a tie." if entry.ties_with_winner else ", more than chance.")
        for entry in rivals
        if entry.failed is None
    ]
    return " ".join(told) or f"{choice.winner} had no rival that could be scored."


def tell_groups(errors: pd.DataFrame, what: str, unit: str) -> str:
    """One sentence on where the error is largest and smallest."""
    errors = errors.drop(index=POOLED, errors="ignore") if len(errors) > 1 else errors
    high, low = errors["median_error"].idxmax(), errors["median_error"].idxmin()
    return (
        f"By {what}, the typical error is largest for **{high}** ({amount(errors.at[high, 'median_error'], unit)}) and "
        f"smallest for **{low}** ({amount(errors.at[low, 'median_error'], unit)})."
    )


def tell_residuals(predictions: pd.DataFrame, unit: str) -> str:
    """One sentence on the errors' middle and their tails."""
    error = predictions["predicted"] - predictions["actual"]
    within = (error.abs() / predictions["actual"].abs().clip(lower=1e-12) <= 0.1).mean()
    return (
        f"Half of the errors are below **{amount(error.abs().median(), unit)}**; {within:.0%} of the predictions "
        "are within 10 % of the truth. "
        f"The median error is {amount(error.median(), unit, signed=True)} (above zero: too high)."
    )


def tell_learning(rows: Sequence[int], values: Sequence[Sequence[float]], metric: Metric) -> str:
    """One sentence on what more data would bring."""
    means = [float(np.mean(folds)) for folds in values]
    if len(means) < 2:
        return "One size of training set says nothing about more data."
    gain = (means[-2] - means[-1]) if metric.lower_is_better else (means[-1] - means[-2])
    spread = float(np.std(values[-1], ddof=1)) / np.sqrt(len(values[-1]))
    more = "still helped by" if gain > spread else "changed by no more than chance between folds:"
    return f"From {rows[-2]:,} to {rows[-1]:,} rows the mean {metric.label} {more} **{metric.text(abs(gain))}**."


def verdict(
    choice: Choice,
    target: str,
    metrics: Sequence[Metric],
    holdout: Mapping[str, float],
    rows: int,
    typical: float,
) -> str:
    """The report's first paragraphs, in Markdown: what won, how wrong it is on unseen records, and why it was chosen.

    holdout: scorer -> score on the hold-out, of `rows` records; typical: the median of the target.
    """
    deciding = metrics[0]
    others = ", ".join(f"{metric.label} {metric.text(metric.value(holdout[metric.scorer]))}" for metric in metrics[1:])
    error = deciding.text(deciding.value(holdout[deciding.scorer]))
    beside = f", where the median {target} is {amount(typical, deciding.unit)}" if deciding.unit else ""
    baselines = [entry for entry in choice.ranking if entry.baseline and entry.failed is None]
    lines = [
        f"**{choice.winner} predicts {target} best.**",
        f"On {rows:,} records that no model had seen, its {deciding.label} is **{error}**{beside}"
        + (f" ({others})." if others else "."),
        *(f"Without any model ({entry.name}) it would be about {deciding.text(entry.mean)}." for entry in baselines),
    ]
    return " ".join(lines) + f"\n\n**Why this one:** {choice.reason}"


def model_card(facts: Mapping[str, Any], contract: Contract, sentences: Sequence[str]) -> str:
    """The model card, in Markdown, from the same numbers as the manifest."""
    features = "\n".join(
        f"| {contract.label(name)} | {column.kind} | {'yes' if column.required else 'no'} | {column.description} |"
        for name in contract.features
        for column in [contract.columns[name]]
    )
    rows = facts["data"]["rows"]
    told = "\n".join(f"- {sentence}" for sentence in sentences)
    return f"""# Model card: {facts["title"]}

**What it is.** {facts["winner"]}, a scikit-learn pipeline that predicts {contract.label(contract.target)} from \
{len(contract.features)} features of one record. It was fitted on all {rows:,} records after the comparison.

**What it is for.** Estimates for records like those it was trained on. It is not an appraisal, and it knows nothing \
of what the features leave out, or of a market other than the one in the data.

**How good it is.**

{told}

**How it was chosen.** {facts["reason"]}

## What it reads

| feature | kind | required | meaning |
|---|---|---|---|
{features}

A missing optional cell is imputed (median, or commonest category). A category that training never saw is treated \
like the rare ones. Both get a price that deserves less trust.
"""
