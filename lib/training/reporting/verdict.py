"""The verdict in three sentences, from nothing but what the manifest tells: a gate reads the same numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelbundle.amounts import amount, between, percent
from training.judging.compare import listed
from training.reporting.markup import literal

if TYPE_CHECKING:
    from training.judging.facts import ManifestFacts


def verdict(facts: ManifestFacts, target: str) -> str:
    """Say in Markdown what won and how wrong it is, whether its lead is luck, and how sure a prediction is.

    facts: the manifest's; target: the column that is predicted.
    """
    sentences = [_quality(facts, target), _lead(facts), _certainty(facts, target)]
    if facts["search"] and not facts["search"]["on_these_rows"]:
        sentences.append("**Mind:** the parameters were searched on other rows, which may flatter this: `make tune`.")
    if warning := worse_than_nothing(facts, target):
        sentences.insert(0, f"**{warning}**")
    return " ".join(sentences)


def worse_than_nothing(facts: ManifestFacts, target: str) -> str:
    """One sentence that warns of a winner which the baseline beats on the hold-out; empty where it does not."""
    error, baseline = facts["metrics"][facts["metric"]], facts["baseline"]
    if baseline.get("beaten", True):
        return ""
    return (
        f"Do not rely on this model: on the hold-out {facts['winner']} is no better than {baseline['name']}, which "
        f"knows nothing of the features ({error['label']} {amount(error['holdout'], error['unit'])} against "
        f"{amount(baseline['holdout'], error['unit'])}), although it was over the folds; perhaps nothing here tells "
        f"{target}."
    )


def composed_of(members: Sequence[str]) -> str:
    """Name what a blend is made of, such as `ridge and 2 x svr`; empty for a candidate that is no blend."""
    return listed([name if count == 1 else f"{count} x {name}" for name, count in Counter(members).items()])


def _quality(facts: ManifestFacts, target: str) -> str:
    error, baseline = facts["metrics"][facts["metric"]], facts["baseline"]
    unit, target = literal(error["unit"]), literal(target)
    sentence = (
        f"**{literal(facts['winner'])} is chosen to predict {target}:** on {facts['data']['holdout_rows']:,} records "
        f"that no model had seen its {error['label']} is **{amount(error['holdout'], unit)}** "
        f"({between(error['holdout_low'], error['holdout_high'], unit)} expected on as many others), against "
        f"{amount(baseline['holdout'], unit)} there without any model ({literal(baseline['name'])})"
    )
    median = amount(facts["data"]["target_median"], unit)
    return f"{sentence}, where the median {target} is {median}." if unit else f"{sentence}."


def _lead(facts: ManifestFacts) -> str:
    behind, tied, ahead = (literal(listed(names)) for names in _rivals(facts).values())
    parts = [f"its lead over {behind} is more than chance"] if behind else []
    if behind and facts["members"] and facts["search"]:
        parts[0] += f", flattered a little, since it is the best of {facts['search']['blends']:,} blends on these folds"
    parts += [f"it **ties with {tied}**"] if tied else []
    parts += [f"{ahead} would be better by more than chance, and less simple"] if ahead else []
    return f"On the folds {'; '.join(parts) or 'it had no rival that could be scored'}."


def _rivals(facts: ManifestFacts) -> dict[str, list[str]]:
    standing: dict[str, list[str]] = {"behind": [], "tied": [], "ahead": []}
    for entry in facts["ranking"]:
        if not (entry["name"] == facts["winner"] or entry["baseline"] or entry["failed"]):
            where = "tied" if entry["ties_with_winner"] else "behind" if entry["low"] > 0 else "ahead"
            standing[where].append(entry["name"])
    return standing


def _certainty(facts: ManifestFacts, target: str) -> str:
    coverage, level = facts["coverage"], facts["intervals"]["level"]
    unit, target = literal(facts["target_unit"]), literal(target)
    fifths = next(iter(coverage["by"].values()))
    least = min(fifths, key=lambda fifth: fifth["coverage"])
    return (
        f"Each prediction comes with a {percent(level)} interval, on average "
        f"{amount(coverage['mean_width'], unit)} wide: it held the truth for "
        f"**{percent(round(coverage['holdout'], 3))}** of those records, and least often for a {target} of "
        f"{least['group']}: {percent(round(least['coverage'], 2))}."
    )
