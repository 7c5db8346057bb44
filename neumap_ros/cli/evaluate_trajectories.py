# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``neumap evaluate ESTIMATE.tum --ground-truth TRUTH.tum``: two trajectories, no map and no images."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from neumap_ros.errors import ConfigError

if TYPE_CHECKING:
    from neumap_ros.evaluation.trajectories import Delta
    from neumap_ros.evaluation.trajectory_comparison import ComparisonSettings

_PANEL = 'Two trajectories (ESTIMATE with --ground-truth, nothing is localized)'
DEFAULT_DELTA = '1m'
ALIGNMENTS = ('none', 'se3', 'sim3', 'yaw', 'origin')
_DELTA = re.compile(r'\s*([0-9.eE+-]+?)\s*(frames?|f|m|degrees?|deg|d|rad|r)\s*')


@dataclass(frozen=True)
class TrajectoryOptions:
    """The options of ``neumap evaluate`` about two trajectories, as they were typed; None: not given."""

    estimate: Annotated[
        Path | None, typer.Argument(metavar='ESTIMATE.tum', help='Trajectory to judge; lines t tx ty tz qx qy qz qw.')
    ] = None
    ground_truth: Annotated[
        Path | None, typer.Option('--ground-truth', help='True trajectory, a TUM file.', rich_help_panel=_PANEL)
    ] = None
    align: Annotated[
        str | None,
        typer.Option(
            help=f'{"|".join(ALIGNMENTS)}; default none, because an alignment hides a wrong map.',
            rich_help_panel=_PANEL,
        ),
    ] = None
    correct_scale: Annotated[
        bool | None, typer.Option('--correct-scale', help='Fit the scale too.', rich_help_panel=_PANEL)
    ] = None
    align_poses: Annotated[
        int | None, typer.Option(help='Fit the first so many poses only.', rich_help_panel=_PANEL)
    ] = None
    rpe_delta: Annotated[
        str | None,
        typer.Option(
            help=f'Of relative errors: 1m, 10f (frames), 5deg, 0.1rad; default {DEFAULT_DELTA}.', rich_help_panel=_PANEL
        ),
    ] = None
    rpe_all_pairs: Annotated[
        bool | None, typer.Option('--rpe-all-pairs', help='Not only consecutive pairs.', rich_help_panel=_PANEL)
    ] = None
    rpe_pairs_from_truth: Annotated[
        bool | None,
        typer.Option(
            '--rpe-pairs-from-truth', help='Measure the delta on the true trajectory.', rich_help_panel=_PANEL
        ),
    ] = None
    max_time_difference: Annotated[
        float | None, typer.Option(help='Seconds between stamps that belong together, 0.01.', rich_help_panel=_PANEL)
    ] = None
    time_offset: Annotated[
        float | None, typer.Option(help='Seconds, added to the stamps of the estimate.', rich_help_panel=_PANEL)
    ] = None
    interpolate: Annotated[
        bool | None,
        typer.Option(
            '--interpolate', help='Interpolate the truth instead of taking its nearest pose.', rich_help_panel=_PANEL
        ),
    ] = None
    max_gap: Annotated[
        float | None,
        typer.Option(
            help='Seconds without true poses that are a gap; default 0.5, or 5 usual steps.', rich_help_panel=_PANEL
        ),
    ] = None
    rate: Annotated[
        float | None,
        typer.Option(
            help='Answers expected per second, to count missing ones; default one per true pose.',
            rich_help_panel=_PANEL,
        ),
    ] = None

    def check(self) -> bool:
        """Whether two trajectories are to be compared.

        Raises:
            ConfigError: the options about trajectories are incomplete.
        """
        given = [field.name for field in dataclasses.fields(self) if getattr(self, field.name) is not None]
        if not given:
            return False
        if self.estimate is None:
            raise ConfigError(
                f'--{given[0].replace("_", "-")} is given without a trajectory to judge, expected '
                'neumap evaluate ESTIMATE.tum --ground-truth TRUTH.tum; leave it out for images and a map'
            )
        if self.ground_truth is None:
            raise ConfigError(
                f'the trajectory {self.estimate} is given without --ground-truth, expected the file of the true '
                'trajectory; add it'
            )
        return True

    def refuse(self, others: Mapping[str, object]) -> None:
        """Refuse options that have no meaning for two trajectories.

        Args:
            others: values by name, None where an option was not given.

        Raises:
            ConfigError: one was given.
        """
        for name, value in others.items():
            if value is not None:
                raise ConfigError(
                    f'--{name.replace("_", "-")} is given with the trajectory {self.estimate}, expected trajectories '
                    'or images, not both; leave one of them out'
                )

    def settings(self, *, metric: bool) -> ComparisonSettings:
        """How the trajectories are compared.

        Args:
            metric: whether a map unit is a metre.

        Raises:
            ConfigError: a value is unusable.
        """
        from neumap_ros.evaluation.alignment import Alignment
        from neumap_ros.evaluation.trajectory_comparison import ComparisonSettings

        align = self.align or 'none'
        if align not in ALIGNMENTS:
            raise ConfigError(f'--align is {align!r}, expected one of {", ".join(ALIGNMENTS)}')
        default = ComparisonSettings()
        difference, offset = self.max_time_difference, self.time_offset
        return ComparisonSettings(
            alignment=Alignment(align),
            correct_scale=bool(self.correct_scale),
            poses_to_align=self.align_poses,
            delta=parse_delta(
                self.rpe_delta or DEFAULT_DELTA,
                all_pairs=bool(self.rpe_all_pairs),
                from_truth=bool(self.rpe_pairs_from_truth),
            ),
            max_time_difference_s=default.max_time_difference_s if difference is None else difference,
            time_offset_s=default.time_offset_s if offset is None else offset,
            interpolate=bool(self.interpolate),
            max_gap_s=self.max_gap,
            rate_hz=self.rate,
            metric=metric,
        )


def parse_delta(text: str, *, all_pairs: bool = False, from_truth: bool = False) -> Delta:
    """A delta such as ``1m``, ``10 f``, ``5deg`` or ``0.1 rad``.

    Raises:
        ConfigError: not of that form, or no usable delta.
    """
    from neumap_ros.evaluation.trajectories import Delta, DeltaUnit

    match = _DELTA.fullmatch(text)
    try:
        value = float(match[1]) if match else 0.0
    except ValueError:
        match = None
    if match is None:
        raise ConfigError(f'--rpe-delta is {text!r}, expected a number with a unit such as 1m, 10f, 5deg or 0.1rad')
    return Delta(value, DeltaUnit(match[2][0]), all_pairs=all_pairs, from_truth=from_truth)


def evaluate_trajectories(
    options: TrajectoryOptions,
    *,
    out: Path | None = None,
    metric: bool = True,
    name: str | None = None,
    labels: Mapping[str, str] | None = None,
) -> None:
    """Compare two trajectories, show the figures and write them as a run.

    Args:
        options: with both files.
        out: folder to write to; None: nowhere.
        metric: whether a map unit is a metre.
        name: of the run; by default that of the file or folder.
        labels: of the run.

    Raises:
        NeumapError: a file is no trajectory, or the two cannot be compared.
    """
    from neumap_ros.evaluation.files import write_atomically
    from neumap_ros.evaluation.run_folder import write_run
    from neumap_ros.evaluation.trajectory_checks import read_trajectory
    from neumap_ros.evaluation.trajectory_comparison import compare_trajectories
    from neumap_ros.evaluation.trajectory_report import COMPARISON_NAME, comparison_document, comparison_tables

    assert options.estimate is not None and options.ground_truth is not None
    settings = options.settings(metric=metric)
    comparison = compare_trajectories(
        read_trajectory(options.estimate),
        read_trajectory(options.ground_truth),
        settings,
        name=name or (options.estimate.stem if out is None else out.resolve().name),
        source=f'{options.estimate} against {options.ground_truth}',
        labels=labels,
    )
    console = Console()
    console.print(comparison_tables(comparison))
    for note in comparison.notes:
        console.print(f'Note: {note}', highlight=False, markup=False, soft_wrap=True)
    if out is not None:
        write_run(comparison.run, out)
        document = json.dumps(comparison_document(comparison), indent=1, allow_nan=False) + '\n'
        write_atomically(out / COMPARISON_NAME, document.encode())
        written = f'Written: {out / "run.json"} and {out / COMPARISON_NAME}'
        console.print(escape(written), highlight=False, soft_wrap=True)
