"""Arguments and argument types that several verbs of evaluation share."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from bio_paws.cli.arguments import positive
from bio_paws_eval.options import DEVICES, Recipe
from bio_paws_eval.tasks import registry

RESULTS = Path("results")
"""Folder of results where none is named."""


def add_recipe(parser: argparse.ArgumentParser, example: str, default: str) -> None:
    """Add one option for each hyperparameter of fine-tuning.

    Parameters
    ----------
    parser : ArgumentParser
        Of the verb.
    example : str
        What a training example is: a pair or a text.
    default : str
        What the help says of the default values.
    """
    for name, kind, help_ in (
        ("learning-rate", float, "peak learning rate"),
        ("batch-size", positive, f"{example}s per step, over all devices"),
        ("epochs", positive, f"passes over the training {example}s"),
        ("max-length", positive, f"tokens that a training {example} is truncated to"),
        ("schedule", str, "constant_with_warmup, linear or cosine"),
        ("warmup", float, "fraction of the steps over which the learning rate rises"),
        ("weight-decay", float, "weight decay of AdamW"),
    ):
        parser.add_argument(f"--{name}", type=kind, help=f"{help_} (default: {default})")


def recipe_of(options: argparse.Namespace, default: Recipe) -> Recipe:
    """Return the default with the hyperparameters that the user set."""
    given = {name: getattr(options, name) for name in vars(default)}
    return dataclasses.replace(default, **{name: value for name, value in given.items() if value is not None})


def add_pairs(parser: argparse.ArgumentParser, pawsx: str | None) -> None:
    """Add which pairs to read, from where, and where results go."""
    names = ", ".join(registry.all_names())
    parser.add_argument("--configs", nargs="+", metavar="CONFIG", help=f"{names} (default: all of PAWS-X and bioPAWS)")
    parser.add_argument("--split", choices=("test", "validation"), default="test", help="default: test")
    add_sources(parser, pawsx)


def add_sources(parser: argparse.ArgumentParser, pawsx: str | None) -> None:
    """Add where pairs come from and where results go."""
    add_data(parser)
    parser.add_argument("--pawsx", default=pawsx, metavar="DIR|ID", help=f"PAWS-X (default: {pawsx or 'left out'})")
    parser.add_argument(
        "--limit", type=positive, metavar="N", help="the first N pairs of each split only; results are not comparable"
    )
    parser.add_argument(
        "--out", type=Path, default=RESULTS, metavar="DIR", help=f"folder of results (default: {RESULTS})"
    )


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add where bioPAWS comes from."""
    parser.add_argument("--data", metavar="DIR|ID", help="bioPAWS (default: the folder bioPAWS, else the Hub)")


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Add the seed of every random choice."""
    parser.add_argument("--seed", type=int, default=0, help="seed of every random choice (default: 0)")


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add the device to compute on."""
    parser.add_argument("--device", choices=DEVICES, default="auto", help="default: a GPU if there is one")
