"""`bio-paws inspect`: what would be read from a source, without building anything."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from bio_paws.cli.arguments import add_json

if TYPE_CHECKING:
    from bio_paws.sequences.records import Residues
    from bio_paws.sources.resolve import Assembly


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `bio-paws inspect`."""
    parser.add_argument(
        "source", nargs="+", metavar="SOURCE", help="a folder, a file, a .zip archive, or a name, as build --source"
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Read the sources and print what is in them."""
    described = describe(tuple(options.source))
    print(json.dumps(described, indent=2) if options.json else inspect_text(described))
    return 0


def describe(sources: tuple[str, ...]) -> dict[str, Any]:
    """Read sources and describe them: assemblies with their files, organisms, counts, and what was left out or guessed.

    Raises
    ------
    BioPawsError
        When they cannot be read.
    """
    from bio_paws.sequences.corpus import read_corpus
    from bio_paws.sources.resolve import resolve

    assemblies = resolve(sources)
    corpus = read_corpus(assemblies, make_masks=False)
    return {
        "assemblies": [
            {
                "accession": assembly.accession,
                "name": assembly.name,
                "files": _files(assembly),
                "unused": list(assembly.unused),
            }
            for assembly in assemblies
        ],
        "organisms": {
            organism: {
                "sequences": sum(dna.organism == organism for dna in corpus.dna.values()),
                "bases": sum(len(dna.residues) for dna in corpus.dna.values() if dna.organism == organism),
                "masked": sum(_masked(dna.residues) for dna in corpus.dna.values() if dna.organism == organism),
                "proteins": sum(protein.organism == organism for protein in corpus.proteins.values()),
                "genes": sum(gene.organism == organism for gene in corpus.genes.values()),
            }
            for organism in sorted(set(corpus.organism.values()))
        },
        "genetic_codes": corpus.genetic_codes,
        "masks": corpus.masks,
        "rejected": corpus.rejected,
        "notes": corpus.notes,
    }


def _files(assembly: Assembly) -> dict[str, list[str]]:
    """Return the names of an assembly's files by role."""
    names: dict[str, list[str]] = {}
    for file in assembly.files:
        names.setdefault(file.role, []).append(file.member or file.path.name)
    return names


def _masked(residues: Residues) -> int:
    from bio_paws.sequences.store import pieces_of

    return sum(len(piece) - len(piece.encode("ascii").translate(None, b"acgtn")) for piece in pieces_of(residues))


def inspect_text(described: dict[str, Any]) -> str:
    """Lay out what `describe` returns."""
    from bio_paws.cli.text import counted, table
    from bio_paws.execution.printable import on_one_line

    header = ("organism", "sequences", "bp", "soft-masked", "proteins", "genes")
    rows = [
        (
            organism,
            counts["sequences"],
            f"{counts['bases']:,}",
            f"{counts['masked'] / counts['bases']:.1%}" if counts["bases"] else "-",
            counts["proteins"],
            counts["genes"],
        )
        for organism, counts in described["organisms"].items()
    ]
    parts = [table(header, rows), ""]
    for assembly in described["assemblies"]:
        files = ", ".join(f"{', '.join(names)} ({role})" for role, names in assembly["files"].items())
        parts.append(f"{assembly['accession']}: {files}")
        if assembly["unused"]:
            parts.append(f"  not used: {', '.join(assembly['unused'])}")
    for name, code in described["genetic_codes"].items():
        parts.append(f"Genetic code of {name}: {code}")
    for program in sorted(set(described["masks"].values())):
        count = list(described["masks"].values()).count(program)
        parts.append(f"No soft mask, which a build makes with {program}: {counted(count, 'sequence')}")
    for title, counts in (("Left out", described["rejected"]), ("Changed or guessed", described["notes"])):
        if counts:
            parts.append(f"{title}: " + ", ".join(f"{reason} ({count:,})" for reason, count in counts.items()))
    return "\n".join([*parts[:2], *map(on_one_line, parts[2:])])
