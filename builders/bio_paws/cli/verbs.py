"""The registry of the program's verbs. A new verb is one module in this folder and one entry in `VERBS`.

A verb's module defines ``add_arguments(parser)`` and ``run(options)``, which returns the exit status. It is imported
only when its verb is used, and imports what it runs inside `run`: `bio-paws --help` must not wait for NumPy.
"""

from __future__ import annotations

from typing import NamedTuple


class Verb(NamedTuple):
    """A verb of the program.

    Attributes
    ----------
    name : str
        What the user types.
    help : str
        Its line in `bio-paws --help`.
    module : str
        Full name of the module that defines ``add_arguments`` and ``run``.
    """

    name: str
    help: str
    module: str


VERBS: tuple[Verb, ...] = (
    Verb("list", "configs, sizes, versions", "bio_paws.cli.list"),
    Verb("inspect", "what would be read from a source: assemblies, genes, what is left out", "bio_paws.cli.inspect"),
    Verb("build", "build configs from genomes; resumes by itself", "bio_paws.cli.build"),
    Verb("verify", "re-check every row from scratch; exit 1 on any violation", "bio_paws.cli.verify"),
    Verb("show", "a pair of each kind, or one by its id, with its alignment drawn", "bio_paws.cli.show"),
    Verb(
        "audit",
        "shortcuts, leakage and conflicting labels in any data set of pairs; exit 1 on severe findings",
        "bio_paws.cli.audit",
    ),
    Verb("card", "render the card and the figures of a data set again", "bio_paws.cli.card"),
    Verb("install", 'fill the datasets cache: load_dataset("bioPAWS", CONFIG) from any folder', "bio_paws.cli.install"),
    Verb(
        "publish", "publish on the Hub as a tagged release, completely or not at all; resumes", "bio_paws.cli.publish"
    ),
)
