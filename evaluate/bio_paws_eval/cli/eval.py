"""`bio-paws eval`: fine-tune a model on PAWS-X, test it on PAWS-X and bioPAWS."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import get_args

from bio_paws.cli.arguments import add_json, positive
from bio_paws_eval.cli.arguments import add_device, add_pairs, add_recipe, recipe_of
from bio_paws_eval.cli.libraries import needed_extra, quiet_transformers
from bio_paws_eval.cli.text import print_results
from bio_paws_eval.options import CONTROLS, RECIPES, Dtype
from bio_paws_eval.tasks import registry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `bio-paws eval`."""
    parser.add_argument(
        "--model", required=True, metavar="ID|DIR", help="a Hub id, or a folder with config and weights"
    )
    parser.add_argument("--revision", metavar="REV", help="commit, tag or branch of the model on the Hub")
    parser.add_argument(
        "--finetune",
        action="append",
        choices=(*registry.LANGUAGES, "none"),
        help="language of PAWS-X to fine-tune on, or none; repeatable (default: en)",
    )
    parser.add_argument(
        "--finetune-on",
        action="append",
        metavar="CONFIG",
        help="config of bioPAWS, or dyck, to fine-tune on; repeatable",
    )
    parser.add_argument(
        "--control",
        action="append",
        choices=CONTROLS[1:],
        help="run this control instead of the plain fine-tuning; repeatable",
    )
    parser.add_argument("--seeds", type=_seeds, default=5, metavar="N|LIST", help="how many, or which: 5 or 0,3,7")
    parser.add_argument("--recipe", choices=tuple(RECIPES), default="paper", help="hyperparameters (default: paper)")
    add_recipe(parser, "pair", "the recipe's")
    add_pairs(parser, pawsx=registry.PAWSX_REPO)
    parser.add_argument(
        "--segment",
        type=_segment,
        default="auto",
        metavar="auto|none|K",
        help="split sequences into blocks of K residues; auto: only where the tokenizer needs it",
    )
    parser.add_argument(
        "--allow-unknown", action="store_true", help="score tasks with over 1%% unknown tokens, with a note"
    )
    parser.add_argument(
        "--no-truncate", action="store_true", help="refuse tasks with pairs longer than the model's maximum"
    )
    add_device(parser)
    parser.add_argument(
        "--dtype", choices=get_args(Dtype), default="float32", help="of matrix products (default: float32)"
    )
    parser.add_argument("--save-models", action="store_true", help="keep the fine-tuned models next to their results")
    parser.add_argument("--dry-run", action="store_true", help="show what would run: steps, tokens, memory")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Evaluate a model and print its results; return 1 when a task was refused."""
    with needed_extra("eval"):
        from bio_paws_eval.runs.estimate import estimate, estimate_text
        from bio_paws_eval.runs.run import run
        from bio_paws_eval.runs.settings import settings_of
    quiet_transformers(options)
    settings = settings_of(
        options.model,
        revision=options.revision,
        finetune=options.finetune or ([] if options.finetune_on else ["en"]),
        finetune_on=options.finetune_on or [],
        controls=options.control or ["none"],
        seeds=options.seeds,
        recipe=recipe_of(options, RECIPES[options.recipe]),
        configs=options.configs,
        split=options.split,
        sources=registry.Sources(options.data, options.pawsx, options.limit),
        segment=options.segment,
        allow_unknown=options.allow_unknown,
        truncate=not options.no_truncate,
        device=options.device,
        dtype=options.dtype,
        out=options.out,
        save_models=options.save_models,
    )
    if options.dry_run:
        planned = estimate(settings)
        print(json.dumps(dataclasses.asdict(planned), indent=2) if options.json else estimate_text(planned))
        return 0
    evaluation = run(settings)
    print_results(evaluation.results, evaluation.skipped, options)
    return 1 if any(result.status == "refused" for result in evaluation.results) else 0


def _seeds(text: str) -> int | tuple[int, ...]:
    return tuple(int(seed) for seed in text.split(",") if seed) if "," in text else positive(text)


def _segment(text: str) -> int | str | None:
    return text if text == "auto" else None if text == "none" else positive(text)
