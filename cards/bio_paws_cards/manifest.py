"""The data model of a data set's manifest, ``manifest.json``: what it must hold for the rest of the program to use it.

The card is rendered from a manifest, so its model is defined here; `bio_paws.dataset.manifest` reads and writes it.
"""

from __future__ import annotations

from collections.abc import Sized
from typing import Annotated, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]
Auc = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Version = Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]

FOLDER = "bioPAWS"
"""Name of the folder that a data set is built into where no other is named."""


def _is_empty(value: Sized) -> bool:
    return len(value) == 0


def _is_default_folder(name: str) -> bool:
    return name == FOLDER


def _is_none(value: object) -> bool:
    return value is None


class _Entry(BaseModel):
    # Later versions may add keys: they are kept, so that a manifest that is read and written again loses nothing.
    model_config = ConfigDict(strict=True, extra="allow")


class Breadth(_Entry):
    """Of how much a split was made.

    Attributes
    ----------
    groups : int
        Homology groups.
    largest_group : float
        Share of the sides of pairs that are of the largest group.
    organisms : dict of str to float
        Share of the sides of pairs by organism.
    distinct_residues : int
        Positions of the sources, bp or aa, that at least one side covers.
    """

    groups: Count
    largest_group: float
    organisms: dict[str, float]
    distinct_residues: Count


class BreadthBounds(_Entry):
    """What validation and test of a broad config keep.

    Attributes
    ----------
    min_groups, min_organisms : int
        Fewest homology groups and organisms.
    max_group, max_organism : float
        Largest share of the sides of pairs of one group, and of one organism.
    """

    min_groups: Count
    max_group: float
    min_organisms: Count
    max_organism: float


class SplitEntry(_Entry):
    """One split of a config.

    Attributes
    ----------
    file : str
        Path of its Parquet file, relative to the data set, as in ``dna50/test-00000-of-00001.parquet``.
    rows : int
        Pairs.
    similar : int
        Pairs of label 1.
    bytes : int
        Size of the file.
    memory_bytes : int
        Size of the rows as an Arrow table.
    sha256 : str
        Digest of the file, in hexadecimal digits.
    breadth : Breadth, optional
        Missing in older manifests.
    """

    # The pattern keeps the path inside the data set's folder, whoever wrote the manifest.
    file: Annotated[str, Field(pattern=r"^\w+/\w[\w.-]*$")]
    rows: Count
    similar: Count
    bytes: Count
    memory_bytes: Count
    sha256: Sha256
    breadth: Breadth | None = Field(default=None, exclude_if=_is_none)


class ShortcutScore(_Entry):
    """What a way of guessing the label without biology reaches on test.

    Attributes
    ----------
    accuracy, low, high : float
        Part that is guessed rightly, and its 95% interval over clusters of pairs that share sequences.
    auc : float or None
        Area under the ROC curve.
    mcc : float
        Matthews' correlation.
    """

    accuracy: Share
    low: Share
    high: Share
    auc: Share | None
    mcc: Annotated[float, Field(ge=-1, le=1)]


class ConfigEntry(_Entry):
    """One config of a data set.

    Attributes
    ----------
    version : str
        Version of the data, as in ``1.0.0``.
    summary : str
        What the config holds, in one line.
    molecule : {"dna", "protein", "dna_protein"}
    mean_length : int
        Mean length of a sequence, in bp or aa.
    label_names : list of str
        Names of label 0 and label 1.
    pairs_wanted : int
        Pairs of a build that does not limit them.
    columns : list of [name, type]
        Columns of the Parquet files, with their Arrow types.
    content_sha256 : str
        Digest of the ids of all pairs; it does not depend on how the files are written.
    outcomes : dict of str to int
        Candidate pairs by outcome: ``accepted``, or the reason for which they were rejected.
    splits : dict of str to SplitEntry
    baselines, upper_bounds : dict of str to float
        Areas under the ROC curve on the test split, by method. Empty where train or test lacks a label.
    breadth_bounds : BreadthBounds, optional
        Bounds that validation and test keep; left out of the file where they do not.
    shortcuts : dict of str to ShortcutScore
        What an audit reaches on test without biology, by the way of guessing; left out of the file where it is not
        measured.
    """

    version: Version
    summary: str
    molecule: Literal["dna", "protein", "dna_protein"]
    mean_length: Count
    label_names: list[str]
    pairs_wanted: Count
    columns: list[Annotated[list[str], Field(min_length=2, max_length=2)]]
    content_sha256: Sha256
    outcomes: dict[str, Count]
    splits: Annotated[
        dict[Annotated[str, Field(pattern=r"^(train|validation|test)$")], SplitEntry], Field(min_length=1)
    ]
    # The second names are those that manifests had before these terms were chosen.
    baselines: dict[str, Auc] = Field(validation_alias=AliasChoices("baselines", "floors"))
    upper_bounds: dict[str, Auc] = Field(validation_alias=AliasChoices("upper_bounds", "ceilings"))

    breadth_bounds: BreadthBounds | None = Field(default=None, exclude_if=_is_none)
    shortcuts: dict[str, ShortcutScore] = Field(default_factory=dict, exclude_if=_is_empty)

    @property
    def rows(self) -> int:
        """Number of pairs, all splits together."""
        return sum(split.rows for split in self.splits.values())


class SourceFile(_Entry):
    """A file of a source: its role (genome, cds, ...), its name and its digest."""

    role: str
    name: str
    sha256: Sha256


class Source(_Entry):
    """An assembly that the sequences were taken from.

    Attributes
    ----------
    accession, name : str
        As in ``GCF_000146045.2`` and ``R64``.
    origin : str
        Where its files came from: a package and its version, the name of a folder, or a URL.
    organisms : list of str
        Scientific names.
    files : list of SourceFile
    """

    accession: str
    name: str
    origin: str
    organisms: list[str]
    files: list[SourceFile]


def _both_molecules() -> list[Literal["dna", "protein"]]:
    return ["dna", "protein"]


def _is_both(searched: list[str]) -> bool:
    return searched == _both_molecules()


def _is_auto(search_from: str) -> bool:
    return search_from == "auto"


class BuildArguments(_Entry):
    """The arguments of the build.

    Attributes
    ----------
    pairs : int or None
        Pairs in each config; None: as many as the config wants.
    seed : int
    source : list of str
    searched : list of "dna" and "protein"
        What was searched for similar sequences, which decides the homology groups and so the splits. Left out of the
        file where it is both.
    holdout_organisms : list of str
        Organisms of test alone. Left out of the file where there is none.
    search_from : {"auto", "genomes", "genes"}
        What was to be searched for similar DNA. Left out of the file where it was "auto".
    """

    pairs: Count | None
    seed: int
    source: list[str]
    searched: list[Literal["dna", "protein"]] = Field(default_factory=_both_molecules, exclude_if=_is_both)
    holdout_organisms: list[str] = Field(default_factory=list, exclude_if=_is_empty)
    search_from: Literal["auto", "genomes", "genes"] = Field(default="auto", exclude_if=_is_auto)


class PartitionLimits(_Entry):
    """Limits of the homology groups, where they are not those of ordinary sources.

    Attributes
    ----------
    max_segment : int
        Longest segment without a gene, bp.
    max_group_share, max_held_out_share : float
        Largest share of the source's bp that a group holds, and that one of validation or test holds.
    """

    max_segment: Count
    max_group_share: Annotated[float, Field(gt=0, le=1)]
    max_held_out_share: Annotated[float, Field(gt=0, le=1)] | None = Field(default=None, exclude_if=_is_none)


class GeneRegions(_Entry):
    """Regions around genes that were searched in place of whole genomes.

    Attributes
    ----------
    genes, regions, bases : int
        Genes drawn, regions with their flanks, and bp in them.
    of_bases : int
        bp of the genomes.
    """

    genes: Count
    regions: Count
    bases: Count
    of_bases: Count


class DatabaseSize(_Entry):
    """Length of all sequences that were searched (BLAST's ``-dbsize``), which E-values refer to: in bp and in aa."""

    dna: Count
    protein: Count


class Manifest(_Entry):
    """A data set: how it was built, from what, and the files that it consists of.

    Attributes
    ----------
    name : "bioPAWS"
    version : str
        Version of the data, as in ``1.0.0``.
    arguments : BuildArguments
    versions : dict of str to str
        Versions of the packages and programs that built it.
    sources : list of Source
    rejected_records : dict of str to int
        Records of the sources that were rejected, by reason.
    genetic_codes : dict of str to int
        Genetic code, by NCBI's number, of each genome sequence that is not read by the standard one.
    masks : dict of str to str
        Program that made the soft mask of a genome sequence that came without one.
    source_notes : dict of str to int
        What was changed or guessed when the sources were read, by kind.
    database_size : DatabaseSize
    gene_regions : GeneRegions or None
        Where the sources are so large that regions around genes were searched in place of whole genomes.
    partition_limits : PartitionLimits or None
        Where the source is so small that the ordinary limits would leave nearly everything out.
    url : str or None
        Page of the repository that this copy is published in, as in ``https://huggingface.co/datasets/owner/name``;
        None for a copy that was built. A release is the same one wherever it is published.
    folder : str
        Name of the folder that it was built into. Left out of the file where it is "bioPAWS".
    configs : dict of str to ConfigEntry
        At least one.
    """

    name: Literal["bioPAWS"]
    version: Version
    arguments: BuildArguments
    versions: dict[str, str]
    sources: list[Source]
    rejected_records: dict[str, Count]
    genetic_codes: dict[str, Annotated[int, Field(ge=1, le=33)]] = Field(default_factory=dict, exclude_if=_is_empty)
    masks: dict[str, str] = Field(default_factory=dict, exclude_if=_is_empty)
    source_notes: dict[str, Count] = Field(default_factory=dict, exclude_if=_is_empty)
    database_size: DatabaseSize = Field(validation_alias=AliasChoices("database_size", "search_space"))
    gene_regions: GeneRegions | None = Field(default=None, exclude_if=_is_none)
    partition_limits: PartitionLimits | None = Field(default=None, exclude_if=_is_none)
    url: Annotated[str, Field(pattern=r"^https?://[^/\s]+/datasets/[\w.-]+/[\w.-]+$")] | None = Field(
        default=None, exclude_if=_is_none
    )
    folder: str = Field(default=FOLDER, exclude_if=_is_default_folder)
    configs: Annotated[dict[Annotated[str, Field(pattern=r"^\w+$")], ConfigEntry], Field(min_length=1)]

    @property
    def rows(self) -> int:
        """Number of pairs, all configs together."""
        return sum(entry.rows for entry in self.configs.values())

    @property
    def organisms(self) -> frozenset[str]:
        """Scientific names of all organisms of the sources."""
        return frozenset(organism for source in self.sources for organism in source.organisms)

    @property
    def repository(self) -> str:
        """What `datasets.load_dataset` loads this copy by: its repository, or the folder that it was built into."""
        return "/".join(self.url.split("/")[-2:]) if self.url else self.folder
