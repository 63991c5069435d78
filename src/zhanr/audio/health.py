"""How well a file could be decoded: what was lost, and the sentence that says so."""

from __future__ import annotations

from dataclasses import dataclass

import av

_SLACK_SECONDS = 0.5  # a jump in time, or a missing end, that is no damage
_MANY = 10  # packets; one or two failures at either end come from tags or from a cut, and are no damage inside


@dataclass
class DecodeHealth:
    """Counts what is decoded and what is not. `seconds` is the position in the file up to which it was read."""

    seconds: float = 0.0
    damaged: bool = False
    failures: int = 0  # in a row, up to now
    _end: float | None = None
    _begun: bool = False
    _suspect: bool = False  # the last frame is marked as corrupt; at the very end that is a cut

    def failed(self) -> None:
        """Note a packet that could not be decoded."""
        self.failures += 1
        self.damaged |= self.failures >= _MANY

    def decoded(self, frame: av.AudioFrame) -> None:
        """Note a frame; failures before it or a jump in time mean that something is missing inside."""
        length = frame.samples / frame.sample_rate
        if self._begun:
            jump = frame.time is not None and self._end is not None and frame.time - self._end > _SLACK_SECONDS
            self.damaged |= jump or self.failures > 0 or self._suspect
        self.seconds += length
        self._end = None if frame.time is None else frame.time + length
        self.failures, self._begun, self._suspect = 0, True, frame.is_corrupt

    def warnings(self, *, at_end: bool, total: float | None, cut_off: bool) -> list[str]:
        """What to tell the user, once reading is over.

        `at_end`: the file was read to its end; `total`: the seconds that it should hold; `cut_off`: it lacks its end.
        """
        missing = at_end and total is not None and total - self.seconds > max(_SLACK_SECONDS, 0.01 * total)
        amount = f"{self.seconds:.1f} of {total:.1f}" if missing else f"{self.seconds:.1f}"
        if self.damaged:
            return [f"damaged parts were skipped: {amount} seconds could be read"]
        if missing or (at_end and cut_off):
            return [f"the file ends early: {amount} seconds could be read"]
        return []
