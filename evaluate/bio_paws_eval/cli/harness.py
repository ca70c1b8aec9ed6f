"""`bio-paws harness`: write the configs as tasks of a harness that prompts models."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from bio_paws.cli.arguments import add_json
from bio_paws_eval.cli.arguments import add_options
from bio_paws_eval.harnesses.generate import HARNESSES, write_tasks
from bio_paws_eval.harnesses.pair_data import find_pair_data


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `bio-paws harness`."""
    parser.add_argument("harness", choices=HARNESSES, help="what is to read the tasks")
    add_options(parser, "data", "split", "template")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the tasks: empty, or new")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Write the tasks, and print the command that runs them."""
    data = find_pair_data(options.data)
    names = [config.name for config in data.contents]
    written = write_tasks(options.harness, data, options.split, options.template, options.out)
    if options.json:
        print(json.dumps({"configs": names, "files": list(map(str, written))}))
        return 0
    commands = {
        "lm-eval": f"lm_eval --model hf --model_args pretrained=MODEL --tasks biopaws --include_path {options.out}",
        "lighteval": f"lighteval accelerate model_name=MODEL 'biopaws:{names[0]}|0' "
        f"--custom-tasks {options.out / 'biopaws_lighteval.py'}",
    }
    print(f"{len(names)} tasks in {options.out}; run them by\n{commands[options.harness]}")
    return 0
