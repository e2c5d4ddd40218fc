"""Which model is served, and whether it is ready: for operators; imports programs and below."""
