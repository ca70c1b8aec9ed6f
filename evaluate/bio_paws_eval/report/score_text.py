"""What stands in a cell of a report's tables."""

from __future__ import annotations

import math
import re

from bio_paws_eval.layout.tables import percent
from bio_paws_eval.report.systems import TaskResult
from bio_paws_eval.stats.groups import FEW_GROUPS, PairGroups

MARKS = (
    ("† 12%", "so many pairs were longer than the model takes, and were cut; such a cell is left out of means"),
    ("‡ 3.1%", "so many tokens were unknown to the tokenizer"),
    ("¶ 100", "sequences were split into words of so many letters before they were tokenised"),
    ("§", "rows were left out (--limit): not comparable with other reports"),
    (
        "△ 11",
        f"pairs of so few homology groups, in effect (under {FEW_GROUPS}): too few for its interval to be relied on",
    ),
    ("≈", "groups not known, so pairs were resampled as if they were independent: its interval is too narrow"),
    ("◊", "the source was not learnt, by its development split: no claim of transfer rests on such a score"),
    ("refused", "not scored, for the reason given; a score would say nothing about the model"),
    ("-", "not asked, or not defined"),
)
"""Marks beside a score, and what they mean."""

MISSING = "-"

SAMPLE = "pairs / groups / effective"
"""Heading of what `sample` writes."""

SAMPLE_NOTE = (
    "Groups: homology groups, or pairs connected by a shared sentence; these are resampled, not pairs. Effective: as "
    "many independent pairs would give as wide an interval."
)


def accuracy(cell: TaskResult | None) -> str:
    """Write a score in two lines: mean and standard deviation with marks, then interval and number of seeds."""
    if cell is None:
        return MISSING
    if not cell.scored:
        return f"refused: {re.sub(r'^refused:? *', '', cell.seed_results[0].note)}"
    summary = cell.summary
    spread = "" if math.isnan(summary.sd) else f" ± {summary.sd:.3f}"
    source = f"{cell.seed_results[0].model.id} " if cell.seed_results[0].model.method == "baseline" else ""
    return f"{source}{summary.mean:.3f}{spread}{marks(cell)}\n{interval(summary.low, summary.high)} n={summary.seeds}"


def area(cell: TaskResult) -> str:
    """Write an area under the ROC curve in two lines: mean and deviation, then interval and number of seeds."""
    summary = cell.area_summary
    if summary is None:
        return MISSING
    spread = "" if math.isnan(summary.sd) else f" ± {summary.sd:.3f}"
    return f"{summary.mean:.3f}{spread}\n{interval(summary.low, summary.high)} n={summary.seeds}"


def marks(cell: TaskResult) -> str:
    """Return the marks of a cell's score, behind a space each."""
    segment = f" ¶{cell.segment}" if cell.segment else ""
    training = cell.seed_results[0].training
    unlearnt = " ◊" if cell.source_learnt is False and training.control != "shuffled-labels" else ""
    limited = " §" if cell.limited else ""
    return rates(cell.truncated, cell.unknown) + segment + limited + sampling_mark(cell.groups) + unlearnt


def sampling_mark(groups: PairGroups) -> str:
    """Return the mark of groups that are not known, or too few, behind a space."""
    if groups.unit == "pairs":
        return " ≈"
    return f" △{groups.effective:.0f}" if groups.few else ""


def sample(cell: TaskResult) -> str:
    """Write pairs, groups and the effective number of pairs."""
    groups = cell.groups
    known = MISSING if groups.unit == "pairs" else f"{groups.count:,}"
    effective = cell.scored_pairs.effective_pairs
    return f"{groups.pairs:,} / {known} / {MISSING if effective is None else f'{effective:,.0f}'}"


def rates(truncated: float, unknown: float) -> str:
    """Return the marks of pairs that were cut and of unknown tokens, behind a space each."""
    return (f" †{percent(truncated)}" if truncated else "") + (f" ‡{percent(unknown)}" if unknown else "")


def interval(low: float, high: float) -> str:
    """Write an interval."""
    return f"[{low:z.3f}, {high:z.3f}]"


def share_interval(share: dict[str, float | None]) -> str:
    """Write the interval of what `metrics.share` returned."""
    low, high = share["low"], share["high"]
    return MISSING if low is None or high is None else interval(low, high)


def decimal(value: float | None) -> str:
    """Write a number between -1 and 1."""
    return MISSING if value is None or math.isnan(value) else f"{value:.3f}"


def p_value(p: float) -> str:
    """Write a p-value."""
    return f"{p:.3f}" if p >= 0.001 else f"{p:.1e}"
