"""Settings: `conf/churn.toml`, then `CHURN_*` variables over it. The only reader of the environment.

A nested setting is written `[kafka] bootstrap = "…"` in the file and `CHURN_KAFKA__BOOTSTRAP` in the environment.
"""

from __future__ import annotations

import os
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from churn.connections import Kafka, Redis
from churn.errors import ChurnError
from churn.secret_keys import Secrets
from churn.section import Section

__all__ = ["DAY_MS", "PROJECT", "Kafka", "Redis", "Secrets", "Settings", "load"]

PROJECT = Path(__file__).resolve().parent.parent
DAY_MS = 86_400_000

CalibrationKind = Literal["sigmoid", "isotonic"]
CandidateKind = Literal["logistic", "forest", "boosting"]
Mode = Literal["auto", "realtime", "microbatch"]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        shown = name[:64].encode(errors="replace").decode()  # half a character could not be told on
        raise ValueError(f"{shown} is no time zone; one is written as Europe/Berlin") from None
    return name


Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""A time of the day, as `22:30`."""
Network = Annotated[IPv4Network | IPv6Network, Field(union_mode="left_to_right")]
Zone = Annotated[str, AfterValidator(_zone)]
"""A name of the IANA time zone database."""

_HEAP = r"^[1-9][0-9]*[mg]$"
_INTERVAL = r"^([5-9]|[1-9][0-9]+) seconds$|^[1-9][0-9]* (minutes?|hours?)$"  # Spark takes no less than 5 seconds


class Stream(Section):
    """The Spark query."""

    mode: Mode = "auto"
    master: str | None = Field(None, description="a Spark cluster; by default threads of this process")
    checkpoint: Path = Path("var/checkpoint")
    shuffle_partitions: int = Field(2, ge=1)
    dedupe_window_days: float = Field(
        3.0, gt=0, description="how late an event may be, and how long its double is known"
    )
    realtime_batch: str = Field(
        "5 minutes", pattern=_INTERVAL, description="checkpoint interval of real-time mode, not its latency"
    )
    max_offsets_per_trigger: int = Field(250_000, ge=1, description="size of a micro-batch while catching up")
    live_lag: int = Field(5_000, ge=0, description="auto: real-time mode begins when at most so many events wait")
    backlog_lag: int = Field(100_000, ge=1, description="auto: it is left when more than so many wait for 10 s")
    driver_memory: str = Field("2g", pattern=_HEAP)
    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(9101, ge=0, le=65535)
    spark_metrics_port: int | None = Field(None, ge=0, le=65535, description="of Spark's web server; none by default")


class Publish(Section):
    """From the scores topic into Redis."""

    max_poll_records: int = Field(500, ge=1)
    tally_per_second: int = Field(2_000, ge=0, description="incoming records counted a second at most; 0 counts none")
    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(9102, ge=0, le=65535)


class Heartbeat(Section):
    """How the silent are looked at again."""

    interval_days: float = Field(1.0, gt=0, description="event time from a score to the next heartbeat")
    lapsed_interval_days: float = Field(7.0, gt=0, description="the same for somebody who has lapsed")
    per_second: float = Field(200.0, ge=0, description="heartbeats a second at most; 0 sends none")


class Labels(Section):
    """What the model learns to foresee."""

    horizon_days: int = Field(14, ge=1)
    warm_up_days: int = Field(14, ge=0, description="the first days of a log give no training rows")
    grid_days: int = Field(1, ge=1, description="spacing of the snapshots of each user")
    event_rows: float = Field(0.02, ge=0, le=1, description="share of events that become training rows as well")
    folds: int = Field(5, ge=4)


class Training(Section):
    """How a model is chosen and judged."""

    candidates: tuple[CandidateKind, ...] = Field(
        ("logistic", "forest", "boosting"), min_length=1, description="kinds of model that are tried"
    )
    search: bool = Field(True, description="try every candidate; otherwise the first of the simplest kind is taken")
    date_parts: int = Field(10, ge=4, description="equal parts of the dates; those from the fourth on are tested on")
    calibration: CalibrationKind = Field("sigmoid", description="sigmoid or isotonic")
    auc_ceiling: float = Field(
        0.82, gt=0.5, le=1, description="an AUC for cancel that is surely above it is taken for a leak"
    )
    resamples: int = Field(200, ge=0, description="of users, for the intervals of the figures")
    report: bool = Field(True, description="write report.html and report.md into the bundle")
    memory: str = Field("2g", pattern=_HEAP, description="heap of Spark's driver, as Java writes it")
    max_rows: int = Field(200_000, ge=1000, description="training rows beyond it are thinned evenly")


class Bands(Section):
    """Where the bands of a new model begin: from what a team can do, or with `customer_value` from money."""

    alerts_per_thousand_per_day: float = Field(5.0, gt=0, description="alerts a team can take, per 1,000 active users")
    medium_share: float = Field(0.2, gt=0, lt=1, description="share of active users in the medium band or above")
    customer_value: float | None = Field(None, gt=0, description="what a customer is worth, in your currency")
    offer_cost: float = Field(0.02, gt=0, description="what an offer costs, in the same unit")
    offer_success: float = Field(0.2, gt=0, le=1, description="chance that an offer keeps somebody who would leave")


class Policy(Section):
    """When a risk is worth a call. Thresholds left out are taken from the model's card."""

    medium: float | None = Field(None, gt=0, lt=1)
    high: float | None = Field(None, gt=0, lt=1)
    exit_ratio: float = Field(0.85, gt=0, le=1, description="a band is left below its threshold times this")
    cool_down_days: float = Field(7.0, ge=0, description="event time between two alerts about one user")
    outage_hours: float = Field(6.0, gt=0, description="where the event clock jumps so far, the platform was away")
    hold_days: float = Field(1.0, ge=0, description="event time after that in which alerts for lapsing wait")
    rise: float | None = Field(None, gt=0, lt=1, description="growth of the risk that is worth an alert in any band")
    rise_days: float = Field(7.0, gt=0, le=60, description="event time within which it has to grow so much")
    quiet_from: Clock | None = Field(None, description="alerts that come from then on wait, by the wall clock")
    quiet_until: Clock | None = Field(None, description="until then")
    quiet_zone: Zone = Field("UTC", description="time zone of the two")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.quiet_from is None) != (self.quiet_until is None):
            raise ValueError("quiet_from and quiet_until belong together, and one of them is not set")
        return self


class Api(Section):
    """The HTTP server."""

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    stale_days: float = Field(2.0, gt=0, description="a score older than this, by the event clock, is called stale")
    requests_per_second: float = Field(50.0, gt=0, description="of one key that has no number of its own")
    streams_per_key: int = Field(100, ge=1, description="open streams of live alerts of one key, in one process")
    new_users_per_day: int = Field(100_000, ge=0, description="users nobody knew, in the events posted with one key")
    open_metrics: bool = Field(True, description="whether /metrics needs no key")


class Webhooks(Section):
    """Delivery of alerts to other systems."""

    http_networks: tuple[Network, ...] = Field((), description="networks that may be private, and be spoken to by http")
    concurrency: int = Field(8, ge=1, le=64, description="deliveries to one endpoint at a time")
    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(9103, ge=0, le=65535)


class Settings(BaseSettings):
    """All settings, frozen. Build with :func:`load`."""

    model_config = SettingsConfigDict(
        env_prefix="CHURN_", env_nested_delimiter="__", frozen=True, extra="forbid", toml_file=None
    )

    var: Path = Path("var")
    models: Path = Path("models")
    kafka: Kafka = Kafka()
    redis: Redis = Redis()
    stream: Stream = Stream()
    publish: Publish = Publish()
    heartbeat: Heartbeat = Heartbeat()
    labels: Labels = Labels()
    training: Training = Training()
    bands: Bands = Bands()
    policy: Policy = Policy()
    api: Api = Api()
    webhooks: Webhooks = Webhooks()
    secrets: Secrets = Secrets()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (the signature is pydantic's)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (the signature is pydantic's)
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file())


def config_file() -> Path:
    """`CHURN_CONFIG` if it is set, else `conf/churn.toml` of the project."""
    return Path(os.environ.get("CHURN_CONFIG", PROJECT / "conf" / "churn.toml"))


def load(**overrides: object) -> Settings:
    """Reads the settings.

    Raises:
        ChurnError: a setting is unknown or has a value that is not allowed; it names the setting.
    """
    named = os.environ.get("CHURN_CONFIG")
    if named and not Path(named).is_file():
        raise ChurnError(f"CHURN_CONFIG names {named}, which is not a file.", "Correct the variable or unset it.")
    # pydantic-settings passes over a variable whose first part is unknown: a slip of the pen must not go unnoticed.
    for name in os.environ:
        first_part = name.upper().removeprefix("CHURN_").partition("__")[0]
        if name.upper().startswith("CHURN_") and first_part.lower() not in {*Settings.model_fields, "config"}:
            raise ChurnError(f"{name} names no setting.", "Correct the variable or unset it.")
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except (SettingsError, TOMLDecodeError) as error:
        raise ChurnError(
            f"The settings cannot be read: {error}.",
            f"Correct {config_file()} or the CHURN_ variable; in a variable a list is written as JSON, such as"
            """ '["127.0.0.0/8"]'.""",
        ) from None
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        # Our own words hold names of files and of protocols, pydantic's do not.
        told = first["ctx"]["error"] if first["type"] == "value_error" else first["msg"].lower()
        raise ChurnError(
            f"Setting {where} is not right: {told}.",
            f"Correct it in {config_file()} or in its CHURN_ variable.",
        ) from None
