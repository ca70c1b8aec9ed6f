"""The role of a file in its assembly: from its whole name where a layout defines it, else from its content.

The ending of a name is a hint, never a proof: another role may share it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from bio_paws.errors import SourceError
from bio_paws.execution.files import sha256_of
from bio_paws.sources.pinned import FileRole
from bio_paws.sources.text import head_of_text, kind_of_text, lines_of, read_text, text_pieces
from bio_paws.sources.unpack import stored_bytes, uncompressed_name

_NCBI: tuple[tuple[str, FileRole | None], ...] = (
    ("cds_from_genomic.fna", "cds"),
    ("rna_from_genomic.fna", None),
    ("translated_cds.faa", None),
    ("genomic.fna", "genomic"),
    ("protein.faa", "protein"),
    ("genomic.gbff", "genbank"),
    ("genomic.gff", "gff"),
    ("genomic.gtf", "gtf"),
    ("rna.fna", None),
    ("rna.gbff", None),
    ("protein.gpff", None),
    ("cds.fna", None),
)
"""Names in NCBI's layouts: behind the assembly's prefix and ``_``, or, in a `datasets` package, all of the name."""
_ENSEMBL = re.compile(
    r"(?P<species>[A-Z][a-z0-9]*_[a-z0-9_]+?)\.(?P<assembly>.+?)\."
    r"(?:(?P<genomic>dna|dna_sm|dna_rm)\.(?:toplevel|primary_assembly|(?P<dna_part>nonchromosomal|[a-z_]+\..+))\.fa|"
    r"(?P<ensembl_cds>cds\.all)\.fa|(?P<protein>pep\.all)\.fa|"
    r"\d+\.(?:(?P<genes_part>chr|[a-z_]+\..+|nonchromosomal)\.)?(?:(?P<gff>gff3)|(?P<gtf>gtf))|"
    r"(?P<unused>(?:cdna\.all|cdna\.abinitio|pep\.abinitio|ncrna)\.fa|"
    r"\d+\.(?:abinitio|chr_patch_hapl_scaff)\.(?:gff3|gtf)))"
)
"""A part is named as in ``dna.chromosome.1.fa`` and ``57.chromosome.1.gff3``."""
_ACCESSION = re.compile(r"GC[AF]_\d+\.\d+")
GENBANK = (".gb", ".gbk", ".gbff", ".gbf", ".genbank", ".embl")
GFF = (".gff", ".gff3", ".gtf")
PROTEIN = (".faa", ".pep")
DNA = (".fna", ".fsa", ".2bit")
TRANSCRIPTS = (".ffn", ".frn")  # of Prokka and Bakta: genes without their places
ANY_FASTA = (".fa", ".fasta", ".fas")
ENDINGS = (*GENBANK, *GFF, *PROTEIN, *DNA, *TRANSCRIPTS, *ANY_FASTA, ".seq", ".dat")
"""Endings that promise sequences or genes; of two files of one role and stem, that of the earlier ending is read."""
_DNA_LETTERS = set("ACGTUNacgtun")
_CODONS_AT_ENDS = re.compile(r"[ACGT]TG(?:[ACGT]{3})*(?:TAA|TAG|TGA)")
_UNEQUAL_ATTRIBUTES = re.compile(r'\tCDS\t(?:[^\t]*\t){5}(?:\w+ +(?:"[^"]*"|[^\s;="]+) *(?:;|$) *)+')
"""A row of GTF or GFF2: keys and values are not joined by ``=``."""
_PART_WORDS = re.compile(
    r"(?:^|[._-])(?:annotated)?(?:cdna|cdss?|transcripts?|[a-z]{0,3}rnas?|orfs?|genes?|exons?|introns?|utrs?|ests?)(?=$|[._-])"
)
_WHERE_SAMPLED = 200_000  # characters from which the kind of letters is told


@dataclass(frozen=True)
class Entry:
    """A file, or a member of a .zip archive."""

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        """Its name without folders and without endings of compressions."""
        return uncompressed_name(Path(self.member or self.path.name).name)

    @property
    def ending(self) -> str:
        """The ending of its name, in lower case."""
        return Path(self._with_ending_last).suffix.lower()

    @property
    def stem(self) -> str:
        """Its name without that ending."""
        return self._with_ending_last.removesuffix(Path(self._with_ending_last).suffix)

    @property
    def _with_ending_last(self) -> str:
        """Its name, ``chr1.masked.fa`` where UCSC and RepeatMasker call it ``chr1.fa.masked``."""
        return re.sub(r"(\.(?:fa|fna|fasta))\.masked$", r".masked\1", self.name)

    @property
    def folder(self) -> str:
        """The folder that it lies in, within an archive where it is a member of one."""
        return str(Path(self.member).parent) if self.member else str(self.path.parent)

    def shown(self) -> str:
        """Return its name for messages."""
        return f"{self.path}/{self.member}" if self.member else str(self.path)

    def text(self) -> str:
        """Return its text, uncompressed."""
        return read_text(self.path, self.member)

    def head(self) -> str:
        """Return the beginning of its text, which tells what it holds."""
        return head_of_text(self.path, self.member, _WHERE_SAMPLED)

    def sha256(self) -> str:
        """Digest of its bytes, as they are stored or, in an archive, unpacked."""
        if not self.member:
            return sha256_of(self.path)
        digest = sha256()
        for piece in stored_bytes(self.path, self.member):
            digest.update(piece)
        return digest.hexdigest()

    def is_missing(self) -> bool:
        """Whether it is a folder, or a link to nothing."""
        return not self.member and not self.path.is_file()


class NamedRole(NamedTuple):
    """What a layout says of a file by its name.

    Attributes
    ----------
    prefix : str
        What the names of the files of an assembly have in common.
    role : str or None
        None for a file that nothing is read from.
    organism : str or None
        Where the layout names it.
    name : str
        The assembly as the name of the file has it; empty where it has none.
    part : str
        The part of the genome that it holds; empty for all.
    """

    prefix: str
    role: FileRole | None
    organism: str | None = None
    name: str = ""
    part: str = ""


def role_by_name(entry: Entry) -> NamedRole | None:
    """Return what NCBI's or Ensembl's layout says of a file; None for a name that neither defines."""
    folder = Path(entry.folder).name
    for ending, role in _NCBI:
        if entry.name == ending:
            return NamedRole(folder, role)
        if entry.name.endswith(f"_{ending}"):
            name = prefix = entry.name.removesuffix(f"_{ending}")
            # In a `datasets` package only the genome has the prefix; the folder has the accession of all.
            if _ACCESSION.fullmatch(folder) and prefix.startswith(folder):
                prefix = folder
            return NamedRole(prefix, role, name=name)
    if match := _ENSEMBL.fullmatch(entry.name):
        roles: tuple[FileRole, ...] = ("genomic", "ensembl_cds", "protein", "gff", "gtf")
        named = next((role for role in roles if match.group(role)), None)
        organism = match.group("species").replace("_", " ")
        prefix = f"{match.group('species')}.{match.group('assembly')}"
        return NamedRole(prefix, named, organism, part=match.group("dna_part") or match.group("genes_part") or "")
    return None


def role_in_folder(entry: Entry) -> FileRole | None:
    """Return the role by content of a file beside others; None where nothing is read from it.

    Raises
    ------
    SourceError
        When it cannot be read.
    """
    if entry.ending in TRANSCRIPTS or entry.stem.endswith(".hypotheticals"):  # Bakta: a part of its proteins
        return None
    role = _role_of_text(entry, entry.head())
    if role == "dna_fasta":
        return "genomic"
    return "protein" if role == "protein_fasta" else role


def role_alone(entry: Entry) -> FileRole:
    """Return the role by content of a file that was named itself.

    Raises
    ------
    SourceError
        When it is none of the formats that are read, or cannot be read.
    """
    role = _role_of_text(entry, entry.head())
    if role is None:
        known = ", ".join((*GENBANK, *PROTEIN, *DNA, *ANY_FASTA, *GFF))
        raise SourceError(
            f"{entry.shown()}: cannot tell its format: neither FASTA, GenBank, EMBL, GFF3 nor .2bit "
            f"(usual names: {known})"
        )
    return role


def _role_of_text(entry: Entry, text: str) -> FileRole | None:
    kind = kind_of_text(text)
    if kind in ("genbank", "embl") or (entry.ending in GENBANK and not kind):
        return "genbank"
    if kind == "gff":
        is_gtf = entry.ending == ".gtf"
        for line in lines_of(text_pieces(entry.path, entry.member)):
            if line.startswith(("##FASTA", ">")):
                return "gff_fasta"
            is_gtf = is_gtf or _UNEQUAL_ATTRIBUTES.search(line) is not None
        return "gtf" if is_gtf else "gff"
    if kind == "fasta" or entry.ending in (*DNA, *PROTEIN, *ANY_FASTA):
        if entry.ending in PROTEIN:
            return "protein_fasta"
        return "dna_fasta" if entry.ending in (*DNA, *TRANSCRIPTS) or _looks_like_dna(text) else "protein_fasta"
    return None


def _looks_like_dna(text: str) -> bool:
    letters = re.sub(r"^[>;].*$|[\s\d*.-]", "", text[:_WHERE_SAMPLED], flags=re.MULTILINE)
    return not letters or sum(letter in _DNA_LETTERS for letter in letters) >= 0.9 * len(letters)


def holds_genes_alone(entry: Entry) -> bool:
    """Whether a DNA file holds genes or transcripts cut out of a genome, by its name or by its sequences.

    Beside their genome these would be paired with themselves.
    """
    if _PART_WORDS.search(entry.stem.lower()):
        return True
    records = [
        re.sub(r"\s", "", record.partition("\n")[2]).upper().replace("U", "T")
        for record in re.split(r"^>", entry.head()[:_WHERE_SAMPLED], flags=re.MULTILINE)[1:]
    ]
    whole = records[:-1] or records  # the sample may end within the last
    return len(whole) > 1 and sum(map(bool, map(_CODONS_AT_ENDS.fullmatch, whole))) > len(whole) / 2
