"""What the verbs print: plain tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bio_paws import configs
from bio_paws.configs import SPLITS
from bio_paws.execution.printable import on_one_line

if TYPE_CHECKING:  # `bio-paws list` must not wait for what these import
    from bio_paws.build.build_dataset import BuildReport
    from bio_paws.build.estimate import BuildEstimate
    from bio_paws.features.baseline_aucs import Measured
    from bio_paws.release.publish import Preview
    from bio_paws_cards.manifest import Manifest

_MAX_WIDTH = 60
"""Characters of a value that an example shows."""


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lay out rows under a header: the first column aligned left, the rest right.

    Examples
    --------
    >>> print(table(("config", "rows"), [("dna150", 9), ("dna50", 10)]))
    config  rows
    ------  ----
    dna150     9
    dna50     10
    """
    cells = [list(header), *([on_one_line(str(value)) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    ]
    return "\n".join(line.rstrip() for line in [lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> counted(1, "pair"), counted(12_000, "pair")
    ('1 pair', '12,000 pairs')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def config_list(manifest: Manifest | None) -> list[dict[str, Any]]:
    """Describe every config, and how much of it is built.

    Parameters
    ----------
    manifest : Manifest or None
        Of the data set on disk; None where there is none.

    Returns
    -------
    list of dict
        For each config: ``config``, ``version``, ``mean_length``, ``pairs`` (wanted), ``built`` (rows per split, or
        None) and ``summary``.
    """
    built = manifest.configs if manifest else {}
    described = []
    for config in configs.CONFIGS:
        entry = built.get(config.name)
        described.append(
            {
                "config": config.name,
                "version": entry.version if entry else configs.DATA_VERSION,
                "mean_length": f"{config.mean_length} {config.unit}",
                "pairs": config.pairs,
                "built": {name: split.rows for name, split in entry.splits.items()} if entry else None,
                "summary": config.summary,
            }
        )
    return described


def list_text(described: list[dict[str, Any]]) -> str:
    """Lay out `config_list`."""
    rows = [
        (
            config["config"],
            config["version"],
            config["mean_length"],
            f"{config['pairs']:,}",
            "/".join(f"{count:,}" for count in config["built"].values()) if config["built"] else "not built",
        )
        for config in described
    ]
    summaries = "\n".join(f"  {config['config']}: {config['summary']}" for config in described)
    return f"{table(('config', 'version', 'mean length', 'wanted', 'built ' + '/'.join(SPLITS)), rows)}\n\n{summaries}"


def estimate_text(expected: BuildEstimate) -> str:
    """Lay out what a build would download and read: megabytes and megabases, a row for each assembly."""
    rows = [
        (
            assembly.accession,
            f"{assembly.fetched / 1e6:,.1f}",
            f"{assembly.here / 1e6:,.1f}",
            f"{assembly.bases / 1e6:,.1f}",
        )
        for assembly in expected.assemblies
    ]
    downloads, stored, *free = (
        f"{size / 1e9:,.1f}" for size in (expected.fetched, expected.stored, expected.cache_free, expected.work_free)
    )
    rate = f"{expected.bases_per_second / 1e6:.1f} Mb a second"
    minutes = expected.reading_seconds / 60
    reading = f"{minutes / 60:,.1f} h" if minutes > 120 else f"{minutes:,.0f} min"
    return "\n".join(
        (
            table(("assembly", "MB to download", "MB here", "genome, Mb (guessed)"), rows),
            "",
            f"Downloads: {downloads} GB to {expected.cache} ({free[0]} free)",
            f"Sequences: {stored} GB to {expected.work} ({free[1]} free)",
            *(() if expected.fits else ("The disk is too small: make room, or name others with --work",)),
            f"Reading the genomes: about {reading} on one core, at {rate} as measured now; their genes come on top",
            "Search: around as many genes as there are pairs (--search-from), whatever the size of the genomes"
            if expected.from_genes
            else "Search: whole genomes against each other",
            "Memory: does not grow with the genomes; docs/explanation/benchmarks.md has figures",
        )
    )


def build_text(report: BuildReport) -> str:
    """Lay out the report of a build: pairs per split, baselines, candidates by outcome, seconds, an example row."""
    parts = [
        table(
            ("config", *SPLITS, "seconds"),
            [
                (config.name, *(f"{config.rows.get(split, 0):,}" for split in SPLITS), f"{config.seconds:.1f}")
                for config in report.configs
            ],
        ),
        "AUC of the label on test: baselines (without an alignment; chance is 0.5) and upper bound (with one)\n"
        + baselines_text({config.name: config.measured for config in report.configs}),
        "Breadth: homology groups, share of the largest group and of the largest organism, distinct bp or aa\n"
        + breadth_text(report),
        outcomes_text(report.outcomes, report.rejected_records),
    ]
    shortfalls = [f"  {config.name}: {config.note}" for config in report.configs if config.note]
    shortfalls += [f"  {name}: not built, {reason}" for name, reason in report.left_out.items()]
    if shortfalls:
        parts.append("Fewer pairs than requested\n" + "\n".join(shortfalls))
    parts.append("Seconds: " + ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in report.seconds.items()))
    parts.append(example_text(report.out, report.configs[0].name))
    return "\n\n".join(parts)


def breadth_text(report: BuildReport) -> str:
    """Lay out of how much each split of each config was made."""
    rows = [
        (
            config.name,
            split,
            f"{breadth['groups']:,}",
            f"{breadth['largest_group']:.1%}",
            len(breadth["organisms"]),
            f"{max(breadth['organisms'].values()):.1%}",
            f"{breadth['distinct_residues']:,}",
        )
        for config in report.configs
        for split, breadth in config.breadth.items()
    ]
    broad = ", ".join(config.name for config in report.configs if config.broad) or "none"
    text = table(("config", "split", "groups", "largest", "organisms", "largest", "distinct"), rows)
    return f"{text}\nBroad enough for a release (validation and test): {broad}"


def outcomes_text(outcomes: Mapping[str, dict[str, int]], rejected_records: Mapping[str, int]) -> str:
    """Lay out the counts of a build: candidates of each config by outcome, and records of the sources by rejection."""
    lines = [_outcomes_line(name, counts) for name, counts in outcomes.items()]
    parts = ["\n".join(["Candidates by outcome", *lines])] if lines else []
    if rejected_records:
        records = ", ".join(f"{reason} {count:,}" for reason, count in rejected_records.items())
        parts.append(f"Source records rejected: {records}")
    return "\n\n".join(parts)


def _outcomes_line(name: str, outcomes: dict[str, int]) -> str:
    counts = ", ".join(f"{outcome} {count:,}" for outcome, count in sorted(outcomes.items()) if count)
    return f"  {name}: {counts or 'no candidates'}"


def baselines_text(measured: dict[str, Measured]) -> str:
    """Lay out the AUCs that `measure_baselines` gives for several configs."""
    from bio_paws.features.baselines import KMER_BASELINES, SHORTCUTS

    rows = []
    for name, aucs in measured.items():
        baselines = aucs["baselines"]
        if not baselines:
            rows.append((name, *("-" for _ in range(3 + len(SHORTCUTS)))))
            continue
        kmers = {baseline: baselines[baseline] for baseline in KMER_BASELINES}
        shortcuts = [f"{baselines[shortcut]:.3f}" for shortcut in SHORTCUTS]
        rows.append((name, _best(baselines), *shortcuts, _best(kmers), _best(aucs["upper_bounds"])))
    return table(("config", "best baseline", *SHORTCUTS, "best k-mer", "upper bound"), rows)


def _best(aucs: dict[str, float]) -> str:
    from bio_paws.features.baseline_aucs import best

    name, auc = best(aucs)
    return f"{name} {auc:.3f}"


def preview_text(repo_id: str, preview: Preview) -> str:
    """Lay out what `publish` would change on the Hub."""
    if preview.already:
        return f"{repo_id}: {preview.tag} already published"
    rows = [
        (
            f"{difference.config}/{difference.split}",
            f"{difference.added:,}",
            f"{difference.removed:,}",
            f"{difference.changed:,}",
        )
        for difference in preview.differences
    ]
    files = [f"send {name}" for name in preview.sent] + [f"delete {name}" for name in preview.deleted]
    return "\n".join(
        [f"{repo_id}: {preview.tag} would be published", table(("rows", "added", "removed", "changed"), rows), *files]
    )


def example_text(folder: Path, name: str) -> str:
    """Lay out one row of a config, a line per column."""
    import pyarrow.parquet as pq

    path = next(path for path in sorted((folder / name).glob("*.parquet")) if pq.ParquetFile(path).metadata.num_rows)
    row = next(pq.ParquetFile(path).iter_batches(1)).to_pylist()[0]
    lines = [f"  {key:<11} {_shorten(value)}" for key, value in row.items()]
    return f"Example of {name}\n" + "\n".join(lines)


def _shorten(value: object) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else on_one_line(str(value))
    return text if len(text) <= _MAX_WIDTH else f"{text[:_MAX_WIDTH]}... ({len(text)} characters)"
