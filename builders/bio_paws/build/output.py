"""The folder of a data set: refused where it is not one, and replaced in one step, with the user's own files kept."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bio_paws.dataset.manifest import MANIFEST, parse_manifest, read_manifest
from bio_paws.dataset.own_files import FIGURE_FILES, own_files
from bio_paws.errors import BioPawsError
from bio_paws.execution.files import exchange_folders
from bio_paws.execution.locks import exclusive_lock, replacing_lock, shared_lock
from bio_paws.execution.memory import reraise_if_out_of_memory
from bio_paws_cards.files import CARD, FIGURES, GENERATED
from bio_paws_cards.manifest import Manifest

logger = logging.getLogger(__name__)

_ELSEWHERE = "name another folder with --out"
_ARGUMENTS = {
    "pairs": "--pairs",
    "seed": "--seed",
    "source": "--source",
    "searched": "molecules searched",
    "holdout_organisms": "--holdout-organism",
    "search_from": "--search-from",
}
_FIELDS = {"version": "rules (version of the data)", "versions": "versions of libraries", "sources": "files of sources"}
"""What must be the same in configs of one data set, in words: arguments, and further fields of the manifest."""


def check_output(out: Path, work: Path) -> None:
    """Check that a build may write a data set into a folder.

    Parameters
    ----------
    out : Path
        The folder, which need not exist.
    work : Path
        The folder of finished stages.

    Raises
    ------
    BioPawsError
        When `out` holds something that is not a data set, cannot be written, or holds the current folder, the home
        folder or that of the stages.
    """
    place, stages = out.resolve(), work.resolve()
    inside = [Path.home().resolve()]
    with suppress(FileNotFoundError):
        inside.append(Path.cwd())
    # The folder is exchanged for a new one: a shell that is in it would be left in the old one, which is removed.
    if any(path.is_relative_to(place) for path in inside):
        raise BioPawsError(f"{out}: is the current or the home folder, or above it: {_ELSEWHERE}")
    if stages.is_relative_to(place):
        raise BioPawsError(f"{out}: holds --work {work}, and is replaced as a whole: name another folder with --work")
    _check_content(place, out)


def _check_content(place: Path, out: Path) -> None:
    if not place.exists():
        return
    if not place.is_dir():
        raise BioPawsError(f"{out}: not a folder: {_ELSEWHERE}")
    names = {path.name for path in place.iterdir() if not path.name.startswith(".")}
    if MANIFEST in names:
        parse_manifest((place / MANIFEST).read_bytes(), str(out / MANIFEST), f"move it away, or {_ELSEWHERE}")
    elif names and not _is_card_alone(place, names):
        raise BioPawsError(f"{out}: holds files that are not a bioPAWS data set: {_ELSEWHERE}")
    if not os.access(place, os.W_OK):
        raise BioPawsError(f"{out}: no permission to write: change it, or {_ELSEWHERE}")


def _is_card_alone(folder: Path, names: set[str]) -> bool:
    """Whether visible files are those that a repository of code keeps of a data set: its card and its figures."""
    if not names <= GENERATED or CARD not in names or "\npretty_name: bioPAWS\n" not in _text(folder / CARD):
        return False
    figures = folder / FIGURES
    return not figures.is_dir() or {path.name for path in figures.iterdir()} <= FIGURE_FILES


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


@dataclass
class Replacement:
    """A new folder that is to take the place of a data set.

    Attributes
    ----------
    folder : Path
        The new folder.
    out : Path
        The data set, links resolved.
    """

    folder: Path
    out: Path

    def take_place(self) -> None:
        """Put the new folder where the data set is, with all files of the old one that are not its own."""
        _check_content(self.out, self.out)
        if not self.out.exists():
            self.folder.rename(self.out)
            return
        owned = own_files(read_manifest(self.out) if (self.out / MANIFEST).is_file() else None)
        _carry_over(self.out, self.folder, owned)
        wait = f"{self.out}: is being read (verify, publish, install): waiting until that is done"
        with replacing_lock(self.out, lambda: logger.warning("%s", wait)):
            old = self.folder
            if not exchange_folders(self.folder, self.out):
                old = Path(tempfile.mkdtemp(prefix=_beginning(self.out), suffix=".old", dir=self.out.parent))
                self.out.rename(old)
                self.folder.rename(self.out)
        _keep_late_changes(old, self.out, owned)
        shutil.rmtree(old, ignore_errors=True)

    def close(self) -> None:
        """Remove the new folder where it has not taken its place."""
        shutil.rmtree(self.folder, ignore_errors=True)
        _put_back(self.out)


@contextmanager
def replacing(out: Path) -> Iterator[Replacement]:
    """Yield a new folder beside `out`; when the block ends well it takes the place of `out`, else nothing changes.

    Another build into `out` is waited for before the block begins, and waits until the block ends: what it adds would
    be lost, and what it will add cannot be known. What a killed process left beside `out` is cleared away.

    Raises
    ------
    BioPawsError
        When `out` holds something that is not a data set, or cannot be written.
    """
    place = out.resolve()  # a link stays, and leads to the new folder
    parent, beginning = place.parent, _beginning(place)

    def clear() -> None:
        for left in parent.iterdir():
            if left.name.startswith(beginning) and left.name.endswith((".new", ".old")):
                shutil.rmtree(left, ignore_errors=True)

    try:
        parent.mkdir(parents=True, exist_ok=True)
        _check_content(place, out)
        wait = f"{out}: another build writes into it: waiting for its end"
        lock = exclusive_lock(place.with_name(f".{place.name}.lock"), lambda: logger.warning("%s", wait))
        with lock, shared_lock(parent, clear):
            _put_back(place)
            _check_content(place, out)
            new = Replacement(Path(tempfile.mkdtemp(prefix=beginning, suffix=".new", dir=parent)), place)
            try:
                new.folder.chmod(0o755)
                yield new
                new.take_place()
            finally:
                new.close()
    except OSError as error:
        reraise_if_out_of_memory(error)
        why = f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
        raise BioPawsError(f"{out}: cannot be written ({why}): make room, or {_ELSEWHERE}") from error


def _beginning(out: Path) -> str:
    return f".{out.name}.{socket.gethostname()}."


def _put_back(out: Path) -> None:
    """Undo the first of the two renames where a process was killed, or failed, between them."""
    if not out.exists():
        for old in sorted(out.parent.glob(f"{_beginning(out)}*.old"))[:1]:
            old.rename(out)


def _user_files(folder: Path, owned: frozenset[str]) -> Iterator[Path]:
    """Yield the user's files and links, and their folders that hold none, relative to a data set."""
    ours = {parent.as_posix() for name in owned for parent in Path(name).parents}
    for place, folders, files in os.walk(folder):
        here = Path(place).relative_to(folder)
        links = [name for name in folders if (folder / here / name).is_symlink()]
        yield from (here / name for name in (*files, *links) if (here / name).as_posix() not in owned)
        if not folders and not files and here.as_posix() not in ours:
            yield here


def _carry_over(old: Path, new: Path, owned: frozenset[str]) -> None:
    """Put the user's files into the new folder too: they are in both until the old one is removed.

    Raises
    ------
    BioPawsError
        When the new data set has a file of that name.
    """
    for name in _user_files(old, owned):
        source, target = old / name, new / name
        for folder in reversed(name.parents[:-1]):
            if not (new / folder).is_dir():
                (new / folder).mkdir()
                shutil.copystat(old / folder, new / folder)
        if os.path.lexists(target):
            raise BioPawsError(
                f"{source}: is not of the data set, and would be replaced: move it away, or {_ELSEWHERE}"
            )
        if source.is_dir() and not source.is_symlink():
            target.mkdir()
            shutil.copystat(source, target)
            continue
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError:  # a file system without links
            shutil.copy2(source, target, follow_symlinks=False)


def _keep_late_changes(old: Path, out: Path, owned: frozenset[str]) -> None:
    """Move what came to the user's files, or changed in them, while the folders were exchanged."""
    for name in _user_files(old, owned):
        now, then = (os.lstat(folder / name) if os.path.lexists(folder / name) else None for folder in (out, old))
        if then is None or (now and (os.path.samestat(now, then) or now.st_mtime_ns == then.st_mtime_ns)):
            continue
        with suppress(OSError):
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (old / name).replace(out / name)


def other_configs(out: Path, names: Collection[str]) -> Manifest | None:
    """Return the manifest of a data set with the configs alone that are not in `names`; None where there are none."""
    if not (out / MANIFEST).is_file():
        return None
    earlier = read_manifest(out)
    earlier.configs = {name: entry for name, entry in earlier.configs.items() if name not in names}
    return earlier if earlier.configs else None


def require_same_build(out: Path, earlier: Manifest, **made_from: Any) -> None:
    """Check that configs that are kept were built as those that are built now: else their splits would not fit.

    Parameters
    ----------
    out : Path
        The data set.
    earlier : Manifest
        As `other_configs` returns it.
    **made_from
        Fields of the manifest, as what is built now will have them.

    Raises
    ------
    BioPawsError
        When one differs.
    """
    if different := differences(earlier, **made_from):
        raise BioPawsError(
            f"{out}: holds {', '.join(earlier.configs)} built with other {', '.join(different)}: build all its configs "
            f"in one command, or {_ELSEWHERE}"
        )


def differences(earlier: Manifest, **made_from: Any) -> list[str]:
    """Say in words what differs in fields of a manifest, which are given as what is built now will have them."""
    return [why for name, value in made_from.items() for why in _differences(name, getattr(earlier, name), value)]


def _differences(name: str, earlier: Any, now: Any) -> Iterator[str]:
    """Yield in words what differs in a field of two manifests."""
    if name == "arguments":
        yield from (_ARGUMENTS[field] for field in _ARGUMENTS if getattr(earlier, field) != getattr(now, field))
    elif earlier != now:
        yield _FIELDS[name]


def keep_other_configs(out: Path, new: Path, manifest: Manifest) -> None:
    """Carry over the configs of an earlier build of the same sources that this build does not make anew.

    Parameters
    ----------
    out : Path
        The data set.
    new : Path
        The folder that takes its place.
    manifest : Manifest
        What is in `new`; the configs that are kept are added.

    Raises
    ------
    BioPawsError
        When the earlier build is of other sources, seed or versions.
    """
    earlier = other_configs(out, manifest.configs)
    if earlier is None:
        return
    require_same_build(out, earlier, **{name: getattr(manifest, name) for name in ("arguments", *_FIELDS)})
    for name, entry in earlier.configs.items():
        for split in entry.splits.values():
            (new / split.file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(out / split.file, new / split.file)
        manifest.configs[name] = entry
