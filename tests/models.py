"""Tiny random models of three architectures, with tokenizers trained on the spot, and a small PAWS-X."""

from __future__ import annotations

import random
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, decoders
from tokenizers import models as kinds
from tokenizers.pre_tokenizers import ByteLevel, Whitespace
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer, WordPieceTrainer
from transformers import (
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

transformers.utils.logging.disable_progress_bar()

WORDS = (
    *("the", "a", "river", "king", "city", "old", "new", "north", "south", "moved", "from", "to", "was", "built"),
    *("by", "in", "of", "near", "great", "small", "garden", "station", "bridge", "castle", "army", "later", "before"),
    *("after", "first", "second", "team", "won", "lost", "game", "season", "wrote", "song", "book", "played", "music"),
)
ARCHITECTURES = ("bert", "gpt2", "llama")


def sentence(rng: random.Random) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randint(4, 14)))


def write_model(folder: Path, architecture: str) -> Path:
    """A model as a user has it: config, safetensors, tokenizer."""
    rng = random.Random(0)
    corpus = [sentence(rng) for _ in range(300)] + ["".join(rng.choices("ACGT", k=12)) for _ in range(300)]
    corpus += ["".join(rng.choices("ACDEFGHIKLMNPQRSTVWY", k=60)) for _ in range(50)]
    torch.manual_seed(0)
    if architecture == "bert":
        tokenizer = _wordpiece(corpus)
        config = BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=512,
            pad_token_id=tokenizer.pad_token_id,
        )
        BertForMaskedLM(config).save_pretrained(folder)
    elif architecture == "gpt2":
        tokenizer = _byte_pairs(corpus, bos=False)
        ends = tokenizer.eos_token_id
        sizes = GPT2Config(
            vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=2, bos_token_id=ends, eos_token_id=ends
        )
        GPT2LMHeadModel(sizes).save_pretrained(folder)
    else:
        tokenizer = _byte_pairs(corpus, bos=True)
        llama = LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            intermediate_size=64,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
        LlamaForCausalLM(llama).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _wordpiece(corpus: list[str]) -> PreTrainedTokenizerFast:
    """BERT's: a word of over 100 letters is one unknown token."""
    tokenizer = Tokenizer(kinds.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(corpus, WordPieceTrainer(vocab_size=300, special_tokens=special))
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=512,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def _byte_pairs(corpus: list[str], *, bos: bool) -> PreTrainedTokenizerFast:
    """GPT-2's, without a token to pad with; Llama's starts each text with a token of its own."""
    tokenizer = Tokenizer(kinds.BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<s>"] if bos else ["<|endoftext|>"]
    alphabet = ByteLevel.alphabet()
    tokenizer.train_from_iterator(corpus, BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet))
    if not bos:
        return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=special[0], model_max_length=1024)
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B:1", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token=special[0])


def write_pawsx(folder: Path, train: int = 96, held_out: int = 48) -> Path:
    """PAWS-X in a folder a split; a pair is similar where its sentences are the same but for one word left out."""
    rng = random.Random(1)
    sizes = {"train": train, "dev": held_out, "test": held_out}
    for split, count in sizes.items():
        (folder / split).mkdir(parents=True)
        for language in ("en", "fr"):
            lines = ["id\tsentence1\tsentence2\tlabel"]
            for i in range(count):
                first, label = sentence(rng), rng.randint(0, 1)
                second = first.split(" ", 1)[1] if label else sentence(rng)
                lines.append(f"{i + 1}\t{first}\t{second}\t{label}")
            if language == "fr":
                lines += [f"{count + 1}\tNS\tla ville\t0", f"{count + 2}\tla ville\t\t1"]
            (folder / split / f"{language}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
