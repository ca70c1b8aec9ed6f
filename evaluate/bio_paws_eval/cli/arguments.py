"""Arguments that several verbs of evaluation share, and those that are derived from the model of options."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import types
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from bio_paws.errors import ConfigError
from bio_paws.execution.documents import parse_yaml
from bio_paws_eval.hyperparameters import Hyperparameters
from bio_paws_eval.options import EvaluationOptions, Flag, Names, checked, default_of, description_of, explain, names_of


def add_evaluation_options(parser: argparse.ArgumentParser) -> None:
    """Add an argument for every option of an evaluation and for every hyperparameter, several models, and --config.

    What an argument does not give is None, so that a file of options may.
    """
    for name in names_of(EvaluationOptions):
        default, help_ = default_of(EvaluationOptions, name), description_of(EvaluationOptions, name)
        if name == "model":
            help_, default = f"{help_.rstrip('.')}; one or several", None
        _add_argument(parser, EvaluationOptions, name, default, help_, is_list=name == "model")
        if name == "recipe":
            add_hyperparameters(parser, None)
    parser.set_defaults(**dict.fromkeys(names_of(EvaluationOptions)))
    parser.add_argument(
        "--config", metavar="FILE", help="YAML of options, named as evaluate() names them; arguments go before it"
    )


def evaluation_options(arguments: argparse.Namespace) -> tuple[EvaluationOptions, ...]:
    """Return the options of each model that the command line and its file of options set.

    Raises
    ------
    ConfigError
        When the file cannot be used, no model is named, or options contradict each other.
    """
    values = _read_config(arguments.config) if arguments.config else {}
    values |= _without_none({name: getattr(arguments, name) for name in names_of(EvaluationOptions)})
    names = (field.name for field in dataclasses.fields(Hyperparameters))
    if changed := _without_none({name: getattr(arguments, name) for name in names}):
        recipe = values.get("recipe", {})
        values["recipe"] = (recipe if isinstance(recipe, dict) else {"name": recipe}) | changed
    models = values.pop("model", None)
    models = models if isinstance(models, list) else [models]
    if models in ([], [None]):
        raise ConfigError("no model: give --model, or --config with a file that names one")
    if len(models) > 1 and "revision" in values:
        raise ConfigError("revision: it is of one model: give one --model, or a plan, which takes one of each")
    distinct = [model for i, model in enumerate(models) if model not in models[:i]]
    return tuple(checked(EvaluationOptions, model=model, **values) for model in distinct)


def _read_config(file: str) -> dict[str, Any]:
    """Read a file of options; their values are checked with all others."""
    try:
        values = parse_yaml(Path(file).read_bytes())
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror}): pass a YAML file of options") from error
    except ValueError as error:
        raise ConfigError(f"{file}: not YAML: {error}") from error
    known = names_of(EvaluationOptions)
    if not isinstance(values, dict) or not all(name in known for name in values):
        unknown = next((name for name in values if name not in known), "") if isinstance(values, dict) else values
        raise ConfigError(f"{file}: {unknown!r} is no option: it takes {', '.join(known)}")
    return values


def add_options(parser: argparse.ArgumentParser, *names: str, without: Mapping[str, str] | None = None) -> None:
    """Add arguments for options of an evaluation: names, types, choices, help and defaults are those of its model.

    Parameters
    ----------
    parser : ArgumentParser
        Of the verb.
    *names : str
        Fields of `EvaluationOptions`.
    without : dict of str to str, optional
        Options whose default is None in this verb, and what the help says of that.
    """
    for name in names:
        default, help_ = default_of(EvaluationOptions, name), description_of(EvaluationOptions, name)
        if without and name in without:
            default, help_ = None, f"{help_.rstrip('.')} (default: {without[name]})"
        _add_argument(parser, EvaluationOptions, name, default, help_)


def add_hyperparameters(parser: argparse.ArgumentParser, default: Hyperparameters | None) -> None:
    """Add an argument for every hyperparameter of fine-tuning.

    Parameters
    ----------
    parser : ArgumentParser
        Of the verb.
    default : Hyperparameters or None
        Default values that the help shows; None where they depend on the recipe.
    """
    for field in dataclasses.fields(Hyperparameters):
        shown = getattr(default, field.name) if default else "the recipe's"
        help_ = f"{description_of(Hyperparameters, field.name).rstrip('.')} (default: {shown})"
        _add_argument(parser, Hyperparameters, field.name, None, help_)


def hyperparameters_of(arguments: argparse.Namespace, default: Hyperparameters) -> Hyperparameters:
    """Return the default with the hyperparameters that the command line sets."""
    return dataclasses.replace(default, **_without_none({name: getattr(arguments, name) for name in vars(default)}))


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Add the seed of every random choice."""
    parser.add_argument("--seed", type=int, default=0, help="seed of every random choice (default: 0)")


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _add_argument(
    parser: argparse.ArgumentParser, options: type, name: str, default: Any, help_: str, *, is_list: bool = False
) -> None:
    """Add the argument of one field; its value is checked on its own here, so that an error names the argument."""
    hint = get_type_hints(options, include_extras=True)[name]
    marks, kinds = _marks_of(hint), _kinds_of(hint)
    flag = next((mark for mark in marks if isinstance(mark, Flag)), Flag())
    argument = f"--{flag.name or name.replace('_', '-')}"
    names = next((mark for mark in marks if isinstance(mark, Names)), None)
    required = default is inspect.Parameter.empty
    settings: dict[str, Any] = {"dest": name, "required": required, "default": None if required else default}
    if default not in (None, inspect.Parameter.empty, (), True, False) and "(default: " not in help_:
        help_ += f" (default: {', '.join(default) if isinstance(default, tuple) else default})"
    if kinds == [bool]:
        # What is on by default needs a way to be switched off: --no-...
        action = argparse.BooleanOptionalAction if default else "store_true"
        parser.add_argument(argument, action=action, help=_help_text(help_), dest=name, default=default)
        return
    choices = [choice for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]
    derived = names.what.upper() if names else f"{{{','.join(choices)}}}" if choices else _METAVARS.get(kinds[0])
    settings["metavar"] = flag.metavar or derived
    takes_list = names is not None or kinds == [Sequence[int]]
    settings["type"] = partial(_parse, TypeAdapter(hint), name, kinds, takes_list)
    if is_list or takes_list:
        # Repeatable, and takes several values; None where it is not used, since argparse would extend the default.
        settings |= {"action": "extend", "nargs": "+", "default": None}
    if names:
        help_ = f"{help_.rstrip('.')}; choose from {', '.join(names.known)}"
    parser.add_argument(argument, help=_help_text(help_), **settings)


_METAVARS = {int: "N", float: "X", str: "TEXT"}


def _help_text(description: str) -> str:
    """Return a description as argparse takes it: in lower case, without a full stop, percent signs doubled."""
    first = description if description[:2].isupper() else description[:1].lower() + description[1:]
    return first.replace(". (default", " (default").removesuffix(".").replace("%", "%%")


def _parse(adapter: TypeAdapter[Any], name: str, kinds: Sequence[Any], is_list: bool, text: str) -> Any:
    """Return the value that an argument stands for.

    Raises
    ------
    ArgumentTypeError
        When the option does not take it.
    """
    value: Any = text
    if is_list and Sequence[int] in kinds:
        value = _number(text)
    elif Sequence[int] in kinds and "," in text:
        value = [_number(part) for part in text.split(",") if part]
    elif int in kinds or float in kinds:
        value = _number(text)
    elif Path in kinds:
        value = Path(text)
    try:
        adapter.validate_python([value] if is_list else value)
    except ValidationError as error:
        raise argparse.ArgumentTypeError(explain(error, name)[1]) from error
    return value


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _marks_of(hint: Any) -> tuple[Any, ...]:
    return get_args(hint)[1:] if get_origin(hint) is Annotated else ()


def _kinds_of(hint: Any) -> list[Any]:
    """List the types that a field takes, without None and without what they are marked with."""
    if get_origin(hint) is Annotated:
        return _kinds_of(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        return [kind for part in get_args(hint) if part is not type(None) for kind in _kinds_of(part)]
    return [hint]
