"""`bio-paws build`: make the named configs, check them, and put them where the old ones were."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import as_completed
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import datasets
import pyarrow as pa

from bio_paws import configs
from bio_paws.build import export
from bio_paws.build.datasets_builder import BioPaws
from bio_paws.build.pair_filter import database_size
from bio_paws.build.pipeline import BuildOptions, Prepared, make_config, prepare
from bio_paws.configs import PairConfig, get_config
from bio_paws.errors import BioPawsError, CheckFailed
from bio_paws.execution.executors import open_executor
from bio_paws.execution.files import read_arrow
from bio_paws.execution.progress import progress, report_stage
from bio_paws.execution.stage_keys import source_digest
from bio_paws.execution.stages import open_workdir
from bio_paws.features.baselines import Measured, measure_baselines, split_files
from bio_paws.search import engines
from bio_paws.sequences.corpus import missing_input
from bio_paws.verify.verify import verify
from bio_paws_cards.manifest import ConfigEntry, DatabaseSize

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ConfigReport:
    """What a build says of one config."""

    name: str
    rows: dict[str, int]
    outcomes: dict[str, int]
    measured: Measured
    seconds: float
    note: str


@dataclass(frozen=True)
class BuildReport:
    """What a build says at its end; `seconds` by stage."""

    out: Path
    rejected_records: dict[str, int]
    configs: tuple[ConfigReport, ...]
    left_out: dict[str, str]
    seconds: dict[str, float]


def build(names: tuple[str, ...], options: BuildOptions, out: Path) -> BuildReport:
    """Build configs into `out`.

    Parameters
    ----------
    names : tuple of str
        Configs; all when empty. Named ones must be buildable from the source, of all those that are not are left out.
    options : BuildOptions
        Sources, seed, workers.
    out : Path
        Folder of the data set. It is replaced as a whole when all is done and checked, and not touched before.

    Raises
    ------
    BioPawsError
        When the input is bad, or holds not a single pair.
    CheckFailed
        When the result breaks an invariant; `out` is left as it was.
    """
    wanted = [get_config(name) for name in dict.fromkeys(names)] or list(configs.CONFIGS)
    clock = _Clock()
    datasets.disable_progress_bars()  # the build has its own
    with export.replacing(out) as new, open_workdir(options.work), prepare(options) as prepared:
        clock.lap("sources, search, splits")
        corpus = prepared.files.load()
        left_out: dict[str, str] = {}
        entries: dict[str, ConfigEntry] = {}
        seconds = _make_in_parallel([one for one in wanted if not missing_input(one, corpus)], prepared)
        for config in wanted:
            need = missing_input(config, corpus)
            if need and names:
                raise BioPawsError(
                    f"{config.name}: the source holds no {need}: add a source that does, or leave it out"
                )
            entry = None if need else _write(config, prepared, new)
            if entry is None:
                left_out[config.name] = f"the source holds no {need}" if need else "no pair met its constraints"
                continue
            entries[config.name] = entry
        if not entries:
            why = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
            raise BioPawsError(f"nothing to build from {', '.join(options.source)} ({why})")
        sizes = DatabaseSize(dna=database_size(corpus, "dna"), protein=database_size(corpus, "protein"))
        programs = engines.versions(options.engine)
        manifest = export.new_manifest(options, prepared.assemblies, corpus, programs, sizes, entries)
        export.keep_other_configs(out, new, manifest)
        manifest.configs = {c.name: manifest.configs[c.name] for c in configs.CONFIGS if c.name in manifest.configs}
        clock.lap("configs")
        _measure(new, entries, prepared)
        clock.lap("baselines")
        export.finish(new, manifest)
        del corpus
        prepared.files.forget()  # of a million rows, what is checked takes as much again
        violations = verify(new, manifest, prepared.executor)
        clock.lap("checks")
        if violations:
            for violation in violations[:20]:
                logger.error("%s", violation)
            raise CheckFailed(f"{len(violations)} invariants broken, {out} left as it was: {violations[0]}")
        reports = tuple(_report(get_config(name), entry, options, seconds[name]) for name, entry in entries.items())
    return BuildReport(out, manifest.rejected_records, reports, left_out, clock.seconds)


def _make_in_parallel(wanted: list[PairConfig], prepared: Prepared) -> dict[str, float]:
    """Make configs side by side where there are enough of them, else one by one with their shards side by side.

    Returns
    -------
    dict of str to float
        Seconds that each took.
    """
    options = prepared.options
    # A cluster runs the shards of all configs; processes here put each config together.
    enough = options.workers if options.cluster is None else 2
    if len(wanted) < enough or options.workers == 1:
        return {config.name: _timed(make_config, config, prepared) for config in wanted}
    pool = open_executor(options.workers) if options.cluster else nullcontext(prepared.executor)
    with pool as executor, progress(total=len(wanted), desc="configs") as bar:
        jobs = {
            config.name: executor.submit(_timed, _make_alone, config, replace(options, workers=1))
            for config in sorted(wanted, key=_expected_cost, reverse=True)
        }
        for job in as_completed(jobs.values()):
            job.result()
            bar.update()
        return {name: job.result() for name, job in jobs.items()}


def _expected_cost(config: PairConfig) -> tuple[bool, bool, int]:
    """Order configs by how long they take: orders are tried over and over, and proteins are slow to search."""
    return config.rearranged, config.molecule != "dna", config.mean_length


def _make_alone(config: PairConfig, options: BuildOptions) -> None:
    """Make a config in a worker process: what all configs share is found on disk."""
    with prepare(options) as prepared:
        make_config(config, prepared)


def _timed(work: Callable[..., object], *arguments: object) -> float:
    start = time.monotonic()
    work(*arguments)
    return time.monotonic() - start


def _write(config: PairConfig, prepared: Prepared, new: Path) -> ConfigEntry | None:
    """Make one config through the datasets builder and write it; None when not a single pair was found."""
    paths, outcomes = make_config(config, prepared)
    if not any(read_arrow(path).num_rows for path in paths.values()):
        return None
    parameters = (vars(config), prepared.options.seed, prepared.options.pairs, source_digest(BioPaws.__module__))
    cached = prepared.work.path("datasets", "", *parameters)
    builder = BioPaws(config_name=config.name, prepared=prepared, cache_dir=str(cached.parent), hash=cached.name)
    builder.download_and_prepare()
    tables = {split: _prepared(builder, split) for split in builder.info.splits}
    return export.write_config(new, config, tables, outcomes)


def _prepared(builder: BioPaws, split: str) -> pa.Table:
    """Read a split that the datasets builder wrote.

    Its own `as_dataset` has a thread read each file, and Python waits for ever for one that lacks the memory to start.
    """
    files = sorted(Path(builder.cache_dir).glob(f"{builder.dataset_name}-{split}*.arrow"))
    return pa.concat_tables([datasets.Dataset.from_file(str(path)).data.table for path in files])


def _measure(folder: Path, entries: dict[str, ConfigEntry], prepared: Prepared) -> None:
    """Measure the baselines and upper bounds of configs and put them into their entries."""
    jobs = {
        name: prepared.executor.submit(measure_baselines, split_files(folder, entry), get_config(name))
        for name, entry in entries.items()
    }
    for name, job in jobs.items():
        measured = job.result()
        entries[name].baselines, entries[name].upper_bounds = measured["baselines"], measured["upper_bounds"]


def _report(config: PairConfig, entry: ConfigEntry, options: BuildOptions, seconds: float) -> ConfigReport:
    rows = {split: one.rows for split, one in entry.splits.items()}
    total, asked = entry.rows, options.pairs or config.pairs
    note = "" if total == asked else f"{total:,} of {asked:,} pairs: {_why_fewer(entry.outcomes)}"
    measured = {"baselines": entry.baselines, "upper_bounds": entry.upper_bounds}
    return ConfigReport(config.name, rows, entry.outcomes, measured, seconds, note)


_FEWER = {
    "no_genome": "genes without their genome",
    "length": "candidates out of the length range",
    "identical": "identical windows",
    "similarity": "windows under the similarity threshold",
    "crosses_groups": "windows across homology groups",
    "repeat_masked": "windows in repeats",
    "homolog_in_other_split": "candidates with a homolog in another split",
}


def _why_fewer(outcomes: dict[str, int]) -> str:
    told = [f"{outcomes[name]:,} {words}" for name, words in _FEWER.items() if outcomes.get(name)]
    accepted = f"{outcomes.get('accepted', 0):,} candidates, overlapping ones counted, were let in"
    return f"the source holds no more that can be matched ({accepted}; left out: {', '.join(told)})"


class _Clock:
    """Seconds spent in each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, stage: str) -> None:
        now = time.monotonic()
        self.seconds[stage] = now - self._last
        self._last = now
        report_stage(f"{stage} done, {self.seconds[stage]:.0f} s")
