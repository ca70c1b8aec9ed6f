"""The invariants of a finished data set, recomputed from its Parquet files alone.

Nothing of the builder is used but its similarity function, the statistics that go with it, and the BLAST+ runner: what
the builder got wrong must not be wrong here in the same way. `build`, `verify` and the tests all call `verify`; the
search across splits stands in `homologs`, which only this module uses.
"""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bio_paws.align.karlin_altschul import bit_score, evalue
from bio_paws.align.smith_waterman import LETTERS, Alphabet, best_alignment, reverse_complement
from bio_paws.align.translation import best_frame_alignment, spliced_identity
from bio_paws.configs import (
    EXACT,
    MAX_OVERLAP_DIFFERENCE,
    OVERLAP_KMERS,
    REARRANGED,
    SPLIT_SHARES,
    SPLITS,
    PairConfig,
    get_config,
)
from bio_paws.execution.memory import release_free_memory, reraise_if_out_of_memory
from bio_paws.features.kmers import word_overlap
from bio_paws.schema import SCHEMA, Row, pair_id
from bio_paws.verify.cross_split_search import ProofSearch, Strings
from bio_paws.verify.files import check_files
from bio_paws.verify.row_keys import RowKeys, first_of, joined, keys_of, molecules
from bio_paws.verify.viewer import check_viewer
from bio_paws.verify.violations import Violation
from bio_paws_cards.manifest import ConfigEntry, DatabaseSize, Manifest

_ROWS_A_JOB = 5_000
_ROWS_AT_ONCE = 500  # of these as dictionaries
_ALPHABETS: tuple[Alphabet, ...] = ("protein", "dna")  # what takes longest first


def verify(folder: Path, manifest: Manifest, executor: Executor) -> list[Violation]:
    """Check files, then every row, every split, and all configs against each other.

    Files that are not those of the manifest are told of first, and then by row as far as a row's own values tell what
    was changed. Nothing is aligned or searched then: it could only tell of other rows than those of the data set.

    Parameters
    ----------
    folder : Path
        The data set.
    manifest : Manifest
        Its manifest.
    executor : Executor
        Runs the checks of rows, and the searches.

    Returns
    -------
    list of Violation
        Rows first; empty when all is well.
    """
    organisms = {organism for source in manifest.sources for organism in source.organisms}
    every = {(name, split) for name, entry in manifest.configs.items() for split in entry.splits}
    if changed := check_files(folder, manifest):
        files, found = _read(folder, manifest, {(one.config, one.split) for one in changed if one.split} or every)
        for (name, split), path in files.items():
            for part in _parts(path):
                for row in _rows(path, part):
                    what = _any_row(get_config(name), split, row, organisms)
                    found += [Violation(name, split, str(row["pair_id"]), one) for one in what]
        return changed + found
    files, found = _read(folder, manifest, every)
    if not found:
        found += check_viewer(folder, manifest)
    space = manifest.database_size
    jobs = [
        executor.submit(_check_rows, get_config(name), split, path, part, space, organisms)
        for (name, split), path in files.items()
        for part in _parts(path)
    ]
    in_rows: list[Violation] = []
    tables: list[pa.Table] = []
    while jobs:
        wrong, table = jobs.pop(0).result()
        in_rows += wrong
        tables.append(table)
    keys = RowKeys.of(tables)
    release_free_memory()
    at = 0
    for (name, split), path in files.items():
        here = slice(at, at + pq.read_metadata(path).num_rows)
        entry, pairs = manifest.configs[name], manifest.arguments.pairs
        found += _check_split(get_config(name), split, path, keys, here, entry, pairs)
        at = here.stop
    found += _check_entries(manifest, keys)
    found += _check_pairs_once(keys)
    found += _check_loci(keys)
    found += _check_strings(keys)
    found += _check_homologs(files, keys, space, executor)
    return in_rows + found


def _read(
    folder: Path, manifest: Manifest, wanted: set[tuple[str, str]]
) -> tuple[dict[tuple[str, str], Path], list[Violation]]:
    """Find the files of those of some splits that are there and whole; tell of what cannot be read."""
    files: dict[tuple[str, str], Path] = {}
    found = []
    for name, entry in manifest.configs.items():
        for split, one in entry.splits.items():
            path = folder / one.file
            if (name, split) not in wanted or not path.is_file():
                continue
            try:
                incomplete = list(_incomplete(path))
            except (OSError, ValueError, KeyError, pa.ArrowException) as error:
                reraise_if_out_of_memory(error)
                why = (str(error).splitlines() or [type(error).__name__])[0]
                found.append(Violation(name, split, "", f"cannot be read: {why}"))
                continue
            found += [Violation(name, split, row_id, "a value is missing") for row_id in incomplete]
            if not incomplete:
                files[name, split] = path
    return files, found


def _incomplete(path: Path) -> Iterator[str]:
    """Read a split to its end, page checksums included, and yield the ids of rows with a missing value."""
    file = pq.ParquetFile(path, page_checksum_verification=True)
    if file.schema_arrow.names != SCHEMA.names or file.schema_arrow.types != SCHEMA.types:
        raise pa.ArrowInvalid("columns or types are not those of a pair")
    for number in range(file.num_row_groups):
        table = file.read_row_group(number)
        table.validate(full=True)
        missing = np.zeros(len(table), dtype=bool)
        for column in table.columns:
            if column.null_count:
                missing |= pc.is_null(column).to_numpy()
        yield from map(str, table["pair_id"].filter(pa.array(missing)).to_pylist())


Part = tuple[int, int]
"""A row group, and the first of `_ROWS_A_JOB` rows in it."""


def _parts(path: Path) -> Iterator[Part]:
    """Divide a file into parts that are checked by one job each."""
    footer = pq.read_metadata(path)
    for number in range(footer.num_row_groups):
        for at in range(0, footer.row_group(number).num_rows, _ROWS_A_JOB):
            yield number, at


def _table(path: Path, part: Part, columns: list[str] | None = None) -> pa.Table:
    number, at = part
    return pq.ParquetFile(path).read_row_group(number, columns=columns).slice(at, _ROWS_A_JOB)


def _rows(path: Path, part: Part, columns: list[str] | None = None) -> list[Row]:
    rows: list[Row] = _table(path, part, columns).to_pylist()
    return rows


# --- rows -----------------------------------------------------------------------------------------------------------


def _check_rows(
    config: PairConfig, split: str, path: Path, part: Part, space: DatabaseSize, organisms: set[str]
) -> tuple[list[Violation], pa.Table]:
    """Check rows one by one; return what is wrong with them, and their keys."""
    check = _coding_row if config.molecule == "dna_protein" else _homolog_row
    table = _table(path, part)
    found = []
    for batch in table.to_batches(max_chunksize=_ROWS_AT_ONCE):
        for row in batch.to_pylist():
            for what in (*_any_row(config, split, row, organisms), *_guarded(check, config, row, space)):
                found.append(Violation(config.name, split, str(row["pair_id"]), what))
    return found, keys_of(table, config, split)


def _guarded(
    check: Callable[[PairConfig, Row, DatabaseSize], Iterator[str]],
    config: PairConfig,
    row: Row,
    space: DatabaseSize,
) -> Iterator[str]:
    """Align only what can be aligned."""
    alphabet = "protein" if config.molecule == "protein" else "dna"
    second = "dna" if config.molecule == "dna" else "protein"
    for side, letters in ((1, LETTERS[alphabet]), (2, LETTERS[second])):
        text = row[f"sentence{side}"]
        if not text or not set(letters).issuperset(text):
            yield f"sentence{side} is empty or holds letters other than {letters}"
            return
    yield from check(config, row, space)


def _any_row(config: PairConfig, split: str, row: Row, organisms: set[str]) -> Iterator[str]:
    if row["pair_id"] != pair_id(row, config.name, split):
        yield "pair_id is not the digest of the row in this split: a value was changed, or the row moved"
    if row["label"] not in (0, 1) or row["kind"] not in (
        config.similar_types if row["label"] else config.dissimilar_types
    ):
        yield f"label {row['label']} does not go with kind {row['kind']!r}"
    exchanged = row["kind"] in ("other_group", "other_gene")
    if (row["group1"] == row["group2"]) == exchanged:
        yield f"kind {row['kind']!r} does not go with groups {row['group1']} and {row['group2']}"
    for side in (1, 2):
        if row[f"organism{side}"] not in organisms:
            yield f"organism{side} {row[f'organism{side}']!r} is not among the sources"
        if row[f"strand{side}"] not in ("+", "-"):
            yield f"strand{side} is {row[f'strand{side}']!r}"
        altered = side == 2 and row["kind"] == "mutated_protein"
        length = row[f"end{side}"] - row[f"start{side}"]
        if row[f"start{side}"] < 0 or (length != len(row[f"sentence{side}"]) and not altered):
            yield f"sentence{side} has {len(row[f'sentence{side}'])} letters, its interval {length}"


def _homolog_row(config: PairConfig, row: Row, space: DatabaseSize) -> Iterator[str]:
    one, other = row["sentence1"], row["sentence2"]
    dna = config.molecule == "dna"
    short, long = sorted((len(one), len(other)))
    if short < config.min_length or long > config.max_length:
        yield f"lengths {len(one)} and {len(other)} are not within {config.min_length}-{config.max_length}"
        return  # of any length, an alignment would take any time
    if long - short > config.length_tolerance * short:
        yield f"lengths {len(one)} and {len(other)} differ by more than {config.length_tolerance:.0%}"
    best = best_alignment(one, other, "dna" if dna else "protein")
    similarity = best.matches / long
    found = {
        "similarity": similarity,
        "identity": best.identity,
        "sw_score": best.score,
        "bit_score": bit_score(best.score, "dna" if dna else "protein"),
        "evalue": evalue(best.score, long, space.dna if dna else space.protein, "dna" if dna else "protein"),
    }
    yield from _differences(row, found)
    strands = (one, reverse_complement(one)) if dna else (one,)
    contained = any(other in strand or strand in other for strand in strands)
    identical = one == other
    if row["kind"] == "identical" and not identical:
        yield "kind 'identical', but the sides differ"
    if row["kind"] == "containment" and (not contained or len(one) == len(other)):
        yield "kind 'containment', but neither side contains the other"
    if row["label"] == 1 and contained and row["kind"] not in EXACT:
        yield f"kind {row['kind']!r}, but one side contains the other"
    if row["label"] == 1 and not config.accepts(row["kind"], similarity):
        yield f"kind {row['kind']!r}, but similarity is {similarity:.3f}"
    if row["label"] == 1 and found["evalue"] >= config.max_evalue:
        yield f"similar, but the E-value is {found['evalue']:.2g}"
    if row["label"] == 0 and similarity >= config.max_dissimilarity:
        yield f"dissimilar, but similarity is {similarity:.3f}"
    if row["label"] == 0 and found["evalue"] < config.min_dissimilar_evalue:
        yield f"dissimilar, but the E-value is {found['evalue']:.2g}"


def _coding_row(config: PairConfig, row: Row, space: DatabaseSize) -> Iterator[str]:
    gene, protein = row["sentence1"], row["sentence2"]
    if not config.min_length <= len(gene) <= config.max_length:
        yield f"the gene's length {len(gene)} is not within {config.min_length}-{config.max_length}"
        return
    best = best_frame_alignment(gene, protein)
    similarity = spliced_identity(gene, protein)
    found = {
        "similarity": similarity,
        "identity": best.identity,
        "sw_score": best.score,
        "bit_score": bit_score(best.score, "protein"),
        "evalue": evalue(best.score, len(protein), 2 * space.dna, "protein"),
    }
    yield from _differences(row, found)
    if row["label"] == 1 and similarity <= config.min_similarity:
        yield f"coding, but only {similarity:.3f} of the protein can be read"
    if row["label"] == 0 and similarity >= config.max_dissimilarity:
        yield f"not coding, but {similarity:.3f} of the protein can be read"


def _differences(row: Row, found: dict[str, float]) -> Iterator[str]:
    for name, value in found.items():
        if not math.isclose(row[name], value, rel_tol=1e-9, abs_tol=1e-300):
            yield f"{name} is {row[name]!r}, recomputed {value!r}"


# --- splits ---------------------------------------------------------------------------------------------------------


def _check_split(
    config: PairConfig, split: str, path: Path, keys: RowKeys, here: slice, entry: ConfigEntry, pairs: int | None
) -> Iterator[Violation]:
    """Check the rows of one split, which stand `here` among all."""

    def violation(what: str, row_id: str = "") -> Violation:
        return Violation(config.name, split, row_id, what)

    labels = keys.label[here]
    rows, zero, one = len(labels), int((labels == 0).sum()), int((labels == 1).sum())
    if zero != one:
        yield violation(f"{one} similar but {zero} dissimilar pairs")
    said = entry.splits[split]
    if (rows, one) != (said.rows, said.similar):
        yield violation(f"{rows} rows, {one} similar, the manifest says {said.rows} and {said.similar}")
    ids = keys.ids[here]
    if rows and pc.any(pc.less(ids[1:], ids[:-1])).as_py():
        yield violation("rows are not in the order of their ids")
    for row, what in _check_degrees(config, keys, here):
        yield violation(what, keys.id(row))
    kinds = keys.kind[here][labels == 1]
    similar = Counter({keys.name("kind", kind): int((kinds == kind).sum()) for kind in np.unique(kinds).tolist()})
    wanted = config.similar_quotas(round((pairs or config.pairs) * SPLIT_SHARES[SPLITS.index(split)] / 2))
    complete = not any(entry.outcomes.get(f"missing_{kind}") for kind in wanted)
    for kind, count in wanted.items():
        if len(wanted) > 1 and complete and abs(similar[kind] - count) > 1:
            yield violation(f"{similar[kind]} pairs of kind {kind!r} among {one}, {count} are wanted")
    if config.graded and len(set(similar.values())) > 1:
        yield violation(f"bands are not equally filled: {dict(sorted(similar.items()))}")
    if config.rearranged:
        columns = ["pair_id", "label", "kind", "sentence1", "sentence2"]
        for moved, what in _check_orders([row for part in _parts(path) for row in _rows(path, part, columns)]):
            yield violation(what, moved["pair_id"])


def _check_degrees(config: PairConfig, keys: RowKeys, here: slice) -> Iterator[tuple[int, str]]:
    """Everything on one side stands equally often under both labels.

    Counted by origin, since an altered string still stands for the sequence it was made of; and but for dna_protein,
    which alters strings under one label only, by the string itself.
    """
    sign = np.where(keys.label[here] == 1, 1, -1)
    for side in (0, 1):
        origin = [array[here, side] for array in (keys.source, keys.start, keys.end, keys.strand)]
        strings = [] if config.molecule == "dna_protein" else [joined(*origin, keys.text[here, side])]
        found = []
        for number, key in enumerate((joined(*origin), *strings)):
            # Looked at from behind, the first of equal keys is their last row, which stands for all of them.
            last = len(key) - 1 - first_of(key[::-1])[::-1]
            balance = np.bincount(last, weights=sign, minlength=len(key))
            first = first_of(key)
            wrong = np.flatnonzero(balance).tolist()
            at = dict(zip(last.tolist(), first.tolist(), strict=True)) if wrong else {}
            found += [(at[row], number, row) for row in wrong]
        for _, _, row in sorted(found):
            i = here.start + row
            where = f"{keys.name('source', keys.source[i, side])}:{keys.start[i, side]}-{keys.end[i, side]}"
            yield i, f"sentence{side + 1} ({where}) is not equally often under both labels"


def _check_orders(rows: list[Row]) -> Iterator[tuple[Row, str]]:
    """Every dissimilar pair shares as many words as a similar pair with the same first side, in another order."""
    similar: dict[str, list[Row]] = {}
    for row in rows:
        if row["label"] == 1:
            similar.setdefault(row["sentence1"], []).append(row)
    for row in rows:
        if row["label"] == 1:
            continue
        # Homologs in several places can give one string to several squares: one of them must match.
        complaints = [list(_unlike_order(row, match)) for match in similar.get(row["sentence1"], [])]
        if not complaints:
            yield row, "no similar pair has the same sentence1"
        for what in min(complaints, key=len, default=[]):
            yield row, what


def _unlike_order(row: Row, match: Row) -> Iterator[str]:
    """Say in what a dissimilar pair is not a similar one in another order."""
    one, other = row["sentence1"], row["sentence2"]
    if REARRANGED.get(match["kind"]) != row["kind"]:
        yield f"kind {row['kind']!r} does not go with the similar pair {match['pair_id']}"
    if sorted(match["sentence2"]) != sorted(other):
        yield f"sentence2 does not hold the letters of row {match['pair_id']}"
    if row["kind"] == "shuffled" and _neighbours(match["sentence2"]) != _neighbours(other):
        yield f"sentence2 does not keep the counts of neighbours of row {match['pair_id']}"
    for k in OVERLAP_KMERS:
        overlap, matched = word_overlap(one, other, k), word_overlap(one, match["sentence2"], k)
        if abs(overlap - matched) > MAX_OVERLAP_DIFFERENCE:
            yield f"{k}-letter overlap {overlap:.3f} against {matched:.3f} of row {match['pair_id']}"


def _neighbours(text: str) -> Counter[str]:
    return Counter(text[at : at + 2] for at in range(len(text) - 1))


def _check_entries(manifest: Manifest, keys: RowKeys) -> Iterator[Violation]:
    for name, entry in manifest.configs.items():
        content = hashlib.sha256()
        for split in entry.splits:
            for row_id in keys.ids.filter(pa.array(_of(keys, name, split))).to_pylist():
                content.update(f"{split}\t{row_id}\n".encode())
        if content.hexdigest() != entry.content_sha256:
            yield Violation(name, "", "", "the content hash is not the manifest's")
        if (entry.molecule, tuple(entry.label_names)) != (
            get_config(name).molecule,
            get_config(name).label_names,
        ):
            yield Violation(name, "", "", "the manifest names another molecule, or other labels")


def _of(keys: RowKeys, config: str, split: str) -> NDArray[np.bool_]:
    """Mark the rows of a split."""
    here: NDArray[np.bool_] = np.zeros(len(keys.label), dtype=bool)
    if config in keys.names["config"] and split in keys.names["split"]:
        here = keys.config == keys.names["config"].index(config)
        here &= keys.split == keys.names["split"].index(split)
    return here


def _check_pairs_once(keys: RowKeys) -> Iterator[Violation]:
    for config in keys.names["config"]:
        here = np.concatenate([np.flatnonzero(_of(keys, config, split)) for split in SPLITS])
        first = here[first_of(keys.pair[here])]
        for row, other in zip(here[first != here].tolist(), first[first != here].tolist(), strict=True):
            both = "with the other label" if keys.label[row] != keys.label[other] else "again"
            yield Violation(*keys.where(row), f"the pair of row {keys.id(other)} {both}")


# --- across splits --------------------------------------------------------------------------------------------------


def _molecules(keys: RowKeys) -> NDArray[np.int64]:
    """Return what every side of every row holds, as an index into `_ALPHABETS`: shape (rows, 2)."""
    of_config = [[_ALPHABETS.index(one) for one in molecules(get_config(name))] for name in keys.names["config"]]
    found: NDArray[np.int64] = np.array(of_config, dtype=np.int64).reshape(-1, 2)[keys.config]
    return found


def _in_two_splits(keys: RowKeys, values: NDArray[Any]) -> Iterator[tuple[int, int, int]]:
    """Yield row and side of each value that stood in another split first, and the number of that split."""
    flat = values.ravel()
    split = np.repeat(keys.split, 2)
    first = split[first_of(flat)]
    for at in np.flatnonzero(first != split).tolist():
        yield at // 2, at % 2, int(first[at])


def _check_loci(keys: RowKeys) -> Iterator[Violation]:
    """No homology group, and no base or residue of a source, in two splits, all configs together."""
    for row, side, split in _in_two_splits(keys, keys.group):
        group = keys.name("group", keys.group[row, side])
        yield Violation(*keys.where(row), f"homology group {group} is also in {keys.name('split', split)}")
    places = (_molecules(keys) * len(keys.names["source"]) + keys.source).ravel()
    order = np.lexsort((keys.end.ravel(), keys.start.ravel(), places))
    places, of_split = places[order], np.repeat(keys.split, 2)[order]
    # Ranks of positions, since somebody may have written any: on one axis with room between sources, an interval that
    # starts before one of another split has ended overlaps it.
    both = np.concatenate([keys.start.ravel()[order], keys.end.ravel()[order]])
    ranks = np.unique(both, return_inverse=True)[1]
    start, end = ranks[: len(order)], ranks[len(order) :]
    far = len(both) + 1
    overlapping = np.zeros(len(order), dtype=bool)
    for number in range(len(keys.names["split"])):
        reach = np.maximum.accumulate(np.where(of_split == number, end + places * far, -1))
        overlapping[1:] |= (of_split[1:] != number) & (start[1:] + places[1:] * far < reach[:-1])
    # In the order of the rows, as everything is told.
    wrong = sorted((int(order[places == place].min()), place) for place in set(places[overlapping].tolist()))
    for _, place in wrong:
        yield from _overlaps(keys, order[places == place])


def _overlaps(keys: RowKeys, sides: NDArray[np.int64]) -> Iterator[Violation]:
    """Tell of intervals of one source that overlap others in other splits."""
    intervals = []
    for at in sides.tolist():
        row, side = divmod(at, 2)
        name, split, row_id = keys.where(row)
        intervals.append((int(keys.start[row, side]), int(keys.end[row, side]), split, name, row_id))
    source = keys.name("source", keys.source[sides[0] // 2, sides[0] % 2])
    reach: dict[str, int] = {}
    for start, end, split, name, row_id in sorted(intervals):
        for other, until in reach.items():
            if other != split and start < until:
                yield Violation(name, split, row_id, f"{source}:{start}-{end} overlaps an interval in {other}")
        reach[split] = max(reach.get(split, 0), end)


def _check_strings(keys: RowKeys) -> Iterator[Violation]:
    """No string in two splits, DNA on either strand."""
    for row, side, split in _in_two_splits(keys, keys.strands):
        yield Violation(*keys.where(row), f"sentence{side + 1} is also in {keys.name('split', split)}")


def _check_homologs(
    files: dict[tuple[str, str], Path], keys: RowKeys, space: DatabaseSize, executor: Executor
) -> Iterator[Violation]:
    """No string of validation or test has a significant hit in a split before it, all configs together."""
    splits = np.array([SPLITS.index(split) for split in keys.names["split"]], dtype=np.int64)
    kind = (_molecules(keys) * len(SPLITS) + splits[keys.split][:, None]).ravel()
    distinct = {
        (alphabet, number): _distinct(keys, np.flatnonzero(kind == at * len(SPLITS) + number))
        for at, alphabet in enumerate(_ALPHABETS)
        for number in range(len(SPLITS))
    }
    held = np.unique(np.concatenate(list(distinct.values())))
    texts = _texts(files, held)
    release_free_memory()
    reverse = keys.strand == (keys.names["strand"].index("-") if "-" in keys.names["strand"] else -1)

    def strings(sides: NDArray[np.int64]) -> Strings:
        places = keys.source.ravel()[sides], keys.start.ravel()[sides], reverse.ravel()[sides]
        return Strings(texts, np.searchsorted(held, sides), *places)

    searches = []
    with tempfile.TemporaryDirectory(prefix="bio-paws-") as folder:
        for alphabet in _ALPHABETS:
            for number, split in enumerate(SPLITS[1:], start=1):
                early = np.concatenate([distinct[alphabet, earlier] for earlier in range(number)])
                queries, subjects = distinct[alphabet, number], _distinct(keys, early)
                where = Path(folder) / f"{alphabet}-{split}"
                size = space.dna if alphabet == "dna" else space.protein
                search = ProofSearch(where, strings(queries), strings(subjects), alphabet, size, executor)
                searches.append((queries, subjects, search))
        for queries, subjects, search in searches:
            for query, subject in sorted(search.homologs().items()):
                other, _, hit = keys.where(int(subjects[subject]) // 2)
                what = f"homologous to row {hit} of {other} in an earlier split"
                yield Violation(*keys.where(int(queries[query]) // 2), what)


def _distinct(keys: RowKeys, sides: NDArray[np.int64]) -> NDArray[np.int64]:
    """Keep the first of sides that hold one string."""
    kept: NDArray[np.int64] = sides[first_of(keys.text.ravel()[sides]) == np.arange(len(sides))]
    return kept


def _texts(files: dict[tuple[str, str], Path], sides: NDArray[np.int64]) -> pa.Array:
    """Read the strings of some sides, which ascend."""
    found = [pa.array([], pa.large_string())]
    row = 0
    for path in files.values():
        for part in _parts(path):
            table = _table(path, part, ["sentence1", "sentence2"])
            here = sides[np.searchsorted(sides, 2 * row) : np.searchsorted(sides, 2 * (row + len(table)))] - 2 * row
            one, other = (column.combine_chunks().cast(pa.large_string()) for column in table.columns)
            both = pa.concat_arrays([one, other])
            found.append(both.take(pa.array(here // 2 + here % 2 * len(table))))
            row += len(table)
    return pa.concat_arrays(found)
