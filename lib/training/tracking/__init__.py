"""Records of runs: each is kept, listed, compared with others and named; imports graph and below."""
