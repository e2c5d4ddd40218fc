"""Bundle out: manifest, plan, pickles and golden answers, published whole; imports judging and below."""
