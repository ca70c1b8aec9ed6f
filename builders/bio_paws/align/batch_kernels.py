"""Local alignments of many pairs at once: kernels that llvmlite compiles when they are first used.

The recursion is Gotoh's. Each lane of the vectors holds a pair of its own: no lane waits for another, as the letters of
one pair do in parasail. Lanes of 32 bits carry the tie rule of `smith_waterman`, so a best score is parasail's to the
bit; lanes of 16 bits, twice as many, carry the score alone.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

try:
    import llvmlite.binding as llvm
except ImportError:  # an extra: `smith_waterman` goes on with parasail
    llvm = None

Bits = Literal[16, 32]
_BATCH_BYTES = 64  # of a vector: two registers of AVX2, which keep busy while one waits, or one of AVX-512
_PAIRS_PER_CALL = 4_096


class Scores(NamedTuple):
    """Of a column of equal letters and of any other; and what a gap's first and further letters cost."""

    match: int
    mismatch: int
    first: int
    extend: int


class Substitutions(NamedTuple):
    """Scores of columns that depend on their letters; `Scores` are on top of them.

    Attributes
    ----------
    letters : str
        At most 31 of them, in the order of the table; all others share its last place.
    table : ndarray, shape (32, 32), int8
        Score of each letter of a first string with each one of a second.
    equal : int
        Letters are equal where their score is this or more.
    shift : int
        Scores are multiplied by 2 to this power.
    """

    letters: str
    table: NDArray[np.int8]
    equal: int
    shift: int


# Rows are letters of the first strings, cells those of the second ones. Of the row above, %H holds the best score that
# ends in a cell, less the price of opening a gap, and %E the best score that ends in a gap. What is true of row i is
# stored higher by i times the price of one letter of a gap, %zero: so a gap that goes on from row to row needs no
# subtraction. %C holds what `column` reads. A band is %width cells wide, and begins one cell further in each row where
# %slant is 1; what a cell at its edge would have had from outside is lost to it.
_KERNEL = """
declare {V} @llvm.smax.{v}({V}, {V})

define internal void @turn(ptr noalias %lines, i64 %stride, i64 %length, ptr noalias %columns) nounwind {{
entry:
  br label %block
block:
  %n = phi i64 [0, %entry], [%n_next, %block]
  %at = shl i64 %n, 4
{turn}
  %n_next = add i64 %n, 1
  %done = shl i64 %n_next, 4
  %last = icmp uge i64 %done, %length
  br i1 %last, label %turned, label %block
turned:
  ret void
}}

define void @align(ptr noalias %a, i64 %rows, i64 %stride_a, ptr noalias %b, i64 %cells, i64 %stride_b,
                   i64 %slant, i64 %width,
                   ptr noalias %out, ptr noalias %H, ptr noalias %E, ptr noalias %C, ptr noalias %S,
                   {I} %match, {I} %mismatch, {I} %first, {I} %extend{arguments}) nounwind "stackrealign" {{
entry:
{prepare}
{everywhere}
  %open = sub {V} %firsts, %extends
  %nothing = sub {V} zeroinitializer, %open
  ; the price of opening a gap is off every cell: give it back on the diagonal, with what the next row is higher by
  %equal_column = add {V} %matches, %firsts
  %other_column = add {V} %mismatches, %firsts
  br label %clear
clear:
  %k = phi i64 [0, %entry], [%k_next, %clear]
  %H_k = getelementptr {V}, ptr %H, i64 %k
  %E_k = getelementptr {V}, ptr %E, i64 %k
  store {V} %nothing, ptr %H_k, align {bytes}
  store {V} %nothing, ptr %E_k, align {bytes}
{once}
  %k_next = add i64 %k, 1
  %cleared = icmp eq i64 %k_next, %cells
  br i1 %cleared, label %row, label %clear
row:
  %i = phi i64 [0, %clear], [%i_next, %row_end]
  %edge_above = phi {V} [%nothing, %clear], [%edge, %row_end]
  %zero_above = phi {V} [zeroinitializer, %clear], [%zero, %row_end]
  %best_above = phi {V} [zeroinitializer, %clear], [%best_so_far, %row_end]
  %zero = add {V} %zero_above, %extends
  %edge = add {V} %edge_above, %extends
  %from = mul i64 %i, %slant
  %till = add i64 %from, %width
  %at_edge = icmp eq i64 %from, 0
  %back = select i1 %at_edge, i64 0, i64 -1
  %before = add i64 %from, %back
  %H_before = getelementptr {V}, ptr %H, i64 %before
  %above = load {V}, ptr %H_before, align {bytes}
  %corner = select i1 %at_edge, {V} %edge_above, {V} %above
{each_row}
  br label %first_cell
first_cell:
  br label %cell
cell:
  %j = phi i64 [%from, %first_cell], [%j_next, %cell]
  %best = phi {V} [%zero, %first_cell], [%best_next, %cell]
  %diagonal = phi {V} [%corner, %first_cell], [%up, %cell]
  %left = phi {V} [%edge, %first_cell], [%here, %cell]
  %gap_b = phi {V} [%edge, %first_cell], [%gap_b_next, %cell]
  %H_j = getelementptr {V}, ptr %H, i64 %j
  %E_j = getelementptr {V}, ptr %E, i64 %j
  %up = load {V}, ptr %H_j, align {bytes}
  %gap_a = load {V}, ptr %E_j, align {bytes}
{column}
  %aligned = add {V} %diagonal, %column
  %gap_a_next = call {V} @llvm.smax.{v}({V} %gap_a, {V} %up)
  %gap_b_longer = call {V} @llvm.smax.{v}({V} %gap_b, {V} %left)
  %gap_b_next = sub {V} %gap_b_longer, %extends
  %at_least = call {V} @llvm.smax.{v}({V} %gap_a_next, {V} %zero)
  %without_b = call {V} @llvm.smax.{v}({V} %at_least, {V} %aligned)
  %score = call {V} @llvm.smax.{v}({V} %without_b, {V} %gap_b_next)
  %best_next = call {V} @llvm.smax.{v}({V} %best, {V} %score)
  %here = sub {V} %score, %open
  store {V} %here, ptr %H_j, align {bytes}
  store {V} %gap_a_next, ptr %E_j, align {bytes}
  %j_next = add i64 %j, 1
  %end_of_row = icmp eq i64 %j_next, %till
  br i1 %end_of_row, label %row_end, label %cell
row_end:
  %best_row = sub {V} %best_next, %zero
  %best_so_far = call {V} @llvm.smax.{v}({V} %best_above, {V} %best_row)
  %i_next = add i64 %i, 1
  %end = icmp eq i64 %i_next, %rows
  br i1 %end, label %done, label %row
done:
  store {V} %best_so_far, ptr %out, align 2
  ret void
}}
"""

_EVERYWHERE = """
  %{name}_0 = insertelement {V} poison, {I} %{name}, i32 0
  %{plural} = shufflevector {V} %{name}_0, {V} poison, <{L} x i32> zeroinitializer
"""

# Letters are equal or not. Side by side, those of the first strings wait in %A, those of the second ones in %S, and in
# %C as wide as scores are, zero where they are unknown.
_LETTERS = {
    "arguments": ", ptr noalias %A",
    "prepare": """
  call void @turn(ptr %a, i64 %stride_a, i64 %rows, ptr %A)
  call void @turn(ptr %b, i64 %stride_b, i64 %cells, ptr %S)
""",
    "once": """
  %C_k = getelementptr {V}, ptr %C, i64 %k
  %S_k = getelementptr <{L} x i8>, ptr %S, i64 %k
  %letter_k = load <{L} x i8>, ptr %S_k, align 16
  %is_A = icmp eq <{L} x i8> %letter_k, splat (i8 65)
  %is_C = icmp eq <{L} x i8> %letter_k, splat (i8 67)
  %is_G = icmp eq <{L} x i8> %letter_k, splat (i8 71)
  %is_T = icmp eq <{L} x i8> %letter_k, splat (i8 84)
  %is_A_or_C = or <{L} x i1> %is_A, %is_C
  %is_G_or_T = or <{L} x i1> %is_G, %is_T
  %is_known = or <{L} x i1> %is_A_or_C, %is_G_or_T
  %known_k = select <{L} x i1> %is_known, <{L} x i8> %letter_k, <{L} x i8> zeroinitializer
  %letters_k = zext <{L} x i8> %known_k to {V}
  store {V} %letters_k, ptr %C_k, align {bytes}
""",
    "each_row": """
  %A_i = getelementptr <{L} x i8>, ptr %A, i64 %i
  %letter_a = load <{L} x i8>, ptr %A_i, align 16
  %letters_a = zext <{L} x i8> %letter_a to {V}
""",
    "column": """
  %C_j = getelementptr {V}, ptr %C, i64 %j
  %letters_b = load {V}, ptr %C_j, align {bytes}
  %equal = icmp eq {V} %letters_a, %letters_b
  %column = select <{L} x i1> %equal, {V} %equal_column, {V} %other_column
""",
}

# For each row, the scores of a pair's letter with all of its second string are looked up, sixteen at once, in the
# letter's 32 bytes of the table, and put into %S; side by side, those of all pairs then stand in %C.
_TABLE = {
    "arguments": ", ptr noalias %table, {I} %least, {I} %shift",
    "prepare": "",
    "once": "",
    "each_row": """
  br label %pair
pair:
  %p = phi i64 [0, %row], [%p_next, %pair_end]
  %a_start = mul i64 %p, %stride_a
  %a_at = add i64 %a_start, %i
  %a_place = getelementptr i8, ptr %a, i64 %a_at
  %a_code = load i8, ptr %a_place, align 1
  %a_letter = zext i8 %a_code to i64
  %low_half = getelementptr [32 x i8], ptr %table, i64 %a_letter
  %high_half = getelementptr i8, ptr %low_half, i64 16
  %low = load <16 x i8>, ptr %low_half, align 1
  %high = load <16 x i8>, ptr %high_half, align 1
  %b_start = mul i64 %p, %stride_b
  %b_p = getelementptr i8, ptr %b, i64 %b_start
  %S_p = getelementptr i8, ptr %S, i64 %b_start
  br label %block
block:
  %n = phi i64 [0, %pair], [%n_next, %block]
  %b_n = getelementptr <16 x i8>, ptr %b_p, i64 %n
  %S_n = getelementptr <16 x i8>, ptr %S_p, i64 %n
  %codes = load <16 x i8>, ptr %b_n, align 1
  %places = and <16 x i8> %codes, splat (i8 15)
{look_up}
  %beyond = icmp ugt <16 x i8> %codes, splat (i8 15)
  %scores = select <16 x i1> %beyond, <16 x i8> %in_high, <16 x i8> %in_low
  store <16 x i8> %scores, ptr %S_n, align 16
  %n_next = add i64 %n, 1
  %n_cells = shl i64 %n_next, 4
  %last_block = icmp uge i64 %n_cells, %cells
  br i1 %last_block, label %pair_end, label %block
pair_end:
  %p_next = add i64 %p, 1
  %last_pair = icmp eq i64 %p_next, {L}
  br i1 %last_pair, label %turn, label %pair
turn:
  call void @turn(ptr %S, i64 %stride_b, i64 %cells, ptr %C)
""",
    "column": """
  %C_j = getelementptr <{L} x i8>, ptr %C, i64 %j
  %looked_up = load <{L} x i8>, ptr %C_j, align 16
  %narrow = sext <{L} x i8> %looked_up to {V}
  %equal = icmp sge {V} %narrow, %leasts
  %counted = select <{L} x i1> %equal, {V} %equal_column, {V} %other_column
  %substitution = shl {V} %narrow, %shifts
  %column = add {V} %substitution, %counted
""",
}


def _look_up(name: str, table: str) -> str:
    """One byte of a table of sixteen for each place: what LLVM makes one instruction of."""
    lines, before = [], "poison"
    for k in range(16):
        lines += [
            f"  %{name}_at{k} = extractelement <16 x i8> %places, i32 {k}",
            f"  %{name}_is{k} = extractelement <16 x i8> %{table}, i8 %{name}_at{k}",
            f"  %{name}{k if k < 15 else ''} = insertelement <16 x i8> {before}, i8 %{name}_is{k}, i32 {k}",
        ]
        before = f"%{name}{k}"
    return "\n".join(lines)


def _turn(lanes: int) -> str:
    """Transpose a block of letters, sixteen vectors of as many bytes at once.

    Four times, the vectors of the first half are interleaved with those of the second.
    """
    lines = []
    halves = [", ".join(f"i32 {i}, i32 {i + 16}" for i in half) for half in (range(8), range(8, 16))]
    for group in range(0, lanes, 16):
        for k in range(16):
            lane = f"{group + k}"
            lines += [
                f"  %line{lane} = mul i64 %stride, {lane}",
                f"  %from{lane} = add i64 %line{lane}, %at",
                f"  %block{lane} = getelementptr i8, ptr %lines, i64 %from{lane}",
                f"  %t{group}_0_{k} = load <16 x i8>, ptr %block{lane}, align 1",
            ]
        for step in range(4):
            for k in range(16):
                pair = ", ".join(f"<16 x i8> %t{group}_{step}_{k // 2 + half}" for half in (0, 8))
                lines.append(f"  %t{group}_{step + 1}_{k} = shufflevector {pair}, <16 x i32> <{halves[k % 2]}>")
        for k in range(16):
            vector = f"{group}_{k}"
            lines += [
                f"  %letter{vector} = add i64 %at, {k}",
                f"  %vector{vector} = mul i64 %letter{vector}, {lanes}",
                f"  %to{vector} = add i64 %vector{vector}, {group}",
                f"  %column{vector} = getelementptr i8, ptr %columns, i64 %to{vector}",
                f"  store <16 x i8> %t{group}_4_{k}, ptr %column{vector}, align 16",
            ]
    return "\n".join(lines)


def available() -> bool:
    """Whether llvmlite is installed."""
    return llvm is not None


def _text(bits: Bits, looked_up: bool) -> str:
    """LLVM's text of a kernel."""
    lanes = _lanes(bits)
    names = {"L": lanes, "I": f"i{bits}", "V": f"<{lanes} x i{bits}>", "v": f"v{lanes}i{bits}", "bytes": _BATCH_BYTES}
    plurals = {"match": "matches", "mismatch": "mismatches", "first": "firsts", "extend": "extends"}
    if looked_up:
        plurals |= {"least": "leasts", "shift": "shifts"}
        names["look_up"] = _look_up("in_low", "low") + "\n" + _look_up("in_high", "high")
    everywhere = "".join(_EVERYWHERE.format(name=name, plural=plural, **names) for name, plural in plurals.items())
    parts = {name: part.format(**names) for name, part in (_TABLE if looked_up else _LETTERS).items()}
    return _KERNEL.format(everywhere=everywhere, turn=_turn(lanes), **parts, **names)


@lru_cache(maxsize=4)
def _kernel(bits: Bits, looked_up: bool) -> tuple[Callable[..., None], object]:
    """Compile a kernel for this processor (a tenth of a second); with the engine that holds its code."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features().flatten()
    machine = llvm.Target.from_default_triple().create_target_machine(llvm.get_host_cpu_name(), features, opt=3)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(_text(bits, looked_up)), machine)
    engine.finalize_object()
    pointer, size, score = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int16 if bits == 16 else ctypes.c_int32
    side = pointer, size, size
    more = (pointer, score, score) if looked_up else (pointer,)
    signature = ctypes.CFUNCTYPE(None, *side, *side, size, size, *[pointer] * 5, *[score] * 4, *more)
    return signature(engine.get_function_address("align")), engine


def best_scores(
    pairs: Sequence[tuple[str, str]], scores: Scores, bits: Bits, substitutions: Substitutions | None = None
) -> NDArray[np.int64]:
    """Return the best local score of each pair of strings.

    Parameters
    ----------
    pairs : sequence of (str, str), length n
        Upper-case, not empty.
    scores : Scores
        Of equal and of different letters, and what gaps cost.
    bits : {16, 32}
        Of a lane. A pair's best score, and the price of a gap as long as the first string, must fit them together.
    substitutions : Substitutions, optional
        Scores of letters with each other; without them, strings are DNA, and only A, C, G and T are equal to
        themselves.

    Returns
    -------
    ndarray, shape (n,), int64
    """
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    rows, cells = (np.fromiter(map(len, side), dtype=np.int64, count=len(side)) for side in (first, second))
    best = np.empty(len(pairs), dtype=np.int64)
    order = np.lexsort((cells, rows))  # like lengths share a batch, so that least is wasted
    for at in range(0, len(order), _PAIRS_PER_CALL):
        chunk = order[at : at + _PAIRS_PER_CALL]
        starts = range(0, len(chunk), _lanes(bits))
        sizes = np.stack([np.maximum.reduceat(lengths[chunk], starts) for lengths in (rows, cells)], axis=1)
        sides = [[side[i] for i in chunk.tolist()] for side in (first, second)]
        best[chunk] = _best_scores(sides, sizes, scores, bits, substitutions)[: len(chunk)]
    return best


def best_scores_around(
    first: NDArray[np.uint8], second: NDArray[np.uint8], scores: Scores, bits: Bits
) -> NDArray[np.int64]:
    """Return the best local score of strings of DNA with what lies around their places, given as letters.

    Parameters
    ----------
    first : ndarray, shape (n, letters)
        Upper-case ASCII, spaces behind the ends.
    second : ndarray, shape (n, letters + shifts)
        Likewise. Letter i of the first string may stand in a column with any of letters i to i + shifts.
    scores, bits : Scores, {16, 32}
        As in `best_scores`.

    Returns
    -------
    ndarray, shape (n,), int64
    """
    lanes = _lanes(bits)
    batches = -(-len(first) // lanes)

    def lines(side: NDArray[np.uint8]) -> NDArray[np.uint8]:
        length = -(-side.shape[1] // 16) * 16
        padded = np.full((batches * lanes, length), ord(" "), dtype=np.uint8)
        padded[: len(side), : side.shape[1]] = side
        return padded.reshape(batches, lanes, length)

    rows, cells = first.shape[1], second.shape[1]
    sizes = np.tile([rows, cells], (batches, 1))
    best = _align(lines(first), lines(second), sizes, scores, bits, band=cells - rows + 1)
    return best[: len(first)].astype(np.int64)


def _best_scores(
    sides: list[list[str]], sizes: NDArray[np.int64], scores: Scores, bits: Bits, substitutions: Substitutions | None
) -> NDArray[Any]:
    """Align the pairs of batches, given the lengths of the longest strings of each: one score a lane."""
    codes: bytes | None = None
    if substitutions is not None:
        codes = bytes(substitutions.letters.find(chr(i)) % 32 for i in range(256))  # -1, none of them, is the last
    lines1, lines2 = (
        _lines(side, int(longest), _lanes(bits), codes) for side, longest in zip(sides, sizes.max(axis=0), strict=True)
    )
    return _align(lines1, lines2, sizes, scores, bits, substitutions=substitutions)


def _align(
    lines1: NDArray[np.uint8],
    lines2: NDArray[np.uint8],
    sizes: NDArray[np.int64],
    scores: Scores,
    bits: Bits,
    *,
    substitutions: Substitutions | None = None,
    band: int | None = None,
) -> NDArray[Any]:
    """Align batches of lines, shape (batches, lanes, letters), within a band of so many cells: one score a lane."""
    room = _room(int(sizes.max()))
    *places, spare = (room.ctypes.data + at * room.strides[0] for at in range(len(room)))
    more: tuple[int, ...] = (spare,)
    if substitutions is not None:
        more = substitutions.table.ctypes.data, substitutions.equal, substitutions.shift
    best = np.empty((len(sizes), _lanes(bits)), dtype=f"int{bits}")
    function, _ = _kernel(bits, substitutions is not None)
    (a, step_a), (b, step_b), (out, step) = ((array.ctypes.data, array.strides[0]) for array in (lines1, lines2, best))
    for batch, (rows, cells) in enumerate(sizes.tolist()):
        strings = a + batch * step_a, rows, lines1.shape[2], b + batch * step_b, cells, lines2.shape[2]
        where = (1, band) if band else (0, cells)
        function(*strings, *where, out + batch * step, *places, *scores, *more)
    return best.reshape(-1)


def _lanes(bits: Bits) -> int:
    return _BATCH_BYTES * 8 // bits


def _room(letters: int) -> NDArray[np.uint8]:
    """Room for five times so many vectors, and sixteen more: shape (5, bytes).

    Each starts where the processor's lines of memory do, for a vector that spans two of them takes longer; and no two a
    multiple of 4 KiB apart, for what is stored in one would be held for what is loaded from the other.
    """
    apart = -(-(letters + 16) * _BATCH_BYTES // 4096) * 4096 + 13 * _BATCH_BYTES
    room = np.empty(5 * apart + _BATCH_BYTES, dtype=np.uint8)
    start = -room.ctypes.data % _BATCH_BYTES
    return room[start : start + 5 * apart].reshape(5, apart)


def _lines(texts: list[str], longest: int, lanes: int, codes: bytes | None) -> NDArray[np.uint8]:
    """Letters of the strings of each batch, shape (batches, lanes, letters), in multiples of 16; spaces at the ends."""
    length, batches = -(-longest // 16) * 16, -(-len(texts) // lanes)
    padded = "".join([text.ljust(length) for text in texts]).ljust(batches * lanes * length)
    letters = padded.encode("ascii", "replace")
    if codes:
        letters = letters.translate(codes)
    return np.frombuffer(letters, dtype=np.uint8).reshape(batches, lanes, length)
