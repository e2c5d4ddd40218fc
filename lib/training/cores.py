"""How many processors this process may use: a container or a scheduler may have left it fewer than the machine has."""

import os

# Linux alone tells; macOS knows no such limit.
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
