# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node ``localizer``: camera topics in; pose, TF and an honest status out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseWithCovarianceStamped
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile

from neumap_ros.errors import NeumapError
from neumap_ros.localization.localizer import Localizer
from neumap_ros.nodes import parameters
from neumap_ros.nodes.camera_input import CameraInput, check_names
from neumap_ros.nodes.diagnostics import Diagnostics, Report, Statistics, choose_device
from neumap_ros.nodes.lifecycle import ManagedNode
from neumap_ros.nodes.localizer_pipeline import Pipeline
from neumap_ros.nodes.map_client import MapClient
from neumap_ros.nodes.map_topics import INDEX_TOPIC
from neumap_ros.nodes.outputs import Outputs
from neumap_ros.nodes.parameters import LIVE, LOCALIZER
from neumap_ros.nodes.relocalization import Relocalization
from neumap_ros.nodes.transforms import Frames, Transforms, TransformSender

# Jumps of the clock that end what was known. Recordings are played with clocks of 10 Hz and more, also quickly.
JUMP_BACK_S, JUMP_FORWARD_S = -0.5, 10.0
MB = 2**20


class LocalizerNode(ManagedNode):
    """Tells a robot where it is.

    Callbacks only hand over: a :class:`Pipeline` does the work in a thread of its own.
    """

    def __init__(self) -> None:
        super().__init__('localizer', LOCALIZER)
        self.add_on_set_parameters_callback(self._on_set)
        self.add_post_set_parameters_callback(self._post_set)
        self._cameras: dict[str, CameraInput] = {}
        self._transforms: Transforms | None = None
        self._sender: TransformSender | None = None
        self._outputs: Outputs | None = None
        self._pipeline: Pipeline | None = None
        self._map_client: MapClient | None = None
        self._localizer: Localizer | None = None
        self._initial_pose: Any = None
        self._foreign_frame = ''
        self._tf_timer: Any = None
        self._device = ('cpu', '')
        self._relocalization = Relocalization(self, self._begin_relocalization, self._silence)
        self._statistics = Statistics()
        report = Report(self._waiting_for, self._report_inputs, self._report_transforms, self._report_map, self._where)
        self._diagnostics = Diagnostics(self, report, self._statistics)
        self._jumps = self.get_clock().create_jump_callback(
            JumpThreshold(
                min_forward=Duration(seconds=JUMP_FORWARD_S),
                min_backward=Duration(seconds=JUMP_BACK_S),
                on_clock_change=True,
            ),
            post_callback=self._on_time_jump,
        )

    # Parameters

    def _values(self) -> dict[str, Any]:
        return parameters.read(self, LOCALIZER)

    def _on_set(self, changes: list[Parameter]) -> SetParametersResult:
        """Accept or refuse; nothing is changed here."""
        if reason := parameters.problem(LOCALIZER, changes):
            return SetParametersResult(successful=False, reason=reason)
        known = {row.name for row in LOCALIZER}
        given = {change.name: change.value for change in changes if change.name in known}
        fixed = sorted(given.keys() - LIVE)
        if fixed and self.phase != 'unconfigured':
            reason = f'parameter {fixed[0]} takes effect at configure only; deactivate and clean up the node first'
            return SetParametersResult(successful=False, reason=reason)
        try:
            if any(name.startswith('tracker.') for name in given):
                parameters.tracker_settings(self._values() | given)
        except NeumapError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _post_set(self, changes: list[Parameter]) -> None:
        """Apply what was accepted."""
        names = {change.name for change in changes}
        if not names & LIVE or self._pipeline is None:
            return
        values = self._values()
        self._pipeline.use_parameters(values)
        self._relocalization.timeout_s = values['relocalize_timeout_s']
        if self._sender is not None:
            self._sender.tolerance_s = values['transform_tolerance']
        if 'tf_rate_hz' in names and self._tf_timer is not None:
            self._start_tf_timer(values['tf_rate_hz'])
        if self._map_client is not None and names & {row.name for row in parameters.CORE}:
            self._map_client.use_settings(parameters.localizer_settings(values))

    # Lifecycle

    def configure(self) -> None:
        """Check the parameters, listen to TF, and get the map."""
        values = self._values()
        check_names(values['cameras'])
        frames = Frames(values['frames.map'], values['frames.odom'], values['frames.base'])
        parameters.tracker_settings(values)
        self._device = choose_device(values['device'])
        if self._device[1]:
            self.get_logger().warning(self._device[1])
        else:
            self.get_logger().info(f'localizing on {self._device[0]}')
        self._relocalization.timeout_s = values['relocalize_timeout_s']
        self._transforms = Transforms(self, frames)
        self._sender = TransformSender(self, self._transforms, values['tf_mode'], values['transform_tolerance'])
        self._outputs = Outputs(self, frames)
        self._pipeline = Pipeline(
            self, values, self._transforms, self._sender, self._outputs, self._statistics, self._relocalization
        )
        self._map_client = MapClient(
            self, values['memory_budget_mb'] * MB, self.use_map, parameters.localizer_settings(values)
        )
        self._map_client.start()
        self._pipeline.on_wants = self._map_client.update_wants

    def activate(self) -> None:
        """Subscribe to the cameras and begin to localize."""
        values = self._values()
        assert self._pipeline is not None
        compressed, rectified = values['image_transport'] == 'compressed', values['rectified']
        self._cameras = {}
        for name in values['cameras']:
            self._cameras[name] = CameraInput(
                self, name, compressed=compressed, rectified=rectified, on_image=self._on_image
            )
        self._initial_pose = self.create_subscription(
            PoseWithCovarianceStamped, 'initialpose', self._on_initial_pose, QoSProfile(depth=10)
        )
        self._pipeline.start(self._cameras, self._localizer)
        self._start_tf_timer(values['tf_rate_hz'])

    def deactivate(self) -> None:
        """Cease to localize; the map stays."""
        if self._tf_timer is not None:
            self.destroy_timer(self._tf_timer)
            self._tf_timer = None
        for camera in self._cameras.values():
            camera.close()
        self._cameras = {}
        if self._initial_pose is not None:
            self.destroy_subscription(self._initial_pose)
            self._initial_pose = None
        if self._pipeline is not None:
            self._pipeline.stop()
        # Not before: calls come in other threads, and nobody would answer one that came in between.
        self._relocalization.cancel('the node was deactivated')
        if self._sender is not None:
            self._sender.forget()

    def clean_up(self) -> None:
        """Give back the map, TF and the publishers."""
        if self._map_client is not None:
            self._map_client.stop()
        for part in (self._sender, self._transforms, self._outputs):
            if part is not None:
                part.close()
        self._sender = self._transforms = self._outputs = None
        self._pipeline = self._map_client = self._localizer = None

    def destroy_node(self) -> None:
        """End the node."""
        self._jumps.unregister()
        super().destroy_node()

    # Callbacks

    def use_map(self, localizer: Localizer | None) -> None:
        """Localize with this from the next images on; from any thread."""
        self._localizer = localizer
        if localizer is not None:
            self._compare_frames(localizer.manifest.frame_id)
        if self._pipeline is not None:
            self._pipeline.use_map(localizer)

    def _compare_frames(self, of_map: str) -> None:
        """Say so where the map was made in a frame of another name than the one that poses are published in."""
        frame = self.get_parameter('frames.map').value
        if of_map != frame and self._foreign_frame != of_map:
            self.get_logger().warning(
                f'the frame of the map is {of_map!r}; its poses are published in {frame!r}, as frames.map says'
            )
        self._foreign_frame = of_map

    def _on_image(self, camera: str, stamp_ns: int, message: Any) -> None:
        if self._pipeline is not None:
            self._pipeline.post(camera, stamp_ns, message)

    def _on_initial_pose(self, message: PoseWithCovarianceStamped) -> None:
        if self._pipeline is not None:
            self._pipeline.initialize(message)

    def _on_time_jump(self, jump: TimeJump) -> None:
        seconds = jump.delta.nanoseconds / 1e9
        # The first time that is heard of is no jump.
        is_first = jump.delta.nanoseconds > 0 and jump.delta.nanoseconds == self.get_clock().now().nanoseconds
        if self._pipeline is not None and self.phase == 'active' and not is_first:
            self._pipeline.on_time_jump(f'the clock jumped by {seconds:.3f} s' if seconds else 'the clock changed')

    def _start_tf_timer(self, rate_hz: float) -> None:
        if self._tf_timer is not None:
            self.destroy_timer(self._tf_timer)
        assert self._sender is not None
        self._tf_timer = self.create_timer(1.0 / rate_hz, self._sender.send)

    def _begin_relocalization(self) -> str:
        if self._pipeline is None or self.phase != 'active':
            return f'the node is {self.phase}; activate it first'
        return '' if self._pipeline.relocalize() else 'the node is being deactivated; activate it first'

    # Diagnostics

    def _waiting_for(self) -> str:
        if self.phase != 'active':
            return f'the node is {self.phase}'
        if self.get_clock().now().nanoseconds == 0:
            return 'waiting for the clock: use_sim_time is true and /clock has not been heard; play with --clock'
        if self.get_parameter('mode').value == 'on_request' and self._statistics.last is None:
            return 'mode on_request: waiting for a call of ~/relocalize'
        return ''

    def _silence(self) -> str:
        """Why no image is looked at."""
        if not self._cameras:
            return f'the node is {self.phase}'
        if self.get_clock().now().nanoseconds == 0:
            return self._waiting_for()
        return '; '.join(text for camera in self._cameras.values() if (text := camera.problem()))

    def _report_inputs(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        figures: dict[str, str] = {}
        for name, camera in list(self._cameras.items()):
            topic = camera.images
            figures[f'{name} topic'] = topic.name
            figures[f'{name} rate Hz'] = f'{topic.rate_hz:.1f}'
            figures[f'{name} images'] = str(topic.count)
            figures[f'{name} last stamp'] = f'{topic.last_stamp_ns / 1e9:.3f}'
        return {name: camera.problem() for name, camera in list(self._cameras.items())}, figures

    def _report_transforms(self) -> str:
        return self._sender.check_parents() if self._sender is not None else ''

    def _report_map(self) -> tuple[bytes, str, Mapping[str, str]]:
        client, localizer = self._map_client, self._localizer
        state = client.state if client is not None else None
        if localizer is None:
            text = (state.refused or state.problem) if state is not None else ''
            return DiagnosticStatus.ERROR, text or 'no map yet; is the map_server running in this namespace?', {}
        manifest = localizer.manifest
        figures = {
            'map id': manifest.map_id,
            'revision': str(manifest.revision),
            'sha256': localizer.map_sha256,
            'frame': manifest.frame_id,
        }
        problem = ''
        if state is not None:
            figures |= {
                'regions': f'{state.regions_resident} of {state.regions}',
                'regions missing': str(state.regions_missing),
                'MB in memory': f'{state.bytes_resident / MB:.1f} of {state.bytes_budget / MB:.1f}',
                'revision on offer': str(state.offered_revision),
                'damaged files received': str(state.damaged),
            }
            problem = state.refused or state.problem
        if problem:
            return DiagnosticStatus.WARN, f'revision {manifest.revision} stays in use: {problem}', figures
        servers = sorted(
            f'{p.node_namespace.rstrip("/")}/{p.node_name}' for p in self.get_publishers_info_by_topic(INDEX_TOPIC)
        )
        if len(servers) > 1:
            text = (
                f'{len(servers)} nodes send maps ({", ".join(servers)}), expected one; their maps displace each other'
            )
            return DiagnosticStatus.WARN, f'{text}: give each map_server a namespace of its own', figures
        return DiagnosticStatus.OK, f'map {manifest.map_id} revision {manifest.revision}', figures

    def _where(self) -> tuple[str, str]:
        return self._device
