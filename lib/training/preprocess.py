"""The preprocessing variants: from any written form of a record to the numbers that a model takes.

Stock scikit-learn and pandas pieces alone, so that the pickle needs none of our code. They are fitted inside each
fold. Each variant takes the frame as pd.read_csv makes it and the canonical frame alike.
"""

from __future__ import annotations

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

from modelbundle.frame import WHOLE_NUMBER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelbundle.contract import Contract
    from training.recipe import Engineered

# A category with fewer rows shares one column with the other rare ones; so does one that training never saw.
RARE_BELOW_ROWS = 10

VARIANTS = {
    "plain": "Numbers as they are, for trees",
    "scaled": "Numbers made symmetric by the Yeo-Johnson transformation and standardised, for distances and kernels",
    "splines": "Numbers as ranks bent by cubic splines, for linear models: an extreme value counts as the highest rank",
}


def build_preprocessing(
    variant: str, contract: Contract, engineered: Mapping[str, Engineered] | None = None
) -> ColumnTransformer:
    """Build one unfitted variant; its output is a dense float matrix, one row per record.

    engineered: numbers made of features, shaped as the variant shapes numbers.
    """
    parts = []
    if contract.numeric:
        parts.append(("numbers", Pipeline([*_read_numbers(), *_shape(variant)]), contract.numeric))
    for name in engineered or {}:
        steps, columns = _engineer(name, engineered)
        parts.append((name, Pipeline([*steps, *_shape(variant)]), columns))
    if contract.categorical:
        parts.append(("categories", Pipeline(_encode_categories()), contract.categorical))
    return ColumnTransformer(parts, verbose_feature_names_out=False)


def describe(variants: dict[str, ColumnTransformer], matrices: dict[str, np.ndarray]) -> pd.DataFrame:
    """One row per fitted variant: what it does, and how many columns it makes."""
    rows = [
        [name, VARIANTS[name], matrices[name].shape[1], f"{np.abs(matrices[name]).max():,.4g}"] for name in variants
    ]
    return pd.DataFrame(rows, columns=["variant", "what it does", "columns", "largest value"]).set_index("variant")


def numbers_only(fitted: ColumnTransformer, frame: pd.DataFrame) -> np.ndarray:
    """The columns that a fitted variant makes of the numeric features; one constant column if there are none."""
    if "numbers" not in fitted.named_transformers_:
        return np.ones((len(frame), 1))
    return fitted.named_transformers_["numbers"].transform(frame[fitted.transformers_[0][2]])


def _read_numbers() -> list[tuple[str, object]]:
    # A lone null arrives as an object column: to_numeric makes it the NaN that the imputer knows.
    to_numbers = FunctionTransformer(
        pd.DataFrame.apply, kw_args={"func": pd.to_numeric}, feature_names_out="one-to-one"
    )
    return [
        ("as_numbers", to_numbers),
        ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
    ]


def _engineer(name: str, engineered: Mapping[str, Engineered]) -> tuple[list[tuple[str, object]], list[str]]:
    """The steps that make one number, and the features that they read."""
    made = engineered.get(name)
    if made is None:
        return _read_numbers(), [name]
    if made.category:
        # a category that is not listed, or missing, is imputed like a missing number
        number = FunctionTransformer(pd.DataFrame.map, kw_args={"func": made.numbers.get})
        return [*_read_categories(), ("number", number), *_read_numbers()], [made.category]
    factors = {factor: _engineer(factor, engineered) for factor in made.product}
    columns = list(dict.fromkeys(column for _, read in factors.values() for column in read))
    parts = [(factor, Pipeline(steps), read) for factor, (steps, read) in factors.items()]
    product = FunctionTransformer(np.prod, kw_args={"axis": 1, "keepdims": True})
    return [("factors", ColumnTransformer(parts)), ("product", product)], columns


def _shape(variant: str) -> list[tuple[str, object]]:
    if variant == "plain":
        return []
    if variant == "scaled":
        return [("symmetric", PowerTransformer(method="yeo-johnson", standardize=True))]
    # Ranks are bounded, so one basement of 6,110 sq ft cannot pull the line; splines let the effect bend.
    return [
        ("ranks", QuantileTransformer(n_quantiles=200, subsample=None, random_state=0)),
        ("bend", SplineTransformer(n_knots=5, degree=3)),
        ("standardise", StandardScaler()),
    ]


def _read_categories() -> list[tuple[str, object]]:
    # 60, 60.0 and "60" must be one category: a column with gaps is read as 60.0, a client sends "60".
    to_strings = FunctionTransformer(pd.DataFrame.astype, kw_args={"dtype": "str"}, feature_names_out="one-to-one")
    drop_zeros = FunctionTransformer(
        pd.DataFrame.replace,
        kw_args={"to_replace": WHOLE_NUMBER, "value": r"\1", "regex": True},
        feature_names_out="one-to-one",
    )
    return [("as_strings", to_strings), ("without_point_zero", drop_zeros)]


def _encode_categories() -> list[tuple[str, object]]:
    one_hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=RARE_BELOW_ROWS,
        sparse_output=False,
        dtype=np.float64,
    )
    return [*_read_categories(), ("impute", SimpleImputer(strategy="most_frequent")), ("one_hot", one_hot)]
