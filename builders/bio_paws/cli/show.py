"""`bio-paws show`: pairs as a person wants to see them, with their alignments drawn."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bio_paws import configs
from bio_paws.cli.arguments import DATA, add_json
from bio_paws.errors import ConfigError, DataError
from bio_paws.execution.printable import on_one_line

if TYPE_CHECKING:
    from bio_paws.align.drawing import DrawnAlignment
    from bio_paws_cards.manifest import Manifest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `bio-paws show`."""
    parser.add_argument("config", metavar="CONFIG", help=", ".join(config.name for config in configs.CONFIGS))
    which = parser.add_mutually_exclusive_group()
    which.add_argument("pair_id", nargs="?", metavar="PAIR_ID", help="this pair (default: one of each kind)")
    which.add_argument("--kind", metavar="K", help="a pair of this kind: " + ", ".join(configs.PAIR_TYPES))
    parser.add_argument("--data", type=Path, default=DATA, metavar="DIR", help=f"the data set (default: {DATA})")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Print the pairs."""
    from bio_paws.dataset.integrity import require_intact

    manifest = require_intact(options.data, options.config)
    rows = pairs_to_show(options.data, manifest, options.config, options.pair_id, options.kind)
    molecule = configs.get_config(options.config).molecule
    drawn = [(row, draw(row, molecule, manifest.genetic_codes.get(row["source1"], 1))) for row in rows]
    if options.json:
        described = [
            {**row, "alignment": {"query": aligned.rows[0], "marks": aligned.marks, "subject": aligned.rows[1]}}
            for row, aligned in drawn
        ]
        print(json.dumps(described, indent=2))
    else:
        config = configs.get_config(options.config)
        print("\n\n\n".join(pair_text(row, aligned, config) for row, aligned in drawn))
    return 0


def pairs_to_show(
    folder: Path, manifest: Manifest, config: str, pair_id: str | None = None, kind: str | None = None
) -> list[dict[str, Any]]:
    """Read the pair of an id, the first pair of a kind, or the first of each kind.

    Parameters
    ----------
    folder : Path
        The data set.
    manifest : Manifest
        Its manifest.
    config : str
    pair_id, kind : str, optional
        At most one of the two.

    Returns
    -------
    list of dict
        The columns of `bio_paws.schema.SCHEMA`, and ``split``.

    Raises
    ------
    ConfigError
        When there is no such config or kind.
    DataError
        When the data set does not hold the config, or no such pair.
    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    known = configs.get_config(config)
    kinds = [name for name, _ in (*known.similar_mix, *known.dissimilar_mix)]
    if kind is not None and kind not in kinds:
        raise ConfigError(f"{config} has no pairs of kind {kind!r}: choose from {', '.join(kinds)}")
    if config not in manifest.configs:
        raise DataError(f"{folder}: it does not hold {config}: run bio-paws build {config}")
    shown: dict[str, dict[str, Any]] = {}
    # The last split first: what models are tested on is what people look at.
    for split, entry in reversed(manifest.configs[config].splits.items()):
        for batch in pq.ParquetFile(folder / entry.file).iter_batches():
            if pair_id is not None:
                batch = batch.filter(pc.equal(batch["pair_id"], pair_id))  # noqa: PLW2901
                if batch.num_rows:
                    return [{"split": split, **batch.to_pylist()[0]}]
                continue
            for name in {kind} if kind else set(kinds) - shown.keys():
                at = pc.index(batch["kind"], name).as_py()
                if at >= 0:
                    shown[name] = {"split": split, **batch.slice(at, 1).to_pylist()[0]}
                    if kind:
                        return [shown[name]]
            if shown.keys() == set(kinds):
                break
    if pair_id is not None:
        raise DataError(f"{folder}: {config} has no pair {pair_id!r}: ids are in the column pair_id")
    if not shown:
        raise DataError(f"{folder}: {config} has no pairs{f' of kind {kind}' if kind else ''}")
    return [shown[name] for name in kinds if name in shown]


def draw(row: dict[str, Any], molecule: configs.Molecule, code: int = 1) -> DrawnAlignment:
    """Draw the alignment that a row's scores are of; `code` is the genetic code of its DNA."""
    from bio_paws.align import drawing

    first, second = row["sentence1"], row["sentence2"]
    if molecule == "dna":
        return drawing.draw_dna(first, second)
    if molecule == "protein":
        return drawing.draw_proteins(first, second)
    return drawing.draw_translated(second, first, code)


def pair_text(row: dict[str, Any], aligned: DrawnAlignment, config: configs.PairConfig) -> str:
    """Lay out a pair: what it is an example of, where its sides come from, its scores, its alignment."""
    label = config.label_names[row["label"]]
    units = ("bp", "aa") if config.molecule == "dna_protein" else (config.unit, config.unit)
    sides = [_side_text(row, side, unit) for side, unit in zip((1, 2), units, strict=True)]
    scores = (
        f"  similarity {row['similarity']:.3f}, identity {row['identity']:.3f}, E-value {row['evalue']:.2g}, "
        f"bit score {row['bit_score']:.1f}"
    )
    parts = [
        f"{config.name}/{row['split']} {row['pair_id']}: {label} (label {row['label']})\n"
        f"{row['kind']}: {configs.PAIR_TYPES[row['kind']]}",
        "\n".join(sides) + "\n" + scores,
        aligned.text(),
    ]
    if config.molecule == "dna_protein":
        parts.append(
            "Query is the protein, Sbjct the best frame of the DNA; `similarity` reads it with introns left out."
        )
    return "\n\n".join(parts)


def _side_text(row: dict[str, Any], side: int, unit: str) -> str:
    source, organism, start, end, strand, group, sequence = (
        row[f"{column}{side}"] for column in ("source", "organism", "start", "end", "strand", "group", "sentence")
    )
    source, organism, group = map(on_one_line, (source, organism, group))
    place = f"{source} {start + 1:,}-{end:,}" + (f" ({strand})" if unit == "bp" else "")
    return f"  {side}  {organism}, {place}, {len(sequence)} {unit}, homology group {group}"
