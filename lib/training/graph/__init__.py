"""The notebooks as a graph: what each reads, their runs, records and pages; imports reporting, bundle and below."""
