"""What a user asks of an evaluation, checked once at the edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from bio_paws.errors import ConfigError
from bio_paws_eval.options import CONTROLS, DEVICES, RECIPES, Recipe, Segment
from bio_paws_eval.tasks import registry
from bio_paws_eval.tasks.registry import Sources


@dataclass(frozen=True)
class Settings:
    """What to evaluate. `run.evaluate` says what each field means."""

    model: str
    revision: str | None
    train_on: tuple[str, ...]
    controls: tuple[str, ...]
    seeds: tuple[int, ...]
    recipe: Recipe
    configs: tuple[str, ...] | None
    split: str
    sources: Sources
    segment: Segment
    allow_unknown: bool
    truncate: bool
    device: torch.device
    dtype: torch.dtype
    out: Path
    save_models: bool

    @property
    def work(self) -> Path:
        """Tokens and checkpoints: may be removed, and are made again."""
        return self.out / ".work"


def settings_of(
    model: str,
    *,
    revision: str | None,
    finetune: Sequence[str],
    finetune_on: Sequence[str],
    controls: Sequence[str],
    seeds: int | Sequence[int],
    recipe: str | Recipe,
    configs: Sequence[str] | None,
    split: str,
    sources: Sources,
    segment: Segment,
    allow_unknown: bool,
    truncate: bool,
    device: str,
    dtype: str,
    out: str | Path,
    save_models: bool,
) -> Settings:
    """Check what a user gave, and bring it into one form; arguments as in `run.evaluate`."""
    _choose("language", finetune, (*registry.LANGUAGES, "none"))
    _choose("config", finetune_on, [name for name in registry.all_names() if not registry.is_pawsx(name)])
    _choose("config", configs or (), registry.all_names())
    _choose("control", controls, CONTROLS)
    _choose("device", [device], DEVICES)
    if isinstance(recipe, str):
        _choose("recipe", [recipe], RECIPES)
        recipe = RECIPES[recipe]
    seeds = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    if not seeds:
        raise ConfigError("no seeds: pass at least one")
    if segment not in {"auto", None} and (not isinstance(segment, int) or segment < 1):
        raise ConfigError(f"segment {segment!r} is neither auto, none nor a positive number of letters")
    if "none" in finetune and (needing := set(controls) - {"none", "untuned"}):
        raise ConfigError(f"control {min(needing)} needs something to fine-tune on: leave out --finetune none")
    languages = [registry.pawsx(one) if one != "none" else one for one in finetune]
    train_on = tuple(dict.fromkeys([*languages, *finetune_on]))
    return Settings(
        model,
        revision,
        train_on,
        tuple(dict.fromkeys(controls)),
        tuple(dict.fromkeys(seeds)),
        recipe,
        tuple(dict.fromkeys(configs)) if configs else None,
        split,
        sources,
        segment,
        allow_unknown,
        truncate,
        device_of(device),
        getattr(torch, dtype),
        Path(out),
        save_models,
    )


def _choose(what: str, chosen: Sequence[str], known: Sequence[str] | dict[str, Recipe]) -> None:
    for one in chosen:
        if one not in known:
            raise ConfigError(f"unknown {what} {one!r}: choose from {', '.join(known)}")


def device_of(name: str) -> torch.device:
    """Return a device by its name; auto takes a GPU where there is one.

    Raises
    ------
    ConfigError
        When this machine has none of that kind.
    """
    has = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(one for one in ("cuda", "mps", "cpu") if has[one])
    if not has[name]:
        raise ConfigError(f"device {name}: there is none here: pass --device auto")
    return torch.device(name)
