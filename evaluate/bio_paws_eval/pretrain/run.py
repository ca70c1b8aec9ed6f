"""A pre-training from top to bottom: sources -> documents -> tokenizer -> tokens -> model -> perplexities -> folder."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate import PartialState
from tokenizers import Tokenizer
from transformers import GPT2LMHeadModel

from bio_paws.errors import BioPawsError
from bio_paws.execution.files import atomic, read_json, require_free, sha256_of, write_json
from bio_paws.execution.stage_keys import stage_key
from bio_paws.sources import resolve
from bio_paws.sources.resolve import Assembly
from bio_paws_eval.pretrain.held_out import MOLECULES, HeldOut, read_held_out
from bio_paws_eval.pretrain.mixture import Documents, make_documents, quotas
from bio_paws_eval.pretrain.packing import Blocks, Shard, pack
from bio_paws_eval.pretrain.perplexity import measure
from bio_paws_eval.pretrain.recipe import Language, PretrainingRecipe
from bio_paws_eval.pretrain.text_sources import TextSource, find_text
from bio_paws_eval.pretrain.tokenizer import end_of, finished_tokenizer, read_tokenizer, train_tokenizer
from bio_paws_eval.pretrain.train import Pretraining, new_model, train

_log = logging.getLogger(__name__)

RECORD = "pretraining.json"
"""What stands in a model's folder of how it was made."""
SCHEMA_VERSION = "1.0"
"""Version of `RECORD`: major when a field changes its meaning or goes, minor when one comes."""

_PACKAGES = ("tokenizers", "torch", "transformers", "accelerate", "numpy")
_DROPOUT = 0.1  # GPT-2's: pre-training goes without, but who fine-tunes the model should have what GPT-2 has


@dataclass(frozen=True)
class Inputs:
    """What a pre-training starts from, found and digested.

    Attributes
    ----------
    recipe : PretrainingRecipe
        What is asked for.
    text : tuple of TextSource
        Sources of text.
    assemblies : tuple of Assembly
        Sources of DNA and proteins.
    held_out : HeldOut or None
        Loci of bioPAWS; None where text alone is trained on and the data set is not at hand.
    key : str
        Digest of all that can change the model.
    """

    recipe: PretrainingRecipe
    text: tuple[TextSource, ...]
    assemblies: tuple[Assembly, ...]
    held_out: HeldOut | None
    key: str


@dataclass(frozen=True)
class Mixture:
    """What a model is trained on.

    Attributes
    ----------
    documents : dict of language to Documents
        All that may be trained on.
    quotas : dict of language to int
        Bytes of each that are.
    tokenizer : Tokenizer
        That of the mixture.
    folder : Path
        Of its token files, and the tokenizer's.
    shards : tuple of Shard
        These files.
    """

    documents: dict[Language, Documents]
    quotas: dict[Language, int]
    tokenizer: Tokenizer
    folder: Path
    shards: tuple[Shard, ...]


def pretrain(
    recipe: PretrainingRecipe, *, source: Sequence[str], data: str | None, out: Path, work: Path, workers: int
) -> dict[str, Any]:
    """Pre-train a model from scratch, or go on where it was stopped.

    Parameters
    ----------
    recipe : PretrainingRecipe
        From `recipe.read_recipe`.
    source : sequence of str
        Sources of DNA and proteins, as `bio_paws.sources.resolve.resolve` takes them.
    data : str or None
        Folder or Hub id of bioPAWS, whose validation and test loci are held out.
    out : Path
        Folder of the model.
    work : Path
        Documents, tokens and checkpoints; may be removed, and are made again.
    workers : int
        Searches at a time.

    Returns
    -------
    dict
        What stands in `RECORD`.

    Raises
    ------
    BioPawsError
        When a source or the data set is not at hand, or `out` holds something else.
    """
    state = PartialState()
    inputs = find_inputs(recipe, source, data)
    if _is_finished(out, inputs.key):
        return dict(read_json(out / RECORD))
    with state.main_process_first():  # the others find what it wrote
        mixture = make_mixture(inputs, work, workers)
    vocabulary = mixture.tokenizer.get_vocab_size()
    blocks = Blocks(mixture.folder, mixture.shards, vocabulary, recipe.model.context, recipe.seed)
    model = new_model(recipe.model, vocabulary, end_of(mixture.tokenizer), recipe.seed).to(state.device)
    folder = work / f"training-{inputs.key}"
    trained = train(model, blocks, recipe, folder)
    if state.is_main_process:
        record = _record(inputs, mixture, trained, model)
        _write_model(out, model, mixture.tokenizer, recipe, record)
        shutil.rmtree(folder)
    state.wait_for_everyone()
    return dict(read_json(out / RECORD))


def find_inputs(recipe: PretrainingRecipe, source: Sequence[str], data: str | None) -> Inputs:
    """Find the sources and the held-out loci; arguments as in `pretrain`."""
    text = find_text(recipe.text) if recipe.text else ()
    assemblies = resolve.resolve(tuple(source)) if recipe.biological else ()
    try:
        held_out = read_held_out(data)
    except BioPawsError as error:
        if recipe.biological or data is not None:
            raise
        _log.warning("perplexity of text only: %s", error)
        held_out = None
    files = [file.sha256 for assembly in assemblies for file in assembly.files]
    key = stage_key(
        "bio_paws_eval.pretrain.run",
        packages=_PACKAGES,
        values=[dataclasses.asdict(recipe), [each.origin for each in text], files, held_out and held_out.digest],
    )
    return Inputs(recipe, text, assemblies, held_out, key)


def make_mixture(inputs: Inputs, work: Path, workers: int) -> Mixture:
    """Make the documents, the tokenizer and the token files; what stands already is not made again."""
    recipe = inputs.recipe
    documents = make_documents(recipe, inputs.assemblies, inputs.text, inputs.held_out, work / "documents", workers)
    shares = quotas(recipe.bytes, {language: written.bytes for language, written in documents.items()})
    digests = {language: written.digest for language, written in documents.items()}
    key = stage_key(
        "bio_paws_eval.pretrain.packing", packages=("tokenizers",), values=[digests, shares, recipe.vocabulary]
    )
    folder = work / f"tokens-{key}"
    stored = folder / "tokenizer.json"
    if not stored.is_file():
        with atomic(stored) as part:
            train_tokenizer(documents, shares, recipe.vocabulary).save(str(part))
    tokenizer = read_tokenizer(stored)
    return Mixture(documents, shares, tokenizer, folder, pack(documents, shares, tokenizer, folder))


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in ("bio-paws", *_PACKAGES)}


def _is_finished(out: Path, key: str) -> bool:
    """Whether this very model stands there.

    Raises
    ------
    BioPawsError
        When something else does.
    """
    if (out / RECORD).is_file() and _key_of(out / RECORD) == key:
        return True
    require_free(out)
    return False


def _key_of(path: Path) -> object:
    try:
        record = read_json(path)
    except ValueError as error:
        raise BioPawsError(f"{path}: not a record of bio-paws pretrain ({error}): restore it from a copy") from error
    return record.get("key") if isinstance(record, dict) else None


def _record(inputs: Inputs, mixture: Mixture, trained: Pretraining, model: GPT2LMHeadModel) -> dict[str, Any]:
    """Measure perplexities, and put together what there is to tell."""
    recipe, held_out = inputs.recipe, inputs.held_out
    perplexity_texts: dict[Language, tuple[str, ...]] = {
        language: written.perplexity_texts for language, written in mixture.documents.items() if language == "text"
    }
    if held_out:
        perplexity_texts |= {
            molecule: held_out.perplexity_texts[molecule]
            for molecule in MOLECULES
            if held_out.perplexity_texts[molecule]
        }
    measured = {
        language: dataclasses.asdict(measure(model, mixture.tokenizer, documents, recipe.model.context))
        for language, documents in perplexity_texts.items()
    }
    total = sum(mixture.quotas.values())
    languages = {}
    for language, written in mixture.documents.items():
        shards = [shard for shard in mixture.shards if shard.language == language]
        size = sum(shard.bytes for shard in shards)
        languages[language] = {
            "stated_bytes": recipe.bytes[language],
            "held_bytes": written.bytes,
            "bytes": size,
            "share": size / total,
            "documents": sum(shard.documents for shard in shards),
            "tokens": sum(shard.tokens for shard in shards),
            "removed": written.removed,
            "documents_sha256": written.digest,
        }
    return {
        "schema": SCHEMA_VERSION,
        "key": inputs.key,
        "recipe": dataclasses.asdict(recipe),
        "parameters": model.num_parameters(),
        "text": [{"source": source.name, "origin": source.origin} for source in inputs.text],
        "sources": [
            {
                "accession": assembly.accession,
                "origin": assembly.origin,
                "files": [[f.path.name, f.sha256] for f in assembly.files],
            }
            for assembly in inputs.assemblies
        ],
        "held_out": held_out
        and {
            "version": held_out.version,
            "configs": held_out.configs,
            "skipped": held_out.skipped,
            "intervals": sum(map(len, held_out.intervals.values())),
            "proteins": len(held_out.proteins),
            "searched_strings": {name: len(held_out.searched[name]) for name in MOLECULES},
            "digest": held_out.digest,
        },
        "languages": languages,
        "tokenizer": {
            "vocabulary": mixture.tokenizer.get_vocab_size(),
            "sha256": sha256_of(mixture.folder / "tokenizer.json"),
        },
        "tokens": [vars(shard) for shard in mixture.shards],
        "training": dataclasses.asdict(trained),
        "perplexity": measured,
        "versions": _versions(),
    }


def _write_model(
    out: Path, model: GPT2LMHeadModel, tokenizer: Tokenizer, recipe: PretrainingRecipe, record: dict[str, Any]
) -> None:
    """Write the model's folder, whole or not at all."""
    new = out.absolute().with_name(f".{out.name}.new")
    try:
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        model.config.resid_pdrop = model.config.embd_pdrop = model.config.attn_pdrop = _DROPOUT
        model.config.use_cache = True
        model.save_pretrained(new)
        finished_tokenizer(tokenizer, recipe.model.context).save_pretrained(new)
        write_json(new / RECORD, record)
        if out.exists():
            out.rmdir()  # it is empty
        new.rename(out)
    except OSError as error:
        raise BioPawsError(f"{error.filename or out}: cannot be written ({error.strerror or error})") from error
