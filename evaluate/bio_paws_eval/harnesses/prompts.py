"""The prompts of `--method prompt` as one multiple-choice question about a pair, which every harness can ask.

A prompt names the two answers in one of two orders, and a score is the mean over both. Harnesses score continuations of
one context: here the context ends where the two orders part, and each continuation holds the rest of a prompt and an
answer. The log-odds of an order are the difference of the log-likelihoods of its two continuations, which differ in the
answer alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile

from bio_paws.configs import PairConfig
from bio_paws_eval.methods.prompt_templates import ANSWERS, ORDERS, TemplateName, render

SIDES = ("{{sentence1}}", "{{sentence2}}")
"""What stands for the two sides of a pair."""


@dataclass(frozen=True)
class PromptedConfig:
    """How pairs of a config are asked about; `SIDES` stand for the pair.

    Attributes
    ----------
    config : PairConfig
        The config.
    context : str
        What all continuations follow.
    continuations : tuple of str
        Label 0 and label 1 in the first of `ORDERS`, then in the second; each begins with a space.
    """

    config: PairConfig
    context: str
    continuations: tuple[str, ...]


def prompted(config: PairConfig, template: TemplateName) -> PromptedConfig:
    r"""Return how pairs of a config are asked about in the words of a template.

    Examples
    --------
    >>> from bio_paws.configs import get_config
    >>> question = prompted(get_config("dna150"), "question-1")
    >>> question.context[-41:]
    'Are the two DNA sequences similar? Answer'
    >>> question.continuations[0]
    ' yes or no.\nAnswer: no'
    """
    prompts = [render(template, config.molecule, *SIDES, order) for order in ORDERS]
    shared = len(list(takewhile(lambda letters: len(set(letters)) == 1, zip(*prompts, strict=False))))
    context = prompts[0][:shared].rpartition(" ")[0]  # tokens of a continuation begin with the space before a word
    rests = [prompt.removeprefix(context) for prompt in prompts]
    return PromptedConfig(config, context, tuple(f"{rest} {answer}" for rest in rests for answer in ANSWERS))
