"""Local alignments of many pairs of DNA at once: kernels that llvmlite compiles when they are first used.

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


_NEITHER = bytes(letter if letter in b"ACGT" else ord("x") for letter in range(256))
_NOR = bytes(letter if letter in b"ACGT" else ord("y") for letter in range(256))

# Rows are letters of the first strings, cells those of the second ones. Of the row above, %H holds the best score that
# ends in a cell, less the price of opening a gap, and %E the best score that ends in a gap; %B holds the letters of the
# second strings, as wide as scores are. What is true of row i is stored higher by i times the price of one letter of a
# gap, %zero: so a gap that goes on from row to row needs no subtraction.
_KERNEL = """
declare {V} @llvm.smax.{v}({V}, {V})

define void @align(ptr noalias %a, ptr noalias %b, i64 %rows, i64 %cells, ptr noalias %H, ptr noalias %E,
                   ptr noalias %B, ptr noalias %out, {I} %match, {I} %mismatch, {I} %first, {I} %extend)
                   nounwind "stackrealign" {{
entry:
  %match_0 = insertelement {V} poison, {I} %match, i32 0
  %matches = shufflevector {V} %match_0, {V} poison, <{L} x i32> zeroinitializer
  %mismatch_0 = insertelement {V} poison, {I} %mismatch, i32 0
  %mismatches = shufflevector {V} %mismatch_0, {V} poison, <{L} x i32> zeroinitializer
  %first_0 = insertelement {V} poison, {I} %first, i32 0
  %firsts = shufflevector {V} %first_0, {V} poison, <{L} x i32> zeroinitializer
  %extend_0 = insertelement {V} poison, {I} %extend, i32 0
  %extends = shufflevector {V} %extend_0, {V} poison, <{L} x i32> zeroinitializer
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
  %B_k = getelementptr {V}, ptr %B, i64 %k
  %b_k = getelementptr <{L} x i8>, ptr %b, i64 %k
  %letter_k = load <{L} x i8>, ptr %b_k, align 1
  %letters_k = zext <{L} x i8> %letter_k to {V}
  store {V} %nothing, ptr %H_k, align {bytes}
  store {V} %nothing, ptr %E_k, align {bytes}
  store {V} %letters_k, ptr %B_k, align {bytes}
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
  %a_i = getelementptr <{L} x i8>, ptr %a, i64 %i
  %letter_a = load <{L} x i8>, ptr %a_i, align 1
  %letters_a = zext <{L} x i8> %letter_a to {V}
  br label %cell
cell:
  %j = phi i64 [0, %row], [%j_next, %cell]
  %best = phi {V} [%zero, %row], [%best_next, %cell]
  %diagonal = phi {V} [%edge_above, %row], [%up, %cell]
  %left = phi {V} [%edge, %row], [%here, %cell]
  %gap_b = phi {V} [%edge, %row], [%gap_b_next, %cell]
  %B_j = getelementptr {V}, ptr %B, i64 %j
  %H_j = getelementptr {V}, ptr %H, i64 %j
  %E_j = getelementptr {V}, ptr %E, i64 %j
  %letters_b = load {V}, ptr %B_j, align {bytes}
  %up = load {V}, ptr %H_j, align {bytes}
  %gap_a = load {V}, ptr %E_j, align {bytes}
  %equal = icmp eq {V} %letters_a, %letters_b
  %column = select <{L} x i1> %equal, {V} %equal_column, {V} %other_column
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


def available() -> bool:
    """Whether llvmlite is installed."""
    return llvm is not None


@lru_cache(maxsize=2)
def _kernel(bits: Bits) -> tuple[Callable[..., None], object]:
    """Compile the kernel for this processor (a tenth of a second); with the engine that holds its code."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features().flatten()
    machine = llvm.Target.from_default_triple().create_target_machine(llvm.get_host_cpu_name(), features, opt=3)
    lanes = _lanes(bits)
    names = {"L": lanes, "I": f"i{bits}", "V": f"<{lanes} x i{bits}>", "v": f"v{lanes}i{bits}", "bytes": _BATCH_BYTES}
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(_KERNEL.format(**names)), machine)
    engine.finalize_object()
    pointer, size, score = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int16 if bits == 16 else ctypes.c_int32
    signature = ctypes.CFUNCTYPE(None, *[pointer] * 2, *[size] * 2, *[pointer] * 4, *[score] * 4)
    return signature(engine.get_function_address("align")), engine


def best_scores(pairs: Sequence[tuple[str, str]], scores: Scores, bits: Bits) -> NDArray[np.int64]:
    """Return the best local score of each pair of DNA strings.

    Parameters
    ----------
    pairs : sequence of (str, str), length n
        ASCII, not empty. Only A, C, G and T match.
    scores : Scores
        Of equal and of different letters, and what gaps cost.
    bits : {16, 32}
        Of a lane. A pair's best score, and the price of a gap as long as the first string, must fit them together.

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
        found[some] = _best_scores(first, second, scores, bits)
    return found


def _best_scores(first: Sequence[str], second: Sequence[str], scores: Scores, bits: Bits) -> NDArray[Any]:
    lanes = _lanes(bits)
    sizes = _longest(first, lanes), _longest(second, lanes)
    one, other = _batches(first, _NEITHER, lanes), _batches(second, _NOR, lanes)
    room = [_aligned(max(sizes[1]), bits) for _ in range(3)]
    out = _aligned(len(one), bits)
    function, _ = _kernel(bits)
    arrays: tuple[NDArray[Any], ...] = (one, other, out)
    places = [(array.ctypes.data, array.strides[0]) for array in arrays]
    spare = [array.ctypes.data for array in room]
    for batch, (rows, cells) in enumerate(zip(*sizes, strict=True)):
        a, b, best = (start + batch * stride for start, stride in places)
        function(a, b, rows, cells, *spare, best, *scores)
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


def _batches(texts: Sequence[str], letters: bytes, lanes: int) -> NDArray[np.uint8]:
    """Put the strings of each batch side by side, shape (batches, letters, lanes); behind an end nothing matches."""
    length, batches = max(map(len, texts)), -(-len(texts) // lanes)
    padded = "".join([text.ljust(length) for text in texts]).ljust(batches * lanes * length)
    codes = np.frombuffer(padded.encode("ascii").translate(letters), dtype=np.uint8)
    return np.ascontiguousarray(codes.reshape(batches, lanes, length).transpose(0, 2, 1))
