"""Render the card of a data set from its manifest: a pure function, the same bytes for the same manifest."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined

_TYPES = {"double": "float64"}  # Arrow's name, and the one datasets uses


def metadata(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the YAML block of the card: what datasets and the Hub read.

    Parameters
    ----------
    manifest : dict
        The parsed ``manifest.json``.
    """
    configs, infos = [], []
    for number, (name, entry) in enumerate(manifest["configs"].items()):
        files = [{"split": split, "path": one["file"]} for split, one in entry["splits"].items()]
        # The digest makes every build's card differ: datasets would else serve old rows from its cache.
        configs.append(
            {
                "config_name": name,
                "version": entry["version"],
                "description": f"{entry['summary']} (content sha256 {entry['content_sha256']})",
                "data_files": files,
                **({"default": True} if number == 0 else {}),
            }
        )
        infos.append(
            {
                "config_name": name,
                "features": [_feature(column, kind, entry) for column, kind in entry["columns"]],
                "splits": [
                    {"name": split, "num_bytes": one["memory_bytes"], "num_examples": one["rows"]}
                    for split, one in entry["splits"].items()
                ],
                "download_size": sum(one["bytes"] for one in entry["splits"].values()),
                "dataset_size": sum(one["memory_bytes"] for one in entry["splits"].values()),
            }
        )
    return {
        "pretty_name": "bioPAWS",
        "license": "other",
        "license_name": "public-domain-refseq",
        "license_link": "https://www.ncbi.nlm.nih.gov/home/about/policies/",
        "task_categories": ["text-classification"],
        "tags": ["biology", "genomics", "dna", "protein", "paraphrase-identification"],
        "configs": configs,
        "dataset_info": infos,
    }


def _feature(column: str, kind: str, entry: dict[str, Any]) -> dict[str, Any]:
    if column == "label":
        names = {str(number): name for number, name in enumerate(entry["label_names"])}
        return {"name": column, "dtype": {"class_label": {"names": names}}}
    return {"name": column, "dtype": _TYPES.get(kind, kind)}


def _highest(aucs: dict[str, float], prefixes: tuple[str, ...] = ("",)) -> str:
    """Name the highest of the areas whose names begin so; the first of equal ones."""
    name, auc = max(((name, auc) for name, auc in aucs.items() if name.startswith(prefixes)), key=lambda one: one[1])
    return f"{name} {auc:.3f}"


def render_card(manifest: dict[str, Any]) -> str:
    """Return the text of README.md for a manifest."""
    template = resources.files("bio_paws_cards").joinpath("templates/card.md.j2").read_text(encoding="utf-8")
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    digest = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
    body = environment.from_string(template).render(manifest=manifest, digest=digest, highest=_highest)
    block = yaml.safe_dump(metadata(manifest), sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{block}---\n\n{body.strip()}\n"
