"""The one error of bad input."""


class InputError(ValueError):
    """Bad input, said in one sentence that names the file, the row and what was expected."""

    def __str__(self) -> str:
        """The sentence, without the traceback that a loader's worker process puts before it."""
        return super().__str__().rpartition("InputError: ")[2].strip()
