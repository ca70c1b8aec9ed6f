"""Local alignments of many pairs of DNA, sixteen at once: a kernel that llvmlite compiles when it is first used.

The recursion is Gotoh's, on scores that carry the tie rule of `smith_waterman`, so a best score is parasail's to the
bit. Each lane of the vectors holds a pair of its own: no lane waits for another, as the letters of one pair do in
parasail.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

try:
    import llvmlite.binding as llvm
except ImportError:  # an extra: `smith_waterman` goes on with parasail
    llvm = None

LANES = 16


class KeyScores(NamedTuple):
    """Scores that carry the tie rule: of a column of equal letters, of any other, of a gap's first and further ones."""

    match: int
    mismatch: int
    first: int
    extend: int


_NEITHER = bytes(letter if letter in b"ACGT" else ord("x") for letter in range(256))
_NOR = bytes(letter if letter in b"ACGT" else ord("y") for letter in range(256))

# Rows are letters of the first strings, cells those of the second ones. Of the row above, %H holds the best score that
# ends in a cell, less the price of a gap's first letter, and %E the best score that ends in a gap.
_KERNEL = """
declare <16 x i32> @llvm.smax.v16i32(<16 x i32>, <16 x i32>)

define void @align(ptr noalias %a, ptr noalias %b, i64 %rows, i64 %cells, ptr noalias %H, ptr noalias %E,
                   ptr noalias %out, i32 %match, i32 %mismatch, i32 %first, i32 %extend) {
entry:
  %match_0 = insertelement <16 x i32> poison, i32 %match, i32 0
  %matches = shufflevector <16 x i32> %match_0, <16 x i32> poison, <16 x i32> zeroinitializer
  %mismatch_0 = insertelement <16 x i32> poison, i32 %mismatch, i32 0
  %mismatches = shufflevector <16 x i32> %mismatch_0, <16 x i32> poison, <16 x i32> zeroinitializer
  %first_0 = insertelement <16 x i32> poison, i32 %first, i32 0
  %firsts = shufflevector <16 x i32> %first_0, <16 x i32> poison, <16 x i32> zeroinitializer
  %extend_0 = insertelement <16 x i32> poison, i32 %extend, i32 0
  %extends = shufflevector <16 x i32> %extend_0, <16 x i32> poison, <16 x i32> zeroinitializer
  %nothing = sub <16 x i32> zeroinitializer, %firsts
  ; the gap's price is off every cell already: give it back on the diagonal
  %equal_column = add <16 x i32> %matches, %firsts
  %other_column = add <16 x i32> %mismatches, %firsts
  br label %clear
clear:
  %k = phi i64 [0, %entry], [%k_next, %clear]
  %H_k = getelementptr <16 x i32>, ptr %H, i64 %k
  %E_k = getelementptr <16 x i32>, ptr %E, i64 %k
  store <16 x i32> %nothing, ptr %H_k, align 4
  store <16 x i32> %nothing, ptr %E_k, align 4
  %k_next = add i64 %k, 1
  %cleared = icmp eq i64 %k_next, %cells
  br i1 %cleared, label %row, label %clear
row:
  %i = phi i64 [0, %clear], [%i_next, %row_end]
  %best_row = phi <16 x i32> [zeroinitializer, %clear], [%best_next, %row_end]
  %a_i = getelementptr <16 x i8>, ptr %a, i64 %i
  %letter_a = load <16 x i8>, ptr %a_i, align 1
  %letters_a = zext <16 x i8> %letter_a to <16 x i32>
  br label %cell
cell:
  %j = phi i64 [0, %row], [%j_next, %cell]
  %best = phi <16 x i32> [%best_row, %row], [%best_next, %cell]
  %diagonal = phi <16 x i32> [%nothing, %row], [%up, %cell]
  %left = phi <16 x i32> [%nothing, %row], [%here, %cell]
  %gap_b = phi <16 x i32> [%nothing, %row], [%gap_b_next, %cell]
  %b_j = getelementptr <16 x i8>, ptr %b, i64 %j
  %H_j = getelementptr <16 x i32>, ptr %H, i64 %j
  %E_j = getelementptr <16 x i32>, ptr %E, i64 %j
  %letter_b = load <16 x i8>, ptr %b_j, align 1
  %letters_b = zext <16 x i8> %letter_b to <16 x i32>
  %up = load <16 x i32>, ptr %H_j, align 4
  %gap_a = load <16 x i32>, ptr %E_j, align 4
  %equal = icmp eq <16 x i32> %letters_a, %letters_b
  %column = select <16 x i1> %equal, <16 x i32> %equal_column, <16 x i32> %other_column
  %aligned = add <16 x i32> %diagonal, %column
  %gap_a_longer = sub <16 x i32> %gap_a, %extends
  %gap_a_next = call <16 x i32> @llvm.smax.v16i32(<16 x i32> %gap_a_longer, <16 x i32> %up)
  %gap_b_longer = sub <16 x i32> %gap_b, %extends
  %gap_b_next = call <16 x i32> @llvm.smax.v16i32(<16 x i32> %gap_b_longer, <16 x i32> %left)
  %at_least = call <16 x i32> @llvm.smax.v16i32(<16 x i32> %gap_a_next, <16 x i32> zeroinitializer)
  %without_b = call <16 x i32> @llvm.smax.v16i32(<16 x i32> %at_least, <16 x i32> %aligned)
  %score = call <16 x i32> @llvm.smax.v16i32(<16 x i32> %without_b, <16 x i32> %gap_b_next)
  %best_next = call <16 x i32> @llvm.smax.v16i32(<16 x i32> %best, <16 x i32> %score)
  %here = sub <16 x i32> %score, %firsts
  store <16 x i32> %here, ptr %H_j, align 4
  store <16 x i32> %gap_a_next, ptr %E_j, align 4
  %j_next = add i64 %j, 1
  %end_of_row = icmp eq i64 %j_next, %cells
  br i1 %end_of_row, label %row_end, label %cell
row_end:
  %i_next = add i64 %i, 1
  %end = icmp eq i64 %i_next, %rows
  br i1 %end, label %done, label %row
done:
  store <16 x i32> %best_next, ptr %out, align 4
  ret void
}
"""


def available() -> bool:
    """Whether llvmlite is installed."""
    return llvm is not None


@lru_cache(maxsize=1)
def _kernel() -> tuple[Callable[..., None], object]:
    """Compile the kernel for this processor (a tenth of a second); with the engine that holds its code."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features().flatten()
    machine = llvm.Target.from_default_triple().create_target_machine(llvm.get_host_cpu_name(), features, opt=3)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(_KERNEL), machine)
    engine.finalize_object()
    pointer, size, score = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32
    signature = ctypes.CFUNCTYPE(None, *[pointer] * 2, *[size] * 2, *[pointer] * 3, *[score] * 4)
    return signature(engine.get_function_address("align")), engine


def best_keys(first: Sequence[str], second: Sequence[str], scores: KeyScores) -> NDArray[np.int32]:
    """Return the best local score of each pair of DNA strings.

    Parameters
    ----------
    first, second : sequence of str, length n
        ASCII, not empty; where neighbours in the order have like lengths, least is wasted. Only A, C, G and T match.
    scores : KeyScores
        Of equal and of different letters, and what gaps cost; no best score may pass int32.

    Returns
    -------
    ndarray, shape (n,), int32
    """
    lanes = [_lanes(first, _NEITHER), _lanes(second, _NOR)]
    lengths = [_longest(first), _longest(second)]
    above, gaps = np.empty((2, max(lengths[1]), LANES), dtype=np.int32)
    out = np.empty((len(lengths[0]), LANES), dtype=np.int32)
    function, _ = _kernel()
    arrays: tuple[NDArray[Any], ...] = (*lanes, out)
    places = [(array.ctypes.data, array.strides[0]) for array in arrays]
    spare = above.ctypes.data, gaps.ctypes.data
    for batch, (rows, cells) in enumerate(zip(*lengths, strict=True)):
        one, other, best = (start + batch * stride for start, stride in places)
        function(one, other, rows, cells, *spare, best, *scores)
    return out.reshape(-1)[: len(first)]


def _longest(texts: Sequence[str]) -> list[int]:
    """Length of the longest string of each batch."""
    return [max(map(len, texts[at : at + LANES])) for at in range(0, len(texts), LANES)]


def _lanes(texts: Sequence[str], letters: bytes) -> NDArray[np.uint8]:
    """Put the strings of each batch side by side, shape (batches, letters, LANES); behind an end nothing matches."""
    length, batches = max(map(len, texts)), -(-len(texts) // LANES)
    padded = "".join([text.ljust(length) for text in texts]).ljust(batches * LANES * length)
    codes = np.frombuffer(padded.encode("ascii").translate(letters), dtype=np.uint8)
    return np.ascontiguousarray(codes.reshape(batches, LANES, length).transpose(0, 2, 1))
