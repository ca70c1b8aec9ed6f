"""Soft masks for genomes that come without one, made by programs of BLAST+."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from bio_paws.errors import BioPawsError
from bio_paws.search.blast import find_program, last_line, run_program
from bio_paws.sequences.records import Sequence
from bio_paws.sequences.store import PIECE, ResidueFile, StoredResidues, pieces_of

LARGE_GENOME = 20_000_000
"""From this many bp on, words that are frequent in the genome itself say what is a repeat (windowmasker)."""


def masking_program(genome: list[Sequence]) -> Literal["dustmasker", "windowmasker"]:
    """Return the program that masks a genome, by its size."""
    return "windowmasker" if sum(len(sequence.residues) for sequence in genome) >= LARGE_GENOME else "dustmasker"


def soft_mask(store: ResidueFile, genome: list[Sequence]) -> str:
    """Mask the sequences of a genome where they are stored: upper case, repeats in lower case.

    Parameters
    ----------
    store : ResidueFile
        Where they are.
    genome : list of Sequence
        In any case.

    Returns
    -------
    {"dustmasker", "windowmasker"}
        The program.

    Raises
    ------
    BioPawsError
        When it is missing or fails.
    """
    whole = [sequence.residues for sequence in genome if isinstance(sequence.residues, StoredResidues)]
    program = masking_program(genome)
    path = find_program(program)
    for residues in whole:
        for at in range(residues.start, residues.start + len(residues), PIECE):
            end = min(at + PIECE, residues.start + len(residues))
            store.overwrite(store.read(at, end).upper().encode("ascii"), at)
    with tempfile.TemporaryDirectory(prefix="bio-paws-") as name:
        folder = Path(name)
        with (folder / "in.fna").open("w", encoding="ascii") as out:
            for number, residues in enumerate(whole):
                out.write(f">s{number}\n")
                out.writelines(pieces_of(residues))
                out.write("\n")
        files = ["-in", "in.fna", "-out", "out.txt", "-outfmt", "interval"]
        commands = [[path, *files]]
        if program == "windowmasker":
            count = [path, "-mk_counts", "-in", "in.fna", "-out", "counts", "-infmt", "fasta"]
            commands = [count, [path, "-ustat", "counts", "-dust", "true", *files]]
        for command in commands:
            done = run_program(command, cwd=folder)
            if done.returncode:
                raise BioPawsError(f"{program} failed: {last_line(done.stderr)}")
        answered = 0
        for number, start, end in _intervals(folder / "out.txt"):
            answered = number
            if end:
                at = whole[number - 1].start + start
                store.overwrite(whole[number - 1][start:end].lower().encode("ascii"), at)
    if answered != len(whole):
        raise BioPawsError(f"{program} gave {answered} of {len(whole)} sequences: reinstall BLAST+")
    return program


def _intervals(path: Path) -> Iterator[tuple[int, int, int]]:
    """Yield number of a sequence, from 1, start and end of what is masked; 0 and 0 where a sequence begins."""
    number = 0
    with path.open(encoding="ascii") as rows:
        for row in rows:
            if row.startswith(">"):
                number += 1
                yield number, 0, 0
            elif " - " in row:
                start, end = map(int, row.split(" - "))  # 0-based, both included
                yield number, start, end + 1
