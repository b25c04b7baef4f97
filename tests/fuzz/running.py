"""How a target is fuzzed: so many seconds of processor time, each example within bounds."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import process_time
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

T = TypeVar("T")

SECONDS = float(os.environ.get("THESISWATCH_FUZZ_SECONDS", "1"))
"""Of processor time, for each target."""
SEED = int(os.environ.get("THESISWATCH_FUZZ_SEED", "0"))
ROUND = 500
"""Examples that are drawn of one seed."""
MEMORY = 1_000_000_000
"""Bytes that may come on top of what the process holds already."""


class _TimeIsUp(BaseException):
    """Ends a round at once: hypothesis lets pass what is no Exception."""


class TooLong(Exception):
    """An example took more processor time than any of its size should."""


def fuzz(examples: SearchStrategy[T], check: Callable[[T], None], *, seconds: float = 2.0) -> None:
    """Give `check` examples until the time is up; each may take `seconds` of processor time.

    One that fails is made as small as it goes and shown.
    """
    if not hasattr(signal, "setitimer"):
        pytest.skip("no alarm on this system")
    ends = process_time() + SECONDS
    tried, number = 0, SEED
    with _bounded_memory(), _alarm():
        while process_time() < ends:
            tried += _round(examples, check, number, ends, seconds)
            number += 1
    print(f"\n{tried:,} examples in {SECONDS:.0f} s, seeds {SEED} to {number - 1}")


def _round(
    examples: SearchStrategy[T],
    check: Callable[[T], None],
    number: int,
    ends: float,
    seconds: float,
) -> int:
    tried, failed = 0, False

    @seed(number)
    @settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(examples)
    def run(example: T) -> None:
        nonlocal tried, failed
        if process_time() > ends and not failed:
            raise _TimeIsUp
        tried += 1
        try:
            _within(seconds, check, example)
        except BaseException:
            failed = True
            raise

    with suppress(_TimeIsUp):
        run()
    return tried


def _within(seconds: float, check: Callable[[T], None], example: T) -> None:
    started = process_time()
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        check(example)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    if process_time() - started > seconds:  # somebody caught what the alarm raised
        raise TooLong(f"{process_time() - started:.1f} s")


@contextmanager
def _alarm() -> Iterator[None]:
    def ring(*_: Any) -> None:
        raise TooLong("it would go on for longer")

    before = signal.signal(signal.SIGPROF, ring)
    try:
        yield
    finally:
        signal.signal(signal.SIGPROF, before)


@contextmanager
def _bounded_memory() -> Iterator[None]:
    """A MemoryError instead of a machine that swaps; only Linux says how much is held."""
    held = Path("/proc/self/statm")
    if not held.exists():
        yield
        return
    import resource

    data = int(held.read_text().split()[5]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (data + MEMORY, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
