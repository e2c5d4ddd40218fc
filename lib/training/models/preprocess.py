"""The preprocessing variants: from any written form of a record to the numbers that a model takes.

Stock scikit-learn and pandas pieces alone, so that the pickle needs none of our code. They are fitted inside each
fold. Each variant accepts the canonical frame, and a frame from pd.read_csv: read text columns there as dtype="str",
since read_csv would turn 060 into 60.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    PowerTransformer,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
)

from modelbundle.cells import TRUTHS, category

if TYPE_CHECKING:
    from modelbundle.contract import Contract
    from training.config.recipe import Engineered

# The same as cells.category, as regular expressions, for columns that read_csv has changed: 60 beside gaps is 60.0,
# TRUE is True. At most one expression of a kind matches a text.
SPELLINGS = {
    "whole": {r"^\s*[+-]?0+(?:\.0*)?\s*$": "0", r"^\s*\+?(-?)0*([1-9][0-9]*)(?:\.0*)?\s*$": r"\1\2"},
    "truth": {
        rf"(?i)^\s*(?:{'|'.join(words)}|\+?0*{number}(?:\.0*)?)\s*$": truth
        for (truth, words), number in zip(TRUTHS.items(), "10", strict=True)
    },
    "text": {r"^\s+|\s+$": ""},
}
# A category with fewer rows shares one column with the other rare ones; so does one that training never saw.
RARE_BELOW_ROWS = 10

VARIANTS = {
    "plain": "Numbers as they are, for trees",
    "scaled": "Numbers made symmetric by the Yeo-Johnson transformation and standardised, for distances and kernels",
    "splines": "Numbers as ranks bent by cubic splines, for linear models: an extreme value counts as the highest rank",
}


def build_preprocessing(
    variant: str, contract: Contract, engineered: Mapping[str, Engineered] | None = None
) -> Pipeline:
    """Build one unfitted variant, in two steps: `read`, which all variants share, and `shape`, what it does to numbers.

    Its output is a dense float matrix, one row per record: the numeric features, those made of features (engineered),
    then one column per category.
    """
    return Pipeline(
        [("read", build_reading(contract, engineered)), ("shape", build_shaping(variant, contract, engineered))]
    )


def build_reading(contract: Contract, engineered: Mapping[str, Engineered] | None = None) -> Pipeline:
    """Build the step from a frame of features to a matrix: gaps imputed, categories as columns of 0 and 1.

    The columns: numeric features, numbers that categories stand for, products of these, then the categories.
    """
    looked_up = {name: made for name, made in (engineered or {}).items() if made.category}
    parts = [("numbers", Pipeline(_read_numbers()), contract.numeric)] if contract.numeric else []
    parts += [(name, Pipeline(_look_up(made, contract)), [made.category]) for name, made in looked_up.items()]
    if contract.categorical:
        parts.append(("categories", Pipeline(_encode_categories(contract)), contract.categorical))
    read = ColumnTransformer(parts, verbose_feature_names_out=False)
    return Pipeline([("cells", read), ("products", _products([*contract.numeric, *looked_up], engineered or {}))])


def build_shaping(
    variant: str, contract: Contract, engineered: Mapping[str, Engineered] | None = None
) -> ColumnTransformer | str:
    """Build the step that shapes the numbers, which stand first in the matrix; the columns of categories pass by."""
    numbers = len(contract.numeric) + len(engineered or {})
    if variant == "plain" or not numbers:
        return "passthrough"
    return ColumnTransformer([("numbers", Pipeline(_shape(variant)), slice(0, numbers))], remainder="passthrough")


def describe(variants: dict[str, Pipeline], matrices: dict[str, np.ndarray]) -> pd.DataFrame:
    """One row per fitted variant: what it does, and how many columns it makes."""
    rows = [
        [name, VARIANTS[name], matrices[name].shape[1], f"{np.abs(matrices[name]).max():,.4g}"] for name in variants
    ]
    return pd.DataFrame(rows, columns=["variant", "what it does", "columns", "largest value"]).set_index("variant")


def numbers_only(fitted: Pipeline, frame: pd.DataFrame) -> np.ndarray:
    """The columns that a fitted variant makes of numbers; one constant column if there are none."""
    codes = fitted["read"]["cells"].output_indices_.get("categories", slice(0, 0))
    matrix = fitted.transform(frame)
    numbers = matrix[:, : matrix.shape[1] - (codes.stop - codes.start)]
    return numbers if numbers.shape[1] else np.ones((len(frame), 1))


def _read_numbers() -> list[tuple[str, object]]:
    # A lone null arrives as an object column: to_numeric makes it the NaN that the imputer knows.
    to_numbers = FunctionTransformer(
        pd.DataFrame.apply, kw_args={"func": pd.to_numeric}, feature_names_out="one-to-one"
    )
    return [("as_numbers", to_numbers), ("impute", SimpleImputer(strategy="median", keep_empty_features=True))]


def _look_up(made: Engineered, contract: Contract) -> list[tuple[str, object]]:
    """The steps that put a number in a category's place; one that is not listed is imputed like a missing number."""
    values = contract.columns[made.category].values
    numbers = {category(key, values): number for key, number in made.numbers.items()}
    number = FunctionTransformer(pd.DataFrame.map, kw_args={"func": numbers.get})
    return [*_read_categories([made.category], contract), ("number", number), *_read_numbers()]


def _products(numbers: list[str], engineered: Mapping[str, Engineered]) -> ColumnTransformer | str:
    """The step that puts the products behind the numbers they are made of, which stand first in the matrix."""
    factors = {name: [name] for name in numbers}
    for name, made in engineered.items():
        if made.product:  # one that takes another product takes its factors
            factors[name] = [factor for part in made.product for factor in factors[part]]
    products = list(factors)[len(numbers) :]
    if not products:
        return "passthrough"
    multiply = FunctionTransformer(np.prod, kw_args={"axis": 1, "keepdims": True})
    return ColumnTransformer(
        [
            ("numbers", "passthrough", slice(0, len(numbers))),
            *((name, multiply, [numbers.index(factor) for factor in factors[name]]) for name in products),
            ("categories", "passthrough", slice(len(numbers), None)),
        ]
    )


def _shape(variant: str) -> list[tuple[str, object]]:
    if variant == "scaled":
        return [("symmetric", PowerTransformer(method="yeo-johnson", standardize=True))]
    # Ranks are bounded, so one basement of 6,110 sq ft cannot pull the line; splines let the effect bend.
    return [
        ("ranks", QuantileTransformer(n_quantiles=200, subsample=None, random_state=0)),
        ("bend", SplineTransformer(n_knots=5, degree=3)),
        ("standardise", StandardScaler()),
    ]


def _read_categories(names: Sequence[str], contract: Contract) -> list[tuple[str, object]]:
    to_strings = FunctionTransformer(pd.DataFrame.astype, kw_args={"dtype": "str"}, feature_names_out="one-to-one")
    spelling = {name: SPELLINGS[contract.columns[name].values] for name in names}
    in_one_form = FunctionTransformer(
        pd.DataFrame.replace, kw_args={"to_replace": spelling, "regex": True}, feature_names_out="one-to-one"
    )
    return [("as_strings", to_strings), ("in_one_form", in_one_form)]


def _encode_categories(contract: Contract) -> list[tuple[str, object]]:
    one_hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=RARE_BELOW_ROWS, sparse_output=False, dtype=np.float64
    )
    return [
        *_read_categories(contract.categorical, contract),
        ("impute", SimpleImputer(strategy="most_frequent")),
        ("one_hot", one_hot),
    ]
