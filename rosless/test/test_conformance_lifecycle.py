# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Lifecycle nodes, on rosless and on a real rclpy alike."""

import pytest
from lifecycle_msgs.msg import State, Transition, TransitionEvent
from lifecycle_msgs.srv import ChangeState, GetAvailableStates, GetAvailableTransitions, GetState
from rclpy.lifecycle import LifecycleNode, ManagedEntity, SimpleManagedEntity, TransitionCallbackReturn
from ros_helpers import call, spin_until
from std_msgs.msg import String

SUCCESS = TransitionCallbackReturn.SUCCESS
FAILURE = TransitionCallbackReturn.FAILURE
ERROR = TransitionCallbackReturn.ERROR


class Managed(LifecycleNode):
    """Answers each transition as it is told, or raises what it is told."""

    def __init__(self, name, **options):
        super().__init__(name, **options)
        self.answers = {}
        self.log = []

    def answer(self, name, state):
        self.log.append((name, state.label))
        answer = self.answers.get(name, SUCCESS)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def on_configure(self, state):
        super().on_configure(state)
        return self.answer('configure', state)

    def on_cleanup(self, state):
        return self.answer('cleanup', state)

    def on_activate(self, state):
        super().on_activate(state)
        return self.answer('activate', state)

    def on_deactivate(self, state):
        super().on_deactivate(state)
        return self.answer('deactivate', state)

    def on_shutdown(self, state):
        return self.answer('shutdown', state)

    def on_error(self, state):
        return self.answer('error', state)


@pytest.fixture
def node(make_node):
    return make_node('managed', node_class=Managed)


@pytest.fixture
def ask(executor, make_node):
    """Call a service of the lifecycle node."""
    caller = make_node('caller')

    def ask(service_type, name, **fields):
        client = caller.create_client(service_type, f'/managed/{name}')
        assert client.wait_for_service(timeout_sec=10)
        response = call(executor, client, service_type.Request(**fields))
        caller.destroy_client(client)
        return response

    return ask


def label(ask):
    return ask(GetState, 'get_state').current_state.label


def change(ask, **wanted):
    return ask(ChangeState, 'change_state', transition=Transition(**wanted)).success


def test_the_whole_life(node, ask):
    assert label(ask) == 'unconfigured'
    for transition, state in (
        ('configure', 'inactive'),
        ('activate', 'active'),
        ('deactivate', 'inactive'),
        ('cleanup', 'unconfigured'),
        ('shutdown', 'finalized'),
    ):
        assert change(ask, label=transition)
        assert label(ask) == state
    assert node.log == [
        ('configure', 'unconfigured'),
        ('activate', 'inactive'),
        ('deactivate', 'active'),
        ('cleanup', 'inactive'),
        ('shutdown', 'unconfigured'),
    ]


def test_transitions_by_number(node, ask):
    assert change(ask, id=Transition.TRANSITION_CONFIGURE)
    assert change(ask, id=Transition.TRANSITION_ACTIVATE)
    assert change(ask, id=Transition.TRANSITION_ACTIVE_SHUTDOWN)
    assert ask(GetState, 'get_state').current_state == State(id=State.PRIMARY_STATE_FINALIZED, label='finalized')


def test_transitions_from_inside(node):
    assert node.trigger_configure() == SUCCESS
    assert node.trigger_activate() == SUCCESS
    assert node.trigger_deactivate() == SUCCESS
    assert node.trigger_cleanup() == SUCCESS
    with pytest.raises(RuntimeError):
        node.trigger_activate()
    assert node.trigger_shutdown() == SUCCESS
    with pytest.raises(RuntimeError):
        node.trigger_shutdown()


def test_an_impossible_transition(node, ask):
    assert not change(ask, label='activate')
    assert not change(ask, label='no_such_transition')
    assert label(ask) == 'unconfigured'
    assert node.log == []


@pytest.mark.parametrize(
    ('answers', 'state'),
    [
        ({'configure': FAILURE}, 'unconfigured'),
        ({'configure': ERROR}, 'unconfigured'),
        ({'configure': ERROR, 'error': FAILURE}, 'finalized'),
        ({'configure': ERROR, 'error': ERROR}, 'finalized'),
        ({'configure': RuntimeError('as told')}, 'unconfigured'),
        ({'configure': RuntimeError('as told'), 'error': RuntimeError('again')}, 'finalized'),
    ],
)
def test_a_transition_that_goes_wrong(node, ask, answers, state):
    node.answers = answers
    assert not change(ask, label='configure')
    assert label(ask) == state
    errors = [] if answers['configure'] == FAILURE else ['error']
    assert [name for name, _ in node.log] == ['configure', *errors]


def test_states_and_transitions_are_listed(node, ask):
    states = [state.label for state in ask(GetAvailableStates, 'get_available_states').available_states]
    assert states == [
        *('unknown', 'unconfigured', 'inactive', 'active', 'finalized', 'configuring', 'cleaningup', 'shuttingdown'),
        *('activating', 'deactivating', 'errorprocessing'),
    ]

    def listed(name):
        return [
            (one.transition.id, one.transition.label, one.start_state.label, one.goal_state.label)
            for one in ask(GetAvailableTransitions, name).available_transitions
        ]

    assert listed('get_available_transitions') == [
        (1, 'configure', 'unconfigured', 'configuring'),
        (5, 'shutdown', 'unconfigured', 'shuttingdown'),
    ]
    graph = listed('get_transition_graph')
    assert len(graph) == 25
    assert (62, 'transition_error', 'errorprocessing', 'finalized') in graph
    assert (21, 'transition_failure', 'cleaningup', 'inactive') in graph


def test_events(executor, make_node, node):
    events = []
    listener = make_node('listener')
    listener.create_subscription(
        TransitionEvent,
        '/managed/transition_event',
        lambda event: events.append((event.start_state.label, event.goal_state.label)),
        10,
    )
    spin_until(executor, lambda: node.count_subscribers('/managed/transition_event') == 1)
    spin_until(executor, lambda: listener.count_publishers('/managed/transition_event'))
    node.trigger_configure()
    spin_until(executor, lambda: len(events) >= 2)
    assert events == [('unconfigured', 'configuring'), ('configuring', 'inactive')]


def test_a_lifecycle_publisher_speaks_while_it_is_active(executor, make_node, node):
    received = []
    publisher = node.create_lifecycle_publisher(String, 'words', 10)
    make_node('listener').create_subscription(String, 'words', lambda msg: received.append(msg.data), 10)
    spin_until(executor, lambda: publisher.get_subscription_count() == 1)
    for step in ('configure', 'activate', 'deactivate'):
        getattr(node, f'trigger_{step}')()
        publisher.publish(String(data=step))
    assert not publisher.is_activated
    node.trigger_activate()
    publisher.publish(String(data='again'))
    spin_until(executor, lambda: 'again' in received)
    assert received == ['activate', 'again']
    node.destroy_lifecycle_publisher(publisher)


def test_managed_entities(node):
    class Part(SimpleManagedEntity):
        used = 0

        @SimpleManagedEntity.when_enabled
        def use(self):
            self.used += 1

    class Refuser(ManagedEntity):
        def on_activate(self, state):
            return FAILURE

    part = Part()
    node.add_managed_entity(part)
    with pytest.raises(TypeError):
        node.add_managed_entity(object())
    part.use()
    assert part.used == 0
    LifecycleNode.on_activate(node, None)
    part.use()
    assert (part.is_activated, part.used) == (True, 1)
    node.add_managed_entity(Refuser())
    assert LifecycleNode.on_activate(node, None) == FAILURE
    assert LifecycleNode.on_cleanup(node, None) == SUCCESS
