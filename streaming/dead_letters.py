"""The second query: what is not a valid event goes to the dead letters, with its reason and its raw bytes."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn.parsing import parse
from streaming.letter import FIELDS, RAW_BYTES

OBSERVED = "records"


def dead_letters(records: DataFrame) -> DataFrame:
    """One Kafka record per rubbish record: JSON with the fields of `streaming.letter`.

    The counts of all records are observed on the way, as `user`, `logged_out` and `dead`.
    """
    raw = F.base64(F.substring("value", 1, RAW_BYTES))
    return (
        parse(records)
        .observe(OBSERVED, *_counts())
        .where("reason is not null")
        .withColumns({"bytes": F.octet_length("value"), "raw": raw})
        .select(F.to_json(F.struct(*FIELDS)).cast("binary").alias("value"))
    )


def _counts() -> list[Column]:
    valid = F.col("reason").isNull()
    return [
        F.count_if(valid & (F.col("user_id") != "")).alias("user"),
        F.count_if(valid & (F.col("user_id") == "")).alias("logged_out"),
        F.count_if(~valid).alias("dead"),
    ]
