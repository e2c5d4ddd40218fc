"""The outcome in sentences of Markdown: what 03_train and 04_compare say below their figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from modelbundle.amounts import amount, between, percent
from training.judging.compare import Choice, listed
from training.judging.segments import POOLED
from training.models.metrics import Metric, describe
from training.reporting.markup import literal, literal_metric
from training.reporting.verdict import composed_of

if TYPE_CHECKING:
    from modelbundle.contributions import Contributions
    from training.config.recipe import Tuning
    from training.judging.audit import Audited
    from training.judging.facts import SearchFacts


def tell_failure(reason: str | None) -> str:
    """One sentence on why a candidate could not be scored; none if it could."""
    return f"**It failed:** {literal(reason)}" if reason else ""


def tell_candidate(name: str, scores: Mapping[str, Sequence[float]], metric: Metric, typical: float) -> str:
    """One sentence on one candidate; typical: the median of the target, to judge the error by."""
    name, metric = literal(name), literal_metric(metric)
    values = np.array([metric.value(score) for score in scores[metric.scorer]])
    share = f", {values.mean() / typical:.0%} of the median target" if metric.unit and typical > 0 else ""
    return (
        f"Over {len(values)} folds {name} has a mean {metric.label} of **{metric.text(values.mean())}**{share}; "
        f"it ranges from {metric.text(values.min())} to {metric.text(values.max())}."
    )


def tell_choice(choice: Choice, members: Sequence[str]) -> str:
    """One sentence on the choice, and one on what a blend is made of; members: of the winner, if it is a blend."""
    made = f" It is the average of {literal(composed_of(members))}, on the scale that they learn on." if members else ""
    return f"**{literal(choice.winner)}** is chosen: {literal(choice.reason)}{made}"


def tell_groups(errors: pd.DataFrame, what: str, unit: str) -> str:
    """One sentence on where the error is largest and smallest."""
    errors = errors.drop(index=POOLED, errors="ignore") if len(errors) > 1 else errors
    high, low = errors["median_error"].idxmax(), errors["median_error"].idxmin()
    unit = literal(unit)
    return (
        f"By {literal(what)}, the median error is largest for **{literal(high)}** "
        f"({amount(errors.at[high, 'median_error'], unit)}, {errors.at[high, 'rows']:,} records) and smallest for "
        f"**{literal(low)}** ({amount(errors.at[low, 'median_error'], unit)}, {errors.at[low, 'rows']:,} records)."
    )


def tell_residuals(predictions: pd.DataFrame, unit: str) -> str:
    """One sentence on the errors' middle and their tails."""
    error = predictions["predicted"] - predictions["actual"]
    unit = literal(unit)
    within = (error.abs() / predictions["actual"].abs().clip(lower=1e-12) <= 0.1).mean()
    return (
        f"Half of the errors are below **{amount(error.abs().median(), unit)}**; {within:.0%} of the predictions "
        "are within 10 % of the truth. "
        f"The median error is {amount(error.median(), unit, signed=True)} (above zero: too high)."
    )


def tell_coverage(coverages: Mapping[str, pd.DataFrame], folds: float, holdout: float, level: float) -> str:
    """One sentence on the intervals over all records, and one on the group where they hold fewest.

    coverages: kind of group -> segments.coverage's table; folds, holdout: shares inside, 0-1.
    """
    kind, group, share, rows = min(
        (
            (kind, group, row["coverage"], row["rows"])
            for kind, table in coverages.items()
            for group, row in table.drop(index=POOLED, errors="ignore").iterrows()
        ),
        key=lambda item: item[2],
    )
    records = next(iter(coverages.values()))["rows"].sum()
    fewest = round(level / (1 - level), 9)  # 0.9 / (1 - 0.9) is a little more than 9
    few = f" {records:,.0f} records are too few to promise that much." if records < fewest else ""
    return (
        f"The {percent(level)} intervals hold **{percent(folds)}** of the true values on the folds and "
        f"**{percent(holdout)}** on the hold-out. They hold fewest for {literal(kind)} **{literal(group)}** "
        f"({percent(round(share, 2))}, {rows:,.0f} records).{few}"
    )


def tell_importance(importance: Mapping[str, Sequence[float]], metric: Metric) -> str:
    """One sentence on the feature that matters most, and one on those that hardly do; importance: may be empty."""
    metric = literal_metric(metric)
    if not importance:
        return (
            f"The {metric.label} of shuffled records could not be computed, so what each feature is worth is not known."
        )
    means = {name: float(np.mean(losses)) for name, losses in importance.items()}
    first = max(means, key=means.get)
    idle = [name for name, losses in importance.items() if min(losses) <= 0]
    return (
        f"With **{literal(first)}** shuffled the {metric.label} is worse by **{metric.text(means[first])}**. "
        + (f"In at least one fold nothing was lost without {literal(listed(idle))}. " if idle else "")
        + "Features that go together stand in for each other, so each looks less important than both."
    )


def tell_effects(lines: Mapping[str, pd.DataFrame], unit: str) -> str:
    """One sentence per feature on the range that its effect covers; lines: feature -> effects.effect's table."""
    unit = literal(unit)
    ends = {name: (table["average"].min(), table["average"].max()) for name, table in lines.items() if len(table)}
    effects = [f"**{literal(name)}** {between(low, high, unit)}" for name, (low, high) in ends.items()]
    if not effects:
        return ""
    return f"Over their values the average prediction runs: {listed(effects)}. Shade and bars hold the middle 80 %."


def tell_worst(table: pd.DataFrame, explained: Contributions, unit: str) -> str:
    """One sentence on what made the prediction for the worst case; table: of tables.worst_cases."""
    added = listed([f"{name} {amount(adds, unit, signed=True)}" for name, adds in explained.leading(2).items()])
    return (
        f"For {literal(table.index.name)} **{literal(table.index[0])}** moved most, from the typical record's "
        f"{amount(explained.typical, literal(unit))}: {literal(added)}. "
        "This tells what the model made of the features, not what they cause."
    )


def tell_learning(rows: Sequence[int], values: Sequence[Sequence[float]], metric: Metric, failed: str = "") -> str:
    """One sentence on what more data would bring; failed: why some of the sizes are left out."""
    if failed:
        sentence = tell_learning(rows, values, metric)
        return f"**Some sizes could not be scored**, and are left out ({literal(failed)}). {sentence}"
    metric = literal_metric(metric)
    means = [float(np.mean(folds)) for folds in values]
    if len(means) < 2:
        return "One size of training set says nothing about more data."
    better = np.subtract(values[-2], values[-1]) * (1 if metric.lower_is_better else -1)
    chance = float(np.std(better, ddof=1)) / np.sqrt(len(better))
    more = "is still helped by" if better.mean() > 2 * chance else "changed by no more than chance between folds:"
    gain = better.mean()
    return f"From {rows[-2]:,} to {rows[-1]:,} rows the mean {metric.label} {more} **{metric.text(abs(gain))}**."


def tell_audits(audits: Sequence[Audited], shown: Sequence[Metric]) -> str:
    """One sentence on how often the range held, and one on whether the quoted error, the first metric's, flatters."""
    first, *others = shown
    held = {metric.scorer: sum(each.holds(metric.scorer) for each in audits) for metric in shown}
    unused = np.mean([each.unused[first.scorer] for each in audits])
    apart = unused / np.mean([each.quoted[first.scorer]["value"] for each in audits]) - 1
    beside = ", ".join(f"{metric.label} {held[metric.scorer]}" for metric in others)
    return (
        f"By {first.label} the quoted range held the error on the unused records in **{held[first.scorer]} of "
        f"{len(audits)}** re-splits{f' ({beside})' if beside else ''}. On average that error was {abs(apart):.1%} "
        f"{'below' if apart < 0 else 'above'} the quoted one."
    )


def tell_tuning(tuning: Tuning | None, searched: SearchFacts | None, among: Iterable[str]) -> str:
    """Say what was searched, on which rows, and where a range was too narrow; searched: of facts.search_facts.

    among: names of the candidates that there are.
    """
    if tuning is None or searched is None:
        return "No search was made: the parameters stand in the configuration."
    blends = f" and {searched['blends']:,} blends" if searched["blends"] else ""
    sentences = (
        f"`make tune` tried {searched['settings']:,} settings{blends} on the folds. What it gained is measured on the "
        "same folds, so it looks a little larger than it is; the hold-out below is not flattered."
    )
    edges = [f"{key} of {name}" for name, found in tuning.candidates.items() if name in among for key in found.at_edge]
    if at_edge := literal(listed(edges)):
        sentences += f" At an edge of its range, beyond which, if it can go on, a better value may lie: {at_edge}."
    if not searched["on_these_rows"]:
        sentences += (
            " **The search saw other rows than those that train now**, perhaps some of the hold-out: run it again."
        )
    return sentences


def tuning_table(tuning: Tuning, among: Iterable[str]) -> pd.DataFrame:
    """One row per candidate that was searched: what it gained, what mattered, and whether a range was too narrow.

    among: names of the candidates that there are.
    """
    metric = describe(tuning.scorer, "")
    rows = [
        [
            name,
            search.trials,
            "failed" if search.before is None else metric.text(metric.value(search.before)),
            metric.text(metric.value(search.after)),
            f"{next(iter(search.mattered))} ({next(iter(search.mattered.values())):.0%})" if search.mattered else "",
            ", ".join(search.at_edge) or "none",
        ]
        for name, search in tuning.candidates.items()
        if name in among
    ]
    columns = ["candidate", "tried", f"{metric.label} before", "after", "mattered most", "at the edge"]
    return pd.DataFrame(rows, columns=columns).set_index("candidate")
