"""What stops a training run: signs that the features know the answer.

Each check raises :class:`LeakError`, whose sentence says what was seen. That the features of stream, history and
oracle are the same is shown by tests.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from churn import events
from churn.errors import ChurnError
from churn.features import FEATURES, NAMES, Feature
from churn.settings import DAY_MS, Labels
from training.rows import to_pandas
from training.snapshots import snapshots
from training.splits import Splits

SAMPLED_USERS = 400
NOISE = 4.0
"""Standard errors by which an AUC on shuffled labels may differ from a half."""

_TOLERANCE = 1e-9


class LeakError(ChurnError):
    """Training was stopped because the model could know what it should foresee."""


def pages(table: Iterable[Feature] = FEATURES) -> None:
    """The pages by which somebody leaves feed no feature."""
    for feature in table:
        if leaked := sorted(set(feature.pages) & set(events.OUTCOME_PAGES)):
            raise LeakError(
                f"The feature {feature.name} counts the page {leaked[0]}, which is the outcome itself.",
                "Take the page out of churn/features.py.",
            )


def rows(log: DataFrame, made: DataFrame, labels: Labels, splits: Splits) -> None:
    """Every check that looks at training rows; the last snapshot of the grid stands for all."""
    at = made.where("on_grid").agg(F.max("as_of")).first()
    if at is not None and at[0] is not None:
        future(log, made, labels, at[0])
    frame = to_pandas(made.select("user_id", "fold", "as_of", "cancel", *NAMES))
    pairs = []
    for fold in range(splits.folds):
        for split in splits.tests(fold):
            for tested in split.left_out:
                test = split.test(tested).among(frame)
                for known in (split.train, split.calibrate(tested)):
                    apart(tested, frame[known.among(frame)], frame[test])
        # The last part alone: it has most to be trained on, and a fit for each would take minutes.
        pairs.append((split.train.among(frame), split.test(fold).among(frame)))
    shuffled(frame, pairs)


def future(log: DataFrame, made: DataFrame, labels: Labels, as_of_ms: int) -> None:
    """The features at a moment are the same when the log ends there, and without the pages by which people leave.

    Args:
        log: events as `churn.parsing.read_log` gives them.
        made: snapshots of the whole log.
        labels: as they were made with.
        as_of_ms: the moment, on the grid.
    """
    some = F.pmod(F.xxhash64("user_id", F.lit("firewall")), F.lit(1 << 20))
    share = min(1.0, SAMPLED_USERS / max(1, made.select("user_id").distinct().count()))
    sampled = some < int(share * (1 << 20))
    cut = log.where(sampled & (F.col("ts") <= as_of_ms) & ~F.col("page").isin(*events.OUTCOME_PAGES))
    at_the_end = labels.model_copy(update={"event_rows": 0.0, "warm_up_days": 0})
    # The horizon reaches beyond the end of the cut log: the label is not looked at.
    known = snapshots(cut, at_the_end, (as_of_ms, as_of_ms + labels.horizon_days * DAY_MS))
    whole = made.where(sampled & (F.col("as_of") == as_of_ms) & F.col("on_grid"))
    unmoved(_by_user(whole), _by_user(known))


def _by_user(made: DataFrame) -> pd.DataFrame:
    return to_pandas(made.select("user_id", *NAMES)).set_index("user_id")[list(NAMES)].sort_index()


def unmoved(whole: pd.DataFrame, known: pd.DataFrame) -> None:
    """Two tables of features, one row per user, are the same."""
    both = whole.index.intersection(known.index)
    if len(both) < len(whole):
        raise LeakError("Users are missing when the log ends at a snapshot.", "Look at training/snapshots.py.")
    here, there = whole.loc[both].to_numpy(), known.loc[both].to_numpy()
    moved = np.abs(here - there) > _TOLERANCE * np.maximum(1.0, np.abs(there))
    if moved.any():
        row, column = np.argwhere(moved)[0]
        raise LeakError(
            f"The feature {whole.columns[column]} of user {both[row]} knows the future: it is {here[row, column]:.6g} "
            f"in the whole log and {there[row, column]:.6g} when the log ends at the snapshot.",
            "Look at churn/features.py and churn/rolling.py.",
        )


def apart(fold: int, trained: pd.DataFrame, tested: pd.DataFrame) -> None:
    """No user on both sides, and no test date before a training date.

    Args:
        fold: that is tested, for the message.
        trained: `user_id, as_of` of the rows that a model was fitted or calibrated on.
        tested: the same of the rows it was tested on.
    """
    if shared := set(trained["user_id"]) & set(tested["user_id"]):
        raise LeakError(
            f"User {min(shared)} is both trained on and tested (fold {fold}).", "Look at training/splits.py."
        )
    if len(trained) and len(tested) and trained["as_of"].max() >= tested["as_of"].min():
        raise LeakError(
            f"Fold {fold} is tested on dates before the last one it was trained on.",
            "Look at training/splits.py.",
        )


def shuffled(frame: pd.DataFrame, pairs: Iterable[tuple[Any, Any]], seed: int = 7) -> float:
    """With outcomes dealt out to users at random, nothing can be foreseen: returns the AUC, about a half.

    Args:
        frame: `user_id`, every feature and `cancel`.
        pairs: index of the rows that are trained on, and of those that are tested.
        seed: of the shuffle.
    """
    rng = np.random.default_rng(seed)
    users, code = np.unique(frame["user_id"].to_numpy(dtype=str), return_inverse=True)
    leaves = np.bincount(code, frame["cancel"].to_numpy(), len(users)) > 0
    label = rng.permutation(leaves)[code]
    features = frame[list(NAMES)].to_numpy()
    said, truth, who = [], [], []
    for train, test in pairs:
        model = HistGradientBoostingClassifier(max_iter=40, max_depth=4, random_state=seed)
        if 0 < label[train].sum() < len(label[train]):
            said.append(model.fit(features[train], label[train]).predict_proba(features[test])[:, 1])
            truth.append(label[test])
            who.append(code[test])
    if not said:
        return 0.5
    auc, error = _auc_and_error(np.concatenate(truth), np.concatenate(said), np.concatenate(who), rng)
    if abs(auc - 0.5) > NOISE * error:
        raise LeakError(
            f"With outcomes dealt out at random the model still reaches an AUC of {auc:.3f} (noise {error:.3f}).",
            "Rows of one user, or something that names them, are on both sides of the split.",
        )
    return auc


def _auc_and_error(label: Any, chance: Any, who: Any, rng: np.random.Generator) -> tuple[float, float]:
    users = int(who.max()) + 1
    drawn = []
    for _ in range(60):
        weight = np.bincount(rng.integers(0, users, users), minlength=users)[who]
        if 0 < (weight * label).sum() < weight.sum():
            drawn.append(roc_auc_score(label, chance, sample_weight=weight))
    return float(roc_auc_score(label, chance)), float(np.std(drawn))


def believable(metrics: dict[str, Any], ceiling: float, accepted: bool) -> None:
    """The AUC for `cancel` is not surely above what anybody could know."""
    auc = metrics.get("auc", {})
    if not accepted and auc and auc["low"] is not None and auc["low"] > ceiling:
        raise LeakError(
            f"The AUC for cancel is {auc['value']:.3f} (at least {auc['low']:.3f}), above the ceiling of {ceiling:g}: "
            "on users and dates never seen, that has always meant that a feature knows the outcome.",
            "Look for what the model sees of the end of the log; if it is real, add --accept-suspicious-auc.",
        )
