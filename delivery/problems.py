"""What ends a delivery: the message says what, where, what was found and what to do next."""


class DeliveryProblem(Exception):
    """Something stands in the way, and nothing goes on; the message alone tells the operator."""
