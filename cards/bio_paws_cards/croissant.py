"""Render ``croissant.json``: the data set as Croissant 1.1 with Croissant RAI 1.0 and W3C PROV-O. A pure function.

Formats: http://mlcommons.org/croissant/1.1, http://mlcommons.org/croissant/RAI/1.0, https://www.w3.org/TR/prov-o/, and
what mlcroissant reads of them.

In a copy that was built, paths are relative to the file and ``url`` is left out, so it loads from any folder. In a
published copy they are URLs under the release's tag, so it loads from its own URL.

Each split of a config is a record set, as in ``Dataset(path).records("dna150/test")``: mlcroissant cannot read a set of
files from URLs. It gives text as UTF-8 bytes.
"""

from __future__ import annotations

import json
from typing import Any

from bio_paws_cards.about import (
    AUTHORS,
    assembly_page,
    citation,
    columns_of,
    description_of,
    kinds_in,
    personal_information,
    social_impact,
    words_for,
)
from bio_paws_cards.description import Description
from bio_paws_cards.manifest import ConfigEntry, Manifest, Source
from bio_paws_cards.render import metadata

_TERMS = (
    *("annotation", "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "excludes", "extract"),
    *("field", "fileObject", "fileProperty", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath"),
    *("key", "md5", "parentField", "path", "readLines", "recordSet", "references", "regex", "repeated", "replace"),
    *("samplingRate", "sdVersion", "separator", "source", "subField", "transform", "unArchive", "value"),
)
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    "conformsTo": "dct:conformsTo",
    **{term: f"cr:{term}" for term in _TERMS},
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
}
"""The JSON-LD context that the format and mlcroissant prescribe."""

_TYPES = {"string": "sc:Text", "int64": "sc:Integer", "double": "sc:Float"}  # by Arrow's names
_PARQUET = "application/x-parquet"


def render_croissant(manifest: Manifest, description: Description) -> str:
    """Return the text of ``croissant.json``.

    Parameters
    ----------
    manifest : Manifest
        Manifest of the data set.
    description : Description
        What its rows hold.
    """
    columns = columns_of(kinds_in(manifest))
    configs = manifest.configs
    card = metadata(manifest)
    document = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": manifest.name,
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "description": description_of(manifest),
        **({"url": manifest.url} if manifest.url else {}),
        "version": manifest.version,
        "datePublished": description.released,
        "license": card.get("license_link", "The terms of the sources, which are not known here."),
        "keywords": card["tags"],
        "creator": {"@type": "sc:Organization", "name": AUTHORS, **({"url": manifest.url} if manifest.url else {})},
        "citeAs": citation(manifest, description.released),
        "isLiveDataset": False,
        **{f"rai:{term}": text for term, text in _responsible(manifest, description).items()},
        **_provenance(manifest),
        "distribution": [file for name, entry in configs.items() for file in _files(name, entry, manifest)],
        "recordSet": [
            _records(name, entry, split, columns) for name, entry in configs.items() for split in entry.splits
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _files(name: str, entry: ConfigEntry, manifest: Manifest) -> list[dict[str, Any]]:
    """Describe each file of a config."""
    # Under the tag a URL leads to the same bytes forever; under main it would not.
    base = f"{manifest.url}/resolve/v{manifest.version}/" if manifest.url else ""
    return [
        {
            "@type": "cr:FileObject",
            "@id": split_entry.file,
            "name": split_entry.file,
            "description": f"The {split} split of {name}: {split_entry.rows} pairs.",
            "contentUrl": f"{base}{split_entry.file}",
            "contentSize": f"{split_entry.bytes} B",
            "encodingFormat": _PARQUET,
            "sha256": split_entry.sha256,
        }
        for split, split_entry in entry.splits.items()
    ]


def _provenance(manifest: Manifest) -> dict[str, Any]:
    """What the data set was derived from, and the build that generated it."""
    build = {
        "@type": "prov:Activity",
        "prov:label": "bio-paws build",
        "description": f"Built by bio-paws from the sequences of prov:wasDerivedFrom, seed {manifest.arguments.seed}. "
        "The same sources, seed and versions give the same bytes.",
        "prov:wasAssociatedWith": [
            {"@type": "prov:SoftwareAgent", "prov:label": f"{name} {version}"}
            for name, version in manifest.versions.items()
        ],
    }
    return {
        "prov:wasDerivedFrom": [_derived_from(source) for source in manifest.sources],
        "prov:wasGeneratedBy": build,
    }


def _derived_from(source: Source) -> dict[str, Any]:
    page = assembly_page(source)
    return {
        "@type": "prov:Entity",
        **({"@id": page} if page else {}),
        "prov:label": f"{source.accession} {source.name} ({', '.join(source.organisms)}), from {source.origin}",
        "sha256": [file.sha256 for file in source.files],
    }


def _records(name: str, entry: ConfigEntry, split: str, columns: dict[str, str]) -> dict[str, Any]:
    """The rows of a split of a config: the columns of its file, and the name of the split."""
    record_set = f"{name}/{split}"
    file = {"@id": entry.splits[split].file}
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"{record_set}/{column}",
            "name": column,
            "description": columns[column],
            "dataType": _TYPES[kind],
            "source": {"fileObject": file, "extract": {"column": column}},
            **(_label(entry, columns) if column == "label" else {}),
        }
        for column, kind in entry.columns
    ]
    return {
        "@type": "cr:RecordSet",
        "@id": record_set,
        "name": record_set,
        "description": f"The {split} split of {name}: {entry.summary}",
        "key": {"@id": f"{record_set}/pair_id"},
        "field": fields,
    }


def _label(entry: ConfigEntry, columns: dict[str, str]) -> dict[str, Any]:
    names = ", ".join(f"{number}: {name}" for number, name in enumerate(entry.label_names))
    return {"description": f"{columns['label']} {names}.", "dataType": ["sc:Integer", "cr:Label"]}


_LABELS = (
    "[_paws:, in the _paws configs from the order of their blocks]"
    "[dna_protein:, and in dna_protein from the genetic code]"
)


def _responsible(manifest: Manifest, description: Description) -> dict[str, bool | str | list[str]]:
    """The terms of Croissant RAI, by name."""
    sources = "; ".join(
        f"{source.accession} {source.name} ({', '.join(source.organisms)}), from {source.origin}"
        for source in manifest.sources
    )
    baselines = ", ".join(
        f"{name} {max(entry.baselines.values()):.3f}" for name, entry in manifest.configs.items() if entry.baselines
    )
    shortcuts = [
        "Baselines that align nothing reach these areas under the ROC curve on test, the best of them for each config: "
        f"{baselines}. A score at or below that does not show that a model compares sequences."
    ]
    return {
        "dataCollection": "Computed from the sequences of rai:dataCollectionRawData. They are searched against one "
        "another with BLAST+. Similar pairs are cut from the alignments; dissimilar pairs are made by exchanging the "
        "second sequences of similar pairs from different homology groups, matched in length and composition. The "
        "configs differ as their descriptions say.",
        "dataCollectionType": ["Secondary Data analysis", "Software Collection"],
        "dataCollectionRawData": f"Genomes, genes and proteins of {sources}.",
        "dataPreprocessingProtocol": [
            "Records that contradict themselves, such as a gene that does not code for its protein, are left out and "
            "counted. Soft-masked repeats are left out of the search; stored sequences are upper-case.",
            "Splits hold whole homology groups and are shared by all configs. Sequences of validation and test are "
            "searched against the earlier splits (both strands, unmasked); those with a hit (E < 1e-5) are dropped.",
        ],
        "dataAnnotationProtocol": [
            "No human labels. The label follows from an optimal Smith-Waterman alignment of the two "
            f"sequences{words_for(kinds_in(manifest), _LABELS)}. Each row stores the values that it follows from."
        ],
        "annotationsPerItem": "0 by people; 1 computed.",
        "machineAnnotationTools": [f"{name} {version}" for name, version in manifest.versions.items()],
        "dataBiases": [
            "The data hold only the organisms and chromosomes of rai:dataCollectionRawData, and of these only what has "
            "a homolog there: regions that evolve slowly are over-represented.",
            "Similar and dissimilar pairs are equally frequent by design; among natural sequences similar pairs are "
            "rare.",
        ],
        "dataLimitations": [
            *(shortcuts if baselines else []),
            *(
                ["Sequences of the _paws configs are rearranged: they do not occur in nature."]
                if "_paws" in kinds_in(manifest)
                else []
            ),
            "Homology is inferred from sequences and annotation, not from experiments.",
        ],
        "dataUseCases": [
            "Testing whether models fine-tuned on paraphrases (PAWS-X) tell similar biological sequences from "
            "dissimilar ones; fine-tuning on train, choosing on validation, testing on test.",
            "Not meant for finding homologs, for annotating genomes, or for clinical use.",
        ],
        "dataSocialImpact": social_impact(manifest),
        "hasSyntheticData": any(config.synthetic for config in description.configs.values()),
        "personalSensitiveInformation": [personal_information(manifest)],
        "dataReleaseMaintenancePlan": "Semantic versions: major when pairs or labels change or configs are removed, "
        "minor when configs, columns or values are added, otherwise patch. A published version is never overwritten.",
    }
