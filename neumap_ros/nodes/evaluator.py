# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node that judges a localizer while the robot drives, with the figures of ``neumap replay``, and writes a run."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_updater import DiagnosticStatusWrapper
from geometry_msgs.msg import PoseWithCovarianceStamped
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from rclpy.timer import Timer
from rich.console import Console
from sensor_msgs.msg import Image

from neumap_ros.errors import CalibrationError, MapError, NeumapError
from neumap_ros.evaluation.live import LiveRun
from neumap_ros.evaluation.run import CONDITION, parse_labels
from neumap_ros.evaluation.run_figures import Figures, figures
from neumap_ros.evaluation.run_folder import write_run
from neumap_ros.evaluation.run_tables import print_run
from neumap_ros.evaluation.run_types import Run
from neumap_ros.geometry import Pose
from neumap_ros.maps.manifest import parse_manifest
from neumap_ros.msg import LocalizationStatus, MapIndex
from neumap_ros.nodes import evaluator_diagnostics, parameters
from neumap_ros.nodes.conversions import nanoseconds
from neumap_ros.nodes.diagnostics import new_updater
from neumap_ros.nodes.evaluator_pictures import LivePictures
from neumap_ros.nodes.evaluator_rows import row_of_pose, row_of_status
from neumap_ros.nodes.lifecycle import ManagedNode
from neumap_ros.nodes.map_topics import INDEX_TOPIC, LATCHED_QOS
from neumap_ros.nodes.transforms import TfReader
from neumap_ros.nodes.truth_input import TruthInput, open_truth_input

STATUS_TOPIC, POSE_TOPIC, PICTURE_TOPIC = 'localizer/status', 'pose', 'localizer/debug_image'
_STATUS_QOS = QoSProfile(depth=1000)
_POSE_QOS = QoSProfile(depth=1000, reliability=ReliabilityPolicy.BEST_EFFORT)

# How often true poses and TF are looked up for attempts that wait for them, and for how many of the last ones.
_TICK_S, _WAITING_ATTEMPTS = 0.2, 50
# Figures and files are made again when they are so old, and never so often that they take more than this share.
_FIGURES_S, _LARGEST_SHARE = 2.0, 0.05


class Evaluator(ManagedNode):
    """Listens to one localizer and to true poses; writes a run now and then, and when it ends.

    Args:
        options: of ``rclpy.node.Node``.

    Raises:
        ConfigError: a parameter given at start is unusable.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__('evaluator', parameters.EVALUATOR, **options)
        self._values: dict[str, Any] = {}
        self._labels: dict[str, str] = {}
        self._live = LiveRun()
        self._has_statuses = False
        self._frames = ('map', 'base_link')
        self._truth: TruthInput | None = None
        self._tf: TfReader | None = None
        self._pictures = LivePictures(0)
        self._subscriptions_: list[Subscription] = []
        self._timer: Timer | None = None
        self._started_s = time.monotonic()
        self._next_figures_s = self._next_write_s = 0.0
        self._figures: Figures | None = None
        self._notes: tuple[str, ...] = ()
        self._written = 0
        self._writer: threading.Thread | None = None
        self._problem = ''
        self._updater = new_updater(self)
        self._updater.add('evaluation', self._diagnose)
        self.add_on_set_parameters_callback(self._check_parameters)
        self.add_post_set_parameters_callback(self._take_parameters)

    # Parameters

    def _check_parameters(self, changes: list[Parameter]) -> SetParametersResult:
        """Accept or refuse a change; nothing is changed here."""
        reason = parameters.problem(parameters.EVALUATOR, changes)
        known = {row.name for row in parameters.EVALUATOR}
        fixed = sorted({change.name for change in changes if change.name in known} - parameters.LIVE_EVALUATOR)
        if not reason and fixed and self.phase != 'unconfigured':
            reason = f'parameter {fixed[0]} takes effect at configure only; deactivate and clean up the node first'
        return SetParametersResult(successful=not reason, reason=reason)

    def _take_parameters(self, changes: list[Parameter]) -> None:
        """Attempts from now on have the new condition."""
        self._values |= {change.name: change.value for change in changes if change.name in parameters.LIVE_EVALUATOR}

    # Lifecycle

    def configure(self) -> None:
        """Open the ground truth; a run begins."""
        values = parameters.read(self, parameters.EVALUATOR)
        labels = parse_labels([text for text in values['labels'].split(',') if text.strip()], 'parameter labels')
        values['condition'] = values['condition'] or labels.get(CONDITION, '')
        self._values, self._labels = values, labels
        self._live, self._has_statuses = LiveRun(), False
        self._figures, self._notes, self._written, self._problem = None, (), 0, ''
        self._started_s = time.monotonic()
        self._pictures = LivePictures(values['pictures'])
        self._tf = TfReader(self)
        self._truth = open_truth_input(self, self._tf, values['ground_truth'], values['max_gap_s'])

    def activate(self) -> None:
        """Listen."""
        listen = self.create_subscription
        self._subscriptions_ = [
            listen(LocalizationStatus, STATUS_TOPIC, self._on_status, _STATUS_QOS),
            listen(PoseWithCovarianceStamped, POSE_TOPIC, self._on_pose, _POSE_QOS),
            listen(MapIndex, INDEX_TOPIC, self._on_index, LATCHED_QOS),
        ]
        if self._values['pictures']:
            self._subscriptions_.append(listen(Image, PICTURE_TOPIC, self._on_picture, QoSProfile(depth=20)))
        self._next_write_s = time.monotonic() + self._values['write_period_s']
        # Of the machine: a simulated clock may stand still.
        self._timer = self.create_timer(_TICK_S, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def deactivate(self) -> None:
        """Cease to listen and write the run."""
        was_active = self._timer is not None
        if self._timer is not None:
            self.destroy_timer(self._timer)
            self._timer = None
        for subscription in self._subscriptions_:
            self.destroy_subscription(subscription)
        self._subscriptions_ = []
        if was_active:
            self._finish()

    def clean_up(self) -> None:
        """Give back TF and the ground truth; the run has ended."""
        for part in (self._truth, self._tf):
            if part is not None:
                part.close()
        self._truth = self._tf = None

    # Callbacks

    def _on_status(self, message: LocalizationStatus) -> None:
        if not self._has_statuses:
            # Poses that came first were only half of what is known.
            if self._live.rows:
                self._live.forget_attempts()
                self._pictures = LivePictures(self._values['pictures'])
            self._has_statuses = True
        try:
            row = row_of_status(message, self._values['condition'])
        except CalibrationError as error:
            self.get_logger().error(str(error), throttle_duration_sec=10.0)
            return
        self._frames = (message.header.frame_id, message.child_frame_id)
        self._live.add(row)

    def _on_pose(self, message: PoseWithCovarianceStamped) -> None:
        """Poses of a localizer without a status count as its attempts."""
        if self._has_statuses:
            return
        age_ms = (self.get_clock().now().nanoseconds - nanoseconds(message.header.stamp)) / 1e6
        try:
            self._live.add(row_of_pose(message, age_ms, self._values['condition']))
        except CalibrationError as error:
            self.get_logger().error(str(error), throttle_duration_sec=10.0)
            return
        self._frames = (message.header.frame_id, self._values['base_frame'])

    def _on_index(self, message: MapIndex) -> None:
        if message.sha256:
            try:
                self._live.use_map(parse_manifest(bytes(message.manifest), message.map_id), message.sha256)
            except MapError as error:
                self.get_logger().error(str(error))

    def _on_picture(self, message: Image) -> None:
        self._pictures.take(message)

    def _tick(self) -> None:
        """Look what is known by now; now and then make figures and files."""
        if self._truth is not None:
            self._truth.look()
        self._look_up(_WAITING_ATTEMPTS)
        self._pictures.offer(self._live.rows, metric=self._live.metric, has_truth=self._truth is not None)
        now_s = time.monotonic()
        if now_s >= self._next_figures_s:
            run = self._run()
            self._figures, self._notes = figures(run), run.notes
            self._next_figures_s = now_s + max(_FIGURES_S, (time.monotonic() - now_s) / _LARGEST_SHARE)
        if self._values['write_period_s'] and now_s >= self._next_write_s and len(self._live.rows) > self._written:
            self._write_beside()

    # The run

    def _look_up(self, last: int | None) -> None:
        map_frame, base_frame = self._frames
        tf, truth = self._tf, self._truth
        if truth is not None:
            self._live.judge(lambda stamp_ns: truth.at(stamp_ns, map_frame, base_frame), last)
        if tf is not None and self._values['record_tf']:

            def robot_at(stamp_ns: int) -> Pose | None:
                found = tf.at(map_frame, base_frame, stamp_ns)
                return None if isinstance(found, str) else found

            self._live.place(robot_at, _WAITING_ATTEMPTS)

    def _run(self) -> Run:
        values, truth = self._values, self._truth
        self._live.problems = {'truth': truth.problem} if truth is not None and truth.problem else {}
        return self._live.run(
            name=values['name'] or Path(values['out']).expanduser().resolve().name,
            source=f'live run of {self.resolve_topic_name(STATUS_TOPIC if self._has_statuses else POSE_TOPIC)}',
            map_frame=self._frames[0],
            body=self._frames[1],
            labels=self._labels,
            truth_expected=truth is not None,
            truth_span_ns=None if truth is None else truth.span_ns,
            timings={'wall_s': time.monotonic() - self._started_s},
        )

    def _write_beside(self) -> None:
        """Write in a thread of its own, unless one does so still; attempts go on coming."""
        if self._writer is not None and self._writer.is_alive():
            return
        run, pictures = self._pictures.pictures(self._run())
        began_s = time.monotonic()

        def write() -> None:
            try:
                write_run(run, Path(self._values['out']).expanduser(), pictures)
                self._written, self._problem = len(run.attempts), ''
            except NeumapError as error:
                self._problem = str(error)
            now_s = time.monotonic()
            pause_s = max(self._values['write_period_s'], (now_s - began_s) / _LARGEST_SHARE)
            self._next_write_s = now_s + pause_s

        self._writer = threading.Thread(target=write, name='writer')
        self._writer.start()

    def _finish(self) -> None:
        """Write the whole run and show it."""
        if self._writer is not None:
            self._writer.join()
        self._look_up(None)
        self._pictures.offer(self._live.rows, metric=self._live.metric, has_truth=self._truth is not None, final=True)
        if not self._live.rows:
            self.get_logger().error(
                f'there is no run: no attempt was heard on {self.resolve_topic_name(STATUS_TOPIC)} and no pose '
                f'on {self.resolve_topic_name(POSE_TOPIC)}; start a localizer in this namespace, or remap the topics'
            )
            return
        out = Path(self._values['out']).expanduser()
        run, pictures = self._pictures.pictures(self._run())
        write_run(run, out, pictures)
        self._figures, self._notes, self._written = figures(run), run.notes, len(run.attempts)
        print_run(Console(), run)
        self.get_logger().info(f'the run of {len(run.attempts)} attempts lies in {out}')

    # Diagnostics

    def _diagnose(self, status: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        truth = self._truth
        problems = [self._problem, '' if truth is None else truth.problem, *self._notes]
        if self.phase != 'active':
            status.summary(DiagnosticStatus.WARN, f'the node is {self.phase}')
        elif not self._live.rows:
            topic = self.resolve_topic_name(STATUS_TOPIC)
            status.summary(DiagnosticStatus.WARN, f'no attempt yet on {topic}; is the localizer running?')
        else:
            evaluator_diagnostics.summarize(
                status, self._figures, [text for text in problems if text], truth is not None
            )
        if self._figures is not None:
            evaluator_diagnostics.add(status, self._figures, self._live.metric)
        if truth is not None:
            status.add('true poses', str(truth.count))
        status.add('attempts written', str(self._written))
        return status
