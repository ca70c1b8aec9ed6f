"""The data load with the oldest and the newest `datasets` that the card names, each in an environment of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bio_paws.dataset.manifest import read_manifest
from bio_paws.schema import SCHEMA
from bio_paws_cards.about import NEWEST_DATASETS, OLDEST_DATASETS

LOAD = """
import json, sys
import datasets

folder, *configs = sys.argv[1:]
loaded = {}
for name in configs:
    data = datasets.load_dataset(folder, name)
    loaded[name] = {split: [part.features["label"].names, part[:]] for split, part in data.items()}
    streamed = datasets.load_dataset(folder, name, streaming=True)
    for split, part in data.items():
        assert list(streamed[split]) == list(part), (name, split)
print(json.dumps([datasets.__version__, datasets.get_dataset_config_names(folder), loaded]))
"""


@pytest.mark.soak
@pytest.mark.parametrize(
    ("requirement", "version"),
    [
        (f"datasets=={OLDEST_DATASETS}.*", f"{OLDEST_DATASETS}."),
        (f"datasets>={NEWEST_DATASETS},<{NEWEST_DATASETS + 1}", f"{NEWEST_DATASETS}."),
    ],
)
def test_every_config_loads(requirement: str, version: str, built: Path, tmp_path: Path) -> None:
    """Rows, features and names of configs, whole and streamed; the environment holds nothing but `datasets`."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv/bin/python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", requirement], check=True)
    manifest = read_manifest(built)
    done = subprocess.run(
        [python, "-c", LOAD, built, *manifest.configs],
        capture_output=True,
        text=True,
        env={"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    used, names, loaded = json.loads(done.stdout.splitlines()[-1])
    assert used.startswith(version)
    assert names == list(manifest.configs)
    for name, entry in manifest.configs.items():
        assert loaded[name].keys() == entry.splits.keys()
        for split, stored in entry.splits.items():
            label_names, columns = loaded[name][split]
            assert label_names == entry.label_names
            assert list(columns) == SCHEMA.names
            assert columns == pq.read_table(built / stored.file).to_pydict()
