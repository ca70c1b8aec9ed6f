"""What the commands print: plain tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bio_paws import configs
from bio_paws.configs import SPLITS

if TYPE_CHECKING:  # `bio-paws list` must not wait for what these import
    from bio_paws.build.build_dataset import BuildReport
    from bio_paws.features.baselines import Measured
    from bio_paws.release.publish import Preview
    from bio_paws_cards.manifest import Manifest

_SAMPLE_WIDTH = 60


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lay out rows under a header: the first column to the left, the others to the right."""
    cells = [list(header), *([str(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    ]
    return "\n".join(line.rstrip() for line in [lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def config_list(manifest: Manifest | None) -> list[dict[str, Any]]:
    """Describe every config, and how much of it is built."""
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
            one["config"],
            one["version"],
            one["mean_length"],
            f"{one['pairs']:,}",
            "/".join(f"{count:,}" for count in one["built"].values()) if one["built"] else "not built",
        )
        for one in described
    ]
    summaries = "\n".join(f"  {one['config']}: {one['summary']}" for one in described)
    return f"{table(('config', 'version', 'mean', 'pairs', 'built ' + '/'.join(SPLITS)), rows)}\n\n{summaries}"


def build_text(report: BuildReport) -> str:
    """Tell of a build: counts, floors and ceilings, rejections, timings, a sample row."""
    parts = [
        table(
            ("config", *SPLITS, "seconds"),
            [
                (one.name, *(f"{one.rows.get(split, 0):,}" for split in SPLITS), f"{one.seconds:.1f}")
                for one in report.configs
            ],
        ),
        "AUC on test of telling the label without an alignment (floors; 0.5 is chance), and with one (ceiling)\n"
        + baselines_text({one.name: one.measured for one in report.configs}),
        "Candidates by outcome\n"
        + "\n".join(
            f"  {one.name}: " + ", ".join(f"{name} {count:,}" for name, count in sorted(one.outcomes.items()) if count)
            for one in report.configs
        ),
    ]
    if report.rejected_records:
        records = ", ".join(f"{name} {count:,}" for name, count in report.rejected_records.items())
        parts.append(f"Source records left out: {records}")
    fewer = [f"  {one.name}: {one.note}" for one in report.configs if one.note]
    fewer += [f"  {name}: not built, {why}" for name, why in report.left_out.items()]
    if fewer:
        parts.append("Fewer pairs than asked for\n" + "\n".join(fewer))
    parts.append("Seconds: " + ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in report.seconds.items()))
    parts.append(sample_text(report.out, report.configs[0].name))
    return "\n\n".join(parts)


def baselines_text(measured: dict[str, Measured]) -> str:
    """Lay out `measure_baselines` of several configs."""
    from bio_paws.features.baselines import KMER_BASELINES, SHORTCUTS

    rows = []
    for name, aucs in measured.items():
        baselines = aucs["baselines"]
        if not baselines:
            rows.append((name, *("-" for _ in range(3 + len(SHORTCUTS)))))
            continue
        kmers = {baseline: baselines[baseline] for baseline in KMER_BASELINES}
        shortcuts = [f"{baselines[shortcut]:.3f}" for shortcut in SHORTCUTS]
        rows.append((name, _named(baselines), *shortcuts, _named(kmers), _named(aucs["upper_bounds"])))
    return table(("config", "best baseline", *SHORTCUTS, "best k-mer", "upper bound"), rows)


def _named(aucs: dict[str, float]) -> str:
    from bio_paws.features.baselines import best

    name, auc = best(aucs)
    return f"{name} {auc:.3f}"


def preview_text(repo_id: str, preview: Preview) -> str:
    """Tell what `publish` would do."""
    if preview.already:
        return f"{repo_id}: {preview.tag} already published"
    rows = [
        (f"{one.config}/{one.split}", f"{one.added:,}", f"{one.removed:,}", f"{one.changed:,}")
        for one in preview.differences
    ]
    files = [f"send {name}" for name in preview.sent] + [f"delete {name}" for name in preview.deleted]
    return "\n".join(
        [f"{repo_id}: {preview.tag} would be published", table(("rows", "added", "removed", "changed"), rows), *files]
    )


def sample_text(folder: Path, name: str) -> str:
    """Show one row of a config."""
    import pyarrow.parquet as pq

    path = next(path for path in sorted((folder / name).glob("*.parquet")) if pq.ParquetFile(path).metadata.num_rows)
    row = next(pq.ParquetFile(path).iter_batches(1)).to_pylist()[0]
    lines = [f"  {key:<11} {_shorten(value)}" for key, value in row.items()]
    return f"A row of {name}\n" + "\n".join(lines)


def _shorten(value: object) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _SAMPLE_WIDTH else f"{text[:_SAMPLE_WIDTH]}... ({len(text)} letters)"
