"""The frame that each schema is written with: fixed for single objects, learned for ids.

A fingerprint follows from the schema, an id is handed out. So a message may be encoded, measured
and queued before its frame is known, with an id of 0 in place of its own, and gets its frame before
it is sent. Who asks for ids, and when, is the business of shells.

Laws:
1. A frame, once known, does not change.
2. Whether it is known or not, a schema's frame has the same size, so nothing is measured twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from penstock.schemas.confluent import frame_of_id
from penstock.schemas.errors import InternalError
from penstock.schemas.framing import Framing
from penstock.schemas.single_object import FRAME_BYTES, MARK, frame_of

__all__ = ["FrameNotKnown", "WriterFrames"]


@dataclass(eq=False, kw_only=True)
class FrameNotKnown(InternalError):
    """A message is about to be written before its schema has an id."""

    fingerprint: str
    """Of the schema, sixteen hexadecimal digits."""

    code: ClassVar[str] = "PEN-E43"
    what: ClassVar[str] = "A message of the schema {fingerprint} was to be written without its id."
    why: ClassVar[str] = "Nobody could read it: an id of 0 is no schema's."
    remedy: ClassVar[str] = "Report it: penstock asks for ids before it writes."


@final
class WriterFrames:
    """The frames of one process."""

    def __init__(self, framing: Framing = "single-object") -> None:
        """Begin with no id.

        Args:
            framing: how messages are framed.
        """
        self.framing: Framing = framing
        """How messages are framed."""
        self._frames: dict[bytes, bytes] = {}

    def learn(self, ids: Mapping[bytes, int]) -> None:
        """Take note of ids by fingerprint."""
        for fingerprint, schema_id in ids.items():
            self._frames.setdefault(fingerprint, frame_of_id(schema_id))

    def frame(self, fingerprint: bytes) -> bytes | None:
        """Return the frame of a schema; None where its id is not known yet."""
        if self.framing == "single-object":
            return frame_of(fingerprint)
        return self._frames.get(fingerprint)

    def provisional(self, fingerprint: bytes) -> bytes:
        """Return the frame of a schema, with an id of 0 where its own is not known yet."""
        return self.frame(fingerprint) or frame_of_id(0)

    def final(self, fingerprint: bytes) -> bytes:
        """Return the frame of a schema that is about to be written.

        Raises:
            FrameNotKnown: its id was never learned.
        """
        frame = self.frame(fingerprint)
        if frame is None:
            raise FrameNotKnown(fingerprint=fingerprint.hex())
        return frame

    def reframed(self, single_object: bytes) -> bytes:
        """Return a single object as it is written to a topic of messages.

        Raises:
            FrameNotKnown: the id of its schema was never learned.
        """
        if self.framing == "single-object":
            return single_object
        fingerprint = single_object[len(MARK) : FRAME_BYTES]
        return self.final(fingerprint) + single_object[FRAME_BYTES:]
