"""The data set as a stranger loads it: a fresh process, a fresh cache, no network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bio_paws.configs import CONFIGS
from bio_paws.dataset.manifest import read_manifest
from bio_paws.schema import SCHEMA
from conftest import Run


def python(code: str, cwd: Path, home: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def loaded(built: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process beside the data set loads: every config whole, a row of dna150 streamed, the names."""
    code = (
        "import json\n"
        "from datasets import get_dataset_config_names, load_dataset, load_dataset_builder\n"
        "names, configs = get_dataset_config_names('bioPAWS'), {}\n"
        "for name in names:\n"
        "    data = load_dataset('bioPAWS', name)\n"
        "    info = load_dataset_builder('bioPAWS', name).info\n"
        "    configs[name] = {'rows': {k: v.num_rows for k, v in data.items()},"
        " 'columns': data['train'].column_names, 'labels': data['train'].features['label'].names,"
        " 'card': {k: v.num_examples for k, v in info.splits.items()}, 'version': str(info.version)}\n"
        "streamed = next(iter(load_dataset('bioPAWS', 'dna150', split='test', streaming=True)))\n"
        "print(json.dumps({'names': names, 'configs': configs, 'streamed': streamed}))"
    )
    done = python(code, built.parent, tmp_path_factory.mktemp("home"))
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("config", [config.name for config in CONFIGS])
def test_load_dataset_from_the_root(config: str, loaded: dict[str, Any]) -> None:
    said = loaded["configs"][config]
    assert list(said["rows"]) == ["train", "validation", "test"]
    assert said["rows"] == said["card"]
    assert said["columns"] == SCHEMA.names
    assert said["labels"] == (["not_coding", "coding"] if config == "dna_protein" else ["dissimilar", "similar"])
    assert said["version"] == "1.0.0"


def test_streaming_and_config_names(loaded: dict[str, Any]) -> None:
    assert set(loaded["streamed"]["sentence1"]) <= set("ACGT") and loaded["streamed"]["label"] in (0, 1)
    assert loaded["names"] == [config.name for config in CONFIGS]


def test_install_serves_any_folder(built: Path, tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    elsewhere.mkdir()
    install = (
        "import sys\n"
        "from datasets import load_dataset\n"
        "from bio_paws.cli.app import main\n"
        "try:\n"
        "    load_dataset('bioPAWS', 'dna50')\n"
        "except Exception:\n"
        f"    sys.exit(main(['install', {str(built)!r}]))\n"
        "sys.exit('it was there before')"
    )
    done = python(install, elsewhere, home)
    assert done.returncode == 0, done.stderr
    code = (
        "from datasets import load_dataset\n"
        "from bio_paws import load\n"
        "data = load_dataset('bioPAWS', 'dna50')\n"
        "assert load('dna50', split='test').num_rows == data['test'].num_rows\n"
        "assert next(iter(load_dataset('bioPAWS', 'dna50', split='test', streaming=True)))['sentence1']\n"
        "print(data['train'].num_rows, data['train'].features['label'].names)"
    )
    after = python(code, elsewhere, home)
    assert after.returncode == 0, after.stderr
    assert "['dissimilar', 'similar']" in after.stdout


def load_in_turn(home: Path, *calls: tuple[Path, dict[str, str]]) -> list[int | str]:
    """Call `load` in these folders with these arguments: the rows of each test split, or the error."""
    code = (
        "import json, os\n"
        "from bio_paws import load\n"
        "outcomes = []\n"
        f"for place, arguments in {[(str(place), arguments) for place, arguments in calls]!r}:\n"
        "    os.chdir(place)\n"
        "    try:\n"
        "        outcomes.append(load(**arguments, split='test').num_rows)\n"
        "    except Exception as error:\n"
        "        outcomes.append(str(error))\n"
        "print(json.dumps(outcomes))"
    )
    done = python(code, home, home)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def test_load_takes_a_folder_and_a_version(built: Path, tmp_path: Path) -> None:
    manifest = read_manifest(built)
    rows, beside, within, folder = load_in_turn(
        tmp_path,
        (built.parent, {"config": "dna50", "version": "1.0.0"}),
        (built.parent, {"config": "dna50", "version": "2.0.0"}),
        (tmp_path, {"config": "dna50", "version": "2.0.0", "data": str(built)}),
        (tmp_path, {"config": "protein150", "data": str(built)}),
    )
    assert rows == manifest.configs["dna50"].splits["test"].rows
    assert folder == manifest.configs["protein150"].splits["test"].rows
    for message in (beside, within):
        assert "bioPAWS holds version 1.0.0, not 2.0.0: pass the Hub id" in str(message)


def test_load_says_where_there_is_nothing(tmp_path: Path) -> None:
    missing, nowhere = load_in_turn(
        tmp_path, (tmp_path, {"config": "protein150"}), (tmp_path, {"config": "dna50", "version": "2.0.0"})
    )
    assert "build it, or pass data=" in str(missing)
    assert "cannot be loaded from bioPAWS at v2.0.0" in str(nowhere)


def test_a_new_build_is_not_served_from_an_old_cache(built: Path, source: Path, tmp_path: Path, bio_paws: Run) -> None:
    folder, home = tmp_path / "bioPAWS", tmp_path / "home"
    code = "from datasets import load_dataset; print(load_dataset('bioPAWS', 'protein150', split='test')[0]['pair_id'])"
    common = ("build", "protein150", "--source", source, "--out", folder, "--workers", 1, "--pairs", 120)
    seen = []
    for seed in (1, 2):
        shutil.rmtree(folder, ignore_errors=True)
        assert bio_paws(*common, "--seed", seed).returncode == 0
        done = python(code, tmp_path, home)
        assert done.returncode == 0, done.stderr
        seen.append(done.stdout)
    assert seen[0] != seen[1]


def test_the_builder_prepares_by_itself(source: Path, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "from bio_paws.build.datasets_builder import BioPaws\n"
        "from bio_paws.build.pipeline import BuildOptions\n"
        f"options = BuildOptions(({str(source)!r},), pairs=120, work=Path({str(tmp_path / 'work')!r}))\n"
        "builder = BioPaws(config_name='protein150', options=options)\n"
        f"builder.download_and_prepare({str(tmp_path / 'out')!r}, file_format='parquet')\n"
        "print(builder.info.version, builder.info.splits['train'].num_examples)"
    )
    done = python(code, tmp_path, tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1.0.0 ")
    assert list((tmp_path / "out").glob("*-train*.parquet"))
