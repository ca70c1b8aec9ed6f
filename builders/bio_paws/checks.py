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

import pyarrow as pa
import pyarrow.parquet as pq

from bio_paws.configs import (
    EXACT,
    MAX_OVERLAP_DIFFERENCE,
    OVERLAP_WORDS,
    REARRANGED,
    SPLIT_SHARES,
    SPLITS,
    PairConfig,
    get_config,
)
from bio_paws.homologs import Placed, ProofSearch
from bio_paws.integrity import check_files
from bio_paws.records import SCHEMA, Row, pair_id
from bio_paws.tools.kmers import word_overlap
from bio_paws.tools.smith_waterman import LETTERS, Alphabet, best_alignment, reverse_complement
from bio_paws.tools.statistics import bit_score, evalue
from bio_paws.tools.translation import best_frame_alignment, spliced_identity
from bio_paws.viewer import check_viewer
from bio_paws.violations import Violation

_ROWS_A_JOB = 2_500
_ALPHABETS: tuple[Alphabet, ...] = ("protein", "dna")  # what takes longest first


def verify(folder: Path, manifest: dict[str, Any], executor: Executor) -> list[Violation]:
    """Check files, then every row, every split, and all configs against each other.

    Files that are not those of the manifest are told of first, and then by row as far as a row's own values tell what
    was changed. Nothing is aligned or searched then: it could only tell of other rows than those of the data set.

    Parameters
    ----------
    folder : Path
        The data set.
    manifest : dict
        Its manifest.
    executor : Executor
        Runs the checks of rows, and the searches.

    Returns
    -------
    list of Violation
        Rows first; empty when all is well.
    """
    organisms = {one for source in manifest["sources"] for one in source["organisms"]}
    every = {(name, split) for name, entry in manifest["configs"].items() for split in entry["splits"]}
    if changed := check_files(folder, manifest):
        data, found = _read(folder, manifest, {(one.config, one.split) for one in changed if one.split} or every)
        for (name, split), rows in data.items():
            for row in rows:
                what = _any_row(get_config(name), split, row, organisms)
                found += [Violation(name, split, str(row["pair_id"]), one) for one in what]
        return changed + found
    data, found = _read(folder, manifest, every)
    if not found:
        found += check_viewer(folder, manifest)
    jobs = [
        executor.submit(
            _check_rows,
            get_config(name),
            split,
            rows[at : at + _ROWS_A_JOB],
            manifest["search_space"],
            organisms,
        )
        for (name, split), rows in data.items()
        for at in range(0, len(rows), _ROWS_A_JOB)
    ]
    for (name, split), rows in data.items():
        entry = manifest["configs"][name]
        found += _check_split(get_config(name), split, rows, entry, manifest["arguments"]["pairs"])
    found += _check_entries(manifest, data)
    found += _check_pairs_once(data)
    found += _check_loci(data)
    found += _check_strings(data)
    found += _check_homologs(data, manifest["search_space"], executor)
    return [violation for job in jobs for violation in job.result()] + found


def _read(
    folder: Path, manifest: dict[str, Any], wanted: set[tuple[str, str]]
) -> tuple[dict[tuple[str, str], list[Row]], list[Violation]]:
    """Read the rows of those of some splits that are there and whole; tell of what cannot be read."""
    data: dict[tuple[str, str], list[Row]] = {}
    found = []
    for name, entry in manifest["configs"].items():
        for split, one in entry["splits"].items():
            path = folder / one["file"]
            if (name, split) not in wanted or not path.is_file():
                continue
            try:
                table = pq.read_table(path, page_checksum_verification=True)
                if table.schema.names != SCHEMA.names or table.schema.types != SCHEMA.types:
                    raise pa.ArrowInvalid("columns or types are not those of a pair")
                table.validate(full=True)
                rows = table.to_pylist()
            except (OSError, ValueError, KeyError, pa.ArrowException) as error:
                why = (str(error).splitlines() or [type(error).__name__])[0]
                found.append(Violation(name, split, "", f"cannot be read: {why}"))
                continue
            incomplete = [row for row in rows if None in row.values()]
            found += [Violation(name, split, str(row["pair_id"]), "a value is missing") for row in incomplete]
            if not incomplete:
                data[name, split] = rows
    return data, found


# --- rows -----------------------------------------------------------------------------------------------------------


def _check_rows(
    config: PairConfig, split: str, rows: list[Row], space: dict[str, int], organisms: set[str]
) -> list[Violation]:
    check = _coding_row if config.molecule == "dna_protein" else _homolog_row
    found = []
    for row in rows:
        for what in (*_any_row(config, split, row, organisms), *_guarded(check, config, row, space)):
            found.append(Violation(config.name, split, str(row["pair_id"]), what))
    return found


def _guarded(
    check: Callable[[PairConfig, Row, dict[str, int]], Iterator[str]],
    config: PairConfig,
    row: Row,
    space: dict[str, int],
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
        config.similar_kinds if row["label"] else config.dissimilar_kinds
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


def _homolog_row(config: PairConfig, row: Row, space: dict[str, int]) -> Iterator[str]:
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
        "evalue": evalue(best.score, long, space["dna" if dna else "protein"], "dna" if dna else "protein"),
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


def _coding_row(config: PairConfig, row: Row, space: dict[str, int]) -> Iterator[str]:
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
        "evalue": evalue(best.score, len(protein), 2 * space["dna"], "protein"),
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
    config: PairConfig, split: str, rows: list[Row], entry: dict[str, Any], pairs: int | None
) -> Iterator[Violation]:
    def violation(what: str, row: Row | None = None) -> Violation:
        return Violation(config.name, split, row["pair_id"] if row else "", what)

    labels = Counter(row["label"] for row in rows)
    if labels[0] != labels[1]:
        yield violation(f"{labels[1]} similar but {labels[0]} dissimilar pairs")
    said = entry["splits"][split]
    if (len(rows), labels[1]) != (said["rows"], said["similar"]):
        yield violation(
            f"{len(rows)} rows, {labels[1]} similar, the manifest says {said['rows']} and {said['similar']}"
        )
    ids = [row["pair_id"] for row in rows]
    if ids != sorted(ids):
        yield violation("rows are not in the order of their ids")
    for row, what in _check_degrees(config, rows):
        yield violation(what, row)
    similar = Counter(row["kind"] for row in rows if row["label"] == 1)
    wanted = config.similar_quotas(round((pairs or config.pairs) * SPLIT_SHARES[SPLITS.index(split)] / 2))
    complete = not any(entry["outcomes"].get(f"missing_{kind}") for kind in wanted)
    for kind, count in wanted.items():
        if len(wanted) > 1 and complete and abs(similar[kind] - count) > 1:
            yield violation(f"{similar[kind]} pairs of kind {kind!r} among {labels[1]}, {count} are wanted")
    if config.graded and len(set(similar.values())) > 1:
        yield violation(f"bands are not equally filled: {dict(sorted(similar.items()))}")
    if config.rearranged:
        for row, what in _check_orders(rows):
            yield violation(what, row)


def _check_degrees(config: PairConfig, rows: list[Row]) -> Iterator[tuple[Row, str]]:
    """Everything on one side stands equally often under both labels.

    Counted by origin, since an altered string still stands for the sequence it was made of; and but for dna_protein,
    which alters strings under one label only, by the string itself.
    """
    for side in (1, 2):
        degree: Counter[tuple[Any, ...]] = Counter()
        example = {}
        for row in rows:
            origin = tuple(row[f"{name}{side}"] for name in ("source", "start", "end", "strand"))
            strings = [] if config.molecule == "dna_protein" else [(*origin, row[f"sentence{side}"])]
            for key in (origin, *strings):
                degree[key] += 1 if row["label"] == 1 else -1
                example[key] = row
        for key, balance in degree.items():
            if balance:
                where = f"{key[0]}:{key[1]}-{key[2]}"
                yield example[key], f"sentence{side} ({where}) is not equally often under both labels"


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
    for k in OVERLAP_WORDS:
        overlap, matched = word_overlap(one, other, k), word_overlap(one, match["sentence2"], k)
        if abs(overlap - matched) > MAX_OVERLAP_DIFFERENCE:
            yield f"{k}-letter overlap {overlap:.3f} against {matched:.3f} of row {match['pair_id']}"


def _neighbours(text: str) -> Counter[str]:
    return Counter(text[at : at + 2] for at in range(len(text) - 1))


def _check_entries(manifest: dict[str, Any], data: dict[tuple[str, str], list[Row]]) -> Iterator[Violation]:
    for name, entry in manifest["configs"].items():
        content = hashlib.sha256()
        for split in entry["splits"]:
            for row in data.get((name, split), []):
                content.update(f"{split}\t{row['pair_id']}\n".encode())
        if content.hexdigest() != entry["content_sha256"]:
            yield Violation(name, "", "", "the content hash is not the manifest's")
        if (entry["molecule"], tuple(entry["label_names"])) != (
            get_config(name).molecule,
            get_config(name).label_names,
        ):
            yield Violation(name, "", "", "the manifest names another molecule, or other labels")


def _check_pairs_once(data: dict[tuple[str, str], list[Row]]) -> Iterator[Violation]:
    for config in dict.fromkeys(name for name, _ in data):
        seen: dict[tuple[str, ...], Row] = {}
        for split in SPLITS:
            for row in data.get((config, split), []):
                key = tuple(sorted((row["sentence1"], row["sentence2"])))
                if key in seen:
                    both = "with the other label" if seen[key]["label"] != row["label"] else "again"
                    yield Violation(config, split, row["pair_id"], f"the pair of row {seen[key]['pair_id']} {both}")
                seen.setdefault(key, row)


# --- across splits --------------------------------------------------------------------------------------------------


def _sides(data: dict[tuple[str, str], list[Row]]) -> Iterator[tuple[str, str, Row, int, str]]:
    """Yield config, split, row, side and molecule of every side of every row."""
    for (name, split), rows in data.items():
        molecule = get_config(name).molecule
        first, second = ("dna", "protein") if molecule == "dna_protein" else (molecule, molecule)
        for row in rows:
            yield name, split, row, 1, first
            yield name, split, row, 2, second


def _check_loci(data: dict[tuple[str, str], list[Row]]) -> Iterator[Violation]:
    """No homology group, and no base or residue of a source, in two splits, all configs together."""
    split_of: dict[str, str] = {}
    taken: dict[tuple[str, str], list[tuple[int, int, str, str, str]]] = {}
    for name, split, row, side, molecule in _sides(data):
        group = row[f"group{side}"]
        if split_of.setdefault(group, split) != split:
            yield Violation(name, split, row["pair_id"], f"homology group {group} is also in {split_of[group]}")
        key = (molecule, row[f"source{side}"])
        taken.setdefault(key, []).append((row[f"start{side}"], row[f"end{side}"], split, name, row["pair_id"]))
    for (_, source), intervals in taken.items():
        reach: dict[str, int] = {}
        for start, end, split, name, row_id in sorted(intervals):
            for other, until in reach.items():
                if other != split and start < until:
                    yield Violation(name, split, row_id, f"{source}:{start}-{end} overlaps an interval in {other}")
            reach[split] = max(reach.get(split, 0), end)


def _check_strings(data: dict[tuple[str, str], list[Row]]) -> Iterator[Violation]:
    """No string in two splits, DNA on either strand."""
    split_of: dict[tuple[str, str], str] = {}
    for name, split, row, side, molecule in _sides(data):
        text = row[f"sentence{side}"]
        key = (molecule, min(text, reverse_complement(text)) if molecule == "dna" else text)
        if split_of.setdefault(key, split) != split:
            yield Violation(name, split, row["pair_id"], f"sentence{side} is also in {split_of[key]}")


def _check_homologs(
    data: dict[tuple[str, str], list[Row]], space: dict[str, int], executor: Executor
) -> Iterator[Violation]:
    """No string of validation or test has a significant hit in a split before it, all configs together."""
    where: dict[tuple[str, str], dict[str, tuple[str, Row, int]]] = {}
    for name, split, row, side, molecule in _sides(data):
        where.setdefault((molecule, split), {}).setdefault(row[f"sentence{side}"], (name, row, side))

    def placed(found: dict[str, tuple[str, Row, int]]) -> list[Placed]:
        return [
            Placed(text, row[f"source{side}"], row[f"start{side}"], row[f"strand{side}"])
            for text, (_, row, side) in found.items()
        ]

    searches = []
    with tempfile.TemporaryDirectory(prefix="bio-paws-") as folder:
        for alphabet in _ALPHABETS:
            for number, split in enumerate(SPLITS[1:], start=1):
                queries = where.get((alphabet, split), {})
                subjects: dict[str, tuple[str, Row, int]] = {}
                for early in SPLITS[:number]:
                    subjects |= where.get((alphabet, early), {})
                search = ProofSearch(
                    Path(folder) / f"{alphabet}-{split}",
                    placed(queries),
                    placed(subjects),
                    alphabet,
                    space[alphabet],
                    executor,
                )
                searches.append((split, list(queries.values()), list(subjects.values()), search))
        for split, told, among, search in searches:
            for query, subject in sorted(search.homologs().items()):
                (name, row, _), (other, hit, _) = told[query], among[subject]
                yield Violation(
                    name,
                    split,
                    row["pair_id"],
                    f"homologous to row {hit['pair_id']} of {other} in an earlier split",
                )
