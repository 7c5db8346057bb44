# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What got better or worse against a baseline, and whether that is more than chance.

Where a query is in both runs, its outcomes are compared as a pair: a code change that moves ten right queries to wrong
and ten others back is not the same as none. Queries that are not the same fall back to a test of shares.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from benchmarks.regression.results import ELSEWHERE, CaseResult
from benchmarks.regression.statistics import holm, ratio_test, share_test, sign_test
from neumap_ros.evaluation import metrics

# All tests of a comparison together cry wolf with this probability. Neighbouring images of a drive fail together, so
# that the tests, which take queries for independent, are too sure; that is why it is not 5 %.
ALPHA = 0.01
# Errors that change by less than this share do not matter, however sure the change is.
ERROR_TOLERANCE = 0.10
# Coverage may go away from its nominal share by so much.
COVERAGE_TOLERANCE = 0.05
# Times of the processor vary less with the load beside than wall times, but they do.
TIME_TOLERANCE = 0.25

Mask = NDArray[np.bool_]


class Verdict(Enum):
    """What a change is."""

    BETTER = 'better'
    WORSE = 'worse'
    # Not more than chance explains, or within the tolerance.
    SAME = 'same'


@dataclass(frozen=True)
class Change:
    """One figure of a case, or of a group of cases, before and after.

    Attributes:
        scope: the case, or the group such as ``all``.
        figure: for example ``recall 5 cm, 5 deg``.
        before: value in the baseline; of the queries that are compared.
        after: value now.
        p: of the test.
        gained: queries that have the property now and had it not; None where it is not about single queries.
        lost: the other way round.
        direction: what the numbers say by themselves: +1 better, -1 worse, 0 neither.
        matters: whether the difference is beyond the tolerance.
        verdict: with all tests of the comparison taken into account.
    """

    scope: str
    figure: str
    before: float
    after: float
    p: float
    gained: int | None = None
    lost: int | None = None
    direction: int = 0
    matters: bool = True
    verdict: Verdict = Verdict.SAME


@dataclass(frozen=True)
class Comparison:
    """A suite run against a baseline.

    Attributes:
        changes: of every case, then of the groups.
        failed: sentences about cases that failed now and not in the baseline.
        notes: sentences that whoever reads the changes must know.
    """

    changes: tuple[Change, ...]
    failed: tuple[str, ...]
    notes: tuple[str, ...]

    def of(self, verdict: Verdict) -> tuple[Change, ...]:
        """The changes of a verdict."""
        return tuple(change for change in self.changes if change.verdict is verdict)

    @property
    def is_worse(self) -> bool:
        """Whether something got significantly worse, or fails that did not."""
        return bool(self.failed or self.of(Verdict.WORSE))


@dataclass(frozen=True)
class _Pair:
    """A case before and after, with what both know of the same queries.

    Attributes:
        before: in the baseline.
        after: now.
        index_before_N: rows of the queries that are in both.
        index_after_N: likewise, in the same order.
    """

    before: CaseResult
    after: CaseResult
    index_before_N: NDArray[np.int64]
    index_after_N: NDArray[np.int64]

    @property
    def is_paired(self) -> bool:
        return len(self.index_after_N) > 0

    def masks(self, of: Callable[[CaseResult], Mask]) -> tuple[Mask, Mask]:
        """A property of the same queries, or of all where none is the same."""
        before, after = of(self.before), of(self.after)
        return (before[self.index_before_N], after[self.index_after_N]) if self.is_paired else (before, after)


def compare(before: Sequence[CaseResult], after: Sequence[CaseResult]) -> Comparison:
    """Compare two suite runs, case by case and over groups of cases.

    Args:
        before: cases of the baseline.
        after: cases now.
    """
    known = {case.case: case for case in before}
    pairs, failed, notes = [], [], []
    for case in after:
        old = known.get(case.case)
        if case.error:
            if old is None or not old.error:
                failed.append(f'{case.case} failed: {case.error}')
            else:
                notes.append(f'{case.case} fails, as it did in the baseline: {case.error}')
        elif old is None:
            notes.append(f'{case.case} is not in the baseline')
        elif old.error:
            notes.append(f'{case.case} failed in the baseline and works now')
        else:
            pairs.append(_pair(old, case))
            notes += _pair_notes(pairs[-1])
    missing = len(set(known) - {case.case for case in after})
    if missing:
        notes.append(f'{missing} cases of the baseline were not run')
    single = [change for pair in pairs for change in _changes(pair.after.case, [pair])]
    grouped = [change for name, members in _groups(pairs).items() for change in _changes(name, members)]
    # Two families of tests; the groups hold the same queries as the cases.
    return Comparison((*_judged(single), *_judged(grouped)), tuple(failed), tuple(notes))


def _pair(before: CaseResult, after: CaseResult) -> _Pair:
    rows = {query: index for index, query in enumerate(before.outcomes.queries)}
    common = [(rows[query], index) for index, query in enumerate(after.outcomes.queries) if query in rows]
    indices = np.array(common, dtype=np.int64).reshape(-1, 2)
    return _Pair(before, after, indices[:, 0], indices[:, 1])


def _pair_notes(pair: _Pair) -> list[str]:
    common, now = len(pair.index_after_N), len(pair.after.outcomes.queries)
    then = len(pair.before.outcomes.queries)
    if not common:
        return [f'{pair.after.case}: no query is the same as in the baseline; shares are compared, not queries']
    if common < max(now, then):
        return [f'{pair.after.case}: {common} queries are the same, of {then} before and {now} now; these are compared']
    if pair.before.pictures != pair.after.pictures:
        return [f'{pair.after.case}: the same queries, but their pictures differ from those of the baseline']
    return []


def _groups(pairs: Sequence[_Pair]) -> dict[str, list[_Pair]]:
    """All cases, kinds of scenes, conditions; groups of one case, or of all, say nothing new."""
    groups: dict[str, list[_Pair]] = {'all': list(pairs)}
    for pair in pairs:
        groups.setdefault(f'all {pair.after.scene.split("-")[0]}s', []).append(pair)
        groups.setdefault(f'all {pair.after.condition}', []).append(pair)
    new = {name: members for name, members in groups.items() if 1 < len(members) < len(pairs)}
    return ({'all': groups['all']} if len(pairs) > 1 else {}) | new


def _changes(scope: str, pairs: Sequence[_Pair]) -> list[Change]:
    changes = [_property(scope, 'false fixes', pairs, lambda case: case.false_fixes, good=-1, share=False)]
    pairs = [pair for pair in pairs if pair.after.condition != ELSEWHERE]
    if pairs:
        changes += [_recall(scope, level, pairs) for level in LEVELS]
        changes += [_error(scope, name, pairs) for name in ('error_m', 'error_deg')]
        changes += [_coverage(scope, sigma, pairs) for sigma in metrics.SIGMAS]
    drives = [pair for pair in pairs if pair.before.is_drive and pair.after.is_drive]
    if drives:
        changes.append(_property(scope, TF_FIGURE, drives, tf_is_right, good=1, share=True))
    return changes


# Thresholds by what they mean, so that scenes with and without a metric scale can be counted together. Where there are
# no metres, three thresholds exist and the last counts for the widest too.
LEVELS = {
    'recall 5 cm, 5 deg': 0,
    'recall 0.25 m, 2 deg': 1,
    'recall 0.5 m, 5 deg': 2,
    'recall 5 m, 10 deg': 3,
}


def within_level(case: CaseResult, level: str) -> Mask:
    """Which queries of a case got a pose within a level of :data:`LEVELS`."""
    thresholds = metrics.default_thresholds(case.metric)
    return case.within(thresholds[min(LEVELS[level], len(thresholds) - 1)])


# Of drives: at how many images TF, which holds the last correction and carries it on, puts the robot near the truth.
TF_FIGURE = 'TF within 0.5 m, 5 deg'


def tf_is_right(case: CaseResult) -> Mask:
    """At which queries of a drive the pose that TF gives is right."""
    return case.robot_within(metrics.coarse_threshold(case.metric))


def _recall(scope: str, level: str, pairs: Sequence[_Pair]) -> Change:
    return _property(scope, level, pairs, lambda case: within_level(case, level), good=1, share=True)


def _property(
    scope: str, figure: str, pairs: Sequence[_Pair], of: Callable[[CaseResult], Mask], *, good: int, share: bool
) -> Change:
    """A yes-or-no property of queries; ``good`` is 1 if more of it is better and -1 if less is."""
    masks = [pair.masks(of) for pair in pairs]
    had, has = (np.concatenate([mask[side] for mask in masks]) for side in (0, 1))
    before, after = float(had.sum()), float(has.sum())
    gained = lost = None
    if all(pair.is_paired for pair in pairs):
        gained, lost = int((has & ~had).sum()), int((had & ~has).sum())
        p, difference = sign_test(gained, lost), gained - lost
    else:
        p = share_test(int(before), len(had), int(after), len(has))
        difference = int(np.sign(after * max(len(had), 1) - before * max(len(has), 1)))
    if share:
        before, after = before / max(len(had), 1), after / max(len(has), 1)
    return Change(scope, figure, before, after, p, gained, lost, good * int(np.sign(difference)))


def _error(scope: str, name: str, pairs: Sequence[_Pair]) -> Change:
    """Median error of the queries that are right before and after; of groups the median ratio, because units differ."""
    then, now = [np.zeros(0)], [np.zeros(0)]
    for pair in pairs:
        if pair.is_paired:
            columns = [np.array(getattr(case.outcomes, name)) for case in (pair.before, pair.after)]
            right = np.logical_and(*pair.masks(lambda case: within_level(case, 'recall 0.5 m, 5 deg')))
            then.append(columns[0][pair.index_before_N][right])
            now.append(columns[1][pair.index_after_N][right])
    before_N, after_N = np.concatenate(then), np.concatenate(now)
    ratio, p = ratio_test(before_N, after_N)
    before, after = (1.0, ratio) if math.isfinite(ratio) else (math.nan, math.nan)
    if len(pairs) == 1 and len(after_N):
        before, after = float(np.median(before_N)), float(np.median(after_N))
    matters = abs(math.log(ratio)) > math.log1p(ERROR_TOLERANCE) if math.isfinite(ratio) else False
    direction = -int(np.sign(math.log(ratio))) if math.isfinite(ratio) else 0
    label = 'median error, ' + ('m' if name == 'error_m' else 'deg')
    return Change(scope, label, before, after, p, direction=direction, matters=matters)


def _coverage(scope: str, sigma: int, pairs: Sequence[_Pair]) -> Change:
    """Share of fixes within so many standard deviations, of the queries with a fix before and after."""
    nominal = metrics.EXPECTED_COVERAGE[sigma - 1]
    inside: list[tuple[Mask, Mask]] = []
    for pair in pairs:
        accepted = pair.masks(lambda case: case.accepted)
        covered = pair.masks(lambda case: np.array(case.outcomes.sigmas, dtype=np.float64) <= sigma)
        if pair.is_paired:
            both = accepted[0] & accepted[1]
            inside.append((covered[0][both], covered[1][both]))
    had, has = (np.concatenate([np.zeros(0, dtype=bool), *(mask[side] for mask in inside)]) for side in (0, 1))
    label = f'coverage {sigma} sigma'
    if not len(has):
        return Change(scope, label, math.nan, math.nan, 1.0, matters=False)
    before, after = float(had.mean()), float(has.mean())
    gained, lost = int((has & ~had).sum()), int((had & ~has).sum())
    # Too many within is as wrong as too few.
    off = abs(after - nominal) - abs(before - nominal)
    return Change(
        scope, label, before, after, sign_test(gained, lost), gained, lost, -int(np.sign(off)),
        matters=abs(off) > COVERAGE_TOLERANCE,
    )  # fmt: skip


def _judged(changes: Sequence[Change]) -> list[Change]:
    significant = holm([change.p for change in changes], ALPHA)
    judged = []
    for change, sure in zip(changes, significant, strict=True):
        verdict = Verdict.SAME
        if sure and change.matters and change.direction:
            verdict = Verdict.BETTER if change.direction > 0 else Verdict.WORSE
        judged.append(replace(change, verdict=verdict))
    return judged


def slower(before: Mapping[str, CaseResult], after: Sequence[CaseResult]) -> list[tuple[str, str, float, float]]:
    """Times of the processor that changed beyond the tolerance; for runs on the same machine.

    Returns:
        (case, what, before, after) each.
    """
    found = []
    for case in after:
        old = before.get(case.case)
        if old is None or old.error or case.error:
            continue
        for what, name in (('query, ms', 'query_cpu_ms'), ('build, s', 'build_cpu_s')):
            then, now = old.times.get(name), case.times.get(name)
            if then and now and abs(math.log(now / then)) > math.log1p(TIME_TOLERANCE):
                found.append((case.case, what, then, now))
    return found
