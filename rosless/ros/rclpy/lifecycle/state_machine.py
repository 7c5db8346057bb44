# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The states of a lifecycle node and the ways between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lifecycle_msgs.msg import State, Transition

from rclpy._rclpy_pybind11 import RCLError


class LifecycleState(NamedTuple):
    """A state by label and number."""

    label: str
    state_id: int


class LifecycleTransition(NamedTuple):
    """A way from one state to another."""

    label: str
    transition_id: int
    start: LifecycleState
    goal: LifecycleState


UNKNOWN = LifecycleState('unknown', State.PRIMARY_STATE_UNKNOWN)
UNCONFIGURED = LifecycleState('unconfigured', State.PRIMARY_STATE_UNCONFIGURED)
INACTIVE = LifecycleState('inactive', State.PRIMARY_STATE_INACTIVE)
ACTIVE = LifecycleState('active', State.PRIMARY_STATE_ACTIVE)
FINALIZED = LifecycleState('finalized', State.PRIMARY_STATE_FINALIZED)
CONFIGURING = LifecycleState('configuring', State.TRANSITION_STATE_CONFIGURING)
CLEANING_UP = LifecycleState('cleaningup', State.TRANSITION_STATE_CLEANINGUP)
SHUTTING_DOWN = LifecycleState('shuttingdown', State.TRANSITION_STATE_SHUTTINGDOWN)
ACTIVATING = LifecycleState('activating', State.TRANSITION_STATE_ACTIVATING)
DEACTIVATING = LifecycleState('deactivating', State.TRANSITION_STATE_DEACTIVATING)
ERROR_PROCESSING = LifecycleState('errorprocessing', State.TRANSITION_STATE_ERRORPROCESSING)

# In the order in which ROS 2 lists them.
STATES = [
    *(UNKNOWN, UNCONFIGURED, INACTIVE, ACTIVE, FINALIZED),
    *(CONFIGURING, CLEANING_UP, SHUTTING_DOWN, ACTIVATING, DEACTIVATING, ERROR_PROCESSING),
]


def _outcomes(
    number: int, state: LifecycleState, success: LifecycleState, failure: LifecycleState, error: LifecycleState
) -> list[LifecycleTransition]:
    """Return the three ways out of a state in which a callback runs; their numbers follow each other."""
    goals = (('success', success), ('failure', failure), ('error', error))
    return [
        LifecycleTransition(f'transition_{label}', number + index, state, goal)
        for index, (label, goal) in enumerate(goals)
    ]


TRANSITIONS = [
    LifecycleTransition('configure', Transition.TRANSITION_CONFIGURE, UNCONFIGURED, CONFIGURING),
    *_outcomes(Transition.TRANSITION_ON_CONFIGURE_SUCCESS, CONFIGURING, INACTIVE, UNCONFIGURED, ERROR_PROCESSING),
    LifecycleTransition('cleanup', Transition.TRANSITION_CLEANUP, INACTIVE, CLEANING_UP),
    *_outcomes(Transition.TRANSITION_ON_CLEANUP_SUCCESS, CLEANING_UP, UNCONFIGURED, INACTIVE, ERROR_PROCESSING),
    LifecycleTransition('activate', Transition.TRANSITION_ACTIVATE, INACTIVE, ACTIVATING),
    *_outcomes(Transition.TRANSITION_ON_ACTIVATE_SUCCESS, ACTIVATING, ACTIVE, INACTIVE, ERROR_PROCESSING),
    LifecycleTransition('deactivate', Transition.TRANSITION_DEACTIVATE, ACTIVE, DEACTIVATING),
    *_outcomes(Transition.TRANSITION_ON_DEACTIVATE_SUCCESS, DEACTIVATING, INACTIVE, ACTIVE, ERROR_PROCESSING),
    LifecycleTransition('shutdown', Transition.TRANSITION_UNCONFIGURED_SHUTDOWN, UNCONFIGURED, SHUTTING_DOWN),
    LifecycleTransition('shutdown', Transition.TRANSITION_INACTIVE_SHUTDOWN, INACTIVE, SHUTTING_DOWN),
    LifecycleTransition('shutdown', Transition.TRANSITION_ACTIVE_SHUTDOWN, ACTIVE, SHUTTING_DOWN),
    *_outcomes(Transition.TRANSITION_ON_SHUTDOWN_SUCCESS, SHUTTING_DOWN, FINALIZED, FINALIZED, ERROR_PROCESSING),
    *_outcomes(Transition.TRANSITION_ON_ERROR_SUCCESS, ERROR_PROCESSING, UNCONFIGURED, FINALIZED, FINALIZED),
]


class StateMachine:
    """Where a node is; calls back at each step."""

    def __init__(self, on_transition: Callable[[LifecycleTransition], None]) -> None:
        """Begin unconfigured."""
        self.state = UNCONFIGURED
        self._on_transition = on_transition

    @property
    def available_transitions(self) -> list[LifecycleTransition]:
        """The ways out of the present state."""
        return [transition for transition in TRANSITIONS if transition.start is self.state]

    def find(self, wanted: int | str) -> LifecycleTransition:
        """Return the way out of the present state with a number or a label.

        Raises:
            RCLError: There is none.
        """
        for transition in self.available_transitions:
            if wanted in (transition.transition_id, transition.label):
                return transition
        possible = ', '.join(transition.label for transition in self.available_transitions) or 'none'
        raise RCLError(f"no transition '{wanted}' in state '{self.state.label}'; possible: {possible}")

    def take(self, wanted: int | str) -> None:
        """Go a way out of the present state."""
        transition = self.find(wanted)
        self.state = transition.goal
        self._on_transition(transition)
