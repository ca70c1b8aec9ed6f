"""The exceptions that the package raises on purpose: one tree below `BioPawsError`.

Each carries one line that says what is wrong, where, and what to do; the command line prints that line and exits with
the exception's `exit_status`. Catch `BioPawsError` for all of them, a subclass for one cause.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar


class BioPawsError(Exception):
    """Wrong use or bad input; the base of every exception below.

    Attributes
    ----------
    exit_status : int
        Exit status of the command line: 2, or 1 for `BuildFailed` and `CheckFailed`.
    counts : mapping of str to object
        What explains it, as ``--json`` prints it beside the message: of a build that ended after sources were read,
        their records that were rejected, by reason.

    Examples
    --------
    >>> issubclass(SourceError, BioPawsError), SourceError.exit_status, CheckFailed.exit_status
    (True, 2, 1)
    """

    exit_status: ClassVar[int] = 2
    counts: Mapping[str, Any] = MappingProxyType({})


class SourceError(BioPawsError):
    """A source of sequences is missing, cannot be downloaded, or holds a malformed record."""


class ConfigError(BioPawsError):
    """An unknown name, or an option, plan or recipe that cannot be used."""


class DataError(BioPawsError):
    """A data set, a results folder or another file of pairs is missing, malformed or unfit for its use."""


class DamagedFile(BioPawsError):
    """A file is not as it was written: of a data set, or of intermediate results, which the next run makes anew."""


class ModelError(BioPawsError):
    """A model or its tokenizer cannot be loaded, trained or used on these pairs."""


class HubError(BioPawsError):
    """The Hugging Face Hub cannot be reached, or refuses what is sent."""


class BuildFailed(BioPawsError):
    """The sources do not give the pairs that a build was to make.

    Attributes
    ----------
    report : bio_paws.build.build_dataset.BuildReport or None
        What was made, and the counts that explain what was not.
    """

    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, report: Any = None) -> None:
        super().__init__(message)
        self.report = report


class CheckFailed(BioPawsError):
    """A finished data set breaks one of its invariants."""

    exit_status: ClassVar[int] = 1


def first_line(error: BaseException) -> str:
    r"""Return the first line of an error's message, or the name of its type where it has none.

    Examples
    --------
    >>> first_line(ValueError("not a number\nin line 3")), first_line(ValueError())
    ('not a number', 'ValueError')
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
