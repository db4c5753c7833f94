"""Examples for the contract: what each endpoint answers."""

from __future__ import annotations

import json
from typing import Any

_TIME = "2018-10-30T18:02:11.000Z"
_LATER = "2018-11-06T18:02:11.000Z"
_MODEL = "20181101-4f2a91c0"
_REASONS = [
    {"driver": "adverts", "difference": 0.21, "words": "6.1 adverts a day in the last days; typical 0.8"},
    {"driver": "silence", "difference": 0.06, "words": "silent for 2.3 days; typical 0.4"},
]
_MARKS = {"snoozed": None, "acknowledged": None}

_SUMMARY: dict[str, Any] = {
    "user_id": "1045",
    "risk": 0.61,
    "p_cancel": 0.48,
    "p_lapse": 0.13,
    "band": "high",
    "band_since": "2018-10-28T09:12:44.000Z",
    "status": "active",
    "driver": "adverts",
    "reasons": _REASONS,
    "marks": _MARKS,
    "as_of": _TIME,
    "age_s": 5421.0,
    "stale": False,
    "last_event": _TIME,
    "events": 1204,
    "cold": False,
    "level": "free",
    "model_version": _MODEL,
    "published_at": "2018-10-30T18:02:11.034Z",
}
RISK = _SUMMARY | {
    "rank": 12,
    "percentile": 0.9756,
    "features": {"adverts_3d": 26.4, "songs_free_14d": 131.8, "paid": 0.0, "silence_days": 0.0},
    "epoch": 1538352117005,
    "version": 1209,
}
RISKS = {"users": [RISK], "unknown": ["nobody"]}
USERS = {"users": [_SUMMARY], "total": 214, "next": "WzAuNjEsIjEwNDUiXQ"}
USERS_CSV = (
    "user_id,risk,p_cancel,p_lapse,band,band_since,status,level,driver,reason,last_event,events,cold,as_of,stale,"
    "model_version\r\n"
    "1045,0.61,0.48,0.13,high,2018-10-28T09:12:44.000Z,active,free,adverts,6.1 adverts a day in the last days; "
    f"typical 0.8,{_TIME},1204,False,{_TIME},False,{_MODEL}\r\n"
)

HISTORY = {
    "user_id": "1045",
    "points": [
        {"as_of": "2018-10-27T08:00:01.000Z", "risk": 0.31, "p_cancel": 0.22, "p_lapse": 0.09, "band": "medium"},
        {"as_of": "2018-10-28T09:12:44.000Z", "risk": 0.61, "p_cancel": 0.48, "p_lapse": 0.13, "band": "high"},
    ],
    "moves": [
        {
            "since": "2018-10-27T08:00:01.000Z",
            "until": "2018-10-28T09:12:44.000Z",
            "difference": 0.3,
            "reasons": [
                {"driver": "adverts", "difference": 0.24, "words": "6.1 adverts a day in the last days; before 1.9"}
            ],
        }
    ],
}
MARKS = {
    "snoozed": {"until": _LATER, "at": _TIME, "by": "retention console", "note": "called, thinks about it"},
    "acknowledged": None,
}
RECEIPT = {
    "user_id": "1045",
    "forgotten_at": _TIME,
    "marker": "9f86d081884c7d659a2feaa0c55ad015",
    "erased": [{"what": "score", "count": 1}, {"what": "history points", "count": 87}],
    "remains": [
        {
            "what": "events",
            "where": "topic churn.events",
            "until": f"at the latest {_LATER}: the topic keeps an event for 7 days",
        }
    ],
}

EVENT: dict[str, Any] = {
    "ts": 1540922531000,
    "userId": "1045",
    "sessionId": 512,
    "itemInSession": 41,
    "page": "Thumbs Down",
    "level": "free",
}
EVENT_LINES = "".join(json.dumps({**EVENT, "itemInSession": item}) + "\n" for item in (41, 42))
ACCEPTED = {
    "accepted": 1,
    "ignored": 0,
    "errors": [
        {"line": 2, "reason": "ts-in-future", "detail": "ts is more than 5 minutes ahead of the server's clock"}
    ],
}

_FIGURES = {"per_day": {"adverts": 6.1, "thumbs_down": 0.4}, "level": "free", "silence_days": 0.1, "tenure_days": 61.0}
_NOW = {
    "risk": 0.61, "p_cancel": 0.48, "p_lapse": 0.13, "band": "high", "driver": "adverts", "reasons": _REASONS,
    "figures": _FIGURES,
}  # fmt: skip
_THEN = _NOW | {
    "risk": 0.38, "p_cancel": 0.27, "p_lapse": 0.11, "band": "medium", "driver": "silence", "reasons": _REASONS[1:],
    "figures": _FIGURES | {"per_day": {"adverts": 1.2, "thumbs_down": 0.4}},
}  # fmt: skip
_DISCLAIMER = "This is how the model responds to other figures. It is no promise that changing them keeps the user."
WHAT_IF = {"now": _NOW, "then": _THEN, "difference": -0.23, "model_version": _MODEL, "disclaimer": _DISCLAIMER}
LEAST_CHANGE = {
    "band": "high",
    "below": 0.425,
    "reachable": True,
    "changes": [{"lever": "adverts", "now": 6.1, "then": 1.2}],
    "now": _NOW,
    "then": _THEN,
    "model_version": _MODEL,
    "disclaimer": _DISCLAIMER,
}

ALERT: dict[str, Any] = {
    "id": "alert_0f1e2d3c4b5a69788796a5b4",
    "user_id": "1045",
    "kind": "band",
    "band": "high",
    "from_band": "medium",
    "risk": 0.61,
    "p_cancel": 0.48,
    "p_lapse": 0.13,
    "rise": 0.3,
    "outcome": "cancel",
    "driver": "adverts",
    "reasons": _REASONS,
    "summary": "User 1045, on the free plan, rose from medium to high risk: 61 % to leave within 14 days, "
    "48 % by cancelling and 13 % by falling silent; 6.1 adverts a day in the last days; typical 0.8.",
    "level": "free",
    "as_of": "2018-10-28T09:12:44.000Z",
    "raised_at": "2018-10-28T09:12:44.031Z",
    "model_version": _MODEL,
}
ALERTS = {"alerts": [ALERT], "next": "WzEyMF0"}
ALERT_EVENT = f"id: {ALERT['id']}\nevent: alert\ndata: {json.dumps(ALERT)}\n\n"

POLICY = {
    "changes": {"high": 0.5},
    "policy": {
        "medium": None,
        "high": 0.5,
        "exit_ratio": 0.85,
        "cool_down_days": 7.0,
        "outage_hours": 6.0,
        "hold_days": 1.0,
        "rise": None,
        "rise_days": 7.0,
        "quiet_from": "22:00",
        "quiet_until": "07:30",
        "quiet_zone": "Europe/Berlin",
    },
    "refused": None,
    "applied": True,
    "medium": 0.3,
    "high": 0.5,
    "medium_left_below": 0.255,
    "high_left_below": 0.425,
    "cool_down_days": 7.0,
    "rise": 0.0,
}

KEYS: dict[str, Any] = {
    "keys": [
        {
            "id": "9f2c5e7a1b3d",
            "name": "CRM import",
            "scopes": ["events"],
            "state": "valid",
            "created_at": _TIME,
            "expires_at": None,
            "revoked_at": None,
            "last_used_at": _TIME,
            "requests_per_second": None,
        }
    ]
}
NEW_KEY = KEYS["keys"][0] | {"last_used_at": None, "key": "churn_9f2c5e7a1b3d_…"}
AUDIT = {
    "entries": [
        {
            "id": "1540922531034-0",
            "at": _TIME,
            "by": "1b3d9f2c5e7a",
            "name": "retention console",
            "action": "endpoint.create",
            "subject": "ep_5b2f0c1d9a7e4c1d",
            "details": {"description": "CRM"},
        }
    ],
    "next": None,
}

ENDPOINTS: dict[str, Any] = {
    "endpoints": [
        {
            "id": "ep_5b2f0c1d9a7e4c1d",
            "url": "https://crm.example.com/hooks/churn",
            "description": "CRM",
            "format": "standard",
            "types": ["alert.raised"],
            "filter": {"bands": ["high"], "drivers": ["adverts"], "levels": [], "kinds": [], "least_rise": 0.0},
            "per_second": 20.0,
            "state": "enabled",
            "disabled_for": "",
            "failing_since": None,
            "waiting": 0,
            "created_at": _TIME,
            "old_secret_until": None,
        }
    ]
}
NEW_ENDPOINT = ENDPOINTS["endpoints"][0] | {"secret": "whsec_…"}
QUEUED = {"delivery": "msg_2c9e4f6a8b1d3c5e7f902c9e"}
REPLAYED = {"deliveries": 12}
_DELIVERY: dict[str, Any] = {
    "id": "msg_2c9e4f6a8b1d3c5e7f902c9e",
    "endpoint": "ep_5b2f0c1d9a7e4c1d",
    "alert": ALERT["id"],
    "type": "alert.raised",
    "state": "waiting",
    "tries": 1,
    "created_at": _TIME,
    "due_at": _LATER,
    "ended_at": None,
}
DELIVERIES = {"deliveries": [_DELIVERY], "next": None}
DELIVERY = _DELIVERY | {
    "body": json.dumps({"type": "alert.raised", "timestamp": _TIME, "data": ALERT}),
    "attempts": [{"at": _TIME, "status": 500, "error": "", "duration_ms": 41, "answer": "out of order"}],
}
