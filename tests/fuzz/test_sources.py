"""Malformed FASTA, GenBank and assemblies, by the thousand: refused in a line, or read without a single bad record."""

from __future__ import annotations

import gzip
import io
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from Bio import bgzf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import parts, read

from bio_paws.errors import BioPawsError
from bio_paws.sources.text import read_text
from conftest import Tally

SHORT, LONG = 60, 5000
PREFIX = "GCF_000000001.1_Test1_"
WORDS = (
    *(
        ">",
        "\n",
        "\n\n",
        "\r\n",
        "\r",
        "\t",
        " ",
        "\0",
        "\x1f",
        "*",
        "-",
        ".",
        "..",
        "^",
        "<1",
        ">9",
        "N" * 200,
        "//\n",
    ),
    *("join(", "complement(", "order(", "one-of(", "bond(", "J00194.1:", "1..3,", "0..9", "9..1", "-5..9", "9" * 30),
    *("[location=", "[protein_id=NP_100000.1]", "[gene=]", "]", "[", "/translation=", '/translation=""', '"', "ORIGIN"),
    *("LOCUS", "     CDS             1..9", "FEATURES", "ACGT", "acgt", "MKLV", "\x80", "é", "(" * 2000, "[a=" * 2000),
)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return parts(tmp_path_factory.mktemp("sound") / "a")


@st.composite
def mutated(draw: st.DrawFn, text: str) -> str:
    """A text with one to four places cut out, said twice, moved, or written over; half of them near its structure."""
    places = [match.start() for match in re.finditer(r"[>\[\]=(),.\n\"/]", text)]
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.sampled_from(places) | st.integers(0, len(text)))
        at = min(at, len(text))
        end = min(len(text), at + draw(st.integers(0, 40) | st.integers(0, len(text))))
        kind = draw(st.sampled_from(("cut", "insert", "replace", "repeat", "truncate", "move")))
        word = draw(st.sampled_from(WORDS) | st.text(st.characters(max_codepoint=255), max_size=8))
        piece = text[at:end]
        text = {
            "cut": text[:at] + text[end:],
            "insert": text[:at] + word + text[at:],
            "replace": text[:at] + word + text[at + len(word) :],
            "repeat": text[:end] + piece + text[end:],
            "truncate": text[:at],
            "move": text[:at] + text[end:] + piece,
        }[kind]
    return text


def fuzz(sound: dict[str, str], examples: int) -> Counter[str]:
    counts: Counter[str] = Counter()
    changed_roles = st.sampled_from([*sound, "elsewhere"])

    @settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(changed_roles, st.data())
    def read_mutated(changed: str, data: st.DataObject) -> None:
        with tempfile.TemporaryDirectory() as name:
            first_folder, second_folder = Path(name) / "one", Path(name) / "other"
            first_folder.mkdir()
            second_folder.mkdir()
            alone = changed.endswith("gbff")
            for role, text in sound.items():
                if role.endswith("gbff") == alone:
                    # Genes may lie in another folder than their genome.
                    place = second_folder if changed == "elsewhere" and role == "genomic.fna" else first_folder
                    hit = role == changed or (changed == "elsewhere" and role.startswith("cds"))
                    written = data.draw(mutated(text)) if hit else text
                    (place / f"{PREFIX}{role}").write_bytes(written.encode("latin-1", "replace"))
            counts[
                "refused" if read(first_folder, *[second_folder] * any(second_folder.iterdir())) is None else "read"
            ] += 1

    read_mutated()
    return counts


def test_mutated_sources(sound: dict[str, str], tally: Tally) -> None:
    counts = fuzz(sound, SHORT)
    tally("mutated FASTA, GenBank and assemblies", counts.total(), counts.total())


@pytest.mark.soak
def test_thousands_of_mutated_sources(sound: dict[str, str], tally: Tally) -> None:
    counts = fuzz(sound, LONG)
    assert min(counts.values()) > LONG / 20
    tally("mutated FASTA, GenBank and assemblies", counts.total(), counts.total())


@pytest.mark.soak
def test_what_coverage_leads_to(sound: dict[str, str], tmp_path: Path, tally: Tally) -> None:
    """The same of what atheris makes, which looks for inputs that reach more of the code."""
    pytest.importorskip("atheris")
    for number, role in enumerate(sound):
        (tmp_path / role).write_bytes(bytes([number]) + sound[role].encode())
    command = [sys.executable, str(Path(__file__).with_name("coverage_guided.py")), str(tmp_path)]
    command += [f"-runs={LONG}", "-seed=1", "-timeout=10", "-max_len=20000", f"-artifact_prefix={tmp_path}/"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    tally("inputs that atheris made", LONG, int(re.findall(r"Done (\d+) runs", done.stderr)[-1]))


@pytest.mark.parametrize(
    ("role", "old", "new"),
    [
        ("genomic.gbff", r'/translation="[^"]*"', '/translation=""'),
        ("genomic.gbff", r'/protein_id="[^"]*"', '/protein_id=""'),
        ("cds_from_genomic.fna", r"\[location=(complement\()?(join\()?", r"\g<0>0.."),
    ],
)
def test_what_the_fuzzer_found(role: str, old: str, new: str, sound: dict[str, str], tmp_path: Path) -> None:
    for name, text in sound.items():
        if name.endswith("gbff") == role.endswith("gbff"):
            (tmp_path / f"{PREFIX}{name}").write_text(re.sub(old, new, text, count=1) if name == role else text)
    read(tmp_path)


def test_genes_of_another_genome_are_left_out(sound: dict[str, str], tmp_path: Path) -> None:
    """Genes that lie in another folder than the genome they name, and are not in it."""
    for name in ("genome", "genes"):
        (tmp_path / name).mkdir()
    header, letters = sound["genomic.fna"].split("\n", 1)
    (tmp_path / "genome" / f"{PREFIX}genomic.fna").write_text(f"{header}\nA{letters}")
    for role in ("cds_from_genomic.fna", "protein.faa"):
        (tmp_path / "genes" / f"{PREFIX}{role}").write_text(sound[role])
    for order in (("genome", "genes"), ("genes", "genome")):
        corpus = read(*(tmp_path / name for name in order))
        assert corpus is not None
        assert not corpus.genes
        assert corpus.rejected == {"cds_not_in_genome": 3}


@pytest.mark.parametrize(
    ("role", "word"), [("protein.faa", "[Aa b"), ("cds_from_genomic.fna", "[a="), ("genomic.fna", "A a")]
)
def test_long_titles_are_read_at_once(role: str, word: str, sound: dict[str, str], tmp_path: Path) -> None:
    for name, text in sound.items():
        if not name.endswith("gbff"):
            long = f">x {word * 100_000}\nA\n" if name == role else ""
            (tmp_path / f"{PREFIX}{name}").write_text(text + long)
    assert read(tmp_path) is not None


# Compressed


def gzips(text: str) -> list[bytes]:
    """One member, three of them, and blocks as bgzip writes them."""
    data, blocks = text.encode(), io.BytesIO()
    third = len(data) // 3
    with bgzf.BgzfWriter(fileobj=blocks) as writer:
        writer.write(data)
        writer.flush()
        raw = blocks.getvalue() + bgzf._bgzf_eof
    members = [gzip.compress(data[i * third : (i + 1) * third if i < 2 else None], mtime=0) for i in range(3)]
    return [gzip.compress(data, mtime=0), b"".join(members), raw]


def test_whole_gzips_are_read(sound: dict[str, str], tmp_path: Path) -> None:
    for text in sound.values():
        for data in gzips(text):
            (tmp_path / "a.fna.gz").write_bytes(data)
            assert read_text(tmp_path / "a.fna.gz") == text


def cut_gzips(texts: list[str], cuts: int, folder: Path) -> tuple[int, int]:
    """Cut files at places drawn alike, but where a member ends: nothing tells that there was another."""
    rng, refused = random.Random(cuts), 0
    files = [data for text in texts for data in gzips(text)]
    for number in range(cuts):
        whole = files[number % len(files)]
        path = folder / f"{number}.fna.gz"
        at = rng.randrange(2, len(whole))
        at -= whole.startswith(b"\x1f\x8b\x08\x00", at)
        path.write_bytes(whole[:at])
        with pytest.raises(BioPawsError, match=rf"{path.name}: gzip stream truncated or damaged"):
            read_text(path)
        refused += 1
    return cuts, refused


def test_cut_gzips(sound: dict[str, str], tmp_path: Path, tally: Tally) -> None:
    tally("gzip streams cut short", *cut_gzips([*sound.values()], 60, tmp_path))


@pytest.mark.soak
def test_500_cut_gzips(sound: dict[str, str], tmp_path: Path, tally: Tally) -> None:
    tally("gzip streams cut short", *cut_gzips([*sound.values()], 500, tmp_path))


@pytest.mark.parametrize("damage", ["checksum", "length", "tail", "bit"])
def test_damaged_gzips(damage: str, sound: dict[str, str], tmp_path: Path) -> None:
    for number, whole in enumerate(gzips(sound["genomic.fna"])[:2]):
        path = tmp_path / f"{number}.fna.gz"
        middle = len(whole) // 2
        path.write_bytes(
            {
                "checksum": whole[:-8] + bytes(4) + whole[-4:],
                "length": whole[:-4] + bytes(4),
                "tail": whole + b"tail",
                "bit": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
            }[damage]
        )
        with pytest.raises(BioPawsError, match="gzip stream truncated or damaged"):
            read_text(path)
