"""Documents that people and other programs hand over, JSON and YAML: read whole, or refused with one line."""

from __future__ import annotations

from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import from_json


def parse_json(data: bytes) -> Any:
    """Parse JSON in UTF-8.

    Raises
    ------
    ValueError
        When it is not JSON, not in UTF-8, or nested too deeply; the message is one line.
    """
    return from_json(data)


def parse_yaml(data: bytes) -> Any:
    r"""Parse YAML in UTF-8; no tag makes anything but plain values.

    Raises
    ------
    ValueError
        When it is not YAML, not in UTF-8, nested too deeply, or gives a key twice; the message is one line.

    Examples
    --------
    >>> parse_yaml(b"seeds: 5\nseeds: 1\n")
    Traceback (most recent call last):
        ...
    ValueError: a key is given twice: 'seeds' in line 2
    """
    try:
        return yaml.load(data.decode("utf-8"), _UniqueKeys)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except _TwiceError as error:
        raise ValueError(str(error)) from None
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        # All but the first are of values that PyYAML does not expect under their tag, such as !!int "".
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from error


class _TwiceError(yaml.YAMLError):
    """A key stands twice in a mapping: PyYAML would take the last one without a word."""


class _UniqueKeys(yaml.SafeLoader):
    """Reads what `yaml.SafeLoader` reads, but for mappings that give a key twice."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Return the node of a mapping. It is checked here: later on, the keys of merges (``<<``) are among its own."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        keys: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in keys:
                    raise _TwiceError(f"a key is given twice: {key.value!r} in line {key.start_mark.line + 1}")
                keys.add((key.tag, key.value))
        return node


def first_fault(error: ValidationError) -> str:
    """Return where the first value is that a model does not take, and what is wrong with it, in one line."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else first["msg"]
