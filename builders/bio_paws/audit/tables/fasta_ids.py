"""Pairs of ids, whose sequences stand in FASTA files, as protein-interaction sets are often published."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa

from bio_paws.audit.tables.dataset import DataSet, Part
from bio_paws.audit.tables.formats import Read
from bio_paws.errors import DataError
from bio_paws.sequences.fasta import read_fasta

Sequences = dict[str, str]
_LISTED = 3
_FASTA = (".fa", ".fasta", ".faa", ".fna", ".fas")


def with_sequences(data: DataSet, sides: tuple[str, str], files: tuple[Path, ...]) -> DataSet:
    """Put sequences in the place of ids; an id that no file holds becomes a missing value, and is counted.

    Parameters
    ----------
    data : DataSet
        Its sides hold ids.
    sides : tuple of str
        Columns of the ids.
    files : tuple of Path
        FASTA files, or tables of an id and a sequence without a header. One holds the sequences of both sides; of two
        the first holds those of the first side, and an id that is not there is taken from the other file.

    Raises
    ------
    DataError
        When a file cannot be read, or holds none of the ids.
    """
    if len(files) > 2:
        raise DataError(f"{data.name}: {len(files)} files with --fasta: give one for both sides, or one for each side")
    read = [read_sequences(file) for file in files]
    sequences = read[0] | read[-1], read[-1] | read[0]
    if len(files) == 2:
        sequences = read[1] | read[0], read[0] | read[1]
    notes = []
    for side, known in zip(sides, sequences, strict=True):
        ids: set[str] = set()
        for part in data.parts:
            for batch in part.read():
                ids.update(str(value) for value in batch[side].to_pylist() if value is not None)
        unknown = sorted(ids.difference(known))
        if len(unknown) == len(ids):
            names = ", ".join(file.name for file in files)
            raise DataError(
                f"{data.name}: column {side!r} holds no id of {names}: it holds {', '.join(unknown[:_LISTED])}"
            )
        lost = f"; {len(unknown):,} have none: {', '.join(unknown[:_LISTED])}" if unknown else ""
        notes.append(f"column {side!r}: sequences of {len(ids) - len(unknown):,} ids from FASTA{lost}")
    lookup = dict(zip(sides, sequences, strict=True))
    parts = tuple(Part(part.split, partial(_replaced, part.read, lookup)) for part in data.parts)
    return replace(data, parts=parts, notes=(*data.notes, *notes))


def _replaced(read: Read, sequences: dict[str, Sequences]) -> Iterator[pa.RecordBatch]:
    for batch in read():
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        for side, known in sequences.items():
            values = [known.get(str(value)) for value in columns[side].to_pylist()]
            columns[side] = pa.array(values, pa.string())
        yield pa.RecordBatch.from_pydict(columns)


def is_fasta(path: Path) -> bool:
    """Whether a file is called as FASTA files are."""
    return any(suffix.lower() in _FASTA for suffix in path.suffixes)


def distinct_sequences(path: Path) -> list[str]:
    """Return the sequences of a FASTA file, each once, whatever they are called.

    Raises
    ------
    DataError
        When it cannot be read.
    """
    return list(dict.fromkeys(record.residues for record in read_fasta(_text(path), str(path))))


def read_sequences(path: Path) -> Sequences:
    """Read the sequences of a file under all names that a pair may call them by.

    Raises
    ------
    DataError
        When it cannot be read, or is neither FASTA nor a table of an id and a sequence.
    """
    text = _text(path)
    sequences: Sequences = {}
    ambiguous: set[str] = set()  # accessions that several records share: better none than the wrong one
    if text.lstrip().startswith((">", ";")):
        for record in read_fasta([text], str(path)):
            for name in dict.fromkeys((record.id, *_accession(record.id), record.title)):
                if sequences.setdefault(name, record.residues) != record.residues:
                    if name == record.id:
                        raise DataError(f"{path}: two sequences are called {name!r}: leave one of them out")
                    ambiguous.add(name)
        return {name: residues for name, residues in sequences.items() if name not in ambiguous}
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if len(fields) == 2:
            if sequences.setdefault(fields[0], fields[1]) != fields[1]:
                raise DataError(f"{path}: two sequences are called {fields[0]!r}: leave one of them out")
        elif fields:
            raise DataError(f"{path}: line {number} is neither FASTA nor an id and a sequence")
    return sequences


def _text(path: Path) -> str:
    if not path.is_file():  # whoever opens a pipe waits, maybe for ever
        raise DataError(f"{path}: no such file")
    try:
        with pa.input_stream(str(path), compression="detect") as data:
            return io.TextIOWrapper(data, encoding="utf-8-sig").read()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error


def _accession(name: str) -> tuple[str, ...]:
    """Return the accession in UniProt's ``sp|P12345|NAME_HUMAN``."""
    fields = name.split("|")
    return (fields[1],) if len(fields) >= 2 else ()
