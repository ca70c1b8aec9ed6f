"""`bio-paws build`: make the named configs, check them, and put them where the old ones were."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Collection
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.compute as pc

from bio_paws import configs
from bio_paws.align.smith_waterman import Alphabet
from bio_paws.audit.config_shortcuts import measure_config
from bio_paws.build import export, output, partition
from bio_paws.build.datasets_builder import BioPaws
from bio_paws.build.homology_groups import MAX_GROUP_SHARE
from bio_paws.build.pair_filter import database_size
from bio_paws.build.pipeline import (
    ALPHABETS,
    BuildOptions,
    Prepared,
    make_config,
    missing_input,
    prepare,
    searched_molecules,
)
from bio_paws.build.segments import MAX_SEGMENT
from bio_paws.build.shortfall import explain_shortfall
from bio_paws.configs import SPLITS, PairConfig, get_config
from bio_paws.errors import BioPawsError, BuildFailed, CheckFailed
from bio_paws.execution.executors import open_executor
from bio_paws.execution.files import read_arrow, temporary_folder
from bio_paws.execution.progress import progress, report_stage
from bio_paws.execution.stages import open_workdir
from bio_paws.features.baseline_aucs import Measured, split_files
from bio_paws.sequences.corpus import Corpus
from bio_paws.verify.verify import verify
from bio_paws_cards.manifest import ConfigEntry, DatabaseSize

logger = logging.getLogger(__name__)

_SECONDS_PER_LOOK = 10.0  # at the configs in work; how often they are told of is the log's to decide

_TOO_SMALL = "the source is too small for splits of many homology groups: name the config to build it all the same"


@dataclass(frozen=True)
class ConfigReport:
    """What a build reports of a config that has pairs.

    Attributes
    ----------
    name : str
    rows : dict of str to int
        Pairs of each split.
    outcomes : dict of str to int
        Candidates by outcome.
    measured : dict
        Baselines and upper bounds; empty where the build failed before they were measured.
    seconds : float
    note : str
        Why it has fewer pairs than requested; empty where it has not.
    breadth : dict of str to dict
        Fields of `bio_paws_cards.manifest.Breadth`, by split.
    broad : bool
        Whether validation and test keep `bio_paws.features.breadth.BROAD`.
    """

    name: str
    rows: dict[str, int]
    outcomes: dict[str, int]
    measured: Measured
    seconds: float
    note: str
    breadth: dict[str, dict[str, Any]]
    broad: bool


@dataclass(frozen=True)
class BuildReport:
    """What a build reports at its end, or when the sources do not give the pairs that it was to make.

    Attributes
    ----------
    out : Path
        Folder of the data set.
    rejected_records : dict of str to int
        Records of the sources that were rejected, by reason.
    configs : tuple of ConfigReport
        The configs that have pairs.
    left_out : dict of str to str
        Why each of the other configs has none.
    outcomes : dict of str to dict of str to int
        Candidates by outcome, of all configs for which there were any.
    seconds : dict of str to float
        By stage.
    """

    out: Path
    rejected_records: dict[str, int]
    configs: tuple[ConfigReport, ...]
    left_out: dict[str, str]
    outcomes: dict[str, dict[str, int]]
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
        Folder of the data set. Its files are replaced in one step when all is done and checked, and not touched before;
        files in it that are not of the data set stay.

    Raises
    ------
    BioPawsError
        When the input is bad, or lacks what a named config needs.
    BuildFailed
        When no config has pairs, or a named config has an empty split; `out` is left as it was.
    CheckFailed
        When the result breaks an invariant; `out` is left as it was.
    """
    # `made` has the pairs of every config that the source has sequences for, `entries` those that have any pairs.
    wanted = [get_config(name) for name in dict.fromkeys(names)] or list(configs.CONFIGS)
    too_few = {config.name: why for config in wanted if (why := _too_few_pairs(config, options.pairs))}
    for name in too_few if names or len(too_few) == len(wanted) else ():
        raise BioPawsError(f"{name}: {too_few[name]}")
    clock = _Clock()
    datasets.disable_progress_bars()  # the build has its own
    output.check_output(out, options.work)
    with ExitStack() as stack:
        # A build into the same folder is waited for first: what it leaves there says whether this one may add to it.
        new = stack.enter_context(output.replacing(out)).folder
        requested, (wanted, options) = wanted, _beside_other_configs(out, wanted, options)
        stack.enter_context(open_workdir(options.work))
        prepared = stack.enter_context(prepare(options))
        clock.lap("sources, search, splits")
        corpus = prepared.files.load()
        limits = partition.limits_of(read_arrow(prepared.regions))
        left_out = _unbuildable(wanted, corpus, limits, names or _standing(out, options)) | too_few
        _require_same_files(out, requested, [config for config in wanted if config.name not in left_out], prepared)
        if limits.of_small_source:
            logger.warning("%s", _about_limits(limits))
        # A config that nobody named is left out, with its reason, where the source cannot give it.
        made = _make_in_parallel([config for config in wanted if config.name not in left_out], prepared)
        notes = _notes(made, prepared)
        left_out |= {name: notes[name] for name, config in made.items() if not config.rows}
        entries = {
            name: _write(get_config(name), config, prepared, new) for name, config in made.items() if config.rows
        }
        report = partial(_report, out, corpus.rejected, made, entries, left_out, notes, clock.seconds)
        failed = [name for name, config in made.items() if names and len(config.rows) < len(SPLITS)]
        if failed or not entries:
            clock.lap("configs")
            reasons = "; ".join(f"{name}: {notes.get(name) or left_out[name]}" for name in failed or left_out)
            summary = "too few pairs" if entries else "nothing to build"
            raise BuildFailed(f"{summary} from {', '.join(options.source)} ({reasons})", report())
        sizes = DatabaseSize(dna=database_size(corpus, "dna"), protein=database_size(corpus, "protein"))
        manifest = export.new_manifest(prepared, corpus, sizes, limits, entries, out.resolve().name)
        output.keep_other_configs(out, new, manifest)
        manifest.configs = {c.name: manifest.configs[c.name] for c in configs.CONFIGS if c.name in manifest.configs}
        clock.lap("configs")
        # The card and the figures show the baselines: they are rendered last.
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
    return report()


def _unbuildable(
    wanted: list[PairConfig], corpus: Corpus, limits: partition.Limits, named: Collection[str]
) -> dict[str, str]:
    """Say of each config that a source cannot give why it cannot.

    Raises
    ------
    BioPawsError
        When it was named, and the source lacks what it needs.
    """
    needs = {config.name: need for config in wanted if (need := missing_input(config, corpus))}
    for name, need in needs.items():
        if name in named:
            raise BioPawsError(f"{name}: the source holds no {need}: add a source that does, or leave it out")
    too_small = (
        {}
        if limits.max_held_out_share is not None
        else {config.name: _TOO_SMALL for config in wanted if config.needs_large_source and config.name not in named}
    )
    return {name: f"the source holds no {need}" for name, need in needs.items()} | too_small


def _standing(out: Path, options: BuildOptions) -> Collection[str]:
    """Return the configs in `out` that were built as others are now, whatever was searched: these were named once."""
    earlier = output.other_configs(out, ())
    if earlier is None:
        return ()
    arguments = export.arguments_of(options, earlier.arguments.searched)
    return () if output.differences(earlier, version=configs.DATA_VERSION, arguments=arguments) else earlier.configs


def _beside_other_configs(
    out: Path, wanted: list[PairConfig], options: BuildOptions
) -> tuple[list[PairConfig], BuildOptions]:
    """Return what to build so that other configs in `out` can stay, and the options with the molecules to search.

    Splits of configs in one data set fit together only where they come of the same searches: where another molecule is
    needed than was searched for the configs that stand, these are built anew too.

    Raises
    ------
    BioPawsError
        When the other configs were built otherwise.
    """
    needed = set(searched_molecules(wanted))
    earlier = output.other_configs(out, [config.name for config in wanted])
    searched = set(earlier.arguments.searched) if earlier else needed
    options = replace(options, molecules=tuple(molecule for molecule in ALPHABETS if molecule in needed | searched))
    if earlier is None:
        return wanted, options
    output.require_same_build(
        out, earlier, version=configs.DATA_VERSION, arguments=export.arguments_of(options, searched)
    )
    if needed <= searched:
        return wanted, options
    standing = ", ".join(earlier.configs)
    logger.warning(
        "%s: holds %s, for which %s alone were searched: %s built anew together with %s, since splits of one data set "
        "are homology-disjoint only where the same molecules were searched for all its configs",
        out,
        standing,
        "DNA" if searched == {"dna"} else "proteins",
        f"{standing} {'is' if len(earlier.configs) == 1 else 'are'}",
        ", ".join(config.name for config in wanted),
    )
    return [*map(get_config, earlier.configs), *wanted], options


def _require_same_files(out: Path, requested: list[PairConfig], made: list[PairConfig], prepared: Prepared) -> None:
    """Check that configs in `out` that nobody requested stay what they were: kept, or built anew of the same files.

    Raises
    ------
    BioPawsError
        When they were built from other files, or those that are kept with other versions.
    """
    sources = export.sources_of(prepared, prepared.files.load())
    if others := output.other_configs(out, [config.name for config in requested]):
        output.require_same_build(out, others, sources=sources)
    if kept := output.other_configs(out, [config.name for config in made]):
        versions = export.versions_of(prepared.options.engine)
        output.require_same_build(out, kept, versions=versions, sources=sources)


@dataclass(frozen=True)
class _Made:
    """A config whose pairs are on disk.

    Attributes
    ----------
    rows : dict of str to int
        Pairs of each split that has any.
    outcomes : dict of str to int
        Candidates by outcome.
    seconds : float
    """

    rows: dict[str, int]
    outcomes: dict[str, int]
    seconds: float


def _too_few_pairs(config: PairConfig, pairs: int | None) -> str:
    """Say why so many pairs are no data set; empty where they are, or the config's own number is to be made."""
    if pairs is None or pairs >= config.fewest_pairs:
        return ""
    return (
        f"--pairs {pairs}: its pairs come {config.pairs_at_once} at a time, and each of {len(SPLITS)} splits needs "
        f"them: give {config.fewest_pairs} or more"
    )


def _about_limits(limits: partition.Limits) -> str:
    """Say what is different in a small source."""
    return (
        f"small source: homologs of a {MAX_SEGMENT:,}-bp segment exceed its {MAX_GROUP_SHARE:.0%}: "
        f"segments have at most {limits.max_segment:,} bp, homology groups at most {limits.max_group_share:.0%} of the "
        "source (partition_limits in manifest.json)"
    )


def _notes(made: dict[str, _Made], prepared: Prepared) -> dict[str, str]:
    """Say of each config why it has fewer pairs than requested; nothing where it has not."""
    groups = {molecule: _joined_groups(prepared, molecule) for molecule in ALPHABETS}
    notes = {}
    for name, result in made.items():
        config = get_config(name)
        requested = prepared.options.pairs or config.pairs
        joined = groups["protein" if config.molecule == "protein" else "dna"]
        notes[name] = explain_shortfall(config, result.rows, requested, result.outcomes, joined)
    return notes


def _joined_groups(prepared: Prepared, molecule: Alphabet) -> dict[str, int]:
    """Count, by split, the groups that hold several regions of a molecule: similar pairs come from these."""
    corpus = prepared.files.load()
    sequences = corpus.dna if molecule == "dna" else corpus.proteins
    regions = read_arrow(prepared.regions)
    regions = regions.filter(pc.is_in(regions["source"], pa.array(list(sequences), pa.string())))
    sizes = regions.group_by(["group", "split"]).aggregate([([], "count_all")])
    splits = sizes.filter(pc.greater(sizes["count_all"], 1))["split"].to_pylist()
    return dict(Counter(splits))


def _make_in_parallel(wanted: list[PairConfig], prepared: Prepared) -> dict[str, _Made]:
    """Make configs side by side where there are enough of them, else in turn with their shards side by side."""
    options = prepared.options
    # A cluster runs the shards of all configs; processes here put each config together.
    enough = options.workers if options.cluster is None else 2
    if len(wanted) < enough or options.workers == 1:
        return {config.name: _make(config, prepared) for config in progress(wanted, desc="configs", total=len(wanted))}
    pool = open_executor(options.workers) if options.cluster else nullcontext(prepared.executor)
    with pool as executor, progress(total=len(wanted), desc="configs") as bar:
        jobs = {
            config.name: executor.submit(_make_alone, config, replace(options, workers=1))
            for config in sorted(wanted, key=_expected_cost, reverse=True)
        }
        waiting: set[Future[_Made]] = set(jobs.values())
        while waiting:
            done, waiting = wait(waiting, timeout=_SECONDS_PER_LOOK, return_when=FIRST_COMPLETED)
            for job in done:
                job.result()
                bar.update()
            # Of large sources a config takes many minutes, and its worker reports nothing.
            running = [name for name, job in jobs.items() if job.running()]
            if options.cluster is None:
                del running[options.workers :]  # a pool of processes counts those that wait next in line
            report_stage(f"configs {len(jobs) - len(waiting)}/{len(jobs)} done, in work: {', '.join(running)}")
        return {config.name: jobs[config.name].result() for config in wanted}


def _expected_cost(config: PairConfig) -> tuple[bool, bool, int]:
    """Order configs by how long they take: orders are tried over and over, and proteins are slow to search."""
    return config.rearranged, config.molecule != "dna", config.mean_length


def _make(config: PairConfig, prepared: Prepared) -> _Made:
    """Make a config, and time it."""
    start = time.monotonic()
    paths, outcomes = make_config(config, prepared)
    rows = {split: read_arrow(path).num_rows for split, path in paths.items()}
    return _Made({split: count for split, count in rows.items() if count}, outcomes, time.monotonic() - start)


def _make_alone(config: PairConfig, options: BuildOptions) -> _Made:
    """Make a config in a worker process, which reads from disk what all configs share."""
    with prepare(options) as prepared:
        return _make(config, prepared)


def _write(config: PairConfig, made: _Made, prepared: Prepared, new: Path) -> ConfigEntry:
    """Pass a config that is made through the datasets builder, and write its Parquet files."""
    # A copy for a moment: kept, it would be what is damaged next, without a seal.
    with temporary_folder(prepared.work.root, "datasets") as cache:
        builder = BioPaws(config_name=config.name, prepared=prepared, cache_dir=str(cache))
        builder.download_and_prepare()
        tables = {split: _prepared(builder, split) for split in builder.info.splits}
        return export.write_config(new, config, tables, made.outcomes)


def _prepared(builder: BioPaws, split: str) -> pa.Table:
    """Read a split that the datasets builder wrote.

    The builder's own `as_dataset` has a thread read each file, and Python waits forever for a thread that lacks the
    memory to start.
    """
    files = sorted(Path(builder.cache_dir).glob(f"{builder.dataset_name}-{split}*.arrow"))
    return pa.concat_tables([datasets.Dataset.from_file(str(path)).data.table for path in files])


def _measure(folder: Path, entries: dict[str, ConfigEntry], prepared: Prepared) -> None:
    """Measure baselines, upper bounds and shortcuts of configs, and put them into their entries."""
    jobs = {
        name: prepared.executor.submit(measure_config, split_files(folder, entry), get_config(name))
        for name, entry in entries.items()
    }
    for name, entry in entries.items():
        measured, entry.shortcuts = jobs[name].result()
        entry.baselines, entry.upper_bounds = measured["baselines"], measured["upper_bounds"]


def _report(
    out: Path,
    rejected_records: dict[str, int],
    made: dict[str, _Made],
    entries: dict[str, ConfigEntry],
    left_out: dict[str, str],
    notes: dict[str, str],
    seconds: dict[str, float],
) -> BuildReport:
    reports = tuple(
        ConfigReport(
            name,
            made[name].rows,
            entry.outcomes,
            {"baselines": entry.baselines, "upper_bounds": entry.upper_bounds},
            made[name].seconds,
            notes[name],
            {name: split.breadth.model_dump() for name, split in entry.splits.items() if split.breadth},
            entry.breadth_bounds is not None,
        )
        for name, entry in entries.items()
    )
    outcomes = {name: result.outcomes for name, result in made.items()}
    return BuildReport(out, rejected_records, reports, left_out, outcomes, seconds)


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
