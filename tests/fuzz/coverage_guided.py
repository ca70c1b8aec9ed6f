"""What atheris runs: each input is a byte that says which part of an assembly it is, and that part's text."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

with atheris.instrument_imports(include=["bio_paws.sequences", "bio_paws.sources", "Bio.SeqIO", "Bio.SeqFeature"]):
    from reading import parts, read

ROLES = ("genomic.fna", "cds_from_genomic.fna", "protein.faa", "genomic.gbff")
FOLDER = Path(tempfile.mkdtemp())
SOUND = parts(FOLDER / "sound")


def read_one(data: bytes) -> None:
    role = ROLES[data[0] % len(ROLES)] if data else ROLES[0]
    folder = FOLDER / role
    folder.mkdir(exist_ok=True)
    for name, text in SOUND.items():
        if name.endswith("gbff") == role.endswith("gbff"):
            (folder / f"GCF_000000001.1_Test1_{name}").write_bytes(data[1:] if name == role else text.encode())
    read(folder)


if __name__ == "__main__":
    atheris.Setup(sys.argv, read_one)
    atheris.Fuzz()
