"""What a pre-training came to, as the terminal shows it."""

from __future__ import annotations

from typing import Any

from bio_paws_eval.layout.tables import Table, markdown, text_frame


def pretraining_text(record: dict[str, Any]) -> str:
    """Return some lines on what `run.pretrain` returned."""
    training, measured = record["training"], record["perplexity"]
    columns = ("language", "bytes", "share", "of stated", "tokens", "bytes a token", "perplexity", "bits a byte")
    rows = []
    for language in dict.fromkeys([*record["languages"], *measured]):
        written, predicted = record["languages"].get(language), measured.get(language)
        trained = ("-",) * 5
        if written:
            per_token = written["bytes"] / (written["tokens"] - written["documents"])
            stated = written["bytes"] / written["stated_bytes"]
            trained = (
                f"{written['bytes']:,}",
                f"{written['share']:.3f}",
                f"{stated:.1%}",
                f"{written['tokens']:,}",
                f"{per_token:.2f}",
            )
        perplexity = (
            (f"{predicted['perplexity']:.1f}", f"{predicted['bits_per_byte']:.3f}") if predicted else ("-", "-")
        )
        rows.append((language, *trained, *perplexity))
    lines = [markdown(Table("pretraining", "", text_frame(columns, [rows])))]
    lines += [
        _removed(language, written["removed"])
        for language, written in record["languages"].items()
        if written["removed"]
    ]
    lines += [
        f"nothing is held out for a config that is not at hand: {why}"
        for why in (record["held_out"] or {}).get("skipped", ())
    ]
    if any(written["bytes"] < 0.999 * written["stated_bytes"] for written in record["languages"].values()):
        lines.append("The sources hold less than the recipe states: all languages were cut down alike.")
    losses = training["losses"]
    lines.append(
        f"{record['parameters']:,} weights, {training['steps']:,} steps, {training['tokens']:,} tokens in "
        f"{training['seconds']:,.0f} s ({training['tokens_per_second']:,.0f} a second, {training['device']}, "
        f"{training['dtype']}); loss {losses[0][1]:.3f} to {losses[-1][1]:.3f}"
    )
    return "\n".join(lines)


def _removed(language: str, removed: dict[str, int]) -> str:
    """Say what was held out of a language."""
    unit, by_place = "bp", f"{removed.get('intervals', 0):,} intervals"
    if language == "protein":
        unit, by_place = "aa", f"{removed.get('proteins', 0):,} proteins"
    return (
        f"held out of {language}: {by_place} of the validation and test splits ({removed.get('by_interval', 0):,} "
        f"{unit}); by search, {removed.get('hits', 0):,} hits ({removed.get('by_search', 0):,} of "
        f"{removed.get('searched', 0):,} {unit})"
    )
