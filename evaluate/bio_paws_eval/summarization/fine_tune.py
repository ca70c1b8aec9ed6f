"""Teach a model to summarise English: asked as it is asked for genes later, and only the words of the summary count.

The controls of the transfer claim: the model as it was, and the same model taught with each text another's summary.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import PartialState
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from bio_paws.execution.files import atomic
from bio_paws.execution.stage_keys import stage_key
from bio_paws_eval.hyperparameters import Hyperparameters
from bio_paws_eval.models import loading
from bio_paws_eval.models.checkpoints import exclusive, finish_training, load_trained, read_finished
from bio_paws_eval.models.finetune import LOSSES, train_by_length
from bio_paws_eval.models.model_files import ModelSource, find_model
from bio_paws_eval.models.recomputation import recomputed
from bio_paws_eval.models.tokenizers import load_tokenizer
from bio_paws_eval.models.training import Selection
from bio_paws_eval.results import record_of, slug
from bio_paws_eval.summarization import generate
from bio_paws_eval.summarization.english_summaries import English, Example
from bio_paws_eval.summarization.results import Learnt

IGNORED = -100
"""Label of a token that is not learnt; PyTorch's."""

_PACKAGES = ("accelerate", "numpy", "safetensors", "tokenizers", "torch", "transformers")


@dataclass(frozen=True)
class Lessons:
    """Examples as tokens.

    Attributes
    ----------
    ids : list of list of int
        What is read.
    labels : list of list of int
        What is to be written: of a causal model as long as what is read, `IGNORED` where it is the question.
    pad_id : int
        Fills up what is read.
    """

    ids: list[list[int]]
    labels: list[list[int]]
    pad_id: int

    def collate(self, rows: Sequence[int]) -> dict[str, torch.Tensor]:
        """Make a batch, filled up at the right."""
        ids, mask, labels = (
            _rectangle([parts[i] for i in rows], fill)
            for parts, fill in (
                (self.ids, self.pad_id),
                ([[1] * len(ids) for ids in self.ids], 0),
                (self.labels, IGNORED),
            )
        )
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def _rectangle(rows: list[list[int]], fill: int) -> torch.Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [fill] * (longest - len(row)) for row in rows])


def lessons_of(
    source: ModelSource,
    tokenizer: PreTrainedTokenizerBase,
    examples: Sequence[Example],
    tokens: int,
    max_length: int,
) -> Lessons:
    """Bring examples into tokens: the very question that is asked later, and the summary with an end.

    Parameters
    ----------
    source : ModelSource
        The model.
    tokenizer : PreTrainedTokenizerBase
        Its own.
    examples : sequence of Example
        Texts and summaries.
    tokens : int
        Most tokens of a summary, its end among them.
    max_length : int
        Tokens that are read at most.

    Raises
    ------
    BioPawsError
        When no room is left for the text.
    """
    prompts = generate.prompts_of(source, tokenizer, [example.text for example in examples], tokens, max_length)
    causal, end = not source.config.is_encoder_decoder, tokenizer.eos_token_id
    answers = []
    for example in examples:
        # Of GPT-2 and its like a word begins with the space before it.
        text = f" {example.summary}" if causal else example.summary
        answer = tokenizer(text_target=text, add_special_tokens=not causal)["input_ids"]
        ended = end is None or answer[-1:] == [end]
        answers.append(answer[:tokens] if ended else [*answer[: tokens - 1], end])
    if not causal:
        return Lessons(prompts, answers, tokenizer.pad_token_id)
    return Lessons(
        [prompt + answer for prompt, answer in zip(prompts, answers, strict=True)],
        [[IGNORED] * len(prompt) + answer for prompt, answer in zip(prompts, answers, strict=True)],
        tokenizer.pad_token_id,
    )


def teach(
    source: ModelSource,
    english: English,
    recipe: Hyperparameters,
    tokens: int,
    seed: int,
    device: torch.device,
    out: Path,
    *,
    shuffled: bool,
) -> tuple[ModelSource, Learnt]:
    """Fine-tune a model on summaries; what is finished is read, what was killed goes on from its last checkpoint.

    Parameters
    ----------
    source : ModelSource
        The model as it was.
    english : English
        What it learns from.
    recipe : Hyperparameters
        How.
    tokens : int
        Most tokens of a summary.
    seed : int
        Of order, dropout and shuffled summaries.
    device : torch.device
        Where to compute.
    out : Path
        The model goes to ``models`` in it, checkpoints to ``.work``.
    shuffled : bool
        Give each text the summary of another, in both parts.

    Returns
    -------
    ModelSource
        The model as it is now, a folder as any other.
    Learnt
        How it went.

    Raises
    ------
    BioPawsError
        When the model writes no text, memory runs out, or training diverges.
    """
    key = _key(source, english, recipe, tokens, seed, device, shuffled)
    name = f"{slug(source.id)}-{slug(Path(english.name).stem)}{'-shuffled' * shuffled}-{key[:8]}"
    folder, saved = out / ".work" / "runs" / key, out / "models" / name
    with exclusive(out / ".work" / "locks" / key):
        learnt = _taught(source, english, recipe, tokens, seed, device, folder, saved, shuffled=shuffled)
    return find_model(str(saved), None), learnt


def _taught(
    source: ModelSource,
    english: English,
    recipe: Hyperparameters,
    tokens: int,
    seed: int,
    device: torch.device,
    folder: Path,
    saved: Path,
    *,
    shuffled: bool,
) -> Learnt:
    record = read_finished(folder)
    if record is not None and saved.is_dir():
        return record_of(Learnt, record, "dev_losses", "losses")
    tokenizer = load_tokenizer(source)
    model = loading.load_generator(source).to(device)  # type: ignore[arg-type]
    if record is None:
        train, dev = english.train, english.dev
        if shuffled:
            rng = np.random.default_rng(seed)
            train, dev = (_shuffled(part, rng) for part in (train, dev))
        learnt = _train(source, model, tokenizer, train, dev, recipe, tokens, seed, folder)
        finish_training(model, learnt, folder)
    else:
        learnt = record_of(Learnt, record, "dev_losses", "losses")
        load_trained(model, folder)
    if PartialState().is_main_process:
        with atomic(saved) as part:
            model.save_pretrained(part)
            load_tokenizer(source).save_pretrained(part)  # the other keeps how it padded and cut
    PartialState().wait_for_everyone()
    return learnt


def _shuffled(examples: Sequence[Example], rng: np.random.Generator) -> tuple[Example, ...]:
    order = rng.permutation(len(examples))
    return tuple(
        dataclasses.replace(example, summary=examples[i].summary) for example, i in zip(examples, order, strict=True)
    )


def _train(
    source: ModelSource,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    train: Sequence[Example],
    dev: Sequence[Example],
    recipe: Hyperparameters,
    tokens: int,
    seed: int,
    folder: Path,
) -> Learnt:
    lessons, dev_lessons = (lessons_of(source, tokenizer, part, tokens, recipe.max_length) for part in (train, dev))
    lengths = np.array([len(ids) for ids in lessons.ids])

    def loss(model: PreTrainedModel) -> float:
        return dev_loss(model, dev_lessons, recipe.batch_size)

    gpu = model.device.type == "cuda" and torch.cuda.is_bf16_supported()
    dtype = torch.bfloat16 if gpu else torch.float32
    selection = Selection("loss", loss)
    written = np.array([sum(label != IGNORED for label in labels) for labels in lessons.labels])
    with recomputed(model, recipe.gradient_checkpointing):
        history = train_by_length(
            model, lengths, lessons.collate, selection, recipe, seed, dtype, folder, counts=written
        )
    return Learnt(
        history.measured,
        history.best_epoch,
        history.steps,
        history.seconds,
        recipe.epochs * int(lengths.sum()) / history.seconds,
        history.mean_losses(LOSSES),
    )


def dev_loss(model: PreTrainedModel, lessons: Lessons, batch_size: int) -> float:
    """Mean loss of the tokens of all summaries, nats.

    Parameters
    ----------
    model : PreTrainedModel
        A model that writes.
    lessons : Lessons
        What it is asked, and should write.
    batch_size : int
        Examples that are asked together.
    """
    order = np.argsort([len(ids) for ids in lessons.ids], kind="stable").tolist()
    total, count = 0.0, 0
    training = model.training
    model.eval()
    with torch.inference_mode():
        for at in range(0, len(order), batch_size):
            batch = {
                name: values.to(model.device) for name, values in lessons.collate(order[at : at + batch_size]).items()
            }
            learnt = int((batch["labels"] != IGNORED).sum())
            total += float(model(**batch).loss) * learnt
            count += learnt
    model.train(training)
    return total / count


def _key(
    source: ModelSource,
    english: English,
    recipe: Hyperparameters,
    tokens: int,
    seed: int,
    device: torch.device,
    shuffled: bool,
) -> str:
    """Digest of everything that can change the trained weights."""
    model = [source.weights_sha256, source.tokenizer_sha256]
    options = [recipe.record, tokens, seed, device.type, PartialState().num_processes, shuffled]
    return stage_key(
        "bio_paws_eval.summarization.fine_tune", packages=_PACKAGES, values=[*model, english.digest, *options]
    )
