# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Lifecycle nodes."""

from __future__ import annotations

import traceback
from typing import Any

from lifecycle_msgs.msg import State, Transition, TransitionDescription, TransitionEvent
from lifecycle_msgs.srv import ChangeState, GetAvailableStates, GetAvailableTransitions, GetState

from rclpy._rclpy_pybind11 import RCLError
from rclpy.callback_groups import CallbackGroup
from rclpy.lifecycle.managed_entity import ManagedEntity, TransitionCallbackReturn
from rclpy.lifecycle.publisher import LifecyclePublisher
from rclpy.lifecycle.state_machine import (
    ACTIVATING,
    CLEANING_UP,
    CONFIGURING,
    DEACTIVATING,
    ERROR_PROCESSING,
    SHUTTING_DOWN,
    STATES,
    TRANSITIONS,
    LifecycleState,
    LifecycleTransition,
    StateMachine,
)
from rclpy.node import Node
from rclpy.qos import QoSProfile

_CALLBACKS = {
    CONFIGURING: 'on_configure',
    CLEANING_UP: 'on_cleanup',
    SHUTTING_DOWN: 'on_shutdown',
    ACTIVATING: 'on_activate',
    DEACTIVATING: 'on_deactivate',
    ERROR_PROCESSING: 'on_error',
}


class LifecycleNodeMixin(ManagedEntity):
    """Gives a class that inherits ``Node`` the states; its ``on_...`` methods are the callbacks."""

    def __init__(
        self: Any, *, enable_communication_interface: bool = True, callback_group: CallbackGroup | None = None
    ) -> None:
        """Begin unconfigured; ``Node.__init__`` must have run.

        Args:
            enable_communication_interface: Offer the services by which others ask for transitions.
            callback_group: Callback group of these services; the node's default group if None.
        """
        self._managed_entities: dict[ManagedEntity, None] = {}
        self._state_machine = StateMachine(self._publish_transition)
        self._transition_event_publisher = self.create_publisher(
            TransitionEvent, '~/transition_event', QoSProfile(depth=10)
        )
        if not enable_communication_interface:
            return
        for service_type, name, callback in (
            (ChangeState, 'change_state', self._on_change_state),
            (GetState, 'get_state', self._on_get_state),
            (GetAvailableStates, 'get_available_states', self._on_get_available_states),
            (GetAvailableTransitions, 'get_available_transitions', self._on_get_available_transitions),
            (GetAvailableTransitions, 'get_transition_graph', self._on_get_transition_graph),
        ):
            self.create_service(service_type, f'~/{name}', callback, callback_group=callback_group)

    # Transitions from inside

    def trigger_configure(self) -> TransitionCallbackReturn:
        """Go from unconfigured to inactive.

        Raises:
            RCLError: The present state does not allow that.
        """
        return self._change_state('configure')

    def trigger_cleanup(self) -> TransitionCallbackReturn:
        """Go from inactive to unconfigured, or raise RCLError."""
        return self._change_state('cleanup')

    def trigger_shutdown(self) -> TransitionCallbackReturn:
        """Go from any primary state to finalized, or raise RCLError."""
        return self._change_state('shutdown')

    def trigger_activate(self) -> TransitionCallbackReturn:
        """Go from inactive to active, or raise RCLError."""
        return self._change_state('activate')

    def trigger_deactivate(self) -> TransitionCallbackReturn:
        """Go from active to inactive, or raise RCLError."""
        return self._change_state('deactivate')

    def _change_state(self, wanted: int | str) -> TransitionCallbackReturn:
        before = self._state_machine.state
        self._state_machine.take(wanted)
        outcome = self._run_callback(before)
        self._state_machine.take(outcome.to_label())
        if outcome is TransitionCallbackReturn.ERROR:
            self._state_machine.take(self._run_callback(before).to_label())
        return outcome

    def _run_callback(self: Any, before: LifecycleState) -> TransitionCallbackReturn:
        name = _CALLBACKS[self._state_machine.state]
        try:
            outcome = getattr(self, name)(before)
        except Exception:
            self.get_logger().error(f'{name}() raised an exception:\n{traceback.format_exc()}')
            return TransitionCallbackReturn.ERROR
        if not isinstance(outcome, TransitionCallbackReturn):
            self.get_logger().error(f'{name}() must return a TransitionCallbackReturn, got {outcome!r}')
            return TransitionCallbackReturn.ERROR
        return outcome

    # Callbacks, which a node may override

    def _forward(self, name: str, state: LifecycleState) -> TransitionCallbackReturn:
        """Call the managed entities until one does not succeed."""
        for entity in self._managed_entities:
            outcome = getattr(entity, name)(state)
            if not isinstance(outcome, TransitionCallbackReturn):
                raise TypeError(f'{name}() of {entity} must return a TransitionCallbackReturn, got {outcome!r}')
            if outcome is not TransitionCallbackReturn.SUCCESS:
                return outcome
        return TransitionCallbackReturn.SUCCESS

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Configure the managed entities; a node that overrides this calls it too."""
        return self._forward('on_configure', state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Clean up the managed entities; a node that overrides this calls it too."""
        return self._forward('on_cleanup', state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Shut down the managed entities; a node that overrides this calls it too."""
        return self._forward('on_shutdown', state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Activate the managed entities; a node that overrides this calls it too."""
        return self._forward('on_activate', state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Deactivate the managed entities; a node that overrides this calls it too."""
        return self._forward('on_deactivate', state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let the managed entities tidy up; a node that overrides this calls it too."""
        return self._forward('on_error', state)

    # Managed entities

    def add_managed_entity(self, entity: ManagedEntity) -> None:
        """Let something follow the transitions of this node."""
        if not isinstance(entity, ManagedEntity):
            raise TypeError(f'expected a rclpy.lifecycle.ManagedEntity, got {entity!r}')
        self._managed_entities[entity] = None

    def create_lifecycle_publisher(self: Any, *args: Any, **kwargs: Any) -> LifecyclePublisher:
        """Create a publisher that publishes only while the node is active; arguments as of ``create_publisher``."""
        if 'publisher_class' in kwargs:
            raise TypeError("create_lifecycle_publisher() got an unexpected keyword argument 'publisher_class'")
        publisher: LifecyclePublisher = self.create_publisher(*args, **kwargs, publisher_class=LifecyclePublisher)
        self.add_managed_entity(publisher)
        return publisher

    def destroy_lifecycle_publisher(self: Any, publisher: LifecyclePublisher) -> bool:
        """Destroy such a publisher; returns whether it was this node's."""
        self._managed_entities.pop(publisher, None)
        return bool(self.destroy_publisher(publisher))

    # Services and events

    def _publish_transition(self: Any, transition: LifecycleTransition) -> None:
        event = TransitionEvent(timestamp=self.get_clock().now().nanoseconds)
        event.transition, event.start_state, event.goal_state = _messages(transition)
        self._transition_event_publisher.publish(event)

    def _on_change_state(self: Any, request: Any, response: Any) -> Any:
        wanted = request.transition.label or request.transition.id
        try:
            self._state_machine.find(wanted)
        except RCLError as error:
            self.get_logger().warning(f'cannot change the state: {error}')
            response.success = False
            return response
        response.success = self._change_state(wanted) is TransitionCallbackReturn.SUCCESS
        return response

    def _on_get_state(self, request: Any, response: Any) -> Any:
        response.current_state = _state_message(self._state_machine.state)
        return response

    def _on_get_available_states(self, request: Any, response: Any) -> Any:
        response.available_states = [_state_message(state) for state in STATES]
        return response

    def _on_get_available_transitions(self, request: Any, response: Any) -> Any:
        response.available_transitions = _descriptions(self._state_machine.available_transitions)
        return response

    def _on_get_transition_graph(self, request: Any, response: Any) -> Any:
        response.available_transitions = _descriptions(TRANSITIONS)
        return response


def _state_message(state: LifecycleState) -> State:
    return State(id=state.state_id, label=state.label)


def _messages(transition: LifecycleTransition) -> tuple[Transition, State, State]:
    message = Transition(id=transition.transition_id, label=transition.label)
    return message, _state_message(transition.start), _state_message(transition.goal)


def _descriptions(transitions: list[LifecycleTransition]) -> list[TransitionDescription]:
    return [
        TransitionDescription(transition=message, start_state=start, goal_state=goal)
        for message, start, goal in map(_messages, transitions)
    ]


class LifecycleNode(LifecycleNodeMixin, Node):
    """A node with a lifecycle."""

    def __init__(self, node_name: str, *, enable_communication_interface: bool = True, **kwargs: Any) -> None:
        """Create a node that is unconfigured.

        Args:
            node_name: Its name.
            enable_communication_interface: Offer the services by which others ask for transitions.
            **kwargs: More options of ``Node``.
        """
        Node.__init__(self, node_name, **kwargs)
        LifecycleNodeMixin.__init__(self, enable_communication_interface=enable_communication_interface)
