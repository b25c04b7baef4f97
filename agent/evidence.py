"""The verdicts on an event's members in, its ledger rows out. Pure.

Each owner has one voice per category; the louder side gives the stance, everyone on that side
corroborates, and the row is carried by its best witness.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agent import score

CONTESTED = 0.2
"""Below this share of difference between the sides an event counts as neutral."""


@dataclass(frozen=True, slots=True)
class Witness:
    """One member of an event, its publisher and what the judge said of it.

    Its verdict is its `own` unless it goes by another member's, as a copy does. `confusion` is its
    judge's, where it was measured.
    """

    item_number: int
    verdict_id: int
    owner: str
    reliability: float
    opinion: bool
    self_report: bool
    kind: str
    occurred_at: datetime
    labels: tuple[tuple[str, str, float, int], ...]
    """(category, stance, p, severity) of every label."""
    own: bool = True
    confusion: score.Confusion | None = None
    stated: Mapping[str, float] = field(default_factory=dict)
    """Nats by category where no judge but a rule of the thesis file says how strong it is."""


@dataclass(frozen=True, slots=True)
class Row:
    """A ledger row before it is stored: see store.models.Evidence."""

    category: str
    item_number: int
    verdict_id: int
    stance: str
    severity: int
    strength: float
    reliability: float
    owners: tuple[str, ...]
    corroboration: float
    storyline_rank: int
    staleness: float
    cap: float
    half_life_days: float
    self_report: bool
    weight: float
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class _Voice:
    witness: Witness
    stance: str
    p: float
    severity: int

    @property
    def loudness(self) -> float:
        return self.p * self.witness.reliability


def weigh(witnesses: Sequence[Witness], *, rank: int) -> list[Row]:
    """Ledger rows of one event, by category; `rank` is its place in its storyline's week."""
    heard = sorted(witnesses, key=lambda witness: (witness.occurred_at, witness.item_number))
    categories = sorted({label[0] for witness in heard for label in witness.labels})
    return [_row(category, list(_voices(heard, category)), rank) for category in categories]


def _voices(witnesses: Sequence[Witness], category: str) -> Iterable[_Voice]:
    """One voice per owner: its surest label, the earliest on a tie."""
    surest: dict[str, _Voice] = {}
    for witness in witnesses:
        for name, stance, p, severity in witness.labels:
            voice = _Voice(witness, stance, p, severity)
            if name == category and (witness.owner not in surest or p > surest[witness.owner].p):
                surest[witness.owner] = voice
    return surest.values()


def _row(category: str, voices: list[_Voice], rank: int) -> Row:
    stance = _stance(voices)
    siding = [voice for voice in voices if voice.stance == stance] or voices
    lead = min(siding, key=_precedence)
    kind = lead.witness.kind
    severity = _severity(siding)
    self_report = all(voice.witness.self_report for voice in siding)
    strength = score.strength(
        stance,
        severity,
        kind=kind,
        self_report=self_report,
        confusion=lead.witness.confusion,
        stated=lead.witness.stated.get(category),
    )
    reliability = max(voice.witness.reliability for voice in siding)
    owners = tuple(sorted(voice.witness.owner for voice in siding))
    opinion = all(voice.witness.opinion for voice in siding)
    cap = score.CAP[kind]
    return Row(
        category=category,
        item_number=lead.witness.item_number,
        verdict_id=lead.witness.verdict_id,
        stance=stance,
        severity=severity,
        strength=strength,
        reliability=reliability,
        owners=owners,
        corroboration=score.corroboration(len(owners)),
        storyline_rank=rank,
        staleness=score.staleness(rank),
        cap=cap,
        half_life_days=score.HALF_LIFE_DAYS["opinion" if opinion and kind == "news" else kind],
        self_report=self_report,
        weight=score.weight(strength, reliability, len(owners), rank, cap),
        occurred_at=min(voice.witness.occurred_at for voice in siding),
    )


def _stance(voices: Sequence[_Voice]) -> str:
    """The louder side, or neutral when the sides are near each other or silent."""
    up = sum(sorted(voice.loudness for voice in voices if voice.stance == "supports"))
    down = sum(sorted(voice.loudness for voice in voices if voice.stance == "weakens"))
    if up + down == 0 or abs(up - down) <= CONTESTED * (up + down):
        return "neutral"
    return "supports" if up > down else "weakens"


def _severity(voices: Sequence[_Voice]) -> int:
    """The middle of what the voices say, the lower one of two."""
    ranked = sorted(voice.severity for voice in voices)
    return ranked[(len(ranked) - 1) // 2]


def _precedence(voice: _Voice) -> tuple[float, bool, float, datetime, int]:
    """Primary documents first, then those judged themselves: the quote stands in their text.

    Of these the surest and most reliable, then the earliest.
    """
    witness = voice.witness
    cap, borrowed = score.CAP[witness.kind], not witness.own
    return (-cap, borrowed, -voice.loudness, witness.occurred_at, witness.item_number)
