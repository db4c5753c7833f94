"""The types of problems. A name is for good: other systems decide by it. The manual of the API lists them all."""

from __future__ import annotations

from dataclasses import dataclass

URN = "urn:churn:problem:"
"""What precedes a name. RFC 9457 asks for a URI, and nobody has to reach it."""


@dataclass(frozen=True)
class Type:
    """One type: its HTTP status, its title, and an example of a detail."""

    status: int
    title: str
    example: str


TYPES: dict[str, Type] = {
    "unauthenticated": Type(
        401, "It is not known who asks", "Send an API key, as in: Authorization: Bearer churn_…"
    ),
    "forbidden": Type(403, "The key may not do this", "This needs the scope admin; the key has: read."),
    "foreign-origin": Type(403, "Another site had this sent", "A session is good for this site's own pages only."),
    "not-found": Type(404, "Nothing is here", "There is nothing at this path; /openapi.json lists what there is."),
    "unknown-user": Type(404, "No such user", "No score is known of user nobody."),
    "unknown-alert": Type(404, "No such alert", "There is no alert alert_0f1e2d3c4b5a69788796a5b4."),
    "unknown-endpoint": Type(404, "No such endpoint", "There is no endpoint ep_5b2f0c1d9a7e."),
    "unknown-delivery": Type(404, "No such delivery", "There is no delivery msg_2c9e4f6a8b1d3c5e7f90."),
    "unknown-key": Type(404, "No such key", "There is no key 9f2c5e7a1b3d."),
    "method-not-allowed": Type(405, "This path does not take this method", "This path does not take this method."),
    "too-slow": Type(408, "The request came too slowly", "The body did not arrive within 20 seconds."),
    "in-progress": Type(
        409, "A request with this Idempotency-Key is under way", "Ask again when the first one is answered."
    ),
    "too-large": Type(413, "The request is too large", "A body may have at most 65,536 bytes here."),
    "unsupported-media-type": Type(
        415, "The body is of another type than is taken", "Send application/json or application/x-ndjson."
    ),
    "invalid-request": Type(422, "The request is not right", "limit: Input should be less than or equal to 1000."),
    "invalid-events": Type(422, "No event was taken", "None of 2 events is valid."),
    "refused-address": Type(
        422, "A webhook may not go there", "127.0.0.1 is not a public address: it is loopback."
    ),
    "key-reused": Type(
        422, "The Idempotency-Key belongs to another request", "Use a new key for a request with another body."
    ),
    "too-many-requests": Type(429, "The key asks too often", "Ask again in 1 s."),
    "internal": Type(500, "A fault of the server", "Something went wrong in the server; its log says what."),
    "redis-unavailable": Type(
        503, "Redis does not serve", "Redis cannot be reached. See /readyz for what to do."
    ),
    "kafka-unavailable": Type(503, "Kafka does not serve", "Kafka does not answer; send the same events again."),
    "model-unavailable": Type(503, "No model is at hand", "The model 20181101-4f2a is not in the folder of models."),
    "no-secret": Type(
        503, "The server has no secret key", "Set secrets.key_file: without it nothing can be encrypted or forgotten."
    ),
    "not-ready": Type(503, "The server is not ready", "Not ready: append_only_file."),
}  # fmt: skip
