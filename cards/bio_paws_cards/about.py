"""What more than one file says of the data set: in words that stand once, and from the manifest alone."""

from __future__ import annotations

import hashlib
import json

from bio_paws_cards.manifest import Manifest

DESCRIPTION = (
    "Pairs of DNA, of proteins, and of DNA with protein, built like PAWS-X (sentence1, sentence2, label) from real "
    "genomes. Label 1: the two sides are similar (dna_protein: the gene codes for the protein)."
)

COLUMNS = {
    "sentence1": "First side: DNA or a protein; in dna_protein a gene with its introns.",
    "sentence2": "Second side: DNA or a protein; in dna_protein a protein.",
    "label": "1 where the two sides are similar, in dna_protein where the gene codes for the protein; else 0.",
    "pair_id": "Digest of the row and its place: 16 letters from a to p, one word to the search of the Hub's viewer.",
    "source1": "Accession of the sequence that sentence1 was taken from.",
    "organism1": "Scientific name of the organism of sentence1.",
    "start1": "Start of sentence1 in its source, bp or aa: 0-based, on the forward strand; in the _paws configs that "
    "of the window before it was rearranged.",
    "end1": "End of sentence1 in its source, exclusive; otherwise as start1.",
    "strand1": "+, or - where sentence1 is the reverse complement of its source.",
    "source2": "Accession of the sequence that sentence2 was taken from.",
    "organism2": "Scientific name of the organism of sentence2.",
    "start2": "Start of sentence2 in its source, as start1.",
    "end2": "End of sentence2 in its source, as end1.",
    "strand2": "+, or - where sentence2 is the reverse complement of its source.",
    "similarity": "Identical positions in the optimal Smith-Waterman alignment over the length of the longer side, DNA "
    "on the strand with more; in dna_protein the part of the protein that the DNA reads as, introns left out.",
    "identity": "Identical positions over columns of that alignment; in dna_protein, as the scores, of the best of six "
    "frames.",
    "evalue": "Expected number of alignments that score as high by chance, in a database as large as the sources.",
    "bit_score": "Score of the alignment in bits.",
    "sw_score": "Score of the alignment: blastn's for DNA, blastp's for proteins.",
    "kind": "How the pair came about, as in homolog, other_group or frameshift; in the _graded configs the band of "
    "similarity.",
    "group1": "Homology group of sentence1: no group stands in two splits.",
    "group2": "Homology group of sentence2.",
}
"""What each column holds."""


def manifest_digest(manifest: Manifest) -> str:
    """Return the SHA-256 of the canonical JSON (sorted keys, today's terms) of a manifest, in hexadecimal digits."""
    return hashlib.sha256(json.dumps(manifest.model_dump(), sort_keys=True).encode()).hexdigest()


def citation(manifest: Manifest) -> str:
    """Return how to cite a data set, as a BibTeX entry: by its name, version and digest."""
    return (
        "@misc{biopaws,\n"
        "  title = {bioPAWS: pairs of biological sequences built like PAWS-X},\n"
        f"  howpublished = {{Data set, version {manifest.version}}},\n"
        f"  note = {{manifest sha256 {manifest_digest(manifest)}}}\n"
        "}"
    )
