"""The checks of a split, and of all rows together: balance of the labels, content hashes, and leaks between splits.

To add a check, write a function that yields violations, register its code in `violations`, and append it to
`SPLIT_CHECKS` or `DATASET_CHECKS`.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bio_paws.align.smith_waterman import Alphabet
from bio_paws.configs import (
    MAX_OVERLAP_DIFFERENCE,
    OVERLAP_KMERS,
    REARRANGED,
    SPLITS,
    PairConfig,
    get_config,
)
from bio_paws.execution.memory import release_free_memory
from bio_paws.features.breadth import BOUNDED_SPLITS, BREADTH_COLUMNS, breadth_of, out_of_bounds
from bio_paws.features.kmers import word_overlap
from bio_paws.schema import Row
from bio_paws.verify.cross_split_search import PlacedSequences, VerificationSearch
from bio_paws.verify.parquet import Files, parts_of, read_part, read_rows
from bio_paws.verify.row_keys import RowKeys, first_of, joined, molecules
from bio_paws.verify.violations import Fault, Violation
from bio_paws_cards.manifest import BuildArguments, ConfigEntry, DatabaseSize, Manifest

_ALPHABETS: tuple[Alphabet, ...] = ("protein", "dna")  # what takes longest first


# --- one split ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Split:
    """A split, and what its checks refer to.

    Attributes
    ----------
    config : PairConfig
    name : str
        train, validation or test.
    path : Path
        Its Parquet file.
    keys : RowKeys
        Of the rows of all splits of all configs.
    rows : slice
        Where the rows of this split are in `keys`.
    entry : ConfigEntry
        The config's entry in the manifest.
    arguments : BuildArguments
        Of the build.
    """

    config: PairConfig
    name: str
    path: Path
    keys: RowKeys
    rows: slice
    entry: ConfigEntry
    arguments: BuildArguments

    def violation(self, code: str, message: str, row_id: str = "") -> Violation:
        """Return a violation in this split."""
        return Violation(code, self.config.name, self.name, row_id, message)


def check_counts(split: Split) -> Iterator[Violation]:
    """Check that both labels have as many rows, and that the manifest counts the same."""
    labels = split.keys.label[split.rows]
    rows, dissimilar, similar = len(labels), int((labels == 0).sum()), int((labels == 1).sum())
    if dissimilar != similar:
        yield split.violation("SPLIT001", f"{similar} similar but {dissimilar} dissimilar pairs")
    listed = split.entry.splits[split.name]
    if (rows, similar) != (listed.rows, listed.similar):
        message = f"{rows} rows, {similar} similar, the manifest says {listed.rows} and {listed.similar}"
        yield split.violation("SPLIT002", message)


def check_order(split: Split) -> Iterator[Violation]:
    """Check that rows are sorted by pair_id."""
    ids = split.keys.ids[split.rows]
    if len(ids) and pc.any(pc.less(ids[1:], ids[:-1])).as_py():
        yield split.violation("SPLIT003", "rows are not in the order of their ids")


def check_degrees(split: Split) -> Iterator[Violation]:
    """Every sequence of a side is equally often under both labels: a model of one side alone cannot tell them apart.

    Sequences are compared by origin (source, interval and strand), since an altered sequence still stands for the one
    that it was made of. They are compared by their residues too, except in dna_protein, where only the sequences of
    label 0 are altered.
    """
    keys, rows = split.keys, split.rows
    sign = np.where(keys.label[rows] == 1, 1, -1)
    for side in (0, 1):
        origin = [array[rows, side] for array in (keys.source, keys.start, keys.end, keys.strand)]
        by_residues = [] if split.config.molecule == "dna_protein" else [joined(*origin, keys.text[rows, side])]
        unbalanced = []
        for number, key in enumerate((joined(*origin), *by_residues)):
            first = first_of(key)
            # Each group of equal keys is reported at its last row: the first one of the reversed array.
            last = len(key) - 1 - first_of(key[::-1])[::-1]
            # +1 for each row of label 1 and -1 for each of label 0, summed by group: 0 where the labels balance.
            balance = np.bincount(last, weights=sign, minlength=len(key))
            unbalanced += [(int(first[row]), number, row) for row in np.flatnonzero(balance).tolist()]
        # Sorted by the first row of each group, so that the report follows the order of the rows.
        for _, _, row in sorted(unbalanced):
            at = rows.start + row
            where = f"{keys.name('source', keys.source[at, side])}:{keys.start[at, side]}-{keys.end[at, side]}"
            message = f"sentence{side + 1} ({where}) is not equally often under both labels"
            yield split.violation("SPLIT004", message, keys.id(at))


def check_pair_types(split: Split) -> Iterator[Violation]:
    """Check that the types of similar pairs meet their quotas within one pair, and that similarity bins are equal.

    Violations are SPLIT005 and SPLIT006.
    """
    config, keys = split.config, split.keys
    types = keys.kind[split.rows][keys.label[split.rows] == 1]
    counts = Counter({keys.name("kind", number): int((types == number).sum()) for number in np.unique(types).tolist()})
    # A build that ran out of candidates of one type says so in its outcomes, and then no share can be expected.
    if not any(split.entry.outcomes.get(f"missing_{pair_type}") for pair_type, _ in config.similar_mix):
        for message in share_faults(config, counts):
            yield split.violation("SPLIT005", message)
    if config.graded and len(set(counts.values())) > 1:
        yield split.violation("SPLIT006", f"similarity bins are not equally filled: {dict(sorted(counts.items()))}")


def share_faults(config: PairConfig, counts: Mapping[str, int]) -> Iterator[str]:
    """Say which pair types have not their share of the similar pairs of a split, to one pair.

    Shares are those of the pairs that are there: earlier versions rounded the size of a split in another way.

    Parameters
    ----------
    config : PairConfig
    counts : mapping of str to int
        Similar pairs by their type.

    Examples
    --------
    >>> list(share_faults(get_config("dna150s"), {"identical": 3, "containment": 4, "homolog": 3}))
    []
    """
    total = sum(counts.values())
    for pair_type, quota in config.similar_quotas(total).items():
        count = counts.get(pair_type, 0)
        if abs(count - quota) > 1:
            yield f"{count} pairs of kind {pair_type!r} among {total}, {quota} are wanted"


def check_matched(split: Split) -> Iterator[Violation]:
    """Check the matching of a ``_paws`` or ``_remote`` config: see `matching_faults`."""
    if split.config.rearranged or split.config.remote:
        columns = ["pair_id", "label", "kind", "sentence1", "sentence2"]
        rows = [row for part in parts_of(split.path) for row in read_rows(split.path, part, columns)]
        for row, fault in matching_faults(rows):
            yield split.violation(fault.code, fault.message, row["pair_id"])


def check_breadth(split: Split) -> Iterator[Violation]:
    """Check that groups, organisms and distinct residues are as many as the manifest says, and within its bounds."""
    listed = split.entry.splits[split.name].breadth
    if listed is None:
        return
    rows = pa.concat_tables([read_part(split.path, part, list(BREADTH_COLUMNS)) for part in parts_of(split.path)])
    if not len(rows):
        return
    measured, bounds = breadth_of(rows), split.entry.breadth_bounds
    if bounds and split.name in BOUNDED_SPLITS and (message := out_of_bounds(measured, bounds)):
        yield split.violation("SPLIT009", message)
    for name, value in vars(measured).items():
        if value != getattr(listed, name):
            yield split.violation("SPLIT008", f"{name}: {value}, the manifest says {getattr(listed, name)}")


def check_holdout(split: Split) -> Iterator[Violation]:
    """Check that nothing of an organism that is held out is in another split than test."""
    if split.name == "test" or not split.arguments.holdout_organisms:
        return
    columns = ["pair_id", "organism1", "organism2"]
    for row in (row for part in parts_of(split.path) for row in read_rows(split.path, part, columns)):
        for name in sorted({row["organism1"], row["organism2"]}.intersection(split.arguments.holdout_organisms)):
            yield split.violation("LEAK005", f"{name} is held out for test", row["pair_id"])


SPLIT_CHECKS: tuple[Callable[[Split], Iterator[Violation]], ...] = (
    check_counts,
    check_order,
    check_degrees,
    check_pair_types,
    check_matched,
    check_breadth,
    check_holdout,
)
"""The checks of one split."""


def matching_faults(rows: list[Row]) -> Iterator[tuple[Row, Fault]]:
    """Check that every dissimilar pair has a similar one with the same first side and as many k-mers in common.

    Parameters
    ----------
    rows : list of dict
        A split of a ``_paws`` or ``_remote`` config: pair_id, label, kind, sentence1 and sentence2.

    Yields
    ------
    (dict, Fault)
        A row of label 0, and what is wrong with it.
    """
    similar: dict[str, list[Row]] = {}
    for row in rows:
        if row["label"] == 1:
            similar.setdefault(row["sentence1"], []).append(row)
    for row in rows:
        if row["label"] == 1:
            continue
        # Homologs at several positions can put one sequence into several exchange quartets: one of them must match.
        faults = [list(_differing_order(row, match)) for match in similar.get(row["sentence1"], [])]
        if not faults:
            yield row, Fault("SPLIT007", "no similar pair has the same sentence1")
        for fault in min(faults, key=len, default=[]):
            yield row, fault


def _differing_order(row: Row, match: Row) -> Iterator[Fault]:
    """Yield in what a dissimilar pair differs from a similar one by more than the order of its parts."""
    first, second = row["sentence1"], row["sentence2"]
    rearranged = match["kind"] in REARRANGED
    if rearranged and REARRANGED[match["kind"]] != row["kind"]:
        yield Fault("SPLIT007", f"kind {row['kind']!r} does not go with the similar pair {match['pair_id']}")
    if rearranged and sorted(match["sentence2"]) != sorted(second):
        yield Fault("SPLIT007", f"sentence2 does not have the residues of row {match['pair_id']}")
    if row["kind"] == "shuffled" and _dimers(match["sentence2"]) != _dimers(second):
        yield Fault("SPLIT007", f"sentence2 does not keep the 2-mer counts of row {match['pair_id']}")
    for k in OVERLAP_KMERS:
        overlap, matched = word_overlap(first, second, k), word_overlap(first, match["sentence2"], k)
        if abs(overlap - matched) > MAX_OVERLAP_DIFFERENCE:
            message = f"{k}-mer overlap {overlap:.3f} against {matched:.3f} of row {match['pair_id']}"
            yield Fault("SPLIT007", message)


def _dimers(sequence: str) -> Counter[str]:
    return Counter(sequence[at : at + 2] for at in range(len(sequence) - 1))


# --- all configs together -------------------------------------------------------------------------------------------


def check_entries(manifest: Manifest, keys: RowKeys) -> Iterator[Violation]:
    """Check that content hashes are those of the rows, and that molecule and label names are the config's."""
    for name, entry in manifest.configs.items():
        content = hashlib.sha256()
        for split in entry.splits:
            for row_id in keys.ids.filter(pa.array(_rows_of(keys, name, split))).to_pylist():
                content.update(f"{split}\t{row_id}\n".encode())
        if content.hexdigest() != entry.content_sha256:
            yield Violation("CONFIG001", name, "", "", "the content hash is not the manifest's")
        config = get_config(name)
        if (entry.molecule, tuple(entry.label_names)) != (config.molecule, config.label_names):
            yield Violation("CONFIG002", name, "", "", "the manifest names another molecule, or other labels")


def _rows_of(keys: RowKeys, config: str, split: str) -> NDArray[np.bool_]:
    """Return a mask of the rows of a split."""
    mask: NDArray[np.bool_] = np.zeros(len(keys.label), dtype=bool)
    if config in keys.names["config"] and split in keys.names["split"]:
        mask = keys.config == keys.names["config"].index(config)
        mask &= keys.split == keys.names["split"].index(split)
    return mask


def check_repeats(_: Manifest, keys: RowKeys) -> Iterator[Violation]:
    """Check that no pair, in either order of its sides, is in a config twice."""
    for config in keys.names["config"]:
        rows = np.concatenate([np.flatnonzero(_rows_of(keys, config, split)) for split in SPLITS])
        first = rows[first_of(keys.pair[rows])]
        repeated = first != rows
        for row, earlier in zip(rows[repeated].tolist(), first[repeated].tolist(), strict=True):
            how = "with the other label" if keys.label[row] != keys.label[earlier] else "again"
            yield Violation("CONFIG003", *keys.where(row), f"the pair of row {keys.id(earlier)} {how}")


def _molecules(keys: RowKeys) -> NDArray[np.int64]:
    """Return the molecule of every side of every row, as an index into `_ALPHABETS`: shape (rows, 2)."""
    of_config = [
        [_ALPHABETS.index(molecule) for molecule in molecules(get_config(name))] for name in keys.names["config"]
    ]
    of_row: NDArray[np.int64] = np.array(of_config, dtype=np.int64).reshape(-1, 2)[keys.config]
    return of_row


def _in_two_splits(keys: RowKeys, values: NDArray[Any]) -> Iterator[tuple[int, int, int]]:
    """Yield row and side of each value that was in another split first, and the number of that split."""
    flat = values.ravel()
    split = np.repeat(keys.split, 2)
    first = split[first_of(flat)]
    for at in np.flatnonzero(first != split).tolist():
        yield at // 2, at % 2, int(first[at])


def check_regions(_: Manifest, keys: RowKeys) -> Iterator[Violation]:
    """Check that no homology group, and no base or residue of a source, is in two splits, all configs together.

    Intervals of one source overlap an interval of another split if they start before it ends. All sources are laid
    out on one axis, sorted by start, and the furthest end so far of each split is a running maximum: so one pass over
    arrays finds the sources with an overlap, and only their intervals are compared one by one.
    """
    for row, side, split in _in_two_splits(keys, keys.group):
        group = keys.name("group", keys.group[row, side])
        message = f"homology group {group} is also in {keys.name('split', split)}"
        yield Violation("LEAK001", *keys.where(row), message)
    # A DNA sequence and a protein may have one accession, so a source counts for each molecule.
    source = (_molecules(keys) * len(keys.names["source"]) + keys.source).ravel()
    order = np.lexsort((keys.end.ravel(), keys.start.ravel(), source))
    source, of_split = source[order], np.repeat(keys.split, 2)[order]
    # A forged row may have any coordinates, and sums of large ones would overflow. Overlap depends on their order
    # only, so ranks take their place: at most twice the number of sides, and `room` beyond that keeps sources apart.
    coordinates = np.concatenate([keys.start.ravel()[order], keys.end.ravel()[order]])
    ranks = np.unique(coordinates, return_inverse=True)[1]
    start, end = ranks[: len(order)], ranks[len(order) :]
    room = len(coordinates) + 1
    overlapping = np.zeros(len(order), dtype=bool)
    for number in range(len(keys.names["split"])):
        # Ends of earlier sources are less than any start of this one, so the maximum need not be reset.
        reach = np.maximum.accumulate(np.where(of_split == number, end + source * room, -1))
        overlapping[1:] |= (of_split[1:] != number) & (start[1:] + source[1:] * room < reach[:-1])
    # Reported in the order of the rows, as all violations are.
    sources = set(source[overlapping].tolist())
    for _first, number in sorted((int(order[source == number].min()), number) for number in sources):
        yield from _overlaps(keys, order[source == number])


def _overlaps(keys: RowKeys, sides: NDArray[np.int64]) -> Iterator[Violation]:
    """Yield each interval of one source that overlaps an earlier one of another split."""
    intervals = []
    for at in sides.tolist():
        row, side = divmod(at, 2)
        name, split, row_id = keys.where(row)
        intervals.append((int(keys.start[row, side]), int(keys.end[row, side]), split, name, row_id))
    source = keys.name("source", keys.source[sides[0] // 2, sides[0] % 2])
    reach: dict[str, int] = {}  # the furthest end so far, by split
    for start, end, split, name, row_id in sorted(intervals):
        for earlier, until in reach.items():
            if earlier != split and start < until:
                message = f"{source}:{start}-{end} overlaps an interval in {earlier}"
                yield Violation("LEAK002", name, split, row_id, message)
        reach[split] = max(reach.get(split, 0), end)


def check_sequences(_: Manifest, keys: RowKeys) -> Iterator[Violation]:
    """Check that no sequence is in two splits, DNA on either strand."""
    for row, side, split in _in_two_splits(keys, keys.strands):
        message = f"sentence{side + 1} is also in {keys.name('split', split)}"
        yield Violation("LEAK003", *keys.where(row), message)


DATASET_CHECKS: tuple[Callable[[Manifest, RowKeys], Iterator[Violation]], ...] = (
    check_entries,
    check_repeats,
    check_regions,
    check_sequences,
)
"""The checks of all rows together that need no search."""


def check_homologs(files: Files, keys: RowKeys, database_size: DatabaseSize, executor: Executor) -> Iterator[Violation]:
    """Check that no sequence of validation or test has a significant hit in an earlier split, all configs together."""
    splits = np.array([SPLITS.index(split) for split in keys.names["split"]], dtype=np.int64)
    # One number for each molecule and split; `distinct` has the first side with each different sequence of them.
    part = (_molecules(keys) * len(SPLITS) + splits[keys.split][:, None]).ravel()
    distinct = {
        (alphabet, number): _distinct(keys, np.flatnonzero(part == at * len(SPLITS) + number))
        for at, alphabet in enumerate(_ALPHABETS)
        for number in range(len(SPLITS))
    }
    sides = np.unique(np.concatenate(list(distinct.values())))
    texts = _texts(files, sides)
    release_free_memory()
    reverse = keys.strand == (keys.names["strand"].index("-") if "-" in keys.names["strand"] else -1)

    def sequences(chosen: NDArray[np.int64]) -> PlacedSequences:
        origin = keys.source.ravel()[chosen], keys.start.ravel()[chosen], reverse.ravel()[chosen]
        return PlacedSequences(texts, np.searchsorted(sides, chosen), *origin)

    searches = []
    with tempfile.TemporaryDirectory(prefix="bio-paws-") as folder:
        # All searches are begun before the first result is read, so that all workers have something to do.
        for alphabet in _ALPHABETS:
            residues = database_size.dna if alphabet == "dna" else database_size.protein
            for number, split in enumerate(SPLITS[1:], start=1):
                earlier = np.concatenate([distinct[alphabet, before] for before in range(number)])
                queries, subjects = distinct[alphabet, number], _distinct(keys, earlier)
                where = Path(folder) / f"{alphabet}-{split}"
                search = VerificationSearch(
                    where, sequences(queries), sequences(subjects), alphabet, residues, executor
                )
                searches.append((queries, subjects, search))
        for queries, subjects, search in searches:
            for query, subject in sorted(search.homologs().items()):
                config, _, hit = keys.where(int(subjects[subject]) // 2)
                message = f"homologous to row {hit} of {config} in an earlier split"
                yield Violation("LEAK004", *keys.where(int(queries[query]) // 2), message)


def _distinct(keys: RowKeys, sides: NDArray[np.int64]) -> NDArray[np.int64]:
    """Keep the first of the sides that have the same sequence."""
    kept: NDArray[np.int64] = sides[first_of(keys.text.ravel()[sides]) == np.arange(len(sides))]
    return kept


def _texts(files: Files, sides: NDArray[np.int64]) -> pa.Array:
    """Read the sequences of sides, which are numbered 2 * row + side and ascend."""
    chunks = [pa.array([], pa.large_string())]
    begin = 0
    for path in files.values():
        for part in parts_of(path):
            table = read_part(path, part, ["sentence1", "sentence2"])
            end = begin + len(table)
            in_part = sides[np.searchsorted(sides, 2 * begin) : np.searchsorted(sides, 2 * end)] - 2 * begin
            both = pa.concat_arrays([column.combine_chunks().cast(pa.large_string()) for column in table.columns])
            # `both` has all first sides, then all second ones.
            chunks.append(both.take(pa.array(in_part // 2 + in_part % 2 * len(table))))
            begin = end
    return pa.concat_arrays(chunks)
