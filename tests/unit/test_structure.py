"""The rules of the architecture, held."""

from __future__ import annotations

import ast
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bio_paws import configs
from bio_paws.build.pair_filter import similarity_bin
from bio_paws.configs import (
    CHANGES,
    CONFIGS,
    DATA_VERSION,
    PAIR_TYPES,
    SIMILARITY_BINS,
    SPLIT_SHARES,
    SPLITS,
    PairConfig,
    PairType,
    get_config,
)
from bio_paws.dataset.versions import parse_version
from bio_paws.errors import BioPawsError
from bio_paws.verify.splits import share_faults

ROOT = Path(__file__).parents[2]
PACKAGES = (ROOT / "builders/bio_paws", ROOT / "cards/bio_paws_cards", ROOT / "evaluate/bio_paws_eval")


def test_nothing_prints_but_the_command_line() -> None:
    for package in PACKAGES:
        for path in sorted(package.rglob("*.py")):
            calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
            prints = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]
            assert not prints or path.parent.name == "cli", path


def test_top_level_folders_are_not_packages() -> None:
    for folder in ("builders", "cards", "evaluate", "bioPAWS"):
        assert not (ROOT / folder / "__init__.py").exists()
    assert not list((ROOT / "bioPAWS").glob("*.py"))
    code = "import importlib.util as u; print([u.find_spec(n) for n in ('builders', 'cards')])"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.strip() == "[None, None]"


def test_configs_are_those_of_the_design() -> None:
    assert [(c.name, c.mean_length, c.unit, c.pairs) for c in CONFIGS] == [
        ("dna150_paws", 150, "bp", 20_000),
        ("protein150_paws", 50, "aa", 20_000),
        ("protein450_paws", 150, "aa", 20_000),
        ("dna_protein", 1300, "bp", 25_600),
        ("dna150", 150, "bp", 20_000),
        ("dna50", 50, "bp", 20_000),
        ("protein150", 50, "aa", 20_000),
        ("protein450", 150, "aa", 20_000),
        ("protein150_remote", 50, "aa", 20_000),
        ("protein450_remote", 150, "aa", 20_000),
        ("dna150_graded", 150, "bp", 20_000),
        ("protein150_graded", 50, "aa", 20_000),
        ("dna150s", 150, "bp", 20_000),
    ]
    assert sum(SPLIT_SHARES) == 1
    assert dict(get_config("dna150s").similar_mix) == {"identical": 30, "containment": 40, "homolog": 30}


def test_bands_meet_and_take_in_every_similarity_once() -> None:
    config = get_config("dna150_graded")
    for similarity in (0.0, 0.3, 0.4999, 0.5, 0.6, 0.75, 0.8999, 0.9, 1.0):
        assert [kind for kind, _, _ in SIMILARITY_BINS if config.accepts(kind, similarity)] == [
            similarity_bin(similarity)
        ]
    assert config.similar_quotas(600) == {kind: 100 for kind, _, _ in SIMILARITY_BINS}


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
@given(pairs=st.integers(1, 30_000))
def test_quotas_are_what_is_wanted_and_all_of_it(config: PairConfig, pairs: int) -> None:
    if pairs < config.fewest_pairs:
        return
    quotas = config.quotas(pairs)
    assert 2 * abs(pairs - 2 * sum(quotas.values())) <= config.pairs_at_once
    for split, share in zip(SPLITS, SPLIT_SHARES, strict=True):
        # All of a split comes in quartets, each of which has two similar pairs.
        assert quotas[split] > 0 == quotas[split] % (config.pairs_at_once // 2)
        assert abs(quotas[split] - pairs * share / 2) <= config.pairs_at_once
        kinds = config.similar_quotas(quotas[split])
        assert sum(kinds.values()) == quotas[split]
        assert not config.graded or len(set(kinds.values())) == 1
        assert not config.rearranged or all(count % 2 == 0 for count in kinds.values())


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_whole_configs_have_the_quotas_that_their_data_were_made_with(config: PairConfig) -> None:
    quotas = config.quotas(config.pairs)
    at_once = len(config.similar_mix) if config.graded else 1
    assert list(quotas.values()) == [at_once * round(config.pairs * share / 2 / at_once) for share in SPLIT_SHARES]


@pytest.mark.parametrize("config", [config for config in CONFIGS if len(config.similar_mix) > 1], ids=lambda c: c.name)
def test_the_shares_of_data_that_were_rounded_otherwise_are_accepted(config: PairConfig) -> None:
    """Splits were once rounded to similar pairs, and their kinds one by one."""
    total = sum(share for _, share in config.similar_mix)
    for pairs in range(config.fewest_pairs, 400):
        similar = round(pairs * SPLIT_SHARES[0] / 2)
        counts = {kind: round(similar * share / total) for kind, share in config.similar_mix}
        if sum(counts.values()) % 2 == 0:  # of an odd number the manifest says that pairs are missing
            assert list(share_faults(config, counts)) == []
    (first, most), (second, _) = list(counts.items())[:2]
    assert len(list(share_faults(config, {**counts, first: most - 3, second: counts[second] + 3}))) == 2


def test_each_sort_of_kind_keeps_to_its_similarities() -> None:
    plain, adversarial = get_config("dna150s"), get_config("dna150_paws")
    assert not plain.accepts("homolog", 0.85)
    assert plain.accepts("homolog", 0.8501)
    assert plain.accepts("containment", 0.2)
    assert [adversarial.accepts("permuted_homolog", at) for at in (0.59, 0.6, 0.79, 0.8)] == [False, True, True, False]


def test_every_kind_is_told_and_every_version_has_its_entry() -> None:
    assert set(PAIR_TYPES) == set(get_args(PairType))
    versions = [parse_version(version) for version, _, _ in CHANGES]
    assert versions == sorted(set(versions), reverse=True)
    assert CHANGES[0][0] == DATA_VERSION
    assert all(date.fromisoformat(day) for _, day, _ in CHANGES)


def test_duplicate_and_malformed_configs_fail_at_once() -> None:
    with pytest.raises(ValueError, match="defined twice"):
        configs.index_by_name((CONFIGS[0], CONFIGS[0]))
    for mix in ((), (("homolog", 0),), (("homolog", 1), ("homolog", 2))):
        with pytest.raises(ValueError, match="not a mix"):
            PairConfig("x", "dna", 50, 10, mix, (("other_group", 100),), "")
    with pytest.raises(ValueError, match="lower-case"):
        PairConfig("X y", "dna", 50, 10, (("homolog", 100),), (("other_group", 100),), "")
    with pytest.raises(BioPawsError, match="choose from dna150_paws, "):
        get_config("dna15")
