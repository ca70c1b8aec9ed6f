"""The mixture: documents of each language on disk, without held-out loci, and how much of each is trained on.

Proteins come first and text last: what the sources hold of one language limits what is needed of the next.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bio_paws.errors import BioPawsError
from bio_paws.execution.files import atomic, digest_of, read_json, write_json
from bio_paws.execution.stage_keys import stage_key
from bio_paws.search import blast
from bio_paws.sequences.corpus import read_corpus, representative_proteins
from bio_paws.sources.resolve import Assembly
from bio_paws_eval.pretrain import decontaminate
from bio_paws_eval.pretrain.held_out import HeldOut, Molecule
from bio_paws_eval.pretrain.recipe import LANGUAGES, Language, PretrainingRecipe, TextRecipe
from bio_paws_eval.pretrain.text_sources import TextSource, read_text

TEXT_HELD_OUT = 0.05
"""Part of the text that perplexity is measured on, until it is `TEXT_PERPLEXITY_BYTES`."""
TEXT_PERPLEXITY_BYTES = 200_000

_SCHEMA = pa.schema([("text", pa.string())])
_BATCH_BYTES = 1_000_000
_PIECES_PER_SEARCH = 50


@dataclass(frozen=True)
class Documents:
    """Documents of one language on disk, in the order they are trained on.

    Attributes
    ----------
    path : Path
        Arrow IPC stream of batches with a column ``text``.
    documents, bytes : int
        How many, and their size in UTF-8.
    removed : dict of str to int
        What was held out: ``intervals``, ``by_interval``, ``proteins``, ``searched``,
        ``hits``, ``by_search``; letters, but for numbers of intervals, proteins and hits.
    perplexity_texts : tuple of str
        Documents whose perplexity is measured; of text only.
    digest : str
        Digest of all documents.
    """

    path: Path
    documents: int
    bytes: int
    removed: dict[str, int]
    perplexity_texts: tuple[str, ...]
    digest: str


def quotas(stated: Mapping[Language, int], available: Mapping[Language, int]) -> dict[Language, int]:
    """Bytes of each language, so that their proportions are those stated and no source gives more than it holds."""
    scale = min([Fraction(1), *(Fraction(available[name], stated[name]) for name in available)])
    return {name: int(size * scale) for name, size in stated.items()}


def take(documents: Iterable[str], quota: int) -> Iterator[str]:
    """Yield documents until they are `quota` bytes of UTF-8; the last one is cut, at the border of a letter."""
    for document in documents:
        if quota <= 0:
            return
        data = document.encode()
        kept = document if len(data) <= quota else data[:quota].decode(errors="ignore")
        if kept:
            yield kept
        quota -= len(data)


def read_documents(path: Path) -> Iterator[str]:
    """Yield the documents of a file."""
    with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as batches:
        for batch in batches:
            yield from batch["text"].to_pylist()


def make_documents(
    recipe: PretrainingRecipe,
    assemblies: tuple[Assembly, ...],
    text: tuple[TextSource, ...],
    held_out: HeldOut | None,
    folder: Path,
    workers: int,
) -> dict[Language, Documents]:
    """Write the documents of every language of a recipe; what stands already is not made again.

    Parameters
    ----------
    recipe : PretrainingRecipe
        What is asked for.
    assemblies : tuple of Assembly
        Sources of DNA and proteins.
    text : tuple of TextSource
        Sources of text.
    held_out : HeldOut or None
        What may not be in them; None where the recipe asks for text only.
    folder : Path
        Where they are written.
    workers : int
        Searches at a time.

    Raises
    ------
    BioPawsError
        When a source cannot be read, or holds nothing of a language.
    """
    made: dict[Language, Documents] = {}
    inputs = [
        (assembly.accession, assembly.organism, file.role, file.sha256)
        for assembly in assemblies
        for file in assembly.files
    ]
    for language in reversed(LANGUAGES):
        if language not in recipe.bytes:
            continue
        wanted = quotas(recipe.bytes, {name: documents.bytes for name, documents in made.items()})[language]
        if language == "text":
            assert recipe.text is not None
            stem = folder / f"text-{_key(wanted, vars(recipe.text), [source.origin for source in text])}"
            documents = _finished(stem) or _write(stem, *_text(recipe.text, text, wanted))
        else:
            assert held_out is not None
            stem = folder / f"{language}-{_key(wanted, inputs, held_out.digest, recipe.seed, blast.version())}"
            documents = _finished(stem) or _biological(stem, language, assemblies, held_out, wanted, recipe, workers)
        if not documents.bytes:
            raise BioPawsError(f"the sources hold no {language} that may be trained on: name more, or leave it out")
        made[language] = documents
    return {name: made[name] for name in LANGUAGES if name in made}


def _key(*values: Any) -> str:
    return stage_key("bio_paws_eval.pretrain.mixture", packages=("datasets", "numpy", "pyarrow"), values=values)


def _finished(stem: Path) -> Documents | None:
    facts = stem.with_suffix(".json")
    if not facts.is_file():
        return None
    raw = read_json(facts)
    return Documents(stem.with_suffix(".arrow"), **raw | {"perplexity_texts": tuple(raw["perplexity_texts"])})


def _write(stem: Path, documents: Iterator[str], perplexity_texts: list[str], removed: Counter[str]) -> Documents:
    """Write documents as they come; `asked` and `removed` fill up meanwhile."""
    path = stem.with_suffix(".arrow")
    count = size = 0
    digest = digest_of(stem.name)
    with atomic(path) as part, pa.OSFile(str(part), "wb") as out:
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with pa.ipc.new_stream(out, _SCHEMA, options=options) as writer:
            for batch in batches_of(documents, _BATCH_BYTES):
                writer.write_batch(pa.record_batch({"text": batch}, schema=_SCHEMA))
                count += len(batch)
                size += sum(len(document.encode()) for document in batch)
                digest = digest_of(digest, batch)
    # The facts last: where they stand, the documents are whole.
    facts = {
        "documents": count,
        "bytes": size,
        "removed": dict(removed),
        "perplexity_texts": perplexity_texts,
        "digest": digest,
    }
    write_json(stem.with_suffix(".json"), facts)
    return Documents(path, count, size, dict(removed), tuple(perplexity_texts), digest)


def batches_of(documents: Iterable[str], size: int) -> Iterator[list[str]]:
    """Group documents into lists of at least so many letters; the last may have fewer."""
    batch: list[str] = []
    letters = 0
    for document in documents:
        batch.append(document)
        letters += len(document)
        if letters >= size:
            yield batch
            batch, letters = [], 0
    if batch:
        yield batch


def _text(
    text: TextRecipe, sources: tuple[TextSource, ...], wanted: int
) -> tuple[Iterator[str], list[str], Counter[str]]:
    """Documents to train on, and those held out: the first, and one more whenever they are too small a part."""
    perplexity_texts: list[str] = []

    def trained() -> Iterator[str]:
        held_out = read = 0
        for document in read_text(sources, text):
            size = len(document.encode())
            if held_out < TEXT_PERPLEXITY_BYTES and held_out <= TEXT_HELD_OUT * read:
                perplexity_texts.extend(take([document], TEXT_PERPLEXITY_BYTES - held_out))
                held_out += size
            else:
                yield document
            read += size

    return take(trained(), wanted), perplexity_texts, Counter()


def _biological(
    stem: Path,
    molecule: Molecule,
    assemblies: tuple[Assembly, ...],
    held_out: HeldOut,
    wanted: int,
    recipe: PretrainingRecipe,
    workers: int,
) -> Documents:
    """Cut the sources, bring the pieces into a random order, search them, and write what is left."""
    removed: Counter[str] = Counter()
    with _scratch(stem.with_suffix(".pieces")) as folder:
        cut = folder / "pieces.arrow"
        with pa.OSFile(str(cut), "wb") as out, pa.ipc.new_file(out, _SCHEMA) as writer:
            for batch in batches_of(_pieces(molecule, assemblies, held_out, removed), _BATCH_BYTES):
                writer.write_batch(pa.record_batch({"text": batch}, schema=_SCHEMA))
        database = decontaminate.make_database(folder, molecule, held_out)
        with pa.memory_map(str(cut)) as source:
            pieces = pa.ipc.open_file(source).read_all()
            with closing(_searched(pieces, molecule, database, removed, recipe.seed, workers)) as searched:
                return _write(stem, take(searched, wanted), [], removed)


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Yield an empty folder, and remove it; what a kill left there before is removed too."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
        yield folder
    except OSError as error:
        raise BioPawsError(f"{error.filename or folder}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _pieces(
    molecule: Molecule, assemblies: tuple[Assembly, ...], held_out: HeldOut, removed: Counter[str]
) -> Iterator[str]:
    """Yield pieces of genomes, or one protein a gene, less what is held out by its place; an assembly at a time."""
    for assembly in assemblies:
        corpus = read_corpus((assembly,))
        if molecule == "dna":
            for sequence in corpus.dna.values():
                pieces, cut = decontaminate.cut_genome(sequence, held_out)
                removed.update(cut)
                yield from pieces
        else:
            for protein in representative_proteins(corpus):
                if protein.id in held_out.proteins:
                    removed.update(proteins=1, by_interval=len(protein.residues))
                elif len(protein.residues) >= decontaminate.SHORTEST["protein"]:
                    yield protein.residues[:]


def _searched(
    pieces: pa.Table, molecule: Molecule, database: Path | None, removed: Counter[str], seed: int, workers: int
) -> Generator[str, None, None]:
    """Yield what the search leaves of the pieces, in the order of the seed, and search no more than is read."""
    order = np.random.default_rng(seed).permutation(pieces.num_rows)
    groups = (order[at : at + _PIECES_PER_SEARCH] for at in range(0, len(order), _PIECES_PER_SEARCH))
    texts = (pieces["text"].take(pa.array(group)).to_pylist() for group in groups)
    if database is None:
        for group in texts:
            yield from group
        return
    # BLAST is a process of its own: threads suffice to keep so many of them busy.
    with ThreadPoolExecutor(workers) as pool:
        running = []
        for group in texts:
            running.append(pool.submit(decontaminate.remove_homologs, group, database, molecule))
            if len(running) > workers:
                yield from _left(running.pop(0).result(), removed)
        for task in running:
            yield from _left(task.result(), removed)


def _left(kept: decontaminate.Kept, removed: Counter[str]) -> Iterator[str]:
    removed.update(kept.removed)
    yield from kept.texts
