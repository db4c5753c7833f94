"""Examples for the contract: what is answered when a policy is tried on the past."""

from __future__ import annotations

BACKTEST = {
    "medium": 0.3,
    "high": 0.5,
    "users": 8214,
    "of_users": 8214,
    "days": 60.0,
    "alerts": 1310,
    "alerts_per_day": 21.8,
    "per_day": {"2018-10-28T00:00:00.000Z": 24},
    "decided": 990,
    "precision": 0.41,
    "repeats": 212,
    "lead_days": 5.2,
    "coarse": "Points are kept every six hours and at each change of the band.",
}

SWEEP = {
    "medium": 0.3,
    "high": 0.5,
    "users": 1000,
    "of_users": 8214,
    "days": 60.0,
    "tried": [
        {
            "high": 0.5,
            "alerts": 160,
            "alerts_per_day": 21.9,
            "decided": 120,
            "precision": 0.41,
            "precision_from": 0.33,
            "precision_to": 0.5,
            "repeats": 26,
            "lead_days": 5.2,
        }
    ],
    "coarse": "Points are kept every six hours and at each change of the band.",
}
