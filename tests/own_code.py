"""Tiny models that bring their own Python files, of the shapes in which genomic language models are published."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from bio_paws_eval.models.own_code import own_classifier
from models import write_model

_CONVOLUTIONS = """
import pathlib
import torch
from torch import nn
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

(pathlib.Path(__file__).parent / "imported").write_text("")


class ToyConfig(PretrainedConfig):
    model_type = "toy_convolutions"

    def __init__(self, vocab_size=16, width=16, pooling="last", max_seq_len=700, **kwargs):
        self.vocab_size, self.width, self.pooling, self.max_seq_len = vocab_size, width, pooling, max_seq_len
        super().__init__(**kwargs)


class ToyPreTrained(PreTrainedModel):
    config_class = ToyConfig
    base_model_prefix = "toy"

    def _init_weights(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding, nn.Conv1d)):
            nn.init.normal_(module.weight, std=0.3)


class ToyModel(ToyPreTrained):
    def __init__(self, config):
        super().__init__(config)
        self.embeddings = nn.Embedding(config.vocab_size, config.width)
        self.mixer = nn.Conv1d(config.width, config.width, 3, padding=1)
        self.post_init()

    def get_input_embeddings(self):
        return self.embeddings

    def forward(self, input_ids, inputs_embeds=None):
        return torch.tanh(self.mixer(self.embeddings(input_ids).transpose(1, 2))).transpose(1, 2)


class ToyForCausalLM(ToyPreTrained):
    def __init__(self, config):
        super().__init__(config)
        self.toy = ToyModel(config)
        self.lm_head = nn.Linear(config.width, config.vocab_size)
        self.post_init()
"""
_CLASSIFIER = '''

class ToyForSequenceClassification(ToyPreTrained):
    """Knows no mask: padding is mixed into the last positions, and into the mean."""

    def __init__(self, config):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.toy = ToyModel(config)
        self.score = nn.Linear(config.width, config.num_labels, bias=False)
        self.post_init()

    def forward(self, input_ids, inputs_embeds=None, labels=None, return_dict=None):
        states = self.toy(input_ids)
        logits = self.score(states[:, -1] if self.config.pooling == "last" else states.mean(1))
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)
'''
_CHARACTERS = """
from transformers import PreTrainedTokenizer

LETTERS = "ACGTNDEFHIKLMPQRSVWY"


class CharacterTokenizer(PreTrainedTokenizer):
    model_input_names = ["input_ids", "attention_mask"]

    def __init__(self, model_max_length=700, **kwargs):
        names = ["[PAD]", "[UNK]", "[SEP]", *LETTERS]
        self._ids = {name: i for i, name in enumerate(names)}
        kwargs |= {"pad_token": "[PAD]", "unk_token": "[UNK]", "sep_token": "[SEP]"}
        super().__init__(model_max_length=model_max_length, **kwargs)

    @property
    def vocab_size(self):
        return len(self._ids)

    def get_vocab(self):
        return dict(self._ids)

    def _tokenize(self, text):
        return list(text)

    def _convert_token_to_id(self, token):
        return self._ids.get(token, self._ids["[UNK]"])

    def _convert_id_to_token(self, index):
        return list(self._ids)[index]

    def build_inputs_with_special_tokens(self, ids1, ids2=None):
        return ids1 + [2] + (ids2 + [2] if ids2 else [])

    def save_vocabulary(self, save_directory, filename_prefix=None):
        return ()
"""
_FUSED_BERT = '''
import torch
from torch import nn
from transformers import BertConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput


class FusedConfig(BertConfig):
    pass


class FusedPreTrained(PreTrainedModel):
    config_class = FusedConfig
    base_model_prefix = "bert"


class FusedModel(FusedPreTrained):
    """Attention with one matrix for queries, keys and values, and no positions."""

    def __init__(self, config):
        super().__init__(config)
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.Wqkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.post_init()

    def get_input_embeddings(self):
        return self.word_embeddings

    def forward(self, input_ids, attention_mask):
        states = self.word_embeddings(input_ids)
        queries, keys, values = self.Wqkv(states).chunk(3, -1)
        scores = queries @ keys.transpose(1, 2) / states.shape[-1] ** 0.5
        scores = scores.masked_fill(attention_mask[:, None] == 0, float("-inf"))
        return states + scores.softmax(-1) @ values


class FusedForMaskedLM(FusedPreTrained):
    def __init__(self, config):
        super().__init__(config)
        self.bert = FusedModel(config)
        self.head = nn.Linear(config.hidden_size, config.vocab_size)
        self.post_init()


class FusedForSequenceClassification(FusedPreTrained):
    def __init__(self, config):
        super().__init__(config)
        self.bert = FusedModel(config)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(self, input_ids, attention_mask=None, labels=None):
        logits = self.classifier(self.bert(input_ids, attention_mask)[:, 0])
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)
'''


def write_convolutions(folder: Path, pooling: str, *, classifier: bool = True) -> Path:
    """Write a model without a mask, with a tokenizer of single letters that is code too, as HyenaDNA and Caduceus are.

    Parameters
    ----------
    folder : Path
        Where to.
    pooling : str
        "last" position, as of HyenaDNA, or the "mean" of all, as of Caduceus.
    classifier : bool
        Whether the code has a classifier; Evo's has none.
    """
    folder.mkdir()
    (folder / "modeling_toy.py").write_text(_CONVOLUTIONS + _CLASSIFIER * classifier)
    (folder / "tokenization_toy.py").write_text(_CHARACTERS)
    classes = {"AutoConfig": "modeling_toy.ToyConfig", "AutoModelForCausalLM": "modeling_toy.ToyForCausalLM"}
    if classifier:
        classes["AutoModelForSequenceClassification"] = "modeling_toy.ToyForSequenceClassification"
    config = {"model_type": "toy_convolutions", "vocab_size": 23, "pooling": pooling, "auto_map": classes}
    (folder / "config.json").write_text(json.dumps(config))
    named = {"AutoTokenizer": ["tokenization_toy.CharacterTokenizer", None]}
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CharacterTokenizer", "auto_map": named, "model_max_length": 700})
    )
    _write_weights(folder)
    return folder


def write_fused_bert(folder: Path) -> Path:
    """Write a model that calls itself BERT and is another, as DNABERT-2 does; no file names its classifier."""
    write_model(folder, "bert")
    (folder / "bert_layers.py").write_text(_FUSED_BERT)
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {
        "AutoConfig": "bert_layers.FusedConfig",
        "AutoModelForMaskedLM": "bert_layers.FusedForMaskedLM",
    }
    (folder / "config.json").write_text(json.dumps(config))
    _write_weights(folder)
    return folder


def _write_weights(folder: Path) -> None:
    """Write random weights of the model without a head, drawn by the code itself."""
    from safetensors.torch import save_file
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder, trust_remote_code=True)
    cls = own_classifier(folder)
    weights = {"lm_head.weight": torch.zeros(1)}
    if cls is not None:
        torch.manual_seed(0)
        model = cls(config)
        weights = {
            name: weight.contiguous()
            for name, weight in model.state_dict().items()
            if name.startswith(f"{model.base_model_prefix}.")
        }
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    (folder / "imported").unlink(missing_ok=True)
