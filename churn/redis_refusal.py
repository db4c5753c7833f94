"""What waiting does not mend: a Redis that refuses the password, or is not who it should be."""

from __future__ import annotations

import ssl

import redis

from churn.connections import Redis
from churn.errors import ChurnError


def refusal(error: Exception, settings: Redis) -> ChurnError | None:
    """The error for a refusal, None for whatever may pass.

    Args:
        error: what redis-py raised.
        settings: of the connection.
    """
    if isinstance(error, redis.AuthenticationError):
        return ChurnError(
            f"Redis at {settings.address} refuses the user or the password.",
            "Correct the settings redis.username and redis.password, its file, or what redis.url holds.",
        )
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return ChurnError(
                f"Redis at {settings.address} is not trusted: {cause.verify_message}.",
                "Name the authority of its certificate in redis.tls_ca, and a host of the certificate in redis.url.",
            )
        cause = cause.__cause__ or cause.__context__
    return None
