"""Soft masks for genomes that come without one, made by programs of BLAST+."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bio_paws.errors import BioPawsError
from bio_paws.search.blast import find_program, last_line, run_program, write_fasta

LARGE_GENOME = 20_000_000
"""From this many bp on, words that are frequent in the genome itself say what is a repeat (windowmasker)."""


def lacks_mask(sequences: list[str]) -> bool:
    """Whether no sequence of a genome has both cases: one that is all in lower case is not all repeat."""
    return bool(sequences) and not any(
        any(base in residues for base in "acgt") and any(base in residues for base in "ACGT") for residues in sequences
    )


def soft_masked(sequences: list[str]) -> tuple[list[str], str]:
    """Mask the sequences of a genome.

    Parameters
    ----------
    sequences : list of str
        In any case.

    Returns
    -------
    masked : list of str
        Upper case, repeats in lower case.
    program : {"dustmasker", "windowmasker"}

    Raises
    ------
    BioPawsError
        When the program is missing or fails.
    """
    program = "windowmasker" if sum(map(len, sequences)) >= LARGE_GENOME else "dustmasker"
    path = find_program(program)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_fasta(folder / "in.fna", ((f"s{i}", residues.upper()) for i, residues in enumerate(sequences)))
        files = ["-in", "in.fna", "-out", "out.txt", "-outfmt", "interval"]
        commands = [[path, *files]]
        if program == "windowmasker":
            count = [path, "-mk_counts", "-in", "in.fna", "-out", "counts", "-infmt", "fasta"]
            commands = [count, [path, "-ustat", "counts", "-dust", "true", *files]]
        for command in commands:
            done = run_program(command, cwd=folder)
            if done.returncode:
                raise BioPawsError(f"{program} failed: {last_line(done.stderr)}")
        rows = (folder / "out.txt").read_text(encoding="ascii").split("\n")
    intervals: list[list[tuple[int, int]]] = []
    for row in rows:
        if row.startswith(">"):
            intervals.append([])
        elif " - " in row:
            start, end = map(int, row.split(" - "))  # 0-based, both included
            intervals[-1].append((start, end + 1))
    masked = [_lowered(residues.upper(), places) for residues, places in zip(sequences, intervals, strict=False)]
    if len(masked) != len(sequences):
        raise BioPawsError(f"{program} gave {len(masked)} of {len(sequences)} sequences: reinstall BLAST+")
    return masked, program


def _lowered(residues: str, places: list[tuple[int, int]]) -> str:
    pieces: list[str] = []
    at = 0
    for start, end in places:
        start = max(start, at)  # noqa: PLW2901 - intervals may overlap
        pieces += [residues[at:start], residues[start:end].lower()]
        at = max(at, end)
    return "".join(pieces) + residues[at:]
