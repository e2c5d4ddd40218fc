"""Candidates that go wrong, for the configuration to name by dotted path."""

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin


class RaisesInFit(RegressorMixin, BaseEstimator):
    """Cannot be fitted."""

    def fit(self, X, y):
        raise ValueError("this estimator never fits")

    def predict(self, X):
        raise AssertionError("never reached")


class PredictsNaN(RegressorMixin, BaseEstimator):
    """Fits, and predicts nothing."""

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.full(len(X), np.nan)
