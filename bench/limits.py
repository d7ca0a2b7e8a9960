"""How long and how often."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    seconds: float  # for one solve; what takes longer counts as no answer
    rounds_up_to: tuple  # (seconds of a solve, rounds), ascending
    memory_seconds: float  # memory is measured by one more solve, unless that takes longer

    def rounds(self, seconds):
        return next(rounds for most, rounds in self.rounds_up_to if seconds <= most)


ANY = float("inf")
QUICK = Limits(20, ((2, 5), (6, 3), (ANY, 1)), 5)
FULL = Limits(400, ((20, 5), (ANY, 3)), 100)
