"""Pairs that share their words under both labels: only the order of the words tells similar from dissimilar.

Two homologous windows, jittered so that their ends do not line up, are cut at aligned places and put together again
in two orders, each on both sides: (a, b) in the first order and (a', b') in the second are homologs; (a, b') and
(a', b), one order on each side, are not. Such a *quartet* has no shortcut:

- every string stands once under each label, on the same side, so one side alone tells nothing; and all four strings
  are made in the same way, so that telling what is natural from what is made tells nothing either;
- the cuts lie where the two sides differ, so no word that they share is cut, and the k-mers in common, the longest
  common substring, lengths and composition are those of the similar pairs.

`permuted` puts three to eight blocks into another order. `shuffled` puts all words between the differences into
another order that keeps the dinucleotide (or dipeptide) counts of both sides. The plain reverse, a third way to keep
the letters, is left out: its words are other words, so that its overlap cannot be matched and k-mers tell it at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice, pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bio_paws.build.negatives import Choice, Leaks, Quartet, quartet_of, take_turns
from bio_paws.build.pair_filter import PairFilter, contains, with_outcomes
from bio_paws.build.regions import RegionIndex
from bio_paws.build.reordering import WordWalks, block_order
from bio_paws.build.seeding import seeded
from bio_paws.build.windows import DrawRates, Jittered, draw_jittered, tiles_to_draw
from bio_paws.configs import MAX_OVERLAP_DIFFERENCE, OVERLAP_KMERS, REARRANGED, PairConfig, PairType
from bio_paws.execution.files import read_arrow, write_arrow
from bio_paws.features.kmers import word_overlap
from bio_paws.schema import UNLABELED_SCHEMA, Row
from bio_paws.sequences.corpus_files import CorpusFiles
from bio_paws.sequences.records import Intervals

BLOCKS = (3, 8)
"""Fewest and most blocks of `permuted`."""
TRIES, MOST_SAME = 30, 4
"""Orders tried for two windows; and how often they may come out the same as each other or as in the genome: then there
is hardly another."""

QUARTETS = pa.schema([*UNLABELED_SCHEMA, ("split", pa.string()), ("tile", pa.int64())])
"""Four rows a quartet; `tile` names the stretch of alignment it was drawn from."""

FourRows = tuple[Row, Row, Row, Row]
"""Two similar rows and the two dissimilar ones made of them."""

Cut = tuple[int, int]
"""Aligned places in the two strings, from their beginning: both are cut before these letters."""


def quartet_shard(
    path: Path,
    config: PairConfig,
    files: CorpusFiles,
    regions: Path,
    hits: Path,
    chunk: range,
    draws: DrawRates,
    seed: int,
) -> None:
    """Write the quartets of one shard of hits, four rows each, and the outcomes of all windows in the metadata."""
    region_index = RegionIndex(read_arrow(regions))
    pair_filter = PairFilter(config, files.load(), region_index)
    rng = seeded(seed, config.name, "windows", chunk.start)
    outcomes: Counter[str] = Counter()
    rows: list[Row] = []
    for number, hit in enumerate(read_arrow(hits).slice(chunk.start, len(chunk)).to_pylist(), start=chunk.start):
        for kind, tile, low, high, count in tiles_to_draw(config, number, hit, region_index, draws, rng):
            for _ in range(count):
                quartet = _quartet(pair_filter, kind, hit, low, high, rng)
                if isinstance(quartet, str):
                    outcomes[quartet] += 1
                    continue
                outcomes["accepted"] += 1
                rows += ({**row, "tile": tile} for row in quartet)
                break
    table = pa.Table.from_pylist(rows, schema=QUARTETS)
    write_arrow(path, with_outcomes(table, outcomes))


def choose_rearranged(
    config: PairConfig,
    paths: list[Path],
    split: str,
    pairs: int,
    rng: np.random.Generator,
    pair_keys: set[int],
    leaks: Leaks,
) -> tuple[Iterator[pa.Table], Counter[str]]:
    """Choose quartets of one split from files that `quartet_shard` wrote; else as `negatives.make_quartets`."""
    parts = [table.filter(pc.equal(table["split"], split)) for table in map(read_arrow, paths)]
    rows = pa.concat_tables([QUARTETS.empty_table(), *parts])
    kinds, tiles, sentences1, sentences2 = (
        rows[name].to_pylist() for name in ("kind", "tile", "sentence1", "sentence2")
    )
    wanted = config.similar_quotas(pairs)

    def rows_of(numbers: Sequence[int]) -> pa.Table:
        return rows.select(UNLABELED_SCHEMA.names).take(np.add.outer(4 * np.array(numbers), np.arange(4)).ravel())

    choice = Choice(wanted, rng, pair_keys, leaks, rows_of)
    # The four rows of a quartet are of the same group and organisms.
    group, *organisms = (
        _codes(rows[name].take(np.arange(0, len(rows), 4))) for name in ("group1", "organism1", "organism2")
    )
    both = organisms[0] * (len(rows) + 1) + organisms[1]

    def quartets() -> Iterator[Quartet[int]]:
        for number in take_turns(rng.permutation(len(rows) // 4), group, both).tolist():
            first, behind = 4 * number, 4 * number + 4
            if choice.missing[kinds[first]] > 0 and tiles[first] not in choice.used:
                choice.used.add(tiles[first])
                texts = zip(sentences1[first:behind], sentences2[first:behind], strict=True)
                row1, row2 = first, first + 1
                yield quartet_of((kinds[row1], kinds[row2]), (tiles[row1], tiles[row2]), texts, number)

    proposed = quartets()
    choice.fill(lambda count: list(islice(proposed, count)), partial(choice.left, False))
    return choice.finish(wanted)


def _codes(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Number the values of a column of strings."""
    codes: NDArray[np.int64] = column.combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    return codes


def _quartet(
    pair_filter: PairFilter, kind: PairType, hit: dict[str, Any], low: int, high: int, rng: np.random.Generator
) -> FourRows | str:
    """Draw two windows and two orders of their parts, or say why not."""
    aimed = rng.uniform(pair_filter.config.min_similarity, pair_filter.config.max_similarity)
    windows = draw_jittered(pair_filter.config, hit, low, high, aimed, rng)
    if windows is None:
        return "jitter"
    cuts = block_cuts(windows) if kind == "permuted_homolog" else word_cuts(windows)
    if len(cuts) < BLOCKS[0] - 1:
        return "too_alike_to_cut"
    placed = pair_filter.place(Intervals.of([windows.side1]), Intervals.of([windows.side2]))
    if placed.reasons[0]:
        return placed.reasons[0]
    texts = placed.text1[0], placed.text2[0]
    why: Counter[str] = Counter()
    for arranged in islice(rearrange(windows, texts, kind, cuts, rng), TRIES):
        quartet = _judged(pair_filter, kind, texts, arranged)
        if not isinstance(quartet, str):
            origin = _origin(pair_filter, windows, int(placed.locus[0]))
            first, second, third, fourth = ({**origin, **row} for row in quartet)
            return first, second, third, fourth
        why[quartet] += 1
        if why["same"] == MOST_SAME:
            break
    return f"no_order_{max(why, key=lambda reason: why[reason])}"


def _origin(pair_filter: PairFilter, windows: Jittered, locus: int) -> Row:
    """Return where two windows lie."""
    group, split = pair_filter.locus(locus)
    origin: Row = {"split": split}
    for number, side in enumerate((windows.side1, windows.side2), start=1):
        values = side._asdict() | {"organism": pair_filter.organism(side.source), "group": group}
        origin |= {f"{name}{number}": value for name, value in values.items()}
    return origin


def rearrange(
    windows: Jittered, texts: tuple[str, str], kind: PairType, cuts: list[Cut], rng: np.random.Generator
) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """Yield both sequences in two orders, over and over; what lies beyond the other window's end stays where it is.

    Parameters
    ----------
    windows : Jittered
        Which part of the sequences is aligned.
    texts : (str, str)
        The sequences.
    kind : {"permuted_homolog", "shuffled_homolog"}
        A few large blocks in another order, or many small ones that keep each dinucleotide's count.
    cuts : list of (int, int)
        Of `block_cuts` or `word_cuts`, as the kind has it.
    rng : numpy.random.Generator
        Draws the orders, each time when the next ones are asked for.
    """
    if kind == "permuted_homolog":
        while True:
            blocks = int(rng.integers(BLOCKS[0], min(BLOCKS[1], len(cuts) + 1) + 1))
            chosen = sorted(cuts[i] for i in rng.choice(len(cuts), blocks - 1, replace=False).tolist())
            sides = _parts(windows, texts, chosen)
            yield _put(sides, block_order(blocks, rng)), _put(sides, block_order(blocks, rng))
    sides = _parts(windows, texts, cuts)
    (start1, _), (start2, _) = windows.core1, windows.core2
    walks = WordWalks([(texts[0][start1 + at1], texts[1][start2 + at2]) for at1, at2 in cuts])

    def order() -> list[int]:
        # The first and the last part have an open end: they stay.
        return [0, *[word + 1 for word in walks.order(rng)], len(cuts)]

    while True:
        yield _put(sides, order()), _put(sides, order())


def _parts(windows: Jittered, texts: tuple[str, str], cuts: list[Cut]) -> list[tuple[str, list[str], str]]:
    """Cut the aligned part of each sequence: what lies before it, its parts, what lies behind it."""
    sides = []
    for text, (start, end), places in zip(texts, (windows.core1, windows.core2), zip(*cuts, strict=True), strict=True):
        bounds = [start, *(start + place for place in places), end]
        sides.append((text[:start], [text[low:high] for low, high in pairwise(bounds)], text[end:]))
    return sides


def _put(sides: list[tuple[str, list[str], str]], order: list[int]) -> tuple[str, str]:
    """Put the parts of both sequences into an order."""
    first, second = ("".join([before, *[parts[i] for i in order], behind]) for before, parts, behind in sides)
    return first, second


def block_cuts(windows: Jittered) -> list[Cut]:
    """Return the ends of all runs of identical characters but the last: no k-mer that both sequences have spans one.

    Returns
    -------
    list of (int, int)
        Positions in the aligned core of either sequence, ascending.
    """
    return [(at1 + length, at2 + length) for at1, at2, length in windows.runs[:-1]]


def word_cuts(windows: Jittered) -> list[Cut]:
    """Return where one block of a shuffle can end and the next begin: at differences, and at the ends of runs.

    No k-mer that both sequences have goes on at both sides of such a character.

    Returns
    -------
    list of (int, int)
        Positions in the aligned core of either sequence, ascending, none at its start.
    """
    cuts: set[Cut] = set()
    for (at1, at2, length), (next1, next2, _) in pairwise(windows.runs):
        cuts |= {(at1 + length - 1, at2 + length - 1), (next1, next2)}
        if next1 - at1 == next2 - at2:  # no gap
            cuts |= {(at1 + at, at2 + at) for at in range(length, next1 - at1)}
    return sorted(cut for cut in cuts if cut[0] > 0)


def _judged(
    pair_filter: PairFilter, kind: PairType, natural: tuple[str, str], arranged: tuple[tuple[str, str], tuple[str, str]]
) -> FourRows | str:
    """Make the rows of a quartet, or say which constraint it breaks."""
    config = pair_filter.config
    (first1, first2), (second1, second2) = arranged
    if len({natural[0], first1, second1}) < 3 or len({natural[1], first2, second2}) < 3:
        return "same"
    # What is cheap goes first. Either side may come first in the end, so every similar pair must match every other.
    for k in OVERLAP_KMERS:
        similar1, dissimilar1 = word_overlap(first1, first2, k), word_overlap(first1, second2, k)
        if abs(similar1 - dissimilar1) > MAX_OVERLAP_DIFFERENCE:  # tells of most orders, by half of the work
            return "overlap"
        similar2, dissimilar2 = word_overlap(second1, second2, k), word_overlap(second1, first2, k)
        overlaps = product((similar1, similar2), (dissimilar1, dissimilar2))
        if max(abs(similar - dissimilar) for similar, dissimilar in overlaps) > MAX_OVERLAP_DIFFERENCE:
            return "overlap"
    rows: list[Row] = []
    for first, second in ((first1, first2), (second1, second2)):
        row = pair_filter.describe(first, second)
        if not config.accepts(kind, row["similarity"]):
            return "similarity"
        if row["evalue"] >= config.max_evalue:
            return "evalue"
        if contains(first, second, pair_filter.alphabet):
            return "contained"
        rows.append({**row, "kind": kind})
    for first, second in ((first1, second2), (second1, first2)):
        row = pair_filter.describe(first, second)
        if row["similarity"] >= config.max_dissimilarity:
            return "dissimilarity"
        rows.append({**row, "kind": REARRANGED[kind]})
    return rows[0], rows[1], rows[2], rows[3]
