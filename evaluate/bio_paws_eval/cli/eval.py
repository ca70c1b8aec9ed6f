"""`bio-paws eval`: fine-tune a model on PAWS-X, test it on PAWS-X and bioPAWS."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import Any

from bio_paws.cli.arguments import add_json
from bio_paws_eval.cli.arguments import add_evaluation_options, evaluation_options
from bio_paws_eval.cli.libraries import needed_extra, quiet_transformers
from bio_paws_eval.cli.task_list import task_list


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `bio-paws eval`."""
    add_evaluation_options(parser)
    parser.add_argument("--dry-run", action="store_true", help="show what would run: steps, tokens, memory")
    parser.add_argument("--list-tasks", action=_ListTasks, nargs=0, help="show the names that --configs takes, and end")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Evaluate models and print their results; return 1 when a task was refused."""
    planned = evaluation_options(arguments)
    with needed_extra("eval"):
        from accelerate import PartialState

        from bio_paws_eval.cli.text import print_results
        from bio_paws_eval.runs.estimate import estimate, estimate_text
        from bio_paws_eval.runs.run import run_all
    quiet_transformers(arguments)
    if arguments.dry_run:
        estimates = [estimate(options) for options in planned]
        if arguments.json:
            described = [dataclasses.asdict(part) for part in estimates]
            print(json.dumps(described[0] if len(described) == 1 else described, indent=2))
        else:
            print("\n\n".join(map(estimate_text, estimates)))
        return 0
    evaluation = run_all(planned)
    refused = any(result.status == "refused" for result in evaluation.results)
    if not PartialState().is_main_process:  # of several processes, each with all results
        return int(refused)
    shown = argparse.Namespace(json=arguments.json, out=planned[0].folder, limit=planned[0].limit)
    print_results(evaluation.results, evaluation.skipped, shown)
    return int(refused)


class _ListTasks(argparse.Action):
    """Prints the tasks and ends, whatever else is given: no model is needed for it."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print(task_list())
        parser.exit()
