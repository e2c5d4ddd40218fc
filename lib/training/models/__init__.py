"""From lines of conf/ to candidates with scores: preprocessing, fits, metrics, search; imports data and below."""
