# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The subset of the regression suite against the baseline in the repository: two small worlds, from rendering on.

If a change is meant to change figures, save them: python -m benchmarks.regression --subset --save ci
"""

import io
import time
from datetime import datetime, timezone

import pytest

pytest.importorskip('embreex', reason='the ray caster of simulated worlds is an optional dependency')

from rich.console import Console

from benchmarks.regression.command import Settings, run_suite
from benchmarks.regression.comparison import Verdict
from benchmarks.regression.records import read_baseline
from benchmarks.regression.suite import SUBSET_METHODS, choose, subset
from benchmarks.scenes import RESULTS

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def outcome(tmp_path_factory):
    """Run from nothing, so that no earlier result can stand in for this one."""
    folder = tmp_path_factory.mktemp('regression')
    settings = Settings(
        'subset',
        folder / 'out',
        folder / 'cache',
        jobs=2,
        baseline=read_baseline('ci', RESULTS / 'regression'),
        against='ci',
    )
    tables = io.StringIO()
    result = run_suite(
        choose(subset(), SUBSET_METHODS, []),
        settings,
        Console(file=tables, width=170),
        datetime.now(timezone.utc),
        time.perf_counter,
    )
    print(tables.getvalue())  # pytest shows it where a test fails
    return result


def test_every_case_ran_and_stands_in_the_baseline(outcome):
    assert outcome.comparison.failed == ()
    ends = ('is not in the baseline', 'of the baseline were not run')
    assert [note for note in outcome.comparison.notes if note.endswith(ends)] == []


def test_nothing_got_significantly_worse(outcome):
    worse = [f'{change.scope}: {change.figure} {change.before} -> {change.after}, p = {change.p:.2g}'
             for change in outcome.comparison.of(Verdict.WORSE)]  # fmt: skip
    assert worse == []


def test_no_fix_is_false_that_is_not_known(outcome):
    """Accepted, and worse than 1 m or 10 degrees: none but at night those of the baseline; on a drive none at all."""
    known = {case.case: case.figures['false_fixes'] for case in read_baseline('ci', RESULTS / 'regression').cases}
    false = {case.case: case.figures['false_fixes'] for case in outcome.run.cases}
    assert all(case.figures['attempts'] > 0 for case in outcome.run.cases)
    assert {case: count for case, count in false.items() if count > known[case]} == {}
    assert {case: count for case, count in false.items() if count and '/night/' not in case} == {}
