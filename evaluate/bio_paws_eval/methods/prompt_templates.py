"""How a pair is put to a causal model in words. Free of heavy imports: the command line reads it.

A template never changes under its name: another wording is another entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

TemplateName = Literal["question-1", "question-first-1"]
Calibration = Literal["contextual", "none"]

ANSWERS = ("no", "yes")
"""The answers that stand for labels 0 and 1."""

ORDERS = ((1, 0), (0, 1))
"""Orders in which a prompt names the two answers; scores are means over both."""

CONTENT_FREE = ("N/A", "[MASK]", "")
"""Texts that say nothing, put in the place of both sides to see which answer a model prefers by itself (Zhao TZ et al.
2021, ICML, arXiv:2102.09690)."""

TEMPLATES: Mapping[TemplateName, str] = {
    "question-1": "{name1}: {side1}\n{name2}: {side2}\nQuestion: {question} Answer {answer1} or {answer2}.\nAnswer:",
    "question-first-1": "{question} Answer {answer1} or {answer2}.\n{name1}: {side1}\n{name2}: {side2}\nAnswer:",
}
if tuple(TEMPLATES) != get_args(TemplateName):
    raise ValueError("TEMPLATES and TemplateName name different templates")

WORDINGS = {
    "text": ("Sentence 1", "Sentence 2", "Do the two sentences have the same meaning?"),
    "dna": ("Sequence 1", "Sequence 2", "Are the two DNA sequences similar?"),
    "protein": ("Sequence 1", "Sequence 2", "Are the two protein sequences similar?"),
    "dna_protein": ("Gene", "Protein", "Does the gene code for the protein?"),
}
"""Names of the two sides, and the question, for what the sides are."""


@dataclass(frozen=True)
class Prompting:
    """How a causal model is asked.

    Attributes
    ----------
    template : str
        One of `TEMPLATES`.
    shots : int
        Answered pairs that stand before the pair that is asked.
    calibration : {"contextual", "none"}
        Whether a model's preference for an answer, as `CONTENT_FREE` shows it, is subtracted.
    """

    template: TemplateName = "question-1"
    shots: int = 0
    calibration: Calibration = "contextual"


def render(template: TemplateName, molecule: str, side1: str, side2: str, order: tuple[int, int]) -> str:
    """Return the prompt of a pair; what follows is the answer.

    Parameters
    ----------
    template : str
        One of `TEMPLATES`.
    molecule : str
        What the sides are: one of `WORDINGS`.
    side1, side2 : str
        The pair.
    order : (int, int)
        One of `ORDERS`.

    Examples
    --------
    >>> print(render("question-1", "dna", "ACGT", "ACGA", (1, 0)))
    Sequence 1: ACGT
    Sequence 2: ACGA
    Question: Are the two DNA sequences similar? Answer yes or no.
    Answer:
    """
    name1, name2, question = WORDINGS[molecule]
    answer1, answer2 = (ANSWERS[label] for label in order)
    return TEMPLATES[template].format(
        name1=name1, name2=name2, question=question, side1=side1, side2=side2, answer1=answer1, answer2=answer2
    )
