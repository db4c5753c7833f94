"""Score records that cannot be read: each becomes a dead letter."""

from __future__ import annotations

import base64
import json
from typing import Any

from kafka import KafkaProducer

from churn import topics
from churn.settings import Kafka
from streaming.letter import RAW_BYTES

_ACKNOWLEDGED_S = 30


class UnreadableScores:
    """Buries records. Connects at the first one, because there hardly ever is one.

    Args:
        kafka: where the dead letters are.
    """

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._producer: KafkaProducer | None = None

    def bury(self, message: Any) -> None:
        """Sends one record of the scores topic to the dead letters and waits until Kafka has it.

        Raises:
            KafkaError: Kafka did not acknowledge it.
            ChurnError: no broker answers.
        """
        letter = {
            "reason": "unreadable-score",
            "topic": message.topic,
            "partition": message.partition,
            "offset": message.offset,
            "received_ms": message.timestamp,
            "bytes": len(message.value),
            "raw": base64.b64encode(message.value[:RAW_BYTES]).decode(),
        }
        self._producer = self._producer or topics.producer(self._kafka, linger_ms=0)
        self._producer.send(self._kafka.dead_letters_topic, json.dumps(letter).encode()).get(timeout=_ACKNOWLEDGED_S)

    def close(self) -> None:
        """Closes the connection, if there is one."""
        if self._producer is not None:
            self._producer.close()
            self._producer = None
