"""One table of what a GPU does with our batches: answers, speed, memory. Under 8 minutes; `make gpu` runs it.

python benchmarks/gpu.py FOLDER needs torch, transformers and this repository beside FOLDER, which `benchmarks.gpu_data`
writes where the package is installed. Prediction is that of the package (`BatchRunner`), and so are the batches of a
training (`ByLength`, `collate`); the loop over them is a plain one, as the package's needs accelerate.

Models are GPT-2 small and BERT base with random weights, without dropout, so that ways of training can be told by their
losses. Tokens a second are real ones: padding is not counted as work done. Their share of the card is of its measured
rate of bf16 matrix products, at 2 operations per token and weight of the layers in prediction and 6 in training.
``--device cpu --tiny`` runs every line with models of two layers.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.functional import cross_entropy, pad
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2ForSequenceClassification,
    PreTrainedModel,
)
from transformers.utils.logging import set_verbosity_error

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "builders"), str(ROOT / "evaluate")]

from bio_paws_eval.models.batch_runner import BatchRunner  # noqa: E402
from bio_paws_eval.models.batches import ByLength, collate  # noqa: E402

SECONDS = 360.0  # what has not begun by then is left out
PADDED = 256
BUCKET = 32  # a compiled model sees lengths that are multiples of it
BUDGET = 65536  # tokens a batch of a prediction: `predict.TOKEN_BUDGET` of a GPU
COMPARED = 64  # pairs that the CPU answers, too
STEPS, WARMUP = 20, 6
LEARNING_RATE = 1e-5
Batch = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Pairs:
    """Pairs as tokens; the fields of `bio_paws_eval.models.tokens.Tokens` that its batches are made of."""

    ids: list[np.ndarray]
    types: list[np.ndarray] | None
    labels: np.ndarray
    pad_id: int

    @classmethod
    def read(cls, folder: Path, count: int | None, *, types: bool) -> Pairs:
        """Read the first pairs; GPT-2 is not told which sentence a token is of."""
        with np.load(folder / "tokens.npz") as file:
            ends = np.cumsum(file["lengths"])
            ids, kinds = (np.split(file[name], ends[:-1])[:count] for name in ("ids", "types"))
            return cls(ids, kinds if types else None, file["labels"][:count], int(file["pad_id"]))

    def take(self, count: int) -> Pairs:
        """Return the first pairs."""
        return Pairs(self.ids[:count], self.types and self.types[:count], self.labels[:count], self.pad_id)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each pair."""
        return np.array([len(ids) for ids in self.ids])


def make_model(name: str, pad_id: int, *, tiny: bool, seed: int = 0) -> PreTrainedModel:
    """Return a classifier with random weights."""
    torch.manual_seed(seed)
    if name == "GPT-2 small":
        sizes = {"n_embd": 32, "n_layer": 2, "n_head": 2} if tiny else {}
        off = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
        return GPT2ForSequenceClassification(GPT2Config(pad_token_id=pad_id, **sizes, **off))
    small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    off = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    return BertForSequenceClassification(BertConfig(pad_token_id=pad_id, **(small if tiny else {}), **off))


def layer_weights(model: PreTrainedModel) -> int:
    """Return the number of weights that each token is multiplied by: all but the embeddings."""
    return sum(weight.numel() for name, weight in model.named_parameters() if ".wte" not in name and ".wpe" not in name
               and "embeddings" not in name)  # fmt: skip


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[Any]:
    """Compute matrix products in a number format."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype == torch.bfloat16)


def lengthened(batch: Batch, multiple: int, pad_id: int) -> Batch:
    """Pad a batch on to a multiple of tokens, so that a compiled model sees few lengths."""
    more = -batch["input_ids"].shape[-1] % multiple
    return {name: pad(values, (0, more), value=pad_id if name == "input_ids" else 0) for name, values in batch.items()}


def matrix_rate(device: torch.device, dtype: torch.dtype, size: int) -> float:
    """Measure the operations per second of products of square matrices of `size` rows: the best of five."""
    matrix, seconds = torch.ones(size, size, device=device, dtype=dtype), []
    for _ in range(5):
        start = time.perf_counter()
        (matrix @ matrix)[0, 0].item()  # a GPU returns before it has finished: fetching a value waits
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / min(seconds)


def predict(
    model: Callable[..., Any], pairs: Pairs, device: torch.device, dtype: torch.dtype, budget: int, multiple: int = 1
) -> np.ndarray:
    """Return the logits of all pairs, as the package predicts them."""

    def answer(batch: Batch) -> torch.Tensor:
        logits: torch.Tensor = model(**lengthened(batch, multiple, pairs.pad_id)).logits
        return logits

    runner = BatchRunner(answer, pairs.pad_id, device, budget)
    with torch.inference_mode(), autocast(device, dtype):
        return runner.run(pairs)  # type: ignore[arg-type]


def training_batches(
    pairs: Pairs, rows: int, seed: int, device: torch.device, multiple: int
) -> Iterator[tuple[Batch, torch.Tensor, int]]:
    """Yield the batches of a training, epoch after epoch, each with its labels and its number of real tokens."""
    order, epoch = ByLength(pairs.lengths, rows, seed), 0
    while True:
        order.set_epoch(epoch)
        numbers = list(order)
        for start in range(0, len(numbers) - rows + 1, rows):
            chosen = numbers[start : start + rows]
            batch = collate(pairs, chosen, pairs.pad_id, device)  # type: ignore[arg-type]
            labels = torch.from_numpy(pairs.labels[chosen].astype(np.int64)).to(device)
            yield lengthened(batch, multiple, pairs.pad_id), labels, int(pairs.lengths[chosen].sum())
        epoch += 1


def loss_of(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the loss of a batch."""
    return cross_entropy(logits.float(), labels)


def train(
    model: PreTrainedModel,
    pairs: Pairs,
    dtype: torch.dtype,
    rows: int,
    *,
    steps: int = STEPS,
    seed: int = 0,
    multiple: int = 1,
    forward: Callable[..., Any] | None = None,
) -> tuple[list[float], float]:
    """Train a model; return the losses of all steps, and real tokens a second after the first ones.

    `forward` stands for the model where it is compiled.
    """
    device = next(model.parameters()).device
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.0, fused=True)
    source = training_batches(pairs, rows, seed, device, multiple)
    call = model.train() if forward is None else forward

    def step() -> tuple[torch.Tensor, int]:
        batch, labels, tokens = next(source)
        with autocast(device, dtype):
            loss = loss_of(call(**batch).logits, labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return loss.detach(), tokens

    losses, speed = timed_steps(step, steps, device)
    return losses.tolist(), speed


def train_together(
    models: list[PreTrainedModel], pairs: Pairs, dtype: torch.dtype, rows: int, *, steps: int = STEPS
) -> tuple[list[list[float]], float]:
    """Train a model per seed as one whose weights have one more dimension; as `train`, with the losses of each.

    Each sees its own batches, padded to the longest of all, and its gradients are clipped on their own.
    """
    device = next(models[0].parameters()).device
    weights, buffers = stack_module_state([model.train() for model in models])  # type: ignore[arg-type]
    skeleton = deepcopy(models[0]).to("meta")
    optimizer = torch.optim.AdamW(weights.values(), lr=LEARNING_RATE, weight_decay=0.0, fused=True)
    sources = [training_batches(pairs, rows, seed, device, 1) for seed in range(len(models))]
    causal = models[0].config.model_type == "gpt2"

    def losses_of(weights: Any, buffers: Any, batch: Batch, labels: torch.Tensor) -> torch.Tensor:
        return loss_of(functional_call(skeleton, (weights, buffers), (), batch).logits, labels)

    def step() -> tuple[torch.Tensor, int]:
        drawn = [next(source) for source in sources]
        longest = max(batch["input_ids"].shape[1] for batch, *_ in drawn)
        padded = [lengthened(batch, longest, pairs.pad_id) for batch, *_ in drawn]
        batch = {name: torch.stack([part[name] for part in padded]) for name in padded[0]}
        batch["attention_mask"] = whole_mask(batch["attention_mask"], causal=causal)
        with autocast(device, dtype):
            losses = vmap(losses_of)(weights, buffers, batch, torch.stack([labels for _, labels, _ in drawn]))
        losses.sum().backward()
        squares = [weight.grad.flatten(1).square().sum(1) for weight in weights.values()]
        scale = (1.0 / (torch.stack(squares).sum(0).sqrt() + 1e-6)).clamp(max=1.0)
        for weight in weights.values():
            weight.grad.mul_(scale.view(-1, *[1] * (weight.ndim - 1)))
        optimizer.step()
        optimizer.zero_grad()
        return losses.detach(), sum(tokens for *_, tokens in drawn)

    losses, speed = timed_steps(step, steps, device)
    return losses.T.tolist(), speed


def whole_mask(mask: torch.Tensor, *, causal: bool) -> torch.Tensor:
    """Return which token sees which: Transformers, making it, would look at values, which vmap cannot."""
    length = mask.shape[-1]
    seen = mask.bool()[..., None, None, :].expand(*mask.shape[:-1], 1, length, length)
    return seen & torch.ones(length, length, dtype=torch.bool, device=mask.device).tril() if causal else seen


def timed_steps(
    step: Callable[[], tuple[torch.Tensor, int]], steps: int, device: torch.device
) -> tuple[torch.Tensor, float]:
    """Take the steps of a training; return their losses, and tokens a second after the first `WARMUP`."""
    losses, counts = [], []
    for number in range(WARMUP + steps):
        if number == WARMUP:
            wait(device)
            start = time.perf_counter()
        loss, tokens = step()
        losses.append(loss)
        counts.append(tokens)
    wait(device)
    return torch.stack(losses).cpu(), sum(counts[WARMUP:]) / (time.perf_counter() - start)


def wait(device: torch.device) -> None:
    """Let a GPU finish what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def answers_out_of_memory(
    model: PreTrainedModel, pairs: Pairs, device: torch.device, dtype: torch.dtype, budget: int
) -> tuple[np.ndarray, int]:
    """Predict where memory runs out at a quarter of the budget; return the logits, and how often it ran out.

    On a GPU, by filling its memory but for what the model needs and a quarter of a batch's peak; elsewhere by an error.
    """
    refused = 0

    def answer(**batch: torch.Tensor) -> Any:
        nonlocal refused
        try:
            if device.type != "cuda" and batch["input_ids"].numel() > budget // 4:
                raise torch.OutOfMemoryError("allocate memory")
            return model(**batch)
        except torch.OutOfMemoryError:
            refused += 1
            raise

    with memory_for(lambda: predict(model, pairs, device, dtype, budget), device):
        return predict(answer, pairs, device, dtype, budget), refused


@contextmanager
def memory_for(work: Callable[[], Any], device: torch.device) -> Iterator[None]:
    """Leave a process a quarter of the memory that `work` takes at its peak, beyond what is allocated before."""
    if device.type != "cuda":
        yield
        return
    before = torch.cuda.memory_allocated(device)
    _, peak = with_peak(work, device)
    torch.cuda.empty_cache()
    limit = before + (peak - before) // 4
    torch.cuda.set_per_process_memory_fraction(limit / torch.cuda.get_device_properties(device).total_memory, device)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)


def with_peak(work: Callable[[], Any], device: torch.device) -> tuple[Any, int]:
    """Return what work gives, and the most bytes that were allocated meanwhile; 0 where that is not counted."""
    if device.type != "cuda":
        return work(), 0
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    return work(), torch.cuda.max_memory_allocated(device)


@dataclass
class Table:
    """Prints a row at once, with the share of the measured matrix rate and the peak of memory."""

    device: torch.device
    rate: float
    start: float

    def row(self, name: str, operations: int, work: Callable[[], float], padded: float = 0.0) -> float:
        """Measure real tokens a second, at so many operations each, against those of padding; print a row."""
        if time.perf_counter() - self.start > SECONDS:
            print(f"| {name} | left out: no time | | | |", flush=True)
            return 0.0
        try:
            speed, peak = with_peak(work, self.device)
        except Exception as error:  # of one way, such as a compiler that is not there
            print(f"| {name} | {type(error).__name__}: {str(error).strip().splitlines()[0][:80]} | | | |", flush=True)
            return 0.0
        ratio = f"{speed / padded:.1f}" if padded else ""
        memory = f"{peak / 2**30:.1f}" if peak else ""
        print(f"| {name} | {speed:,.0f} | {speed * operations / self.rate:.1%} | {ratio} | {memory} |", flush=True)
        return speed


def compare_answers(name: str, pairs: Pairs, device: torch.device, *, tiny: bool) -> None:
    """Print how far answers are from those of the CPU in float32, and whether they survive a lack of memory."""
    model = make_model(name, pairs.pad_id, tiny=tiny).eval()
    few = pairs.take(COMPARED)
    cpu = torch.device("cpu")
    expected = predict(model, few, cpu, torch.float32, 2048)
    model.to(device)  # type: ignore[arg-type]
    for dtype in (torch.float32, torch.bfloat16):
        print(f"{name}, {str(dtype)[6:]}: {difference(predict(model, few, device, dtype, BUDGET), expected)}")
    budget = 4 * int(pairs.lengths.max()) if device.type == "cpu" else BUDGET
    whole = predict(model, pairs, device, torch.float32, budget)
    halved, times = answers_out_of_memory(model, pairs, device, torch.float32, budget)
    print(f"{name}, memory run out {times} times: {difference(halved, whole)}", flush=True)


def difference(logits: np.ndarray, expected: np.ndarray) -> str:
    """Describe how far logits are apart."""
    apart, same = np.abs(logits - expected).max(), (logits.argmax(1) == expected.argmax(1)).mean()
    return f"logits at most {apart:.1e} apart, {same:.1%} of answers the same"


def compare_speed(name: str, pairs: Pairs, table: Table, *, tiny: bool, backend: str) -> None:
    """Print the rows of a model."""
    device, dtype = table.device, torch.bfloat16

    def fresh(seed: int = 0) -> PreTrainedModel:
        return make_model(name, pairs.pad_id, tiny=tiny, seed=seed).to(device)  # type: ignore[arg-type]

    def predicted(budget: int, multiple: int = 1, forward: Callable[..., Any] | None = None) -> Callable[[], float]:
        model = fresh().eval() if forward is None else forward

        def work() -> float:
            for _ in range(2):  # the first time warms up, and compiles
                wait(device)
                start = time.perf_counter()
                predict(model, pairs, device, dtype, budget, multiple)
            return float(pairs.lengths.sum()) / (time.perf_counter() - start)

        return work

    def compiled(model: PreTrainedModel) -> Callable[..., Any]:
        return torch.compile(model, dynamic=True, backend=backend)  # type: ignore[no-any-return]

    def trained_compiled() -> float:
        model = fresh()
        return train(model, pairs, dtype, rows, multiple=BUCKET, forward=compiled(model.train()))[1]

    rows = 8 if tiny else 64
    weights = layer_weights(fresh())
    forward, step = 2 * weights, 6 * weights
    slow = table.row(f"{name}, prediction padded to {PADDED}, 64 at once", forward, predicted(64 * PADDED, PADDED))
    for budget in (BUDGET // 4, BUDGET, 4 * BUDGET):
        table.row(f"{name}, prediction, {budget:,} tokens at once", forward, predicted(budget), slow)
    slow = table.row(f"{name}, training padded to {PADDED}, {rows} rows", step,
                     lambda: train(fresh(), pairs, dtype, rows, multiple=PADDED)[1])  # fmt: skip
    for more in (1, 4):
        table.row(f"{name}, training, {more * rows} rows", step,
                  lambda more=more: train(fresh(), pairs, dtype, more * rows)[1], slow)  # fmt: skip
    table.row(f"{name}, training, 2 seeds at once, {rows} rows each", step,
              lambda: train_together([fresh(0), fresh(1)], pairs, dtype, rows)[1], slow)  # fmt: skip
    table.row(f"{name}, training compiled, {rows} rows", step, trained_compiled, slow)
    table.row(f"{name}, prediction compiled, {BUDGET:,} tokens at once", forward,
              predicted(BUDGET, BUCKET, compiled(fresh().eval())))  # fmt: skip


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="what benchmarks.gpu_data wrote")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="models of two layers, few pairs")
    parser.add_argument("--backend", default="inductor", help="of torch.compile")
    options = parser.parse_args()
    set_verbosity_error()
    start, device = time.perf_counter(), torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SystemExit("no GPU at hand: nothing is measured; --device cpu --tiny runs all lines on the CPU")
    rate = matrix_rate(device, torch.bfloat16, 256 if options.tiny else 8192)
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"{card}, torch {torch.__version__}, bf16 matrix products {rate / 1e12:,.2f} TFLOP/s")
    names, sets = ("BERT base", "GPT-2 small"), []
    for name in names:
        pairs = Pairs.read(options.folder, 96 if options.tiny else None, types=name == "BERT base")
        sets.append(pairs)
        compare_answers(name, pairs, device, tiny=options.tiny)
    print("\n| what | real tokens a second | of the matrix rate | against padding | GiB |\n|---|---|---|---|---|")
    table = Table(device, rate, start)
    for name, pairs in zip(names, sets, strict=True):
        compare_speed(name, pairs, table, tiny=options.tiny, backend=options.backend)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
