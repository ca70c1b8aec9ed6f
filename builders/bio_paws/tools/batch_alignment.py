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
_BATCH_BYTES = 64  # of a vector: two registers of AVX2, one of AVX-512, in the speed of which LLVM finds its own way
_PAIRS_AT_ONCE = 4_096


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


_NEITHER = bytes(letter if letter in b"ACGT" else ord("x") for letter in range(256))
_NOR = bytes(letter if letter in b"ACGT" else ord("y") for letter in range(256))

# Rows are letters of the first strings, cells those of the second ones. Of the row above, %H holds the best score that
# ends in a cell, less the price of opening a gap, and %E the best score that ends in a gap. What is true of row i is
# stored higher by i times the price of one letter of a gap, %zero: so a gap that goes on from row to row needs no
# subtraction. %C holds what `column` reads.
_KERNEL = """
declare {V} @llvm.smax.{v}({V}, {V})

define void @align(ptr noalias %a, ptr noalias %b, i64 %rows, i64 %cells, ptr noalias %H, ptr noalias %E,
                   ptr noalias %C, ptr noalias %out, {I} %match, {I} %mismatch, {I} %first, {I} %extend{arguments})
                   nounwind "stackrealign" {{
entry:
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
{each_row}
  br label %first_cell
first_cell:
  br label %cell
cell:
  %j = phi i64 [0, %first_cell], [%j_next, %cell]
  %best = phi {V} [%zero, %first_cell], [%best_next, %cell]
  %diagonal = phi {V} [%edge_above, %first_cell], [%up, %cell]
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
  %end_of_row = icmp eq i64 %j_next, %cells
  br i1 %end_of_row, label %row_end, label %cell
row_end:
  %best_row = sub {V} %best_next, %zero
  %best_so_far = call {V} @llvm.smax.{v}({V} %best_above, {V} %best_row)
  %i_next = add i64 %i, 1
  %end = icmp eq i64 %i_next, %rows
  br i1 %end, label %done, label %row
done:
  store {V} %best_so_far, ptr %out, align {bytes}
  ret void
}}
"""

_EVERYWHERE = """
  %{name}_0 = insertelement {V} poison, {I} %{name}, i32 0
  %{plural} = shufflevector {V} %{name}_0, {V} poison, <{L} x i32> zeroinitializer
"""

# Letters are equal or not: those of the second strings wait in %C, as wide as scores are.
_LETTERS = {
    "arguments": "",
    "once": """
  %C_k = getelementptr {V}, ptr %C, i64 %k
  %b_k = getelementptr <{L} x i8>, ptr %b, i64 %k
  %letter_k = load <{L} x i8>, ptr %b_k, align 1
  %letters_k = zext <{L} x i8> %letter_k to {V}
  store {V} %letters_k, ptr %C_k, align {bytes}
""",
    "each_row": """
  %a_i = getelementptr <{L} x i8>, ptr %a, i64 %i
  %letter_a = load <{L} x i8>, ptr %a_i, align 1
  %letters_a = zext <{L} x i8> %letter_a to {V}
""",
    "column": """
  %C_j = getelementptr {V}, ptr %C, i64 %j
  %letters_b = load {V}, ptr %C_j, align {bytes}
  %equal = icmp eq {V} %letters_a, %letters_b
  %column = select <{L} x i1> %equal, {V} %equal_column, {V} %other_column
""",
}

# Strings lie behind one another. For each row, the scores of a pair's letter with all of its second string are looked
# up, sixteen at once, in the letter's 32 bytes of the table, and put into %S; then turned, so that those of all pairs
# with one letter of theirs stand side by side in %C.
_TABLE = {
    "arguments": ", ptr noalias %table, ptr noalias %S, i64 %stride_a, i64 %stride_b, {I} %least, {I} %shift",
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
  br label %block
block:
  %n = phi i64 [0, %pair], [%n_next, %block]
  %b_n = getelementptr <16 x i8>, ptr %b_p, i64 %n
  %codes = load <16 x i8>, ptr %b_n, align 1
  %places = and <16 x i8> %codes, {fifteens}
{look_up}
  %beyond = icmp ugt <16 x i8> %codes, {fifteens}
  %scores = select <16 x i1> %beyond, <16 x i8> %in_high, <16 x i8> %in_low
  %S_block = mul i64 %n, {L}
  %S_at = add i64 %S_block, %p
  %S_p = getelementptr <16 x i8>, ptr %S, i64 %S_at
  store <16 x i8> %scores, ptr %S_p, align 16
  %n_next = add i64 %n, 1
  %n_cells = shl i64 %n_next, 4
  %last_block = icmp uge i64 %n_cells, %cells
  br i1 %last_block, label %pair_end, label %block
pair_end:
  %turns = mul i64 %n_next, {groups}
  %p_next = add i64 %p, 1
  %last_pair = icmp eq i64 %p_next, {L}
  br i1 %last_pair, label %turn, label %pair
turn:
  %m = phi i64 [0, %pair_end], [%m_next, %turn]
  %m_first = shl i64 %m, 4
  %m_block = udiv i64 %m, {groups}
  %m_group = urem i64 %m, {groups}
  %C_vectors = mul i64 %m_block, {L}
  %C_first = add i64 %C_vectors, %m_group
{turn}
  %m_next = add i64 %m, 1
  %blocks_turned = icmp eq i64 %m_next, %turns
  br i1 %blocks_turned, label %turned, label %turn
turned:
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


def _turn(groups: int) -> str:
    """Transpose sixteen vectors of sixteen bytes: four times, interleave those of the first half with the second's."""
    lines = []
    for k in range(16):
        lines += [
            f"  %S_at_{k} = add i64 %m_first, {k}",
            f"  %S_{k} = getelementptr <16 x i8>, ptr %S, i64 %S_at_{k}",
            f"  %t0_{k} = load <16 x i8>, ptr %S_{k}, align 16",
        ]
    halves = [", ".join(f"i32 {i}, i32 {i + 16}" for i in some) for some in (range(8), range(8, 16))]
    for step in range(4):
        for k in range(16):
            pair = f"<16 x i8> %t{step}_{k // 2}, <16 x i8> %t{step}_{k // 2 + 8}"
            lines.append(f"  %t{step + 1}_{k} = shufflevector {pair}, <16 x i32> <{halves[k % 2]}>")
    for k in range(16):
        lines += [
            f"  %C_at_{k} = add i64 %C_first, {k * groups}",
            f"  %C_{k} = getelementptr <16 x i8>, ptr %C, i64 %C_at_{k}",
            f"  store <16 x i8> %t4_{k}, ptr %C_{k}, align 16",
        ]
    return "\n".join(lines)


def available() -> bool:
    """Whether llvmlite is installed."""
    return llvm is not None


def _text(bits: Bits, looked_up: bool) -> str:
    """LLVM's text of a kernel."""
    lanes = _lanes(bits)
    groups = lanes // 16
    names = {"L": lanes, "I": f"i{bits}", "V": f"<{lanes} x i{bits}>", "v": f"v{lanes}i{bits}", "bytes": _BATCH_BYTES}
    plurals = {"match": "matches", "mismatch": "mismatches", "first": "firsts", "extend": "extends"}
    if looked_up:
        plurals |= {"least": "leasts", "shift": "shifts"}
        names["fifteens"] = "<" + ", ".join(["i8 15"] * 16) + ">"
        names |= {"look_up": _look_up("in_low", "low") + "\n" + _look_up("in_high", "high"), "turn": _turn(groups)}
        names["groups"] = groups
    everywhere = "".join(_EVERYWHERE.format(name=one, plural=many, **names) for one, many in plurals.items())
    parts = {name: part.format(**names) for name, part in (_TABLE if looked_up else _LETTERS).items()}
    return _KERNEL.format(everywhere=everywhere, **parts, **names)


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
    more = (pointer, pointer, size, size, score, score) if looked_up else ()
    signature = ctypes.CFUNCTYPE(None, *[pointer] * 2, *[size] * 2, *[pointer] * 4, *[score] * 4, *more)
    return signature(engine.get_function_address("align")), engine


def best_scores(
    pairs: Sequence[tuple[str, str]], scores: Scores, bits: Bits, substitutions: Substitutions | None = None
) -> NDArray[np.int64]:
    """Return the best local score of each pair of strings.

    Parameters
    ----------
    pairs : sequence of (str, str), length n
        ASCII, not empty, without spaces.
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
    found = np.empty(len(pairs), dtype=np.int64)
    # Like lengths share a batch, so that least is wasted.
    order = sorted(range(len(pairs)), key=lambda i: (len(pairs[i][0]), len(pairs[i][1])))
    for at in range(0, len(order), _PAIRS_AT_ONCE):
        some = order[at : at + _PAIRS_AT_ONCE]
        first, second = zip(*(pairs[i] for i in some), strict=True)
        found[some] = _best_scores(first, second, scores, bits, substitutions)
    return found


def _best_scores(
    first: Sequence[str], second: Sequence[str], scores: Scores, bits: Bits, substitutions: Substitutions | None
) -> NDArray[Any]:
    lanes = _lanes(bits)
    sizes = _longest(first, lanes), _longest(second, lanes)
    function, _ = _kernel(bits, substitutions is not None)
    above, gaps, columns, looked_up = (_aligned(max(sizes[1]) + 16, bits) for _ in range(4))
    room = [above.ctypes.data, gaps.ctypes.data, columns.ctypes.data]
    more: tuple[int, ...] = ()
    if substitutions is None:
        one, other = (_turned(_rows(*side, lanes)) for side in ((first, _NEITHER), (second, _NOR)))
    else:
        codes = bytes(substitutions.letters.find(chr(i)) % 32 for i in range(256))  # -1, none of them, is the last
        one, other = (_rows(side, codes, lanes) for side in (first, second))
        places = substitutions.table.ctypes.data, looked_up.ctypes.data
        more = (*places, one.shape[2], other.shape[2], substitutions.equal, substitutions.shift)
    out = _aligned(len(one), bits)
    arrays: tuple[NDArray[Any], ...] = (one, other, out)
    starts = [(array.ctypes.data, array.strides[0]) for array in arrays]
    for batch, (rows, cells) in enumerate(zip(*sizes, strict=True)):
        a, b, best = (start + batch * stride for start, stride in starts)
        function(a, b, rows, cells, *room, best, *scores, *more)
    return out.reshape(-1)[: len(first)]


def _lanes(bits: Bits) -> int:
    return _BATCH_BYTES * 8 // bits


def _longest(texts: Sequence[str], lanes: int) -> list[int]:
    """Length of the longest string of each batch."""
    return [max(map(len, texts[at : at + lanes])) for at in range(0, len(texts), lanes)]


def _aligned(vectors: int, bits: Bits) -> NDArray[Any]:
    """Room for vectors that start where the processor's lines of memory do: those that span two take far longer."""
    room = np.empty((vectors + 1) * _BATCH_BYTES, dtype=np.uint8)
    start = -room.ctypes.data % _BATCH_BYTES
    return room[start : start + vectors * _BATCH_BYTES].view(f"int{bits}").reshape(vectors, -1)


def _rows(texts: Sequence[str], letters: bytes, lanes: int) -> NDArray[np.uint8]:
    """Letters of the strings of each batch, shape (batches, lanes, letters), in multiples of 16; spaces at the ends."""
    length, batches = -(-max(map(len, texts)) // 16) * 16, -(-len(texts) // lanes)
    padded = "".join([text.ljust(length) for text in texts]).ljust(batches * lanes * length)
    codes = np.frombuffer(padded.encode("ascii").translate(letters), dtype=np.uint8)
    return codes.reshape(batches, lanes, length)


def _turned(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Put the strings of each batch side by side, shape (batches, letters, lanes)."""
    return np.ascontiguousarray(rows.transpose(0, 2, 1))
