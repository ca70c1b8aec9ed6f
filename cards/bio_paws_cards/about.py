"""What more than one file says of the data set: in words that stand once, and from the manifest alone."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

from bio_paws_cards.manifest import Manifest, Source

AUTHORS = "The bioPAWS developers"
TITLE = "bioPAWS: pairs of biological sequences built like PAWS-X"
"""Authors and title, as in ``CITATION.cff``."""

OLDEST_DATASETS, NEWEST_DATASETS = "2.20", 5
"""Versions of the library `datasets` that load the data: the oldest, and the newest major one."""

NCBI_TERMS = "https://www.ncbi.nlm.nih.gov/home/about/policies/"
"""Terms of the sequences that NCBI publishes."""

COLUMNS = {
    "sentence1": "First sequence: [sequence][dna_protein:; in dna_protein a gene with its introns].",
    "sentence2": "Second sequence: [sequence][dna_protein:; in dna_protein a protein].",
    "label": "1 if the two sequences are similar[dna_protein: (dna_protein: if the gene codes for the protein)], "
    "otherwise 0.",
    "pair_id": "Digest of the row, its config and its split: 16 characters from a to p.",
    "source1": "Accession of the sequence that sentence1 was cut from.",
    "organism1": "Scientific name of the organism of sentence1.",
    "start1": "Start of sentence1 in its source: [unit], 0-based, on the forward strand.[_paws: In the _paws configs, "
    "start of the window before it was rearranged.]",
    "end1": "End of sentence1 in its source, exclusive; otherwise as start1.",
    "strand1": "+, or - if sentence1 is the reverse complement of its source.",
    "source2": "Accession of the sequence that sentence2 was cut from.",
    "organism2": "Scientific name of the organism of sentence2.",
    "start2": "Start of sentence2 in its source, as start1.",
    "end2": "End of sentence2 in its source, as end1.",
    "strand2": "+, or - if sentence2 is the reverse complement of its source.",
    "similarity": "Identity normalised by the longer sequence: identical positions of the optimal Smith-Waterman "
    "alignment over its length[dna:, for DNA on the better strand].[dna_protein: In dna_protein the share of the "
    "protein that can be read from the DNA, introns left out.]",
    "identity": "Identical positions over columns of that alignment.[dna_protein: In dna_protein this and the scores "
    "are those of the best of six reading frames.]",
    "evalue": "Number of alignments expected to score as high by chance, in a database of the size of the sources. "
    "Its values span hundreds of powers of ten; bit_score is its logarithmic scale.",
    "bit_score": "Score of the alignment in bits.[dna_protein: But in dna_protein, evalue = length of the longer "
    "sequence x size of the database x 2^-bit_score.]",
    "sw_score": "Raw score of the alignment: [scoring].",
    "kind": "Pair type: how the pair was made, such as [example][_graded:; for similar pairs of the _graded configs "
    "the similarity bin].",
    "group1": "Homology group of sentence1. No group is in two splits.",
    "group2": "Homology group of sentence2.",
}
"""What each column holds; `words_for` leaves out what is not of the configs of a data set."""

_WORDS = {
    "sequence": {"dna": "DNA", "protein": "protein"},
    "unit": {"dna": "bp", "protein": "aa"},
    "scoring": {"dna": "blastn's scoring for DNA", "protein": "blastp's for proteins"},
    "example": {"dna": "homolog, other_group", "protein": "homolog, other_group", "dna_protein": "frameshift"},
}
_PAIRS = {"dna": "DNA with DNA", "protein": "protein with protein", "dna_protein": "genes with proteins"}


def kinds_of(molecules: Mapping[str, str]) -> frozenset[str]:
    """Return what configs are of: their molecules, and ``_paws`` and ``_graded``.

    Parameters
    ----------
    molecules : mapping of str to str
        Molecule of each config, by its name.

    Examples
    --------
    >>> sorted(kinds_of({"dna150": "dna", "protein150_paws": "protein"}))
    ['_paws', 'dna', 'protein']
    """
    endings = {ending for ending in ("_paws", "_graded") if any(name.endswith(ending) for name in molecules)}
    return frozenset({*molecules.values(), *endings})


def kinds_in(manifest: Manifest) -> frozenset[str]:
    """Return what the configs of a data set are of (`kinds_of`)."""
    return kinds_of({name: entry.molecule for name, entry in manifest.configs.items()})


def pairs_of(manifest: Manifest) -> str:
    """Name the kinds of pairs that a data set holds."""
    kinds = kinds_in(manifest)
    return ", ".join(words for kind, words in _PAIRS.items() if kind in kinds)


def words_for(kinds: frozenset[str], text: str) -> str:
    """Return a text without what is only of configs that a data set does not hold.

    Parameters
    ----------
    kinds : frozenset of str
        What its configs are of (`kinds_of`).
    text : str
        ``[kind:text]`` is kept where there are such configs; ``[name]`` stands for words of `_WORDS`.

    Examples
    --------
    >>> words_for(frozenset({"dna"}), "Start, [unit][dna_protein:, of the gene].")
    'Start, bp.'
    """
    # A gene and its protein are both, where lengths and scores are told.
    molecules = kinds | {"dna", "protein"} if "dna_protein" in kinds else kinds

    def expand(match: re.Match[str]) -> str:
        kind, words = match["kind"], match["text"]
        if words is not None:
            return words if kind in kinds else ""
        known = molecules if kind in {"unit", "scoring"} else kinds
        chosen = dict.fromkeys(word for molecule, word in _WORDS[kind].items() if molecule in known)
        return (", " if kind == "scoring" else " or ").join(chosen)

    return re.sub(r"\[(?P<kind>\w+)(?::(?P<text>[^\]]*))?\]", expand, text)


def description_of(manifest: Manifest) -> str:
    """Say in two sentences what a data set is."""
    return words_for(
        kinds_in(manifest),
        f"Pairs of biological sequences, {pairs_of(manifest)}, built like PAWS-X (sentence1, sentence2, label) from "
        "real genomes. Label 1: the two sequences are similar[dna_protein: (dna_protein: the gene codes for the "
        "protein)].",
    )


def columns_of(kinds: frozenset[str]) -> dict[str, str]:
    """Return what each column holds where configs are of these kinds (`kinds_of`)."""
    # ": ; " is left where there are no pairs but of genes and proteins.
    return {name: words_for(kinds, text).replace(": ; ", ": ") for name, text in COLUMNS.items()}


def assembly_page(source: Source) -> str:
    """Return the page of an assembly at NCBI; "" for one that is not from there."""
    if not source.accession.startswith(("GCF_", "GCA_")):
        return ""
    return f"https://www.ncbi.nlm.nih.gov/datasets/genome/{source.accession}/"


def own_sources(manifest: Manifest) -> list[Source]:
    """Return the sources that are not assemblies of NCBI: neither their terms nor whether they are public is known."""
    return [source for source in manifest.sources if not assembly_page(source)]


def social_impact(manifest: Manifest) -> str:
    """Say what the data are good for, and what they must not be used for."""
    before = "existed" if own_sources(manifest) else "were public"
    return (
        "The data help to measure what language models can do with biological sequences, and to notice when a high "
        f"score comes from a shortcut. They are fragments of sequences that {before} before, and add no capability to "
        "design or alter organisms. A good score does not make a model fit for medical, forensic or environmental "
        "decisions."
    )


def personal_information(manifest: Manifest) -> str:
    """Say whether anything in the data is about a person, as far as the manifest tells."""
    if manifest.arguments.source == ["bundled"]:
        return (
            "Nothing personal: no column describes a person, and the bundled sources are reference genomes of yeasts "
            "and flies."
        )
    if own := own_sources(manifest):
        names = ", ".join(source.accession for source in own)
        return (
            f"No column describes a person. Whether the sequences of {names} are of a person, only the builder of "
            "this data set knows."
        )
    return "No column describes a person, and the sources are assemblies that NCBI publishes."


def manifest_digest(manifest: Manifest) -> str:
    """Return the SHA-256 of the canonical JSON (sorted keys, today's terms) of a manifest, in hexadecimal digits.

    Where the data set lies is left out, so that all copies of a release have one digest.
    """
    facts = manifest.model_dump(exclude={"url", "folder"})
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def citation(manifest: Manifest, released: str) -> str:
    """Return how to cite a data set, as a BibTeX entry.

    Parameters
    ----------
    manifest : Manifest
        Manifest of the data set.
    released : str
        Day of its release, as in ``2026-11-29``.
    """
    place = f"  url = {{{manifest.url}}},\n" if manifest.url else ""
    return (
        "@misc{biopaws,\n"
        f"  author = {{{{{AUTHORS}}}}},\n"
        f"  title = {{{{{TITLE}}}}},\n"
        f"  year = {{{released[:4]}}},\n"
        f"  howpublished = {{Data set, version {manifest.version}}},\n"
        f"{place}"
        f"  note = {{manifest sha256 {manifest_digest(manifest)}}}\n"
        "}"
    )
