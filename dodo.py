"""The notebook graph, for doit: data in, notebooks, reports, bundle out. `make run` runs it; lib/ does the work."""

import os

from training.config.conf import load_conf
from training.data.source import location
from training.graph import graph, tasks

CONF_PATH = os.environ.get("CONF", "conf/house_prices.yaml")
CONF = load_conf(CONF_PATH)
WRITTEN = load_conf(CONF_PATH, tuned=False)  # as people wrote it: a search starts from there
DATA_FILE = location(CONF.data)

DOIT_CONFIG = {
    "backend": "json",
    "dep_file": str(graph.memory_file(CONF)),
    "verbosity": 2,
    "default_tasks": ["publish", "report"],
}


def task_data():
    """Download the data where the local file is missing."""
    return tasks.data_task(CONF, DATA_FILE)


def task_check():
    """Check what the configuration names: classes, their parameters, scorers."""
    return tasks.check_task(CONF, CONF_PATH)


def task_notebook():
    """Execute a notebook, once per candidate where it takes one."""
    for notebook, candidate in graph.nodes(CONF):
        yield tasks.node_task(CONF, CONF_PATH, notebook, candidate, DATA_FILE)
    for notebook, candidate in (*graph.searches(WRITTEN), ("audit", "")):
        yield tasks.node_task(WRITTEN, CONF_PATH, notebook, candidate, DATA_FILE)


def task_report():
    """Render a page of the report."""
    for node in graph.pages(CONF):
        yield tasks.report_task(CONF, node)


def task_search():
    """Render the page of a search; make tune asks for these, make run does not."""
    for search in graph.searches(WRITTEN):
        yield tasks.report_task(CONF, graph.node_name(*search))


def task_audit():
    """Render the page of the audit; make audit asks for it, make run does not."""
    yield tasks.report_task(CONF, "audit")


def task_tuned():
    """Write what the searches found, beside the configuration."""
    return tasks.tuned_task(WRITTEN, CONF_PATH)


def task_publish():
    """Put the bundle into the registry and make it the current one."""
    return tasks.publish_task(CONF)
