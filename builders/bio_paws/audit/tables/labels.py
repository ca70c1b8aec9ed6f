"""Which values of the label are 1: well-known words, the values that the user names, or numbers from a threshold on."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bio_paws.audit.tables.request import Request
from bio_paws.errors import DataError

_POSITIVE = ("1", "true", "yes", "y", "t", "positive", "pos", "+", "+1", "binder", "binding", "similar", "duplicate")
_NEGATIVE = ("0", "-1", "false", "no", "n", "f", "negative", "neg", "-", "non-binder", "nonbinder", "dissimilar")
_SHOWN = 5
_MOST_CLASSES = 20  # different values: more are quantities, not classes


def are_words_of_labels(values: Iterable[object]) -> bool:
    """Whether all values are well-known words for labels: ``binder`` and ``non-binder`` could be read as peptides.

    Examples
    --------
    >>> are_words_of_labels(["binder", "Non-binder", None]), are_words_of_labels(["GILGFVFTL"])
    (True, False)
    """
    words = {str(value).strip().lower() for value in values if value is not None}
    return bool(words) and words <= {*_POSITIVE, *_NEGATIVE}


def label_values(labels: pa.Array) -> list[str | None]:
    """Return labels as strings, integral numbers without a decimal point; missing ones and not-a-numbers are None."""
    if pa.types.is_floating(labels.type):
        labels = pc.if_else(pc.is_nan(labels), None, labels)
    return [None if value is None else _plain(value) for value in labels.to_pylist()]


def _plain(value: Any) -> str:
    text = str(value).strip()
    whole = text.removesuffix(".0")
    return whole if whole.removeprefix("-").isdigit() else text


@dataclass
class LabelCoder:
    """Codes labels as 0 and 1 as they are read.

    Attributes
    ----------
    where : str
        Data set and column, for messages.
    request : Request
        What the user says about the label.
    """

    where: str
    request: Request

    def __post_init__(self) -> None:
        self._codes: dict[str, int] = {}

    def code(self, labels: list[str]) -> NDArray[np.int8]:
        """Number labels: with a threshold 0 and 1, else in the order that they turn up.

        Raises
        ------
        DataError
            When a third value turns up and the user has not named those that are 1, or a label is no number.
        """
        threshold = self.request.threshold
        if threshold is not None:
            above = np.array([self._number(value) >= threshold for value in labels], dtype=np.int8)
            self._codes |= {f"{'>=' if code else '<'} {threshold:g}": code for code in np.unique(above).tolist()}
            return above
        for value in dict.fromkeys(labels):
            if value not in self._codes:
                self._codes[value] = len(self._codes)
        if len(self._codes) > 2 and not self.request.positive:
            raise DataError(f"{self.where} holds more than two values ({self._shown(self._codes)}): {self._advice()}")
        if len(self._codes) > np.iinfo(np.int8).max:
            raise DataError(
                f"{self.where} holds over {np.iinfo(np.int8).max} classes: name another column with --label"
            )
        return np.array([self._codes[value] for value in labels], dtype=np.int8)

    def finish(self) -> tuple[tuple[str, str], NDArray[np.int8]]:
        """Return the names of labels 0 and 1, and the label of each code.

        Raises
        ------
        DataError
            When only one label occurs, or a value that the user names does not.
        """
        positive = self.request.positive
        if unknown := [value for value in positive if value not in self._codes]:
            raise DataError(f"{self.where} never holds {self._shown(unknown)}: it holds {self._shown(self._codes)}")
        label_of = np.zeros(max(2, len(self._codes)), dtype=np.int8)
        if self.request.threshold is not None:
            names = [name for name, _ in sorted(self._codes.items(), key=lambda item: item[1])]
            label_of[1] = 1
        elif positive:
            negative = [value for value in self._codes if value not in positive]
            names = [*([" or ".join(negative)] if negative else []), " or ".join(positive)]
            label_of[[self._codes[value] for value in positive]] = 1
        else:
            names = sorted(self._codes, key=_order)
            if len(names) == 2 and names[1].lower().endswith(names[0].lower()):
                names.reverse()  # interacting, non-interacting: the shorter word is what the longer one denies
            for label, value in enumerate(names):
                label_of[self._codes[value]] = label
        if len(names) < 2:
            values = f"only {names[0]!r}" if names else "no value beside two whole sides"
            raise DataError(f"{self.where} holds {values}: an audit needs pairs of both labels")
        return (names[0], names[1]), label_of

    def _number(self, value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if math.isnan(number):
            raise DataError(
                f"{self.where} holds {value!r}, which is no number: leave --threshold out, or use --positive"
            )
        return number

    def _advice(self) -> str:
        if all(_is_number(value) for value in self._codes):
            return (
                "say from which number on a pair counts as 1 with --threshold, which values count as 1 with "
                "--positive, or name another column with --label"
            )
        return "name the values that count as 1 with --positive, or another column with --label"

    @staticmethod
    def _shown(values: Iterable[str]) -> str:
        listed = list(values)
        return ", ".join(map(repr, listed[:_SHOWN])) + (", ..." if len(listed) > _SHOWN else "")


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _order(value: str) -> tuple[int, float, str]:
    """Return what sorts the name of label 0 before that of label 1: words by their meaning, numbers by size."""
    if _is_number(value):
        return 1, float(value), value
    lower = value.lower()
    return (0 if lower in _NEGATIVE else 2 if lower in _POSITIVE else 1), 0.0, value
