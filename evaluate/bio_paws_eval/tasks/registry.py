"""The tasks by name, and where their pairs come from. Free of heavy imports: the command line reads it.

A task is a language of PAWS-X (``pawsx_fr``), a config of bioPAWS (``dna150``), or a set of pairs that is generated
(``repaired``, ``swapped``, ``dyck``).
"""

from __future__ import annotations

from dataclasses import dataclass

from bio_paws import configs

LANGUAGES = ("en", "fr", "de", "es", "zh", "ja", "ko")
"""Languages of PAWS-X."""

PAWSX_REPO = "google-research-datasets/paws-x"
PAWSX_REVISION = "4cd8187c404bda33cb1f62b49b001115862acf37"
"""The revision of PAWS-X on the Hub that scores refer to."""

Row = tuple[str, str, str, int]
"""Id, first sentence, second sentence, label."""


@dataclass(frozen=True)
class Generated:
    """A task whose pairs are generated.

    Attributes
    ----------
    rows : str
        ``module:function`` of a split and `Sources` that yields its rows; imported where it is used.
    version : str
        Of these rows: what changes one of them changes it.
    """

    rows: str
    version: str


GENERATED = {
    "repaired": Generated("bio_paws_eval.tasks.repaired:repaired_pairs", "1.0.0"),
    "swapped": Generated("bio_paws_eval.tasks.swapped:swapped_pairs", "1.0.0"),
    "dyck": Generated("bio_paws_eval.tasks.dyck:dyck_pairs", "1.0.0"),
}
"""Generated tasks, from the one that is learnt most easily on. A new one is one entry here. They are trained on and
tested only where a user names them."""

_PAWSX_PREFIX = "pawsx_"


@dataclass(frozen=True)
class Sources:
    """Where pairs come from.

    Attributes
    ----------
    data : str or None
        Folder or Hub id of bioPAWS; None for the folder ``bioPAWS``, else the pinned revision on the Hub.
    pawsx : str
        Folder of tab-separated files, or Hub id of PAWS-X.
    limit : int or None
        Read only the first `limit` pairs of each split; None for all.
    """

    data: str | None = None
    pawsx: str = PAWSX_REPO
    limit: int | None = None


def pawsx(language: str) -> str:
    """Return the name of the task of a language of PAWS-X.

    Examples
    --------
    >>> pawsx("fr")
    'pawsx_fr'
    """
    return _PAWSX_PREFIX + language


def language_of(name: str) -> str:
    """Return the language of a task of PAWS-X.

    Examples
    --------
    >>> language_of("pawsx_fr")
    'fr'
    """
    return name.removeprefix(_PAWSX_PREFIX)


def task_names() -> tuple[str, ...]:
    """Return the tasks that are tested by default: the languages of PAWS-X, then the configs of bioPAWS."""
    return (*map(pawsx, LANGUAGES), *(config.name for config in configs.CONFIGS))


def all_names() -> tuple[str, ...]:
    """Return all tasks: those of `task_names`, then the generated ones."""
    return (*task_names(), *GENERATED)


def is_pawsx(name: str) -> bool:
    """Whether a task is a language of PAWS-X."""
    return name.startswith(_PAWSX_PREFIX)


def is_biopaws(name: str) -> bool:
    """Whether a task is a config of bioPAWS."""
    return not is_pawsx(name) and name not in GENERATED
