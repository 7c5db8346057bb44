# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the nodes of this package share: transitions that fail cleanly, and starting without a lifecycle manager."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from typing import Any

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from neumap_ros.errors import NeumapError
from neumap_ros.nodes.parameters import Row, declare


class ManagedNode(LifecycleNode):  # type: ignore[misc, unused-ignore]
    """A lifecycle node whose transitions either happen or leave the node in the state before, with the reason logged.

    Subclasses override :meth:`configure`, :meth:`activate`, :meth:`deactivate` and :meth:`clean_up`, plain methods that
    raise where they cannot do what they shall. rclpy swallows such an exception, says nothing and ends in an error
    state; here it is logged, what was half done is undone, and the transition counts as failed, so that it can be asked
    for again. :meth:`deactivate` and :meth:`clean_up` therefore have to bear being called in any state.

    Args:
        name: of the node.
        table: of its parameters; declared before anything else, ``autostart`` among them.
        options: more of ``rclpy.node.Node``, such as ``parameter_overrides`` and ``namespace``.

    Raises:
        ConfigError: a parameter given at start is unusable.
    """

    def __init__(self, name: str, table: Iterable[Row], **options: Any) -> None:
        super().__init__(name, **options)
        self._phase = 'unconfigured'
        self._start_failed, self._ended_well = False, True
        declare(self, table)

    @property
    def phase(self) -> str:
        """``unconfigured``, ``inactive``, ``active`` or ``finalized``."""
        return self._phase

    @property
    def start_failed(self) -> bool:
        """Whether :meth:`start` could not configure the node, and nobody has done so since."""
        return self._start_failed

    # For subclasses

    def configure(self) -> None:
        """Take what the node needs in order to be activated; may raise."""

    def activate(self) -> None:
        """Begin to work; may raise."""

    def deactivate(self) -> None:
        """Cease to work; may be called in any state."""

    def clean_up(self) -> None:
        """Give back what :meth:`configure` took; may be called in any state."""

    # Starting and ending

    def start(self) -> None:
        """Configure and activate if ``autostart`` says so and the node is unconfigured; a failure is logged."""
        if not self.get_parameter('autostart').value or self._phase != 'unconfigured':
            return
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()
        else:
            self._start_failed = True

    def finish(self) -> bool:
        """Give back everything, in whatever state the node is; nothing is raised.

        Returns:
            Whether all went well; a node that could not write what it had to leave behind did not end well.
        """
        if self._phase != 'finalized' and not self._attempt('shut down', self.trigger_shutdown):
            return False
        return self._ended_well

    # Transitions

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Configure, or undo what was half done."""
        return self._transit('inactive', 'configure', self.configure, self.clean_up, super().on_configure, state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Activate, or undo what was half done."""
        return self._transit('active', 'activate', self.activate, self.deactivate, super().on_activate, state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Deactivate."""
        return self._transit('inactive', 'deactivate', self.deactivate, None, super().on_deactivate, state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Give back everything."""
        return self._transit('unconfigured', 'clean up', self.clean_up, None, super().on_cleanup, state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Give back everything for good; what goes wrong is logged and does not keep the node from ending."""
        deactivated, cleaned = self._attempt('deactivate', self.deactivate), self._attempt('clean up', self.clean_up)
        self._ended_well = deactivated and cleaned
        self._phase = 'finalized'
        outcome: TransitionCallbackReturn = super().on_shutdown(state)
        return outcome

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start anew after a managed entity failed."""
        self._attempt('deactivate', self.deactivate)
        self._attempt('clean up', self.clean_up)
        self._phase = 'unconfigured'
        outcome: TransitionCallbackReturn = super().on_error(state)
        return outcome

    def _transit(
        self,
        goal: str,
        what: str,
        do: Callable[[], None],
        undo: Callable[[], None] | None,
        entities: Callable[[LifecycleState], TransitionCallbackReturn],
        state: LifecycleState,
    ) -> TransitionCallbackReturn:
        if not self._attempt(what, do):
            if undo is not None:
                self._attempt(f'undo: {what}', undo)
            return TransitionCallbackReturn.FAILURE
        outcome = entities(state)
        if outcome == TransitionCallbackReturn.SUCCESS:
            self._phase, self._start_failed = goal, False
        return outcome

    def _attempt(self, what: str, do: Callable[[], object]) -> bool:
        """Run something; what it raises is logged, with a traceback unless it is meant for people."""
        try:
            do()
        except NeumapError as error:
            self.get_logger().error(f'cannot {what}: {error}')
        except Exception:
            self.get_logger().error(f'cannot {what}:\n{traceback.format_exc()}')
        else:
            return True
        return False
