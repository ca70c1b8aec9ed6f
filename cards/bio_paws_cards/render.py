"""Render the card of a data set, and the record of its build: the same bytes for the same arguments."""

from __future__ import annotations

import json
import math
from typing import Any

from huggingface_hub import DatasetCardData
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from bio_paws_cards.about import (
    NCBI_TERMS,
    NEWEST_DATASETS,
    OLDEST_DATASETS,
    assembly_page,
    citation,
    columns_of,
    kinds_in,
    manifest_digest,
    own_sources,
    pairs_of,
    personal_information,
    social_impact,
)
from bio_paws_cards.description import ConfigDescription, Description
from bio_paws_cards.manifest import FOLDER, ConfigEntry, Manifest, ShortcutScore
from bio_paws_cards.markdown import escape_markdown
from bio_paws_cards.outcomes import OUTCOMES, is_counted_as
from bio_paws_cards.reference import ReferenceResult, reference_results

_TYPES = {"double": "float64"}  # Arrow's name, and the one datasets uses
_SIZES = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")
_KMERS = ("jaccard", "cosine")
_UNCOMPARED = ("sentence1", "sentence2", "length", "gc")

SOLVED = 0.99
"""Area from which on a baseline leaves less room for models than they differ by between seeds."""
CUE = 0.03
"""Largest distance from chance of a baseline that compares no sequences, before the card warns of it."""
SMALL = 1_000
"""Test pairs below which the card states the confidence interval of an accuracy: 3 points or more to either side."""


def metadata(manifest: Manifest) -> dict[str, Any]:
    """Return the YAML block of the card: what datasets and the Hub read.

    ``task_ids`` are those of PAWS-X on the Hub (google-research-datasets/paws-x); there is no language.

    Parameters
    ----------
    manifest : Manifest
        Manifest of the data set.
    """
    configs, infos = [], []
    for number, (name, entry) in enumerate(manifest.configs.items()):
        files = [{"split": split, "path": split_entry.file} for split, split_entry in entry.splits.items()]
        # The digest makes every build's card differ: datasets would else serve old rows from its cache.
        configs.append(
            {
                "config_name": name,
                "version": entry.version,
                "description": f"{entry.summary} (content sha256 {entry.content_sha256})",
                "data_files": files,
                **({"default": True} if number == 0 else {}),
            }
        )
        infos.append(
            {
                "config_name": name,
                "features": [_feature(column, kind, entry) for column, kind in entry.columns],
                "splits": [
                    {"name": split, "num_bytes": split_entry.memory_bytes, "num_examples": split_entry.rows}
                    for split, split_entry in entry.splits.items()
                ],
                "download_size": sum(split.bytes for split in entry.splits.values()),
                "dataset_size": sum(split.memory_bytes for split in entry.splits.values()),
            }
        )
    return {
        "pretty_name": "bioPAWS",
        **_licence(manifest),
        "task_categories": ["text-classification"],
        "task_ids": [
            "semantic-similarity-classification",
            "semantic-similarity-scoring",
            "text-scoring",
            "multi-input-text-classification",
        ],
        "size_categories": [_size_category(manifest.rows)],
        "source_datasets": ["original"],
        "annotations_creators": ["machine-generated"],
        "tags": ["biology", "genomics", "dna", "protein", "benchmark", "paraphrase-identification"],
        "configs": configs,
        "dataset_info": infos,
    }


def _licence(manifest: Manifest) -> dict[str, str]:
    """Return the licence in the Hub's words: files of the builder's own may have any."""
    if own_sources(manifest):
        return {"license": "unknown"}
    return {"license": "other", "license_name": "ncbi-policies", "license_link": NCBI_TERMS}


def _feature(column: str, kind: str, entry: ConfigEntry) -> dict[str, Any]:
    if column == "label":
        names = {str(number): name for number, name in enumerate(entry.label_names)}
        return {"name": column, "dtype": {"class_label": {"names": names}}}
    return {"name": column, "dtype": _TYPES.get(kind, kind)}


def _size_category(count: int) -> str:
    """Return the Hub's word for so many rows."""
    at = max(len(str(count)) - 3, 0)
    if at == 0:
        return f"n<{_SIZES[0]}"
    return f"{_SIZES[at - 1]}<n<{_SIZES[at]}" if at < len(_SIZES) else f"n>{_SIZES[-1]}"


def render_card(manifest: Manifest, description: Description) -> str:
    """Return the text of README.md.

    Parameters
    ----------
    manifest : Manifest
        Manifest of the data set.
    description : Description
        What its rows hold.
    """
    block = DatasetCardData(**metadata(manifest)).to_yaml()
    body = render(
        "card.md.j2",
        manifest=manifest,
        description=description,
        digest=manifest_digest(manifest),
        citation=citation(manifest, description.released),
        columns=columns_of(kinds_in(manifest)),
        kinds=kinds_in(manifest),
        pairs=pairs_of(manifest),
        oldest_datasets=OLDEST_DATASETS,
        newest_datasets=NEWEST_DATASETS,
        splits=_splits(manifest),
        limits=_limits(manifest),
        total=manifest.rows,
        solved=SOLVED,
        cue=CUE,
        rearranged=[name for name, config in description.configs.items() if config.rearranged],
        highest=_highest,
        instance=_instance(description),
        assembly_page=assembly_page,
        ncbi_terms=NCBI_TERMS,
        own_sources=own_sources(manifest),
        personal_information=personal_information(manifest),
        social_impact=social_impact(manifest),
        lengths=_lengths,
        default_folder=FOLDER,
        reference=_reference(description),
    )
    return f"---\n{block}\n---\n\n{body}"


def render_build_record(manifest: Manifest, description: Description) -> str:
    """Return the text of the record of a build: counts of candidates and of pairs, versions, digests.

    Parameters
    ----------
    manifest : Manifest
        Manifest of the data set.
    description : Description
        What its rows hold.
    """
    return render(
        "build.md.j2",
        manifest=manifest,
        description=description,
        digest=manifest_digest(manifest),
        splits=_splits(manifest),
        highest=_highest,
        uncompared=_UNCOMPARED,
        kmers=_KMERS,
        shortcut_names=list(dict.fromkeys(name for entry in manifest.configs.values() for name in entry.shortcuts)),
        shortcut_text=_shortcut_text,
        widest=_widest,
        pair_types=_pair_types(description),
        outcomes_text=_outcomes_text,
        outcome_words=_outcome_words(manifest),
    )


def _splits(manifest: Manifest) -> list[str]:
    return list(dict.fromkeys(split for entry in manifest.configs.values() for split in entry.splits))


def render(template: str, **values: Any) -> str:
    """Fill in one of this package's templates; what goes into SVG is escaped."""
    return _ENVIRONMENT.get_template(template).render(**values).strip() + "\n"


def _number(value: float) -> str:
    return f"{value:,}"


_ENVIRONMENT = Environment(
    loader=PackageLoader("bio_paws_cards"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    autoescape=select_autoescape(["svg.j2"], default=False),
)
_ENVIRONMENT.filters["number"] = _number
_ENVIRONMENT.filters["text"] = escape_markdown


def _highest(aucs: dict[str, float], prefixes: tuple[str, ...] = ("",)) -> str:
    """Name the highest of the areas whose names begin so; the first of equal ones."""
    name, auc = max(((name, auc) for name, auc in aucs.items() if name.startswith(prefixes)), key=lambda item: item[1])
    return f"{name} {auc:.3f}"


def _lengths(config: ConfigDescription) -> tuple[str, ...]:
    """Lay out the lengths of sentence1 and sentence2: once where they have the same."""
    first, second = (f"{side.shortest:,} to {side.longest:,} {side.unit}" for side in config.sides)
    return (first,) if first == second else (first, second)


def _reference(description: Description) -> dict[str, ReferenceResult]:
    """Return the reference results that are of these very test splits, by config."""
    known = reference_results()
    return {
        name: known[config.test_digest] for name, config in description.configs.items() if config.test_digest in known
    }


def _pair_types(description: Description) -> dict[str, str]:
    """Return how pairs of each type were made, over all configs."""
    return {kind.name: kind.meaning for config in description.configs.values() for kind in config.kinds}


def _instance(description: Description) -> str:
    """Lay out a row of the first config as JSON: a similar pair where there is one."""
    rows = next(iter(description.configs.values())).examples
    return json.dumps(rows[0], indent=2, ensure_ascii=False) if rows else "{}"


def _shortcut_text(score: ShortcutScore) -> str:
    """Lay out accuracy and area."""
    return f"{score.accuracy:.3f} / {'-' if score.auc is None else f'{score.auc:.3f}'}"


def _widest(scores: dict[str, ShortcutScore]) -> str:
    """Return the widest half of an interval."""
    return f"{max(max(score.high - score.accuracy, score.accuracy - score.low) for score in scores.values()):.3f}"


def _outcomes_text(entry: ConfigEntry) -> str:
    """Lay out how many candidates had which outcome, the most frequent first."""
    left = sorted(entry.outcomes.items(), key=lambda item: (item[0] != "accepted", -item[1], item[0]))
    return ", ".join(f"{name} {count:,}" for name, count in left if count)


def _outcome_words(manifest: Manifest) -> dict[str, str]:
    """Explain the outcomes that a manifest counts."""
    names = {name for entry in manifest.configs.values() for name, count in entry.outcomes.items() if count}
    return {
        outcome: words for outcome, words in OUTCOMES.items() if any(is_counted_as(name, outcome) for name in names)
    }


def _limits(manifest: Manifest) -> dict[str, Any]:
    """Return what the card must warn of: configs by what is wrong with them."""
    measured = {name: entry.baselines for name, entry in manifest.configs.items() if entry.baselines}
    tests = {name: entry.splits["test"].rows for name, entry in manifest.configs.items() if "test" in entry.splits}
    return {
        "solved": [name for name, baselines in measured.items() if max(baselines.values()) >= SOLVED],
        "cues": [
            f"{name}: {baseline} {baselines[baseline]:.3f}"
            for name, baselines in measured.items()
            for baseline in _UNCOMPARED
            if abs(baselines[baseline] - 0.5) > CUE
        ],
        # Half the width of a 95% interval around an accuracy of one half, in points.
        "small": [f"{name} {196 * math.sqrt(0.25 / count):.0f}" for name, count in tests.items() if 0 < count < SMALL],
    }
