"""The check of what a configuration names: classes, their parameters, scorers.

It is a process of its own: what a class's module does when it is imported, to warnings or the environment for example,
would be done to all steps that the run's process has at work.
"""

import sys

from training.config.conf import Conf, load_conf
from training.models.candidates import Design, build_pipeline
from training.models.metrics import build_scorer
from training.problems import Problem


def check(conf: Conf) -> None:
    """Build every candidate and scorer; raises ConfigProblem for the first that cannot be."""
    build_scorer(conf.scorers)
    design = Design(conf.contract, conf.target_transform, conf.split.seed, conf.engineered)
    for name, candidate in conf.candidates.items():
        build_pipeline(name, candidate, design, conf.members(name))


def main() -> int:
    """Check the configuration that is named; what is wrong goes to the standard output. Returns the exit status."""
    try:
        check(load_conf(sys.argv[1]))
    except Problem as problem:
        print(problem)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
