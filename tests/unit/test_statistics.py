"""Karlin-Altschul parameters, pinned against what the installed BLAST+ prints and computes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from bio_paws.align.karlin_altschul import GAPPED, bit_score, evalue
from bio_paws.align.smith_waterman import LETTERS, Alphabet, align

OPTIONS = {
    "dna": "blastn -task blastn -reward 2 -penalty -3 -gapopen 5 -gapextend 2 -dust no",
    "protein": "blastp -gapopen 11 -gapextend 1 -comp_based_stats 0 -seg no",
}


@pytest.mark.parametrize("alphabet", ["dna", "protein"])
def test_parameters_and_bits_are_those_of_blast(alphabet: Alphabet, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    a = rng.choice(list(LETTERS[alphabet]), 150)
    b = np.where(rng.random(150) < 0.1, rng.choice(list(LETTERS[alphabet]), 150), a)
    first, second = "".join(a), "".join(b)
    (tmp_path / "q.fa").write_text(f">q\n{first}\n")
    (tmp_path / "s.fa").write_text(f">s\n{second}\n")
    files = ["-query", str(tmp_path / "q.fa"), "-subject", str(tmp_path / "s.fa")]
    text = subprocess.run([*OPTIONS[alphabet].split(), *files], capture_output=True, text=True, check=True).stdout
    gapped = re.search(r"Gapped\s+Lambda\s+K\s+H(?:\s+a\s+alpha(?:\s+sigma)?)?\s+([\d.]+)\s+([\d.]+)", text)
    assert gapped is not None, text
    assert (float(gapped[1]), float(gapped[2])) == (GAPPED[alphabet].lambda_, GAPPED[alphabet].k)
    row = subprocess.run(
        [*OPTIONS[alphabet].split(), *files, "-outfmt", "6 score bitscore"], capture_output=True, text=True, check=True
    ).stdout.split()
    score = align(first, second, alphabet).score
    assert int(row[0]) == score
    assert float(row[1]) == pytest.approx(bit_score(score, alphabet), rel=0.01)


def test_evalue_falls_with_the_score_and_grows_with_the_search() -> None:
    assert evalue(50, 150, 10**6, "dna") > evalue(60, 150, 10**6, "dna")
    assert evalue(50, 150, 2 * 10**6, "dna") == pytest.approx(2 * evalue(50, 150, 10**6, "dna"))
    assert evalue(50, 150, 10**6, "dna") == pytest.approx(150 * 10**6 * 2 ** -bit_score(50, "dna"))
