"""Networks trained from scratch: what they learn follows from the seed, and no pair depends on its neighbours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bio_paws.features.baselines import PairBatch
from bio_paws_eval.baselines import networks
from bio_paws_eval.baselines.networks import NETWORKS, Network
from bio_paws_eval.baselines.run import run_baselines
from bio_paws_eval.results import read_result
from bio_paws_eval.tasks.registry import Sources


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "_STEPS", 25)


def drawn(seed: int, pairs: int = 64) -> tuple[PairBatch, np.ndarray]:
    """Pairs whose second side has Ts instead of As where the label is 1."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, pairs).astype(np.int8)
    first = ["".join(rng.choice(list("ACG"), rng.integers(5, 20))) for _ in labels]
    second = [side.replace("A", "T" if label else "A") + "AT"[label] for side, label in zip(first, labels, strict=True)]
    return PairBatch(first, second, "dna"), labels


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_a_network_learns_by_its_seed_and_answers_each_pair_as_alone(network: Network) -> None:
    (train, labels), (test, truth) = drawn(0), drawn(1)
    rule, again, other = (network.fit(train, labels, seed) for seed in (0, 0, 1))
    margins = rule.margin(test)
    assert ((margins > 0) == truth).mean() > 0.9
    np.testing.assert_array_equal(again.margin(test), margins)
    assert not np.allclose(other.margin(test), margins)
    alone = np.concatenate([rule.margin(test.take([row])) for row in range(8)])
    np.testing.assert_allclose(alone, margins[:8], atol=1e-5)
    assert np.isfinite(rule.margin(PairBatch(["N"], ["A" * 2 * networks.CHARACTERS], "dna"))).all()


def test_results_of_networks_stand_beside_those_of_baselines(tmp_path: Path) -> None:
    pairs, labels = drawn(0, 40)
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        rows = zip(pairs.sentence1, pairs.sentence2, labels, strict=True)
        lines = [f"{number}\t{a}\t{b}\t{label}" for number, (a, b, label) in enumerate(rows)]
        (tmp_path / split / "en.tsv").write_text("\n".join(["id\tsentence1\tsentence2\tlabel", *lines]) + "\n")
    data, out = Sources(pawsx=str(tmp_path)), tmp_path / "out"
    without, _ = run_baselines(["pawsx_en"], (), "test", data, out)
    paths, _ = run_baselines(["pawsx_en"], (), "test", data, out, network_seeds=(0, 1))
    assert paths[: len(without)] == without
    results = [read_result(path) for path in paths[len(without) :]]
    assert [(result.model.id, result.training.seed) for result in results] == [
        (network.name, seed) for network in NETWORKS for seed in (0, 1)
    ]
    assert {(result.model.method, result.status) for result in results} == {("baseline", "scored")}
    assert len({result.key for result in results}) == 4
    assert {path.parents[1] for path in paths[len(without) : len(without) + 2]} == {paths[len(without)].parents[1]}
