"""What can go wrong, in the words the user reads."""


class BioPawsError(Exception):
    """Wrong use or bad input: one line that says what, where and what to do. The program exits with 2."""


class CheckFailed(Exception):
    """A finished data set breaks one of its invariants. The program exits with 1."""
