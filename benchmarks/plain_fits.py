"""The same fits as the main job, listed in conf/, as a plain script: no notebooks, figures, reports or bundle."""

import sys

from training.config.conf import load_conf
from training.data import reading, split
from training.judging import compare
from training.models import candidates, diagnose, evaluate, metrics

conf = load_conf(sys.argv[1])
table = reading.load_table(conf.data, conf.contract)
X, y = reading.features_and_target(table, conf.contract)
parts = split.split_rows(len(table), conf.split, split.equal_rows(X, y))

design = candidates.Design(conf.contract, conf.target_transform, conf.split.seed, conf.engineered)
results, pipelines = {}, {}
for name, candidate in conf.candidates.items():
    pipelines[name] = candidates.build_pipeline(name, candidate, design, conf.members(name))
    trial = evaluate.try_candidate(pipelines[name], X, y, parts, conf.scorers)
    results[name] = {"scores": trial.folds.scores, "failed": trial.failed, "baseline": candidate.baseline}

metric = metrics.describe(conf.metric, conf.contract.unit)
winner = pipelines[compare.choose(results, metric, conf.rule, parts["folds"]).winner]
shared = evaluate.Shared(X, y, parts["folds"])
diagnose.importance(winner, shared, conf.metric, conf.split.seed)
diagnose.learning_curve(winner, shared, conf.metric, conf.learning_curve, conf.split.seed)
evaluate.fit(winner, X, y)
