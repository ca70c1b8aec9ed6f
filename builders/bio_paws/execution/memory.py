"""Memory that has run out: told from other failures, and looked for before libraries hang for want of it."""

from __future__ import annotations

import ctypes
import mmap
import os
import re
import resource
import sys
from pathlib import Path

from bio_paws.errors import BioPawsError

STARTUP_ADDRESS_SPACE = 5 << 29
"""Bytes of address space to start with. A small build takes 2.1 GiB, of which Arrow reserves one and uses little; the
rest are libraries."""

_WORDS = (
    "cannot allocate memory",
    "not enough memory",
    "failed to map segment",
    "can't start new thread",
    "failed to launch worker thread",
)
"""What the C library, ZSTD, the dynamic linker, Python and Arrow say; the last two need room for a stack."""


def require_address_space() -> None:
    """See that there is address space to load libraries into.

    While it loads, OpenBLAS tries for ever to get what it cannot have, and LLVM and the C library end the process.

    Raises
    ------
    BioPawsError
        When there is less than `STARTUP_ADDRESS_SPACE`.
    """
    try:
        # Nobody may use these pages: they count against a limit of addresses, not against memory.
        mmap.mmap(-1, STARTUP_ADDRESS_SPACE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=0).close()
    except OSError as error:
        raise BioPawsError(
            f"out of memory: {STARTUP_ADDRESS_SPACE / 2**30} GiB of address space are needed to start with: raise its "
            "limit (ulimit -v)"
        ) from error


def configure_arrow_memory() -> None:
    """Have Arrow, once it is loaded here and in worker processes, give memory back when it is free.

    Its own choice, mimalloc, keeps what was free for a while: of a million pairs, most of a gigabyte.
    """
    if sys.platform == "linux":  # elsewhere Arrow may come without it
        os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")


def release_free_memory() -> None:
    """Give memory that is free back to the system.

    The C library and Arrow keep what small pieces leave behind: of the keys of a million pairs, which come in parts
    from other processes, 380 MiB.
    """
    import pyarrow

    pyarrow.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
    if trim:
        trim(0)


def peak_memory() -> tuple[int, int]:
    """Return the most memory that this process, and that any process it has waited for, has had at a time, in bytes.

    The second number is an upper bound: on Linux a process is counted with what its parent had when it was started.
    """
    unit = 1 if sys.platform == "darwin" else 1024
    own, children = (
        resource.getrusage(who).ru_maxrss * unit for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    status = Path("/proc/self/status")
    if status.exists() and (line := re.search(r"^VmHWM:\s*(\d+) kB", status.read_text("ascii"), re.MULTILINE)):
        own = int(line.group(1)) * 1024
    return own, children


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is a lack of memory, or came of one."""
    visited: list[BaseException] = []  # what is raised from what it caused goes round in a circle
    earlier: BaseException | None = error
    while earlier is not None and earlier not in visited:
        if isinstance(earlier, MemoryError) or any(words in str(earlier).lower() for words in _WORDS):
            return True
        visited.append(earlier)
        earlier = earlier.__cause__ or earlier.__context__
    return False


def reraise_if_out_of_memory(error: BaseException) -> None:
    """Pass a lack of memory on as such, where any error is taken for bad input.

    Raises
    ------
    MemoryError
        When `error` is one.
    """
    if is_out_of_memory(error):
        raise MemoryError("out of memory") from error
