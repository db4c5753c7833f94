"""The settings of a demo: those of the project, but on servers, ports and folders of its own."""

from __future__ import annotations

from pathlib import Path

from churn.demo.door import secret_key
from churn.demo.plan import Plan
from churn.server import HOST
from churn.settings import Kafka, Redis, Settings

FOLDS = 4
"""Fewer than by default: every user is tested once all the same, and the first score comes sooner."""

QUICK_TRAINING = {"CHURN_TRAINING__SEARCH": "false", "CHURN_TRAINING__DATE_PARTS": "5"}
"""One kind of model, tested on the last dates: the first score comes a minute sooner."""

PORT_VARIABLES = {
    "serve": "CHURN_API__PORT",
    "stream": "CHURN_STREAM__METRICS_PORT",
    "publish": "CHURN_PUBLISH__METRICS_PORT",
    "deliver": "CHURN_WEBHOOKS__METRICS_PORT",
}
"""Where each program is told at which port to listen."""

# The demo's servers ask for no password and speak no TLS, whatever those of the settings do.
_OPEN_KAFKA = {
    **{name: None for name in Kafka.model_fields if name.startswith(("sasl_", "tls_"))},
    "security_protocol": "PLAINTEXT",
}
_OPEN_REDIS = {f"CHURN_REDIS__{name.upper()}": "" for name in Redis.model_fields if name != "url"}


def own_kafka(settings: Settings, bootstrap: str) -> Kafka:
    """The topics of the settings, on the demo's one broker."""
    return settings.kafka.model_copy(update={"bootstrap": bootstrap, "replication": 1, **_OPEN_KAFKA})


def variables(plan: Plan, settings: Settings, folder: Path, bootstrap: str, redis_url: str) -> dict[str, str]:
    """What makes the programs of a demo its own, ports apart."""
    folder = folder.resolve()
    return {
        "CHURN_VAR": str(folder),
        "CHURN_MODELS": str(folder / "models"),
        "CHURN_LABELS__FOLDS": str(min(FOLDS, settings.labels.folds)),
        **QUICK_TRAINING,
        "CHURN_STREAM__CHECKPOINT": str(folder / "checkpoint"),
        "CHURN_STREAM__MODE": plan.mode,
        **own_kafka(settings, bootstrap).variables(),
        "CHURN_REDIS__URL": redis_url,
        **_OPEN_REDIS,
        # Whatever the settings say: nobody but this machine may reach a demo, and a webhook may go to this machine.
        "CHURN_API__HOST": HOST,
        "CHURN_WEBHOOKS__HTTP_NETWORKS": '["127.0.0.0/8", "::1/128"]',
        "CHURN_SECRETS__KEY": "",
        "CHURN_SECRETS__KEY_FILE": str(secret_key(folder)),
    }
