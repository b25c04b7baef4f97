"""Random numbers that belong to an event, so that no other event changes them. Pure.

An event's draws are a hash of its name and a seed (splitmix64: Steele, Lea, Flood, 2014): the order
of events does not matter, a ledger with one more event has the same draws for all others, and a
million events cost a fraction of a second.
"""

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

Words = np.ndarray[Any, np.dtype[np.uint64]]
Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Shorts = np.ndarray[Any, np.dtype[np.uint16]]

STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
CHUNK = 8192
"""Keys drawn for at a time: their draws stay in the processor's cache."""
LEVELS = 65536


def key(name: str) -> int:
    """64 bits that stand for a name; two of a million share them once in ten million ledgers."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")


def uniforms(keys: Words, seed: int, count: int) -> Shorts:
    """(n, count) numbers from 0 to 65,535 for n keys, all alike likely; `count` a multiple of 4."""
    steps = np.arange(1, count // 4 + 1, dtype=np.uint64) * STEP
    words = (keys ^ np.uint64(seed))[:, None] + steps
    for shift, factor in _MIX:
        words ^= words >> np.uint64(shift)
        words *= np.uint64(factor)
    words ^= words >> np.uint64(31)
    return words.view(np.uint16)


def poisson(keys: Words, seed: int, count: int) -> Bytes:
    """(n, count) draws of a Poisson variable of mean 1."""
    return _table()[uniforms(keys, seed, count)]


def chunks(size: int) -> Iterator[slice]:
    """`size` rows in pieces that are worked on at a time."""
    for start in range(0, size, CHUNK):
        yield slice(start, min(start + CHUNK, size))


@lru_cache(maxsize=1)
def _table() -> Bytes:
    """Inverse CDF of Poisson(1) on 65,536 equal steps: a draw costs one look-up."""
    mass, total, k = float(np.exp(-1.0)), 0.0, 0
    table = np.zeros(LEVELS, dtype=np.uint8)
    while total < 1 - 2**-17:
        start, total = total, total + mass
        table[round(start * LEVELS) : round(total * LEVELS)] = k
        k += 1
        mass /= k
    return table
