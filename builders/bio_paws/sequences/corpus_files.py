"""A corpus on disk: residues in one file, tables of sequences and genes beside it, opened by every process that works.

What a process holds of a genome are the names and places of its sequences; of its genes and proteins, columns of
numbers. A record is made when it is asked for, and its residues are read when they are sliced.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bio_paws.execution.files import atomic, read_arrow, require_sealed, write_arrow
from bio_paws.execution.sealed import seal
from bio_paws.execution.stages import Workdir, are_finished
from bio_paws.sequences.corpus import Corpus, Place, read_corpus
from bio_paws.sequences.records import Gene, Interval, Sequence, Strand
from bio_paws.sequences.store import ResidueFile, StoredResidues
from bio_paws.sources.resolve import Assembly

T = TypeVar("T")

_SEQUENCES = pa.schema(
    [
        ("id", pa.string()),
        ("organism", pa.dictionary(pa.int32(), pa.string())),
        ("start", pa.int64()),  # in the file of residues
        ("length", pa.int64()),
    ]
)
_GENES = pa.schema(
    [
        ("id", pa.string()),
        ("locus", pa.string()),
        ("organism", pa.dictionary(pa.int32(), pa.string())),
        ("source", pa.dictionary(pa.int32(), pa.string())),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("strand", pa.dictionary(pa.int32(), pa.string())),
        ("exons", pa.list_(pa.int64())),  # start and end of each in turn
        ("code", pa.int64()),
    ]
)
_REMARK_KINDS = ("rejected", "code", "mask", "note", "organisms", "place")
_REMARKS = pa.schema([(name, pa.string()) for name in ("kind", "name", "value")])


@dataclass(frozen=True)
class CorpusFiles:
    """The files of a corpus, each sealed.

    Attributes
    ----------
    residues : Path
        DNA and proteins, as `bio_paws.sequences.store` writes them.
    dna, proteins, genes, remarks : Path
        Arrow tables; remarks are everything that is counted or named once.
    """

    residues: Path
    dna: Path
    proteins: Path
    genes: Path
    remarks: Path

    @classmethod
    def of(cls, work: Workdir) -> CorpusFiles:
        """Return the files in which a build keeps its corpus."""
        tables = {name: work.path("corpus", ".arrow", name) for name in ("dna", "proteins", "genes", "remarks")}
        return cls(work.path("corpus", ".residues"), **tables)

    def are_finished(self) -> bool:
        """Whether all files are there, and as they were written."""
        return are_finished(vars(self).values())

    def make(self, assemblies: tuple[Assembly, ...]) -> None:
        """Read assemblies into these files.

        Raises
        ------
        SourceError
            As `bio_paws.sequences.corpus.read_corpus`.
        """
        with atomic(self.residues) as part:
            store = ResidueFile(part, new=True)
            try:
                corpus = read_corpus(assemblies, store)
            finally:
                store.close()
            seal(part, self.residues.name)
        self.write_tables(corpus)

    def write_tables(self, corpus: Corpus) -> None:
        """Write all but the residues, which are there."""
        for name, table in _tables(corpus).items():
            write_arrow(getattr(self, name), table)

    def genome_bases(self) -> int:
        """Return the bases of all genomes, bp, without opening the corpus."""
        return pc.sum(read_arrow(self.dna)["length"]).as_py() or 0

    def load(self) -> Corpus:
        """Open the corpus; a process opens it once.

        Raises
        ------
        DamagedFile
            When a file is not as it was written.
        """
        return _load(self)

    def forget(self) -> None:
        """Let go of the corpus that this process has opened."""
        _load.cache_clear()


@lru_cache(maxsize=1)
def _load(files: CorpusFiles) -> Corpus:
    require_sealed(files.residues)
    store = ResidueFile(files.residues)
    dna = _SequenceTable(read_arrow(files.dna), store, "dna")
    proteins = _SequenceTable(read_arrow(files.proteins), store, "protein")
    remarks: dict[str, dict[str, str]] = {kind: {} for kind in _REMARK_KINDS}
    for row in read_arrow(files.remarks).to_pylist():
        remarks[row["kind"]][row["name"]] = row["value"]
    rejected, codes, notes = (
        {name: int(value) for name, value in remarks[kind].items()} for kind in ("rejected", "code", "note")
    )
    genes = _GeneTable(read_arrow(files.genes), proteins)
    pairs = {name: place.partition(" ") for name, place in remarks["place"].items()}
    places = {name: Place(source, int(start)) for name, (start, _, source) in pairs.items()}
    organisms = tuple(tuple(json.loads(names)) for names in remarks["organisms"].values())
    return Corpus(dna, proteins, genes, rejected, codes, remarks["mask"], notes, places, organisms)


class _RowsById(Mapping[str, T]):
    """What the rows of a table describe, by the ids of its column ``id``; each is made when it is asked for."""

    def __init__(self, table: pa.Table) -> None:
        self._row_of = {name: row for row, name in enumerate(table["id"].to_pylist())}

    def __iter__(self) -> Iterator[str]:
        return iter(self._row_of)

    def __len__(self) -> int:
        return len(self._row_of)

    def __contains__(self, name: object) -> bool:
        return name in self._row_of


class _SequenceTable(_RowsById[Sequence]):
    """Sequences by their ids."""

    def __init__(self, table: pa.Table, store: ResidueFile, molecule: Literal["dna", "protein"]) -> None:
        super().__init__(table)
        self._organism = _Coded(table["organism"])
        self._start, self._length = table["start"].to_numpy(), table["length"].to_numpy()
        self._store = store
        self._molecule: Literal["dna", "protein"] = molecule

    def __getitem__(self, name: str) -> Sequence:
        row = self._row_of[name]
        residues = StoredResidues(self._store, int(self._start[row]), int(self._length[row]))
        return Sequence(name, self._organism[row], self._molecule, residues)


class _GeneTable(_RowsById[Gene]):
    """Genes by the ids of their proteins."""

    def __init__(self, table: pa.Table, proteins: Mapping[str, Sequence]) -> None:
        super().__init__(table)
        self._organism, self._source, self._strand = (_Coded(table[name]) for name in ("organism", "source", "strand"))
        self._start, self._end, self._code = (table[name].to_numpy() for name in ("start", "end", "code"))
        self._locus = table["locus"]
        exons = table["exons"].combine_chunks()
        self._exon_bounds, self._exons = exons.offsets.to_numpy(), exons.values.to_numpy()
        self._proteins = proteins

    def __getitem__(self, name: str) -> Gene:
        row = self._row_of[name]
        strand: Strand = "+" if self._strand[row] == "+" else "-"
        span = Interval(self._source[row], int(self._start[row]), int(self._end[row]), strand)
        bounds = self._exons[self._exon_bounds[row] : self._exon_bounds[row + 1]].tolist()
        exons = tuple(zip(bounds[::2], bounds[1::2], strict=True))
        locus, residues = self._locus[row].as_py(), self._proteins[name].residues
        return Gene(name, locus, self._organism[row], span, exons, residues, int(self._code[row]))


class _Coded:
    """A column of few different strings."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        encoded = column.combine_chunks()
        self._names: list[str] = encoded.dictionary.to_pylist()
        self._codes: NDArray[np.int32] = encoded.indices.to_numpy()

    def __getitem__(self, row: int) -> str:
        return self._names[int(self._codes[row])]


def _tables(corpus: Corpus) -> dict[str, pa.Table]:
    """Return what `CorpusFiles` keeps of a corpus beside its residues."""
    remarks = [
        *(("rejected", reason, str(count)) for reason, count in corpus.rejected.items()),
        *(("code", name, str(code)) for name, code in corpus.genetic_codes.items()),
        *(("mask", name, program) for name, program in corpus.masks.items()),
        *(("note", note, str(count)) for note, count in corpus.notes.items()),
        *(("organisms", str(number), json.dumps(names)) for number, names in enumerate(corpus.organisms)),
        *(("place", name, f"{place.start} {place.source}") for name, place in corpus.places.items()),
    ]
    genes = [
        (
            gene.protein_id,
            gene.locus,
            gene.organism,
            *gene.span,
            [bound for exon in gene.exons for bound in exon],
            gene.code,
        )
        for gene in corpus.genes.values()
    ]
    return {
        "dna": _table(_SEQUENCES, map(_places, corpus.dna.values())),
        "proteins": _table(_SEQUENCES, map(_places, corpus.proteins.values())),
        "genes": _table(_GENES, genes),
        "remarks": _table(_REMARKS, remarks),
    }


def _places(sequence: Sequence) -> tuple[str, str, int, int]:
    assert isinstance(sequence.residues, StoredResidues)  # what was read from a source
    return sequence.id, sequence.organism, sequence.residues.start, len(sequence.residues)


def _table(schema: pa.Schema, rows: Iterable[tuple[Any, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)
