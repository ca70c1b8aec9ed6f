"""What the benchmark of a GPU compares is the same training, and it needs torch and transformers alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks import gpu

LIBRARIES = ("accelerate", "datasets", "pandas", "peft", "pyarrow", "pydantic", "scipy", "sklearn")
pytestmark = [
    pytest.mark.filterwarnings("ignore:There is a performance drop:UserWarning"),  # of attention under vmap on a CPU
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of torch.compile
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pairs as `benchmarks.gpu_data` writes them."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(8, 60, 96)
    ids, types = rng.integers(1, 300, lengths.sum()), rng.integers(0, 2, lengths.sum())
    np.savez(tmp_path / "tokens.npz", ids=ids, types=types, lengths=lengths, labels=rng.integers(0, 2, 96), pad_id=0)
    return tmp_path


@pytest.mark.parametrize("name", ["BERT base", "GPT-2 small"])
def test_two_seeds_at_once_are_two_trainings(folder: Path, name: str) -> None:
    pairs = gpu.Pairs.read(folder, 48, types=name == "BERT base")
    models = [gpu.make_model(name, pairs.pad_id, tiny=True, seed=seed) for seed in (0, 1)]
    together, _ = gpu.train_together(models, pairs, torch.float32, 8, steps=1)
    for seed, losses in enumerate(together):
        model = gpu.make_model(name, pairs.pad_id, tiny=True, seed=seed)
        alone, _ = gpu.train(model, pairs, torch.float32, 8, steps=1, seed=seed)
        assert np.allclose(losses, alone, atol=1e-6)
    assert not np.allclose(*together, atol=1e-3)


def test_a_model_compiled_for_buckets_of_lengths_has_the_same_losses(folder: Path) -> None:
    pairs = gpu.Pairs.read(folder, 48, types=True)
    plain, _ = gpu.train(gpu.make_model("BERT base", 0, tiny=True), pairs, torch.float32, 8, steps=1)
    model, lengths = gpu.make_model("BERT base", 0, tiny=True), set()

    def forward(**batch: torch.Tensor) -> object:
        lengths.add(batch["input_ids"].shape[1])
        return compiled(**batch)

    compiled = torch.compile(model.train(), dynamic=True, backend="eager")
    losses, _ = gpu.train(model, pairs, torch.float32, 8, steps=1, multiple=gpu.BUCKET, forward=forward)
    assert np.allclose(losses, plain, atol=1e-6)
    assert lengths == {32, 64}


def test_every_line_runs_on_a_cpu(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["gpu.py", str(folder), "--device", "cpu", "--tiny"]
    monkeypatch.setattr(sys, "argv", arguments)
    monkeypatch.setattr(gpu, "STEPS", 1)
    monkeypatch.setattr(gpu, "WARMUP", 1)
    monkeypatch.setattr(torch, "compile", lambda model, **_: model)  # compiled above
    gpu.main()
    printed = capsys.readouterr().out
    assert "Error" not in printed
    assert printed.count("memory run out 2 times: logits at most") == 2
    assert printed.count("100.0% of answers the same") == 6
    rows = [line.split(" | ") for line in printed.splitlines() if line.startswith(("| BERT", "| GPT-2"))]
    assert len(rows) == 20
    assert all(int(row[1].replace(",", "")) > 0 for row in rows)


def test_only_torch_and_transformers_are_needed() -> None:
    script = Path(gpu.__file__)
    blocked = f"import sys, runpy; sys.modules.update(dict.fromkeys({LIBRARIES})); sys.argv = ['gpu.py', '--help']"
    code = f"{blocked}; runpy.run_path({str(script)!r}, run_name='__main__')"
    ran = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "benchmarks.gpu_data wrote" in ran.stdout
