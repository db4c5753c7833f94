"""Files that rarely change: packed once, and sent only to whoever does not have them."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass

from starlette.responses import Response

_LEVEL = 6


@dataclass(frozen=True)
class Packed:
    """A file as it is and packed, with its entity tag."""

    plain: bytes
    packed: bytes
    tag: str

    @classmethod
    def of(cls, plain: bytes) -> Packed:
        """Packs a file; it takes a while, so whoever calls this keeps what it returns."""
        return cls(plain, gzip.compress(plain, _LEVEL, mtime=0), f'W/"{hashlib.sha256(plain).hexdigest()[:16]}"')

    def answer(self, media_type: str, accept_encoding: str, if_none_match: str | None) -> Response:
        """Packed for whoever takes it so; 304 for whoever has it. Whoever keeps it asks each time whether it is new.

        Args:
            media_type: of the file.
            accept_encoding: header of the request.
            if_none_match: the tag of what the caller has.
        """
        headers = {"ETag": self.tag, "Vary": "Accept-Encoding", "Cache-Control": "private, no-cache"}
        if if_none_match == self.tag:
            return Response(status_code=304, headers=headers)
        if "gzip" in accept_encoding:
            return Response(self.packed, headers=headers | {"Content-Encoding": "gzip"}, media_type=media_type)
        return Response(self.plain, headers=headers, media_type=media_type)
