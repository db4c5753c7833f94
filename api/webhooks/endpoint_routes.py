"""Webhook endpoints by HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.status import HTTP_204_NO_CONTENT

from api import examples
from api.access import Asking, needs
from api.answers import answers
from api.context import Context, Wired
from api.problems import ProblemError
from api.times import rfc3339
from api.user_answers import Timestamp
from api.webhooks import addresses
from api.webhooks.addresses import RefusedError
from api.webhooks.bodies import body
from api.webhooks.deliveries import New, message_id
from api.webhooks.endpoints import Endpoint, EventType, Format, State, Wanted
from churn.features import Driver, Level
from churn.outcomes import Band
from churn.secret_keys import SecretKeys
from churn.view_records import AlertKind

router = APIRouter(prefix="/v1/endpoints", tags=["webhooks"], dependencies=[needs("admin")])

_Url = Annotated[str, Field(min_length=1, max_length=2000, examples=["https://crm.example.com/hooks/churn"])]
_Description = Annotated[str, Field(max_length=200, description="what it is, in words")]
_Rate = Annotated[float | None, Field(gt=0, le=1000, description="deliveries a second at most; null for no limit")]
_Types = Annotated[list[EventType], Field(min_length=1, description="what it is told")]


class Filter(BaseModel, extra="forbid"):
    """Which alerts an endpoint is told; what is left empty leaves none out."""

    bands: list[Band] = []
    drivers: list[Driver] = Field([], description="what raises the risk most: the team that can act")
    levels: list[Level] = []
    kinds: list[AlertKind] = []
    least_rise: float = Field(0.0, ge=0, le=1, description="only where the risk rose at least so much")


class EndpointWanted(BaseModel, extra="forbid"):
    """An endpoint to be made."""

    url: _Url
    description: _Description = ""
    format: Format = Field("standard", description="standard, or slack for an incoming webhook of a chat channel")
    types: _Types = ["alert.raised"]
    filter: Filter = Filter()
    per_second: _Rate = None


class EndpointChanges(BaseModel, extra="forbid"):
    """What should be other than it is; what is left out stays."""

    url: _Url | None = None
    description: _Description | None = None
    format: Format | None = None
    types: _Types | None = None
    filter: Filter | None = None
    per_second: _Rate = None
    state: State | None = Field(None, description="enabled takes up what has waited meanwhile")


class EndpointAnswer(BaseModel):
    """An endpoint; its secret is told when it is made or rotated, and never again."""

    id: str
    url: str
    description: str
    format: Format
    types: list[EventType]
    filter: Filter
    per_second: float | None
    state: State
    disabled_for: str = Field(description="why it was disabled; empty if it was not")
    failing_since: Timestamp | None = Field(description="first failure that no success has followed")
    waiting: int = Field(description="deliveries that wait")
    created_at: Timestamp
    old_secret_until: Timestamp | None = Field(description="until when the secret before is signed with, too")


class EndpointWithSecret(EndpointAnswer):
    """An endpoint with its secret, this once."""

    secret: str


class EndpointList(BaseModel):
    """Every endpoint, oldest first."""

    endpoints: list[EndpointAnswer]


class Queued(BaseModel):
    """A delivery that will be made."""

    delivery: str


@router.get("", responses=answers(example=examples.ENDPOINTS))
def endpoints(context: Wired) -> EndpointList:
    """Every endpoint."""
    return EndpointList(endpoints=[EndpointAnswer(**told(context, each)) for each in context.endpoints.all()])


@router.post(
    "",
    status_code=201,
    responses=answers("invalid-request", "refused-address", "no-secret", example=examples.NEW_ENDPOINT, status=201),
)
def create_endpoint(context: Wired, asking: Asking, wanted: EndpointWanted) -> EndpointWithSecret:
    """Makes an endpoint, once every address that its URL leads to is known to be public."""
    keys = _keys(context)
    _require_public(context, wanted.url)
    endpoint = Endpoint(
        id="", url=wanted.url, description=wanted.description, format=wanted.format, types=tuple(wanted.types),
        wanted=_wanted(wanted.filter), per_second=wanted.per_second,
    )  # fmt: skip
    made, secret = context.endpoints.create(endpoint, keys)
    context.audit.note(asking.key_id, asking.name, "endpoint.create", made.id, description=made.description)
    return EndpointWithSecret(**told(context, made), secret=secret)


@router.get("/{endpoint_id}", responses=answers("unknown-endpoint", example=examples.ENDPOINTS["endpoints"][0]))
def one_endpoint(context: Wired, endpoint_id: str) -> EndpointAnswer:
    """One endpoint."""
    return EndpointAnswer(**told(context, known(context, endpoint_id)))


@router.patch(
    "/{endpoint_id}",
    responses=answers(
        "unknown-endpoint", "invalid-request", "refused-address", example=examples.ENDPOINTS["endpoints"][0]
    ),
)
def change_endpoint(context: Wired, asking: Asking, endpoint_id: str, changes: EndpointChanges) -> EndpointAnswer:
    """Changes an endpoint, from its next attempt on."""
    endpoint, given = known(context, endpoint_id), changes.model_dump(exclude_unset=True)
    if changes.url is not None:
        _require_public(context, changes.url)
    fields: dict[str, Any] = {name: value for name, value in given.items() if value is not None or name == "per_second"}
    if changes.filter is not None:
        fields["wanted"] = _wanted(changes.filter)
    fields.pop("filter", None)
    if "types" in fields:
        fields["types"] = tuple(fields["types"])
    if changes.url not in (None, endpoint.url):
        fields["failing_since_ms"] = None  # the new one has not failed yet
    if changes.state is not None:
        fields |= {"disabled_for": "" if changes.state == "enabled" else "by hand", "failing_since_ms": None}
    try:
        changed = context.endpoints.change(endpoint, **fields) if fields else endpoint
    except LookupError:
        raise _unknown(endpoint_id) from None
    context.audit.note(asking.key_id, asking.name, "endpoint.change", endpoint_id, fields=sorted(given))
    return EndpointAnswer(**told(context, changed))


@router.delete("/{endpoint_id}", status_code=HTTP_204_NO_CONTENT, responses=answers("unknown-endpoint"))
def delete_endpoint(context: Wired, asking: Asking, endpoint_id: str) -> None:
    """Takes an endpoint away, with all its deliveries."""
    known(context, endpoint_id)
    context.endpoints.delete(endpoint_id)
    context.deliveries.delete_endpoint(endpoint_id)
    context.audit.note(asking.key_id, asking.name, "endpoint.delete", endpoint_id)


@router.post(
    "/{endpoint_id}/rotate-secret", responses=answers("unknown-endpoint", "no-secret", example=examples.NEW_ENDPOINT)
)
def rotate_secret(context: Wired, asking: Asking, endpoint_id: str) -> EndpointWithSecret:
    """Gives an endpoint another secret. For a day everything is signed with both."""
    try:
        changed, secret = context.endpoints.rotate(known(context, endpoint_id), _keys(context))
    except LookupError:
        raise _unknown(endpoint_id) from None
    context.audit.note(asking.key_id, asking.name, "endpoint.rotate-secret", endpoint_id)
    return EndpointWithSecret(**told(context, changed), secret=secret)


@router.post(
    "/{endpoint_id}/ping", status_code=202, responses=answers("unknown-endpoint", example=examples.QUEUED, status=202)
)
def ping(context: Wired, asking: Asking, endpoint_id: str) -> Queued:
    """Sends a test message, as soon as `churn deliver` runs."""
    endpoint, now_ms = known(context, endpoint_id), context.clock()
    data = {"endpoint": endpoint.id, "summary": "This is a test of a webhook endpoint: all is well."}
    message = message_id(endpoint.id, "ping", str(now_ms))
    text = body(endpoint.format, "endpoint.ping", now_ms, data)
    context.deliveries.enqueue([New(message, endpoint.id, "", "endpoint.ping", text, now_ms, now_ms)])
    context.audit.note(asking.key_id, asking.name, "endpoint.ping", endpoint_id)
    return Queued(delivery=message)


def known(context: Context, endpoint_id: str) -> Endpoint:
    """An endpoint.

    Raises:
        ProblemError: there is none of this id.
    """
    try:
        return context.endpoints.get(endpoint_id)
    except LookupError:
        raise _unknown(endpoint_id) from None


def _unknown(endpoint_id: str) -> ProblemError:
    return ProblemError("unknown-endpoint", f"There is no endpoint {endpoint_id[:64]}.")


def told(context: Context, endpoint: Endpoint) -> dict[str, Any]:
    """The members of an :class:`EndpointAnswer`."""
    wanted, old_until_ms = endpoint.wanted, endpoint.old_secret_until_ms
    return {
        **{name: getattr(endpoint, name) for name in ("id", "url", "description", "format", "per_second", "state")},
        "types": list(endpoint.types),
        "filter": Filter(
            bands=list(wanted.bands), drivers=list(wanted.drivers), levels=list(wanted.levels),
            kinds=list(wanted.kinds), least_rise=wanted.least_rise,
        ),
        "disabled_for": endpoint.disabled_for,
        "failing_since": None if endpoint.failing_since_ms is None else rfc3339(endpoint.failing_since_ms),
        "waiting": context.deliveries.waiting(endpoint.id),
        "created_at": rfc3339(endpoint.created_ms),
        "old_secret_until": rfc3339(old_until_ms) if old_until_ms > context.clock() else None,
    }  # fmt: skip


def _wanted(chosen: Filter) -> Wanted:
    return Wanted(
        tuple(chosen.bands), tuple(chosen.drivers), tuple(chosen.levels), tuple(chosen.kinds), chosen.least_rise
    )


def _keys(context: Context) -> SecretKeys:
    if context.secret_keys is None:
        raise ProblemError("no-secret", "Set secrets.key_file: without it a webhook's secret cannot be kept.")
    return context.secret_keys


def _require_public(context: Context, url: str) -> None:
    try:
        addresses.check(url, context.settings.webhooks.http_networks, context.resolve)
    except RefusedError as error:
        raise ProblemError("refused-address", str(error)) from None
    except OSError:
        raise ProblemError("refused-address", f"The host {addresses.parts(url)[1]} cannot be resolved.") from None
