"""What stops a training run: signs that the features know the answer.

Each check raises :class:`LeakError`, whose sentence says what was seen. That the features of stream, history and
oracle are the same is shown by tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)
from sklearn.ensemble import HistGradientBoostingClassifier

from churn import events
from churn.errors import ChurnError
from churn.features import FEATURES, NAMES, Feature
from churn.rolling import rolling_features
from churn.settings import DAY_MS, Labels
from training.metrics import Foreseen, auc, resampled_users
from training.rows import to_pandas
from training.snapshots import grid, snapshots
from training.splits import Cell, Splits

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
    """Every check that looks at training rows; the last snapshot of the grid stands for all.

    Args:
        log: events as `churn.parsing.read_log` gives them.
        made: snapshots of it.
        labels: as they were made with.
        splits: by which models will be chosen and tested.
    """
    at = made.where("on_grid").agg(F.max("as_of")).first()
    if at is not None and at[0] is not None:
        future(log, made, labels, at[0])
        outcome(log, labels)
    frame = to_pandas(made.select("user_id", "fold", "as_of", "cancel", *NAMES))
    pairs = []
    for fold in range(splits.folds):
        train, validate = splits.selection(fold)
        apart(frame, train, validate)
        for split in splits.tests(fold):
            for tested in split.left_out:
                for known in (split.train, split.calibrate(tested), train, validate):
                    apart(frame, known, split.test(tested))
        # The last part alone: it has most to be trained on, and a fit for each would take minutes.
        pairs.append((split.train.among(frame), split.test(fold).among(frame)))
    shuffled(frame, pairs)


def future(log: DataFrame, made: DataFrame, labels: Labels, as_of_ms: int) -> None:
    """The features at a moment are the same when the log ends there.

    Args:
        log: events as `churn.parsing.read_log` gives them.
        made: snapshots of the whole log.
        labels: as they were made with.
        as_of_ms: the moment, on the grid.
    """
    some = F.pmod(F.xxhash64("user_id", F.lit("firewall")), F.lit(1 << 20))
    share = min(1.0, SAMPLED_USERS / max(1, made.select("user_id").distinct().count()))
    sampled = some < int(share * (1 << 20))
    at_the_end = labels.model_copy(update={"event_rows": 0.0, "warm_up_days": 0})
    # The horizon reaches beyond the end of the cut log: the label is not looked at.
    span_ms = (as_of_ms, as_of_ms + labels.horizon_days * DAY_MS)
    known = snapshots(log.where(sampled & (F.col("ts") <= as_of_ms)), at_the_end, span_ms)
    whole = made.where(sampled & (F.col("as_of") == as_of_ms) & F.col("on_grid"))
    unmoved(_by_user(whole), _by_user(known), "when the log ends at the snapshot")


def outcome(log: DataFrame, labels: Labels) -> None:
    """The features of those who left are the same without the pages by which they left."""
    leavers = log.where(F.col("page") == events.CANCELLED).select("user_id").distinct().limit(SAMPLED_USERS)
    theirs = log.join(leavers.persist(), "user_id", "left_semi")
    end = theirs.agg(F.max("ts")).first()
    if end is None or end[0] is None:
        return
    # A heartbeat for each, so that both are looked at in the same moment.
    beats = grid(theirs, labels, end[0], end[0])
    with_them, without = (
        _by_user(rolling_features(some.unionByName(beats, allowMissingColumns=True)))
        for some in (theirs, theirs.where(~F.col("page").isin(*events.OUTCOME_PAGES)))
    )
    leavers.unpersist()
    # Somebody of whom nothing else is known has no row without them.
    unmoved(with_them.loc[with_them.index.isin(without.index)], without, "without the pages by which they left")


def _by_user(made: DataFrame) -> pd.DataFrame:
    return to_pandas(made.select("user_id", *NAMES)).set_index("user_id")[list(NAMES)].sort_index()


def unmoved(here: pd.DataFrame, there: pd.DataFrame, when: str) -> None:
    """Two tables of features, one row per user, are the same.

    Args:
        here: of the whole log.
        there: of less of it, by users of whom some may not be in `here`.
        when: in words, what was left out for `there`.
    """
    both = here.index.intersection(there.index)
    if len(both) < len(here):
        raise LeakError(f"Users are missing {when}.", "Look at training/snapshots.py.")
    values, others = here.loc[both].to_numpy(), there.loc[both].to_numpy()
    moved = np.abs(values - others) > _TOLERANCE * np.maximum(1.0, np.abs(others))
    if moved.any():
        row, column = np.argwhere(moved)[0]
        raise LeakError(
            f"The feature {here.columns[column]} of user {both[row]} knows what it must not: it is "
            f"{values[row, column]:.6g} in the whole log and {others[row, column]:.6g} {when}.",
            "Look at churn/features.py and churn/rolling.py.",
        )


def apart(frame: pd.DataFrame, known: Cell, tested: Cell) -> None:
    """No user in both cells, and no date of the tested one before the last of the known one.

    Args:
        frame: `user_id, fold, as_of` of every row.
        known: what a model was chosen, fitted or calibrated on.
        tested: what it was validated or tested on.
    """
    before, after = (frame.loc[cell.among(frame), ["user_id", "as_of"]] for cell in (known, tested))
    if shared := set(before["user_id"]) & set(after["user_id"]):
        raise LeakError(f"User {min(shared)} is both trained on and tested.", "Look at training/splits.py.")
    if len(before) and len(after) and before["as_of"].max() >= after["as_of"].min():
        raise LeakError("A model is tested on dates before the last it was trained on.", "Look at training/splits.py.")


def shuffled(frame: pd.DataFrame, pairs: Iterable[tuple[Any, Any]], seed: int = 7) -> float:
    """With outcomes dealt out to users at random, nothing can be foreseen: returns the AUC, about a half.

    Args:
        frame: `user_id`, every feature and `cancel`.
        pairs: index of the rows that are trained on, and of those that are tested.
        seed: of the shuffle.
    """
    rng = np.random.default_rng(seed)
    code, users = pd.factorize(frame["user_id"], sort=True)
    leaves = np.bincount(code, frame["cancel"].to_numpy(), len(users)) > 0
    label = rng.permutation(leaves)[code]
    features = frame[list(NAMES)].to_numpy()
    said, truth, who = [], [], []
    for train, test in pairs:
        model = HistGradientBoostingClassifier(max_iter=40, max_depth=4, random_state=seed)
        if test.any() and 0 < label[train].sum() < len(label[train]):
            said.append(model.fit(features[train], label[train]).predict_proba(features[test])[:, 1])
            truth.append(label[test])
            who.append(code[test])
    if not said:
        return 0.5
    reached, error = _auc_and_error(np.concatenate(truth), np.concatenate(said), np.concatenate(who), rng)
    if abs(reached - 0.5) > NOISE * error:
        raise LeakError(
            f"With outcomes dealt out at random the model still reaches an AUC of {reached:.3f} (noise {error:.3f}).",
            "Rows of one user, or something that names them, are on both sides of the split.",
        )
    return reached


def _auc_and_error(label: Any, chance: Any, who: Any, rng: np.random.Generator) -> tuple[float, float]:
    """An AUC and its standard error, which is never less than that of one row for each user.

    Of few leavers a resample says too little: the least error is that of the rank test (Hanley and McNeil, 1982).
    """
    tested = Foreseen(who, label.astype(np.float64), chance)
    drawn = [auc(tested.label, chance, weight) for weight in resampled_users(tested, 60, rng)]
    left = len(np.unique(who[label]))
    stayed = len(np.unique(who)) - left
    if not left or not stayed:
        return 0.5, 1.0
    least = ((left + stayed + 1) / (12 * left * stayed)) ** 0.5
    return auc(tested.label, chance, np.ones(len(label))), max(least, float(np.std(drawn)) if drawn else 0.0)


def believable(metrics: Mapping[str, Any], ceiling: float, accepted: bool) -> None:
    """The AUC for `cancel` is not surely above what anybody could know, neither on the grid nor at events.

    Args:
        metrics: of a card. Where they have no intervals, the figure itself is looked at.
        ceiling: an AUC.
        accepted: go on all the same.
    """
    for view in ("test", "test_at_events"):
        found = metrics[view]["cancel"].get("auc")
        if accepted or not found:
            continue
        low = found["value"] if found["low"] is None else found["low"]
        if low > ceiling:
            raise LeakError(
                f"The AUC for cancel is {found['value']:.3f} (at least {low:.3f}), above the ceiling of {ceiling:g}: "
                "on users and dates never seen, that has always meant that a feature knows the outcome.",
                "Look for what the model sees of the end of the log; if it is real, add --accept-suspicious-auc.",
            )
