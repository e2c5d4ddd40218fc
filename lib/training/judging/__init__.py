"""Which candidate is best and how good it is: comparison, quoted error, intervals, audit; imports models and below."""
