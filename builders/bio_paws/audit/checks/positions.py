"""Letters at fixed places that tell the label: a primer, an anchor, a first residue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bio_paws.audit.checks.baselines import Scores, measure_margins
from bio_paws.audit.findings import Finding, Measurement, finding
from bio_paws.audit.pairs import Pairs
from bio_paws.audit.sampling.sample import Sample

PLACES = 64
"""Places from the start, and as many from the end, that are looked at."""

_LETTERS = 32  # codes of letters, whatever the alphabet; 0 is beyond the sequence
_CHI_SQUARE = 40.0  # of one letter at one place: p < 1e-9, since some thousand are tested


@dataclass(frozen=True)
class _Letter:
    """The letter at a place that is most uneven between the labels."""

    letter: str
    place: str
    shares: tuple[float, float]


def check_positions(pairs: Pairs, sample: Sample) -> tuple[list[Finding], list[Measurement]]:
    """Fit the letters at each place of each side out of fold; returns the findings, and a measurement for each side."""
    findings: list[Finding] = []
    measurements: list[Measurement] = []
    for side, alphabet in enumerate(pairs.columns.alphabets):
        if not alphabet.is_sequence:
            continue
        codes = place_codes((sample.texts.sentence1, sample.texts.sentence2)[side])
        name = f"position{side + 1}"
        measured = measure_margins(name, "baseline", _margins(codes, sample.labels), sample, None)
        if measured is None:
            continue
        measurements.append(measured)
        if measured.auc.value >= 0.6 and measured.auc.low > 0.55:
            strongest = _strongest(codes, sample.labels)
            names, shares = pairs.label_names, strongest.shares
            findings.append(
                finding(
                    name,
                    measured.auc,
                    f"letters at fixed places of {pairs.columns.sides[side]} tell the label (accuracy "
                    f"{measured.accuracy}): {strongest.letter} at {strongest.place} stands in {shares[1]:.0%} "
                    f"of label {names[1]!r} and {shares[0]:.0%} of {names[0]!r}",
                )
            )
    return findings, measurements


def place_codes(texts: Sequence[str]) -> NDArray[np.uint8]:
    """Return the letters at the first and at the last places: shape (n, 2 * PLACES), 0 beyond a sequence.

    Examples
    --------
    >>> codes = place_codes(["AC"])
    >>> codes[0, :3].tolist(), codes[0, PLACES : PLACES + 3].tolist()
    ([1, 3, 0], [3, 1, 0])
    """
    codes = np.zeros((len(texts), 2 * PLACES), dtype=np.uint8)
    for row, text in enumerate(texts):
        for start, part in ((0, text[:PLACES]), (PLACES, text[: -PLACES - 1 : -1])):
            codes[row, start : start + len(part)] = np.frombuffer(part.encode("ascii", "replace"), dtype=np.uint8) & 31
    return codes


def _counts(codes: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Count letters by place: shape (2 * PLACES, _LETTERS)."""
    keys = np.arange(2 * PLACES) * _LETTERS + codes
    return np.bincount(keys.ravel(), minlength=2 * PLACES * _LETTERS).reshape(-1, _LETTERS).astype(np.float64)


def _chi_square(own: Sequence[NDArray[np.float64]], sizes: Sequence[int]) -> NDArray[np.float64]:
    """Chi-square of each letter at each place against the label, one degree of freedom."""
    total = own[0] + own[1]
    n = sizes[0] + sizes[1]
    crossed = own[1] * (sizes[0] - own[0]) - own[0] * (sizes[1] - own[1])
    expected = np.maximum(total * (n - total), 1.0) * sizes[0] * sizes[1]
    chi_square: NDArray[np.float64] = n * crossed**2 / expected
    return chi_square


def _margins(
    codes: NDArray[np.uint8], labels: NDArray[np.int8]
) -> Callable[[NDArray[np.int64], NDArray[np.int64]], Scores]:
    def margins(fit: NDArray[np.int64], predict: NDArray[np.int64]) -> Scores:
        own = [_counts(codes[fit[labels[fit] == label]]) for label in (0, 1)]
        sizes = [int((labels[fit] == label).sum()) for label in (0, 1)]
        odds = np.log((own[1] + 0.5) / (sizes[1] + 1)) - np.log((own[0] + 0.5) / (sizes[0] + 1))
        # What may be chance is left out: else a thousand weak letters drown the strong one.
        odds[_chi_square(own, sizes) < _CHI_SQUARE] = 0
        scores: Scores = odds[np.arange(2 * PLACES), codes[predict]].sum(axis=1)
        return scores

    return margins


def _strongest(codes: NDArray[np.uint8], labels: NDArray[np.int8]) -> _Letter:
    own = [_counts(codes[labels == label]) for label in (0, 1)]
    sizes = [int((labels == label).sum()) for label in (0, 1)]
    place, code = np.unravel_index(int(np.argmax(_chi_square(own, sizes))), own[0].shape)
    words = f"place {place + 1}" if place < PLACES else f"place {place - PLACES + 1} from the end"
    letter = chr(int(code) + ord("A") - 1) if code else "no letter"
    return _Letter(letter, words, (float(own[0][place, code] / sizes[0]), float(own[1][place, code] / sizes[1])))
