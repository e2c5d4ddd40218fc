"""Makes models: the helpers that the notebooks call, and the run that executes the notebooks."""
