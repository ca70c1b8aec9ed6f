"""Publishing: to a Hub that fails, killed at any point, twice, in two versions; and loading what was published.

What a Hub must show runs against the real one too where HF_TOKEN and BIO_PAWS_HUB_REPO (owner/name) are set: each test
makes a private repository of that name with a number behind it, and deletes it.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import mlcroissant
import pyarrow.parquet as pq
import pytest
from etils import epath

from bio_paws.build.export import finish
from bio_paws.dataset.manifest import read_manifest
from bio_paws.dataset.provenance import STATEMENT, check_statement
from conftest import run_program
from releases import CANARY, Reader, Site, check_published, contents, loopback, real_hub, release, write_keys

# huggingface_hub 2.4 sends large files in a way that httpx2 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

LONG = 100, 30  # runs that fail, runs that are killed
SHORT = 2, 3
REQUESTS = 60  # about as many as a publication makes
TINY = ("dna50",)


@pytest.fixture(params=["loopback", "real"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    if request.param == "real" and not {"HF_TOKEN", "BIO_PAWS_HUB_REPO"} <= set(os.environ):
        pytest.skip("the real Hub: needs HF_TOKEN and BIO_PAWS_HUB_REPO (owner/name)")
    with loopback(tmp_path / "home") if request.param == "loopback" else real_hub(tmp_path / "home") as hub_site:
        yield hub_site


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Site]:
    with loopback(tmp_path / "home") as hub_site:
        yield hub_site


def build(source: Path, out: Path, version: str, pairs: int, *names: str) -> Path:
    """Build as another version of the package would."""
    arguments = ["build", *names, "--source", str(source), "--out", str(out), "--pairs", str(pairs), "--workers", "1"]
    set_version = f"import bio_paws.configs as c; c.DATA_VERSION = {version!r}"
    code = f"{set_version}; from bio_paws.cli.app import main; main({arguments})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert read_manifest(out).version == version, done.stderr
    return out


@pytest.fixture(scope="module")
def two(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1.0.0, two configs."""
    return build(source, tmp_path_factory.mktemp("two") / "bioPAWS", "1.0.0", 40, *TINY, "protein150")


@pytest.fixture(scope="module")
def tiny(two: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1.0.0, one config."""
    return release(two, tmp_path_factory.mktemp("tiny") / "bioPAWS", "1.0.0", TINY)


@pytest.fixture(scope="module")
def other(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 2.0.0, the same config of other rows."""
    return build(source, tmp_path_factory.mktemp("other") / "bioPAWS", "2.0.0", 60, *TINY)


def publish(site: Site, folder: Path, *options: object) -> tuple[int, str, str]:
    return site.call("publish", site.repo, folder, "--workers", 1, *options)


def test_a_release_is_published_and_loads_by_tag(site: Site, built: Path) -> None:
    private = ["--private"] if site.server is None else []
    status, out, err = site.run("publish", site.repo, built, "--workers", 1, "--tag", "v1.0.0", *private)
    assert status == 0, err
    assert out.startswith(f"{site.repo}: v1.0.0 published at ")
    manifest = read_manifest(built)
    code = (
        "import json\n"
        "from datasets import load_dataset, get_dataset_config_names\n"
        f"given = {{'revision': 'v1.0.0'}}; repo = {site.repo!r}; found = {{}}\n"
        "for name in get_dataset_config_names(repo, **given):\n"
        "    data = load_dataset(repo, name, **given)\n"
        "    for split, part in data.items():\n"
        "        streamed = load_dataset(repo, name, split=split, streaming=True, **given)\n"
        "        assert [row['pair_id'] for row in streamed] == part['pair_id'], (name, split)\n"
        "    found[name] = {split: part.num_rows for split, part in data.items()}\n"
        "print(json.dumps(found))"
    )
    stranger = Site(site.repo, site.environment | {"HF_HOME": str(site.home / "stranger")}, site.home, site.server)
    status, out, err = stranger.run(code, program=("-c",))
    assert status == 0, err
    loaded = json.loads(out.splitlines()[-1])
    assert loaded == {
        name: {split: split_entry.rows for split, split_entry in entry.splits.items()}
        for name, entry in manifest.configs.items()
    }
    assert list(loaded) == list(manifest.configs)
    site.check_no_token()


@pytest.mark.soak
def test_two_versions_are_published_and_load(site: Site, tiny: Path, other: Path) -> None:
    private = ["--private"] if site.server is None else []
    status, out, _ = publish(site, tiny, "--dry-run")
    assert status == 0
    assert "dna50/train" in out
    assert "send manifest.json" in out
    status, _, err = publish(site, tiny, *private)
    assert status == 0, err
    status, out, err = publish(site, other, "--dry-run")
    assert status == 0, err
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.startswith("dna50/")}
    for split in ("train", "validation", "test"):
        sizes = [read_manifest(folder).configs["dna50"].splits[split].rows for folder in (other, tiny)]
        added, removed, changed = map(int, rows[f"dna50/{split}"])
        assert (added + changed, removed + changed) == tuple(sizes)
    assert publish(site, other)[0] == 0
    status, out, _ = publish(site, tiny)
    assert status == 0
    assert "v1.0.0 already published at " in out
    for version, folder in (("1.0.0", tiny), ("2.0.0", other)):
        code = (
            f"import bio_paws; print(bio_paws.load('dna50', data={site.repo!r}, version={version!r}, split='test')[0])"
        )
        status, out, err = site.run(code, program=("-c",))
        assert status == 0, err
        first = pq.read_table(folder / "dna50/test-00000-of-00001.parquet")["pair_id"][0].as_py()
        assert first in out


@pytest.mark.filterwarnings(
    "ignore:ConjunctiveGraph is deprecated:DeprecationWarning",
    "ignore:The inplace keyword in DataFrame.reset_index:DeprecationWarning",
)
def test_a_published_copy_is_sound_and_says_where_it_is(
    local: Site, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first snippet of its card runs as pasted, and mlcroissant reads pairs by the URL of its metadata."""
    before = contents(tiny)
    assert publish(local, tiny)[0] == 0
    assert contents(tiny) == before
    fetched = Path(local.api.snapshot_download(local.repo, repo_type="dataset", local_dir=tmp_path / "fetched"))
    status, out, _ = local.call("verify", fetched, "--workers", 1)
    assert (status, out.endswith("0 violations\n")) == (0, True)
    snippet = (fetched / "README.md").read_text().split("```python\n")[1].split("```")[0]
    status, out, err = local.run(snippet, program=("-c",))
    assert status == 0, err
    first = pq.read_table(fetched / "dna50/test-00000-of-00001.parquet").slice(0, 1).to_pylist()[0]
    assert first["pair_id"] in out
    monkeypatch.setattr(mlcroissant._src.core.constants, "DOWNLOAD_PATH", epath.Path(tmp_path / "croissant"))
    dataset = mlcroissant.Dataset(f"{local.page}/resolve/main/croissant.json")
    issues = dataset.metadata.ctx.issues
    assert (issues.errors, issues.warnings) == (set(), set())
    record = next(iter(dataset.records("dna50/test")))
    assert record["dna50/test/pair_id"].decode() == first["pair_id"]


def test_what_is_there_is_not_sent_again(local: Site, two: Path, tmp_path: Path, tiny: Path) -> None:
    assert local.server
    assert publish(local, tiny)[0] == 0
    more = release(two, tmp_path / "more", "1.1.0", ["dna50", "protein150"])
    local.server.requests.clear()
    assert publish(local, more)[0] == 0
    assert (
        len([request for request in local.server.requests if request.startswith("PUT")]) == 3
    )  # the splits of protein150
    fewer = release(two, tmp_path / "fewer", "2.0.0", ["protein150"])
    local.server.requests.clear()
    assert publish(local, fewer)[0] == 0
    assert not [request for request in local.server.requests if request.startswith("PUT")]
    assert set(local.repository.files("main")) == {*contents(fewer), ".gitattributes"}
    local.server.requests.clear()
    status, out, _ = publish(local, fewer)
    assert (status, "already published" in out) == (0, True)
    assert not [
        request
        for request in local.server.requests
        if "/commit/" in request or "discussions" in request or "/tag/" in request
    ]


def test_a_signed_release_carries_its_statement(local: Site, tiny: Path, tmp_path: Path) -> None:
    private, public = write_keys(tmp_path, "ours")
    folder = Path(shutil.copytree(tiny, tmp_path / "signed"))
    for said in ("published at", "already published"):
        status, out, err = publish(local, folder, "--sign", private)
        assert status == 0, err
        assert said in out
    fetched = Path(local.api.snapshot_download(local.repo, repo_type="dataset", local_dir=tmp_path / "fetched"))
    assert check_statement(fetched / STATEMENT, fetched, public) == []


def test_a_version_is_never_overwritten(local: Site, tiny: Path, other: Path, tmp_path: Path) -> None:
    assert publish(local, tiny)[0] == 0
    before = dict(local.repository.references)
    for version, wants in (("1.0.0", "v1.0.0 is published with other content"), ("1.9.0", "under version 2.0.0 or")):
        again = release(other, tmp_path / version, version, TINY)
        for options in ([], ["--dry-run"]):
            status, out, err = publish(local, again, *options)
            assert (status, out) == (2, "")
            assert wants in err
            assert len(err.splitlines()) == 1
    assert local.repository.references == before


def test_what_is_not_sound_is_not_published(local: Site, tiny: Path, tmp_path: Path) -> None:
    assert local.server
    stale = Path(shutil.copytree(tiny, tmp_path / "stale"))
    (stale / "README.md").write_text("# Mine\n")
    broken = Path(shutil.copytree(tiny, tmp_path / "broken"))
    shutil.copy(broken / "dna50/test-00000-of-00001.parquet", broken / "dna50/validation-00000-of-00001.parquet")
    wrong = Path(shutil.copytree(tiny, tmp_path / "wrong"))
    manifest = read_manifest(wrong)
    manifest.database_size.dna *= 2  # all E-values refer to it
    finish(wrong, manifest)
    for folder, says in (
        (stale, "README.md is not what this version of bio-paws renders"),
        (broken, "validation-00000-of-00001.parquet: size or sha256 is not the manifest's"),
        (wrong, "violations, nothing was published: "),
    ):
        status, out, err = publish(local, folder)
        assert (status, out) == (1, "")
        assert says in err
        assert len(err.splitlines()) == 1
    for arguments, says in (
        ((local.repo, tiny, "--tag", "v1.0.1"), "holds version 1.0.0: its tag is v1.0.0, not v1.0.1"),
        (("bioPAWS", tiny), "'bioPAWS' is not the name of a repository: write it as owner/name"),
        ((local.repo, tmp_path), "no manifest.json in it"),
    ):
        status, out, err = local.call("publish", *arguments, "--workers", 1)
        assert (status, out) == (2, "")
        assert says in err
        assert len(err.splitlines()) == 1
    assert not local.server.repositories
    assert not [request for request in local.server.requests if not request.startswith("GET")]


def test_what_was_verified_is_not_computed_again_but_damage_is_found(
    local: Site, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "verified"))
    assert local.call("verify", folder, "--workers", 1)[0] == 0

    def recomputed(*_: object) -> NoReturn:
        raise AssertionError("rows are checked again")

    with monkeypatch.context() as patch:
        patch.setattr("bio_paws.verify.verify.check_content", recomputed)
        for options, says in ((["--dry-run"], "send manifest.json"), ([], "published at"), ([], "already published")):
            status, out, err = publish(local, folder, *options)
            assert (status, says in out) == (0, True), err
        with pytest.raises(AssertionError, match="rows are checked again"):  # whoever asks for it has it
            local.call("verify", folder, "--workers", 1)
    stored = folder / "dna50/train-00000-of-00001.parquet"
    data = stored.read_bytes()
    for path, changed in ((stored, data[:999] + bytes([data[999] ^ 1]) + data[1000:]), (folder / "README.md", b"Mine")):
        before = path.read_bytes()
        path.write_bytes(changed)
        status, out, err = publish(local, folder)
        assert (status, out) == (1, "")
        assert path.name in err
        path.write_bytes(before)
    manifest = read_manifest(folder)
    manifest.database_size.dna *= 2
    finish(folder, manifest)
    for _ in range(2):  # what is not sound is not kept
        status, out, err = publish(local, folder)
        assert (status, out, "ROW011" in err) == (1, "", True)


def test_the_hub_refuses_in_one_line(local: Site, tiny: Path) -> None:
    assert local.server
    local.environment["HF_TOKEN"] = "hf_unknown"
    status, _, err = publish(local, tiny)
    assert (status, len(err.splitlines())) == (2, 1)
    assert "the Hub refused: 401 Invalid credentials" in err
    assert "hf auth login" in err
    local.environment["HF_TOKEN"] = CANARY
    local.api.create_repo(local.repo, repo_type="dataset")
    local.api.upload_file(path_or_fileobj=b"x", path_in_repo="other.txt", repo_id=local.repo, repo_type="dataset")
    status, _, err = publish(local, tiny)
    assert (status, len(err.splitlines())) == (2, 1)
    assert "holds files that are not a bioPAWS data set" in err
    status, _, err = publish(local, tiny, "--private")
    assert status == 2
    assert "is public" in err


@pytest.mark.parametrize("data", [b"\xff", b'{"name": "bioPAWS", "configs": {"dna50": 1}}'])
def test_a_manifest_on_the_hub_that_is_none_is_told_of(data: bytes, local: Site, tiny: Path) -> None:
    local.api.create_repo(local.repo, repo_type="dataset")
    local.api.upload_file(path_or_fileobj=data, path_in_repo="manifest.json", repo_id=local.repo, repo_type="dataset")
    before = dict(local.repository.references)
    for options in ([], ["--dry-run"]):
        status, out, err = publish(local, tiny, *options)
        assert (status, out, len(err.splitlines())) == (2, "", 1)
        assert f"{local.repo}: manifest.json at " in err
    assert local.repository.references == before


def test_leftovers_of_others_and_of_earlier_attempts(local: Site, tiny: Path) -> None:
    """Our own old pull requests are closed; those of others, of whatever name, are neither used nor closed."""
    local.api.create_repo(local.repo, repo_type="dataset")
    repository = local.repository
    title = f"bio-paws: publish v1.0.0 onto {repository.resolve('main')[:12]}"
    ours = repository.open_request("bio-paws: publish v0.9.0 onto abc", "tester")
    theirs = repository.open_request(title, "stranger")
    old = [repository.open_request(title, "tester") for _ in range(4)]
    assert publish(local, tiny)[0] == 0
    assert theirs.status == "draft"
    assert ours.status == "closed"
    assert [request.status for request in old] == ["merged", "closed", "closed", "closed"]


def test_what_arrived_is_checked(local: Site, tiny: Path) -> None:
    """A Hub that gives out other bytes than it says it holds: nothing is merged."""
    assert local.server
    sent = contents(tiny)["dna50/test-00000-of-00001.parquet"]

    def spoil(_: int, done: bool) -> None:
        assert local.server
        requests = [request for request in local.server.requests if "/commit/" in request]
        if done and len(requests) == 2:
            good = local.server.storage[sent]
            local.server.storage[sent] = good[:500] + bytes(100) + good[600:]

    local.server.failures.at = spoil
    status, out, err = publish(local, tiny)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert "cannot be loaded at " in err
    assert set(local.repository.files("main")) == {".gitattributes"}
    assert set(local.repository.files("refs/pr/1")) == {*contents(tiny), ".gitattributes"}
    (before,) = local.repository.commits[local.repository.resolve("refs/pr/1")].parents
    assert set(local.repository.files("refs/pr/1")) - set(local.repository.files(before)) == {"manifest.json"}
    assert not [name for name in local.repository.references if name.startswith("refs/tags/")]


# To a Hub that fails, and killed


def versions(two: Path, folder: Path, number: int) -> dict[str, Path]:
    return {version: release(two, folder / version, version, TINY) for version in map("1.0.{}".format, range(number))}


def publish_all_while_failing(two: Path, folder: Path, runs: int) -> None:
    """Two versions a repository: all files are sent for the first, card and manifest for the second."""
    for number in range(0, runs, 2):
        ready = versions(two, folder / f"data-{number}", min(2, runs - number))
        with (
            loopback(folder / f"home-{number}", share=0.2, random=random.Random(number)) as site,
            Reader(site) as reader,
        ):
            assert site.server
            for data in ready.values():
                status, out, err = site.run("publish", site.repo, data, "--workers", 1)
                assert status == 0, err
                assert " published at " in out
            check_published(site, ready, reader)
            site.check_no_token(folder)
            assert site.server.failures.made


def publish_all_while_killed(two: Path, folder: Path, kills: int) -> list[int]:
    """Kill before or after a request that is drawn at random, run again until the release is there, then the next.

    Returns
    -------
    list of int
        The requests at which it was killed.
    """
    chance, killed_at = random.Random(kills), []
    with loopback(folder / "home", share=0.05) as site, Reader(site) as reader:
        published = {}
        for version, data in versions(two, folder / "data", kills).items():
            status = None
            while status != 0:
                process = site.start("publish", site.repo, data, "--workers", 1)
                point = chance.randrange(1, REQUESTS)
                if len(killed_at) < kills:
                    kill_at(site, process, point, after=chance.random() < 0.5)
                out, err = process.communicate()
                status = process.returncode
                site.check_output(out + err)
                assert status in {0, -signal.SIGKILL}, err
                killed_at += [point] if status else []
            published[version] = data
            if len(killed_at) == kills:
                break
        check_published(site, published, reader)
        site.check_no_token(folder)
    return killed_at


def kill_at(site: Site, process: subprocess.Popen[str], point: int, *, after: bool) -> None:
    assert site.server

    def kill(number: int, done: bool) -> None:
        if (number, done) == (point, after):
            process.kill()
            process.wait()  # it is dead before the request is carried out, or answered

    site.server.failures.number = 0
    site.server.failures.at = kill


@pytest.mark.soak
def test_publish_to_a_hub_that_fails(two: Path, tmp_path: Path) -> None:
    publish_all_while_failing(two, tmp_path, SHORT[0])


@pytest.mark.soak
def test_publish_killed_and_run_again(two: Path, tmp_path: Path) -> None:
    assert len(publish_all_while_killed(two, tmp_path, SHORT[1])) == SHORT[1]


@pytest.mark.soak
def test_publish_to_a_hub_that_fails_a_hundred_times(two: Path, tmp_path: Path) -> None:
    publish_all_while_failing(two, tmp_path, LONG[0])


@pytest.mark.soak
def test_publish_killed_thirty_times(two: Path, tmp_path: Path) -> None:
    assert len(set(publish_all_while_killed(two, tmp_path, LONG[1]))) > LONG[1] / 2  # at different points


def test_debug_shows_no_token(local: Site, tiny: Path) -> None:
    assert local.server
    local.server.failures.share = 0.3
    local.environment |= {"HF_DEBUG": "1", "BIO_PAWS_HUB_TIMEOUT": "0.4"}
    process = local.start("--debug", "publish", local.repo, tiny, "--workers", 1)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert "hub_client" in err
    assert "authorization" in err.lower()
    assert CANARY not in out + err


def test_nobody_is_logged_in(tiny: Path, tmp_path: Path) -> None:
    home = {"HF_HOME": str(tmp_path), "HF_TOKEN": "", "HF_TOKEN_PATH": str(tmp_path / "none")}
    done = run_program("publish", "tester/bioPAWS", tiny, "--workers", 1, **home)
    assert done.returncode == 2
    assert "not logged in to the Hub" in done.stderr
