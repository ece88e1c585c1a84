"""Values, instants and lengths of time as short text for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pytest_taskq.core.instants import SECOND, Instant, to_datetime

__all__ = ["Times", "clip", "in_one_line", "length_text", "plural"]

WIDTH = 100
UNITS = (("d", 86_400 * SECOND), ("h", 3_600 * SECOND), ("min", 60 * SECOND), ("s", SECOND))


def in_one_line(value: object, to_text: Callable[[object], str] = repr) -> str:
    """The value as a short text, also when its own ``repr`` or ``str`` raises."""
    try:
        text = to_text(value)
    except Exception as broken:  # noqa: BLE001 - a report must not fail on what it reports
        return f"<a {type(value).__name__} that cannot be shown: {type(broken).__name__}>"
    return clip(text.splitlines()[0] if text else "", WIDTH)


def clip(text: str, width: int) -> str:
    """The text, or as much of it as fits, with dots for the rest."""
    return text if len(text) <= width else text[: max(width - 3, 0)] + "..."


def plural(count: int, word: str, many: str | None = None) -> str:
    """A number and what it counts.

    >>> plural(1, "job"), plural(36_000, "job"), plural(2, "try", "tries")
    ('1 job', '36,000 jobs', '2 tries')
    """
    return f"{count:,} {word if count == 1 else many or word + 's'}"


def length_text(micros: float) -> str:
    """A length of time in microseconds, in its two largest units.

    >>> [length_text(n) for n in (0, 250, 4_500, 1_250_000, 90_000_000, 5_400_000_000)]
    ['0 s', '250 us', '4.5 ms', '1.25 s', '1 min 30 s', '1 h 30 min']
    """
    if micros < 0:
        return f"-{length_text(-micros)}"
    if micros < 59.9 * SECOND:
        for unit, size in (("us", 1), ("ms", 1_000), ("s", SECOND)):
            shown = f"{micros / size:.3g}"
            if 0 < micros < 1_000 * size and "e" not in shown:
                return f"{shown} {unit}"
        if micros < 1_000:
            return "0 s"
    parts: list[str] = []
    rest = round(micros / SECOND) * SECOND
    for unit, size in UNITS:
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
    return " ".join(part for part in parts[:2] if part)


class Times:
    """Instants as text, all in one form: with milliseconds when one of them needs some.

    >>> Times([0, 1_500_000]).text(60_000_000)
    '00:01:00.000'
    """

    def __init__(self, instants: Iterable[Instant]) -> None:
        self._spec = "seconds" if all(at % SECOND == 0 for at in instants) else "milliseconds"

    @property
    def width(self) -> int:
        """How long a text is."""
        return 8 if self._spec == "seconds" else 12

    def text(self, at: Instant, beside: Instant | None = None) -> str:
        """The time of day in UTC; with its date where that of ``beside`` is another."""
        when = to_datetime(at)
        time = when.time().isoformat(timespec=self._spec)
        same = beside is None or to_datetime(beside).date() == when.date()
        return time if same else f"{when.date().isoformat()} {time}"
