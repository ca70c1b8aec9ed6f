"""Render ``croissant.json``, the data set as Croissant 1.0 with the terms of Croissant RAI 1.0: a pure function.

Formats: http://mlcommons.org/croissant/1.0, http://mlcommons.org/croissant/RAI/1.0, and what mlcroissant reads of them.
Of the properties that the format requires two are left out, since a manifest does not know them: ``datePublished``, as
nothing in a data set depends on the time of building (mlcroissant warns of that, and of nothing else), and ``url``,
as it may be published to any repository.

Paths are relative to the file, so a copy of the data set loads from wherever it is: a build, or what
`huggingface_hub.snapshot_download` fetched. mlcroissant reads the metadata from a URL as well, yet no relative path.

The rows of a config are a record set over its files, so mlcroissant finds a split by the name of its file, as in
``Dataset(path).records("dna150", filters={"dna150/split": "test"})``. It gives text as UTF-8 bytes. It does not compare
the SHA-256 of files that it reads as a set: `bio-paws verify` does.
"""

from __future__ import annotations

import json
from typing import Any

from bio_paws_cards.about import COLUMNS, DESCRIPTION, citation
from bio_paws_cards.manifest import ConfigEntry, Manifest
from bio_paws_cards.render import metadata

_TERMS = (
    *("citeAs", "column", "dataType", "data", "equivalentProperty", "examples", "extract", "field", "fileObject"),
    *("fileProperty", "fileSet", "format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField"),
    *("path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate", "separator", "source"),
    *("subField", "transform"),
)
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    **{term: f"cr:{term}" for term in _TERMS},
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
}
"""The JSON-LD context that the format prescribes."""

_TYPES = {"string": "sc:Text", "int64": "sc:Integer", "double": "sc:Float"}  # by Arrow's names
_SPLITS = {"train": "cr:TrainingSplit", "validation": "cr:ValidationSplit", "test": "cr:TestSplit"}
_PARQUET = "application/x-parquet"


def render_croissant(manifest: Manifest) -> str:
    """Return the text of ``croissant.json``.

    Parameters
    ----------
    manifest : Manifest
        Manifest of the data set.
    """
    configs = manifest.configs
    card = metadata(manifest)
    found = {split for entry in configs.values() for split in entry.splits}
    splits = [split for split in _SPLITS if split in found]
    document = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": manifest.name,
        "conformsTo": ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"],
        "description": DESCRIPTION,
        "version": manifest.version,
        "license": card["license_link"],
        "keywords": card["tags"],
        "creator": {"@type": "sc:Organization", "name": manifest.name},
        "citeAs": citation(manifest),
        **{f"rai:{term}": text for term, text in _responsible(manifest).items()},
        "distribution": [one for name, entry in configs.items() for one in _files(name, entry)],
        "recordSet": [_split_names(splits), *(_records(name, entry, splits) for name, entry in configs.items())],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _files(name: str, entry: ConfigEntry) -> list[dict[str, Any]]:
    """Each file of a config, and the set of them."""
    files = [
        {
            "@type": "cr:FileObject",
            "@id": one.file,
            "name": one.file,
            "description": f"The {split} split of {name}: {one.rows} pairs.",
            "contentUrl": one.file,
            "contentSize": f"{one.bytes} B",
            "encodingFormat": _PARQUET,
            "sha256": one.sha256,
        }
        for split, one in entry.splits.items()
    ]
    together = {
        "@type": "cr:FileSet",
        "@id": f"{name}-files",
        "name": f"{name}-files",
        "description": f"All splits of {name}.",
        "encodingFormat": _PARQUET,
        "includes": [one.file for one in entry.splits.values()],
    }
    return [*files, together]


def _split_names(splits: list[str]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "description": "The splits. They hold whole homology groups, and all configs share them.",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [
            {"@type": "cr:Field", "@id": "splits/name", "name": "name", "dataType": "sc:Text"},
            {"@type": "cr:Field", "@id": "splits/url", "name": "url", "dataType": ["sc:URL", "cr:Split"]},
        ],
        "data": [{"splits/name": split, "splits/url": _SPLITS[split]} for split in splits],
    }


def _records(name: str, entry: ConfigEntry, splits: list[str]) -> dict[str, Any]:
    """The rows of a config: its columns, and the split that the name of the file tells."""
    files = {"@id": f"{name}-files"}
    # mlcroissant applies the expression to its own result as well, so a bare name of a split matches too.
    split = {
        "@type": "cr:Field",
        "@id": f"{name}/split",
        "name": "split",
        "description": "The split that the pair stands in.",
        "dataType": "sc:Text",
        "source": {
            "fileSet": files,
            "extract": {"fileProperty": "filename"},
            "transform": {"regex": rf"^({'|'.join(splits)})(?:-.+\.parquet)?$"},
        },
        "references": {"field": {"@id": "splits/name"}},
    }
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"{name}/{column}",
            "name": column,
            "description": COLUMNS[column],
            "dataType": _TYPES[kind],
            "source": {"fileSet": files, "extract": {"column": column}},
            **(_label(entry) if column == "label" else {}),
        }
        for column, kind in entry.columns
    ]
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": entry.summary,
        "key": {"@id": f"{name}/pair_id"},
        "field": [split, *fields],
    }


def _label(entry: ConfigEntry) -> dict[str, Any]:
    names = ", ".join(f"{number}: {name}" for number, name in enumerate(entry.label_names))
    return {"description": f"{COLUMNS['label']} {names}.", "dataType": ["sc:Integer", "cr:Label"]}


def _responsible(manifest: Manifest) -> dict[str, str | list[str]]:
    """The terms of Croissant RAI, by name."""
    sources = "; ".join(
        f"{one.accession} {one.name} ({', '.join(one.organisms)}), from {one.origin}" for one in manifest.sources
    )
    baselines = ", ".join(
        f"{name} {max(entry.baselines.values()):.3f}" for name, entry in manifest.configs.items() if entry.baselines
    )
    shortcuts = [
        "Shortcuts that align nothing reach these areas under the ROC curve on test, the best of them for each config: "
        f"{baselines}. A score at or below that is no sign that a model compares sequences."
    ]
    return {
        "dataCollection": "Computed from the sequences of rai:dataCollectionRawData. They are searched against one "
        "another with BLAST+; similar pairs are cut from the alignments, and dissimilar pairs exchange second sides "
        "with similar pairs of other homology groups, matched in length and composition. The configs differ as their "
        "descriptions say.",
        "dataCollectionType": ["Secondary Data analysis", "Software Collection"],
        "dataCollectionRawData": f"Genomes, genes and proteins of {sources}.",
        "dataPreprocessingProtocol": [
            "Records that contradict themselves, as a gene that does not code for its protein, are left out and "
            "counted. Soft-masked repeats are left out of the search; stored sequences are upper-case.",
            "Splits hold whole homology groups and are shared by all configs. Strings of validation and test are "
            "searched against the splits before, both strands, nothing masked; what has a hit (E < 1e-5) is dropped.",
        ],
        "dataAnnotationProtocol": [
            "No person labels. The label follows from an optimal Smith-Waterman alignment of the two sides, from the "
            "order of their words in the _paws configs, and from the genetic code in dna_protein. Each row stores the "
            "values that it follows from."
        ],
        "annotationsPerItem": "0 by people; 1 computed.",
        "machineAnnotationTools": [f"{name} {version}" for name, version in manifest.versions.items()],
        "dataBiases": [
            "Only the organisms and the stretches of rai:dataCollectionRawData are in it, and of them only what has a "
            "homolog there: regions that evolve slowly are held more often.",
            "Similar and dissimilar pairs are equally many by design; among natural sequences similar pairs are rare.",
        ],
        "dataLimitations": [
            *(shortcuts if baselines else []),
            "Strings of the _paws configs are rearranged: they are not natural sequences.",
            "Homology is inferred from sequences and annotation, not from experiments.",
        ],
        "dataUseCases": [
            "Testing whether models that were fine-tuned on paraphrases (PAWS-X) tell similar biological sequences "
            "from dissimilar ones; fine-tuning on train, choosing on validation, testing on test.",
            "Not meant for finding homologs, for annotating genomes, or for clinical use.",
        ],
        "personalSensitiveInformation": [
            "No column describes a person. Sequences and organisms are those of the sources."
        ],
        "dataReleaseMaintenancePlan": "Semantic versions: major when pairs or labels change or configs go, minor when "
        "configs, columns or values come, else patch. A published version is never overwritten.",
    }
