"""The pairs of any task by its name: those of PAWS-X, those of bioPAWS, and generated ones."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pkgutil import resolve_name

from bio_paws.configs import SPLITS
from bio_paws.errors import DataError
from bio_paws_eval.tasks.biopaws import load_biopaws
from bio_paws_eval.tasks.pairs import MissingPairs, Pairs, UnreachablePairs, text_pairs
from bio_paws_eval.tasks.pawsx import load_pawsx
from bio_paws_eval.tasks.registry import GENERATED, Sources, all_names, is_pawsx, language_of


def load_pairs(name: str, split: str, sources: Sources) -> Pairs:
    """Find the pairs of a task, and read them once to count and digest them.

    Parameters
    ----------
    name : str
        One of `registry.all_names`.
    split : {"train", "validation", "test"}
        PAWS-X calls validation dev.
    sources : Sources
        Where to look.

    Raises
    ------
    DataError
        When there is no such task, or a file is malformed.
    MissingPairs
        When the pairs of the task are not available.
    """
    if name not in all_names():
        raise DataError(f"unknown config {name!r}: choose from {', '.join(all_names())}")
    if split not in SPLITS:
        raise DataError(f"unknown split {split!r}: choose from {', '.join(SPLITS)}")
    if is_pawsx(name):
        return load_pawsx(language_of(name), split, sources)
    if name in GENERATED:
        generated = GENERATED[name]
        rows = resolve_name(generated.rows)(split, sources)
        return text_pairs(name, split, islice(rows, sources.limit), 0, generated.version)
    return load_biopaws(name, split, sources)


def load_available(
    names: Sequence[str] | None, defaults: Sequence[str], splits: Sequence[str], sources: Sources
) -> tuple[list[tuple[Pairs, ...]], tuple[str, ...]]:
    """Find the pairs of several tasks.

    Parameters
    ----------
    names : sequence of str, optional
        Tasks that must be available. None for those of `defaults` that are.
    defaults : sequence of str
        Tasks to try where none are named.
    splits : sequence of str
        Splits to load of each task.
    sources : Sources
        Where to look.

    Returns
    -------
    available : list of tuple of Pairs
        For each task its splits.
    skipped : tuple of str
        For each task that is left out, why.

    Raises
    ------
    DataError
        When one of `names`, or every one of `defaults`, is missing.
    """
    available: list[tuple[Pairs, ...]] = []
    skipped: list[str] = []
    unreachable: set[bool] = set()  # True: PAWS-X; False: bioPAWS
    for name in names or defaults:
        if is_pawsx(name) in unreachable:
            continue  # each attempt would wait for the network anew
        try:
            available.append(tuple(load_pairs(name, split, sources) for split in splits))
        except MissingPairs as error:
            if names and is_pawsx(name):
                raise MissingPairs(f"{error}; to do without, name other --configs") from error
            if names:
                raise
            skipped.append(str(error))
            if isinstance(error, UnreachablePairs):
                unreachable.add(is_pawsx(name))
    if not available:
        raise DataError(f"no pairs are available: {skipped[0]}")
    return available, tuple(skipped)
