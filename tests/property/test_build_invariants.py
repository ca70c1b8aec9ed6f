"""Invariants of the stages, for any input."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bio_paws.align.smith_waterman import LETTERS, similarity
from bio_paws.align.translation import MIN_INTRON, spliced_identity
from bio_paws.build import homology_groups
from bio_paws.build.candidates import CANDIDATES, Candidates
from bio_paws.build.coding import break_frame, mutate_protein
from bio_paws.build.homology_groups import Edges, join_groups
from bio_paws.build.negatives import make_quartets, take_turns, unordered
from bio_paws.build.pair_filter import PairFilter
from bio_paws.build.regions import REGIONS, RegionIndex
from bio_paws.build.segments import cut_segments
from bio_paws.build.splits import assign_splits
from bio_paws.build.windows import Trace
from bio_paws.configs import SPLIT_SHARES, get_config
from bio_paws.features.breadth import breadth_of
from bio_paws.features.pair_features import composition
from bio_paws.sequences.corpus import Corpus
from bio_paws.sequences.records import Gene, Interval, Sequence, Strand

CODON_OF = {"M": "ATG", "A": "GCT", "K": "AAA", "W": "TGG", "L": "CTG", "D": "GAT", "S": "TCT", "V": "GTT"}
proteins = st.text(alphabet="MAKWLDSV", min_size=40, max_size=90).map(lambda text: "M" + text)
seeds = st.integers(0, 2**32 - 1)


def alignments(draw: st.DrawFn) -> tuple[str, str, str]:
    """A pair of aligned strings and BLAST's trace-back of them."""
    columns = draw(st.lists(st.sampled_from("=====xid"), min_size=1, max_size=80).map(lambda c: ["=", *c, "="]))
    first, second, btop, run = "", "", "", 0
    for column in columns:
        if column == "=":
            first, second, run = first + "A", second + "A", run + 1
            continue
        btop, run = btop + (str(run) if run else ""), 0
        first += "" if column == "i" else "C"
        second += "" if column == "d" else "G"
        btop += {"x": "CG", "i": "-G", "d": "C-"}[column]
    return first, second, btop + (str(run) if run else "")


@given(st.data())
def test_windows_begin_and_end_on_matches(data: st.DataObject) -> None:
    first, second, btop = data.draw(st.composite(alignments)())
    offset = data.draw(st.integers(0, 1000))
    trace = Trace.parse(btop, offset)
    start = data.draw(st.integers(0, len(first) - 1))
    end = data.draw(st.integers(start + 1, len(first)))
    window = trace.snap(offset + start, offset + end)
    if window is None:
        assert "A" not in first[start:end] or set(first[start:end]) == {"C"}
        return
    start1, end1, start2, end2 = window
    assert offset + start <= start1 < end1 <= offset + end
    assert first[start1 - offset] == first[end1 - 1 - offset] == second[start2] == second[end2 - 1] == "A"


@given(
    st.dictionaries(st.sampled_from("abc"), st.integers(1, 30_000), min_size=1),
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 0.95), st.floats(0.01, 0.5)), max_size=20),
)
def test_segments_cover_every_position_once_and_cut_no_gene(
    lengths: dict[str, int], places: list[tuple[str, float, float]]
) -> None:
    spans = [
        (
            source,
            int(at * lengths[source]),
            max(int(min(at + part, 1) * lengths[source]), int(at * lengths[source]) + 1),
        )
        for source, at, part in places
        if source in lengths
    ]
    segments = cut_segments(lengths, spans)
    assert segments.bounds[0] == 0
    assert segments.bounds[-1] == sum(lengths.values())
    assert (segments.sizes > 0).all()
    assert set(segments.offsets.tolist()) <= set(segments.bounds.tolist())
    for source, start, end in spans:
        offset = int(segments.offsets[segments.sources.index(source)])
        inside = segments.bounds[(segments.bounds > offset + start) & (segments.bounds < offset + end)]
        assert len(inside) == 0


def joined_one_by_one(sizes: list[int], joins: list[tuple[int, int, float]]) -> list[int]:
    """The rule of `join_groups` as it is told: the best covered first, each where the group stays under its cap."""
    cap = max(0.05 * sum(sizes), *sizes)
    group = list(range(len(sizes)))
    for u, v, coverage in sorted(joins, key=lambda join: (-join[2], join[:2])):
        kept, joined = sorted((group[u], group[v]))
        mass = sum(size for size, of in zip(sizes, group, strict=True) if of in (kept, joined))
        if coverage >= 0.25 and mass <= cap:
            group = [kept if of == joined else of for of in group]
    return group


@given(
    st.lists(st.integers(1, 1000), min_size=1, max_size=40),
    st.lists(
        st.tuples(st.integers(0, 39), st.integers(0, 39), st.sampled_from((0.1, 0.25, 0.3, 0.7, 1.0))), max_size=80
    ),
    st.integers(0, 60),
)
def test_groups_are_those_of_joining_one_by_one(
    sizes: list[int], joins: list[tuple[int, int, float]], others: int
) -> None:
    sizes += [400] * others  # so that some of what hangs together is under the cap, and some is not
    joins = [(min(a, b), max(a, b), c) for a, b, c in joins if a != b and max(a, b) < len(sizes)]
    edges = Edges(*(np.array([join[i] for join in joins], dtype) for i, dtype in enumerate((int, int, float))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(homology_groups, "EDGES_PER_BATCH", 5)
        group = join_groups(np.array(sizes), edges)
    assert group.tolist() == joined_one_by_one(sizes, joins)
    assert np.bincount(group, weights=sizes).max() <= max(0.05 * sum(sizes), *sizes)


@given(seeds, st.integers(60, 300))
def test_splits_share_out_every_resource(seed: int, groups: int) -> None:
    resources = np.random.default_rng(seed).random((groups, 3))
    split = assign_splits(resources, seed)
    for number, share in enumerate(SPLIT_SHARES):
        assert abs(resources[split == number].sum(axis=0) / resources.sum(axis=0) - float(share)).max() < 0.07
    assert (split == assign_splits(resources, seed)).all()
    in_test = np.arange(groups) % 17 == 0
    split = assign_splits(resources, seed, in_test=in_test)
    assert (split[in_test] == 2).all()
    for number, share in enumerate(SPLIT_SHARES):  # groups of test are part of its share
        assert abs(resources[split == number].sum(axis=0) / resources.sum(axis=0) - float(share)).max() < 0.07


@given(seeds, st.lists(st.integers(1, 100), min_size=6, max_size=40))
def test_the_largest_groups_are_assigned_before_any_split_is_full(seed: int, sizes: list[int]) -> None:
    resources = np.array(sizes, dtype=float)[:, None]
    split = assign_splits(resources, seed, largest_first=True)
    assert split[int(np.argmax(sizes))] == 0 or sizes.count(max(sizes)) > 1
    assert set(split.tolist()) == {0, 1, 2}


def gene_of(protein: str, introns: list[int], strand: Strand) -> tuple[str, Gene]:
    """A gene that codes for `protein`, cut by introns after so many coding bases."""
    cds = "".join(CODON_OF[residue] for residue in protein) + "TAA"
    parts, exons, at, done = [], [], 0, 0
    for cut in [*sorted(set(introns)), len(cds)]:
        exons.append((at, at + cut - done))
        parts.append(cds[done:cut])
        at, done = at + cut - done, cut
        if cut < len(cds):
            intron = "GT" + "C" * MIN_INTRON + "AG"
            parts.append(intron)
            at += len(intron)
    dna = "".join(parts)
    if strand == "-":
        exons = [(len(dna) - end, len(dna) - start) for start, end in reversed(exons)]
    return dna, Gene("P", "g", "Testus", Interval("chr", 0, len(dna), strand), tuple(exons), protein)


@given(proteins, st.lists(st.integers(10, 110), max_size=3), st.sampled_from("+-"), seeds)
@settings(deadline=None)
def test_a_gene_reads_as_its_protein_and_a_broken_one_does_not(
    protein: str, introns: list[int], strand: Strand, seed: int
) -> None:
    spaced = [cut for i, cut in enumerate(sorted(introns)) if i == 0 or cut - sorted(introns)[i - 1] > 6]
    dna, gene = gene_of(protein, spaced, strand)
    assert spliced_identity(dna, protein) == 1
    broken = break_frame(dna, gene, np.random.default_rng(seed))
    assert len(broken) == len(dna)
    assert broken[:3] == "ATG"
    assert broken[-3:] == "TAA"


def test_a_shifted_frame_is_not_read_as_an_intron() -> None:
    rng = np.random.default_rng(0)
    protein = "M" + "".join(rng.choice(list("AKWLDSV"), 200))
    dna, gene = gene_of(protein, [], "+")
    identities = [spliced_identity(break_frame(dna, gene, np.random.default_rng(i)), protein) for i in range(50)]
    assert max(identities) < 0.6
    assert min(spliced_identity(dna, mutate_protein(protein, np.random.default_rng(i))) for i in range(50)) < 0.5


@given(proteins, seeds)
def test_a_mutated_protein_keeps_its_start_and_its_letters(protein: str, seed: int) -> None:
    mutated = mutate_protein(protein, np.random.default_rng(seed))
    assert mutated[0] == protein[0]
    assert mutated != protein
    assert set(mutated) <= set(protein) | {"A"}
    assert abs(len(mutated) - len(protein)) <= 0.3 * len(protein) + 1


@given(seeds)
@settings(deadline=None, max_examples=20)
def test_quartets_are_degree_matched_and_keep_lengths(seed: int) -> None:
    config = get_config("dna150")
    rng = np.random.default_rng(seed)
    rows, texts = [], {}
    for i in range(60):
        first = "".join(rng.choice(list("ACGT"), int(rng.integers(140, 144))))
        second = "".join("ACGT"[rng.integers(0, 4)] if rng.random() < 0.05 else c for c in first)
        texts |= {f"a{i}": first, f"b{i}": second}
        sides = {"source1": f"a{i}", "source2": f"b{i}"} | {
            f"{name}{side}": value
            for name, value in {"start": 0, "end": len(first), "strand": "+"}.items()
            for side in (1, 2)
        }
        names = {"kind": "homolog", "split": "train", "group": f"g{i % 7}", "tile": i // 2}
        rows.append({**sides, **names, "score": 250, "matches": len(first) - 5, "columns": len(first)})
        rows[-1]["composition2"] = composition(second, "dna")
    corpus = Corpus({name: Sequence(name, "T", "dna", text) for name, text in texts.items()}, {}, {}, {})
    pair_filter = PairFilter(config, corpus, RegionIndex(REGIONS.empty_table()))
    table = pa.Table.from_pylist(rows, schema=CANDIDATES)
    # In two tables: names have other numbers in the second.
    candidates = Candidates.of((table.slice(0, 20), table.slice(20)), "train")
    assert len(Candidates.of((table,), "test")) == 0
    leaking = {texts["a0"]}
    tables, _ = make_quartets(
        config, candidates, pair_filter, 20, rng, set(), lambda sequences: leaking & set(sequences)
    )
    made = [row for table in tables for row in table.to_pylist()]
    quartets = [made[at : at + 4] for at in range(0, len(made), 4)]
    similar = [row for quartet in quartets for row in quartet[:2]]
    dissimilar = [row for quartet in quartets for row in quartet[2:]]
    assert 2 <= len(similar) <= 20
    for side in ("sentence1", "sentence2"):
        assert sorted(row[side] for row in similar) == sorted(row[side] for row in dissimilar)
        assert not leaking & {row[side] for row in similar}
    assert len({unordered(row["sentence1"], row["sentence2"]) for row in made}) == len(made)
    slots = {text: row["tile"] for row in rows for text in (texts[row["source1"]], texts[row["source2"]])}
    assert len({slots[row["sentence1"]] for row in similar}) == len(similar)
    groups = {row[f"source{side}"]: row["group"] for row in rows for side in (1, 2)}
    for row in made:
        for side in (1, 2):
            source = row[f"source{side}"]
            assert (row[f"sentence{side}"], row[f"group{side}"]) == (texts[source], groups[source])
    for row in dissimilar:
        assert row["group1"] != row["group2"]
        assert similarity(row["sentence1"], row["sentence2"], "dna") < config.max_dissimilarity
    for similar1, similar2, *_ in quartets:
        assert abs(len(similar1["sentence2"]) - len(similar2["sentence2"])) <= 4


def test_letters_are_the_alphabets() -> None:
    assert len(LETTERS["dna"]) == 4
    assert len(set(LETTERS["protein"])) == 20


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=40), seeds)
def test_organisms_and_groups_take_turns(candidates: list[tuple[int, int]], seed: int) -> None:
    group = np.array([group for group, _ in candidates], dtype=np.int64)
    organisms = np.array([pair for _, pair in candidates], dtype=np.int64)
    order = take_turns(np.random.default_rng(seed).permutation(len(candidates)), group, organisms)
    assert sorted(order.tolist()) == list(range(len(candidates)))
    counts = Counter(organisms.tolist())
    drawn: Counter[int] = Counter()
    for number in order.tolist():
        # No pair of organisms has a turn before every other has had as many, or has no candidates left.
        assert all(drawn[pair] >= drawn[organisms[number]] or drawn[pair] == counts[pair] for pair in counts)
        drawn[organisms[number]] += 1
    if len(counts) == 1:
        groups = Counter(group.tolist())
        first = order[: len(groups)]
        assert Counter(group[first].tolist()) == Counter(groups.keys())


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30), st.integers(1, 10), st.sampled_from("xy"))).filter(
        lambda sides: len(sides) > 1
    )
)
def test_breadth_counts_what_pairs_cover(sides: list[tuple[str, int, int, str]]) -> None:
    sides = sides[: len(sides) // 2 * 2]
    rows = []
    for both in zip(sides[::2], sides[1::2], strict=True):
        row: dict[str, object] = {}
        for side, (source, start, length, group) in enumerate(both, start=1):
            row |= {f"source{side}": source, f"start{side}": start, f"end{side}": start + length}
            row |= {f"organism{side}": f"of {source}", f"group{side}": group}
        rows.append(row)
    breadth = breadth_of(pa.Table.from_pylist(rows))
    positions = {(source, start + at) for source, start, length, _ in sides for at in range(length)}
    assert breadth.distinct_residues == len(positions)
    groups, organisms = Counter(side[3] for side in sides), Counter(f"of {side[0]}" for side in sides)
    assert breadth.groups == len(groups)
    assert breadth.largest_group == pytest.approx(max(groups.values()) / len(sides), abs=1e-4)
    assert breadth.organisms.keys() == organisms.keys()
