# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Transitions that fail leave the node in the state before; nodes start by themselves and end in order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import rclpy
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from map_helpers import NodeProcess, Operator, make_map, make_server, running, wait_for
from neumap_ros.msg import MapStatus
from rclpy.node import Node
from rclpy.parameter import Parameter

from neumap_ros.errors import ConfigError, MapError
from neumap_ros.nodes.lifecycle import ManagedNode
from neumap_ros.nodes.main import NODES, run
from neumap_ros.nodes.parameters import Row

AUTOSTART = (Row('autostart', True, 'Start.'),)


@pytest.fixture
def context() -> Iterator[None]:
    rclpy.init()
    yield
    rclpy.try_shutdown()


class Clumsy(ManagedNode):
    """Fails where a test says so, and keeps what it was asked to do."""

    def __init__(self, **options) -> None:
        super().__init__('clumsy', AUTOSTART, **options)
        self.steps: list[str] = []
        self.fails: dict[str, Exception] = {}

    def step(self, name: str) -> None:
        self.steps.append(name)
        if name in self.fails:
            raise self.fails[name]

    def configure(self) -> None:
        self.step('configure')

    def activate(self) -> None:
        self.step('activate')

    def deactivate(self) -> None:
        self.step('deactivate')

    def clean_up(self) -> None:
        self.step('clean_up')


class Manager:
    """A lifecycle manager."""

    def __init__(self, name: str) -> None:
        self.node = Node('manager')
        self.change = self.node.create_client(ChangeState, f'/{name}/change_state')
        self.state = self.node.create_client(GetState, f'/{name}/get_state')

    def ask(self, transition: int) -> bool:
        assert self.change.wait_for_service(30.0)
        future = self.change.call_async(ChangeState.Request(transition=Transition(id=transition)))
        wait_for(future.done)
        return future.result().success

    def see(self) -> int:
        assert self.state.wait_for_service(30.0)
        future = self.state.call_async(GetState.Request())
        wait_for(future.done)
        return future.result().current_state.id


@pytest.mark.usefixtures('context')
def test_starts_by_itself_unless_told_otherwise() -> None:
    node, patient = Clumsy(), Clumsy(parameter_overrides=[Parameter('autostart', value=False)])
    node.start()
    assert node.phase == 'active' and node.steps == ['configure', 'activate']
    patient.start()
    assert patient.phase == 'unconfigured' and patient.steps == []
    node.finish()
    assert node.phase == 'finalized' and node.steps[2:] == ['deactivate', 'clean_up']
    for one in (node, patient):
        one.destroy_node()


@pytest.mark.usefixtures('context')
@pytest.mark.parametrize('error', [MapError('no map there'), ZeroDivisionError('oops')])
def test_failures_leave_the_state_and_can_be_repeated(error: Exception, capfd: pytest.CaptureFixture[str]) -> None:
    node, manager = Clumsy(), Manager('clumsy')
    with running(node, manager.node):
        node.fails = {'configure': error}
        assert not manager.ask(Transition.TRANSITION_CONFIGURE)
        assert manager.see() == State.PRIMARY_STATE_UNCONFIGURED and node.phase == 'unconfigured'
        assert node.steps == ['configure', 'clean_up']
        node.fails = {'activate': error}
        assert manager.ask(Transition.TRANSITION_CONFIGURE)
        assert not manager.ask(Transition.TRANSITION_ACTIVATE)
        assert manager.see() == State.PRIMARY_STATE_INACTIVE
        node.fails = {}
        assert manager.ask(Transition.TRANSITION_ACTIVATE)
        assert manager.see() == State.PRIMARY_STATE_ACTIVE
        node.fails = {'deactivate': error}
        assert not manager.ask(Transition.TRANSITION_DEACTIVATE)
        assert manager.see() == State.PRIMARY_STATE_ACTIVE
        assert manager.ask(Transition.TRANSITION_ACTIVE_SHUTDOWN), 'the end does not fail'
        assert manager.see() == State.PRIMARY_STATE_FINALIZED
    log = capfd.readouterr().err
    assert f'cannot configure:{" " if isinstance(error, MapError) else chr(10)}' in log
    assert ('Traceback' in log) == (not isinstance(error, MapError)), 'people get a sentence, programmers a traceback'


@pytest.mark.usefixtures('context')
def test_map_server_through_its_life(tmp_path: Path) -> None:
    stored = make_map(tmp_path / 'map')
    server = make_server(tmp_path / 'state', map_uri=str(stored.folder), autostart=False)
    manager, operator = Manager('map_server'), Operator()
    with running(server, manager.node, operator.node):
        server.start()
        assert manager.see() == State.PRIMARY_STATE_UNCONFIGURED
        assert not operator._status.messages
        for round_ in range(3):
            assert manager.ask(Transition.TRANSITION_CONFIGURE)
            operator.wait_active(1)
            count = len(operator.indices)
            assert manager.ask(Transition.TRANSITION_ACTIVATE)
            wait_for(lambda: len(operator.indices) > count and operator.index.sha256)  # noqa: B023
            assert manager.ask(Transition.TRANSITION_DEACTIVATE)
            if round_ < 2:
                assert manager.ask(Transition.TRANSITION_ACTIVATE), 'again from inactive'
                assert manager.ask(Transition.TRANSITION_DEACTIVATE)
            # What is set while inactive counts later.
            assert operator.set_atomically(revision=1).successful
            assert manager.ask(Transition.TRANSITION_CLEANUP)
            operator._status.messages.clear()
        assert manager.ask(Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)


@pytest.mark.usefixtures('context')
def test_bad_map_at_start_is_told_and_repaired_by_parameters(tmp_path: Path) -> None:
    server, operator = make_server(tmp_path / 'state', map_uri='/no/such/map'), Operator()
    with running(server, operator.node):
        server.start()
        assert server.phase == 'active'
        status = operator.wait_result(MapStatus.RESULT_FAILED)
        assert status.state == MapStatus.STATE_EMPTY
        assert '/no/such/map' in status.detail and 'there is no map' in status.detail
        wait_for(lambda: operator.index is not None)
        assert operator.index.sha256 == ''
        assert operator.set_atomically(uri=str(make_map(tmp_path / 'map').folder)).successful
        operator.wait_active(1)
        wait_for(lambda: operator.index.revision == 1)


@pytest.mark.usefixtures('context')
def test_no_map_at_all_is_told(tmp_path: Path) -> None:
    server, operator = make_server(tmp_path / 'state'), Operator()
    with running(server, operator.node):
        server.start()
        wait_for(lambda: 'map.uri' in operator.status.detail)
        assert operator.status.state == MapStatus.STATE_EMPTY
        assert operator.status.result == MapStatus.RESULT_NONE


@pytest.mark.usefixtures('context')
def test_state_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A file lies where the folder shall be; what is asked for after its removal works."""
    state = tmp_path / 'state'
    state.write_text('not a folder')
    stored = make_map(tmp_path / 'map')
    server, operator = make_server(state, map_uri=str(stored.folder)), Operator()
    with running(server, operator.node):
        server.start()
        status = operator.wait_result(MapStatus.RESULT_FAILED)
        assert 'state_dir' in status.detail and status.state == MapStatus.STATE_EMPTY
        state.unlink()
        assert operator.set_atomically(uri=str(stored.folder)).successful
        operator.wait_active(1)


@pytest.mark.usefixtures('context')
def test_parameters_given_at_start_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='memory_budget_mb'):
        make_server(tmp_path, memory_budget_mb=-3)
    with pytest.raises(ConfigError, match=r'map\.revision'):
        make_server(tmp_path, map_revision='newest')


def test_unknown_node() -> None:
    with pytest.raises(ConfigError, match='map_server'):
        run(['mapserver'])


@pytest.mark.parametrize('name', sorted({'localization', *NODES}))
def test_executables(name: str) -> None:
    script = Path(__file__).parents[2] / 'scripts' / name
    assert os.access(script, os.X_OK)
    lines = script.read_text().splitlines()
    assert lines[0] == '#!/usr/bin/env python3'
    code = [line for line in lines if line and not line.startswith('#')]
    assert len(code) == 2
    called = code[1].removeprefix('main([').removesuffix('])').replace("'", '').split(', ')
    assert set(called) == ({'localizer', 'map_server'} if name == 'localization' else {name})


@pytest.mark.parametrize('number', ['SIGINT', 'SIGTERM'])
def test_process_ends_in_order(tmp_path: Path, number: str) -> None:
    import signal

    stored = make_map(tmp_path / 'map')
    process = NodeProcess('map_server', **{'map.uri': stored.folder, 'state_dir': tmp_path / 'state'})
    try:
        wait_for(lambda: 'is active' in process.output(), 'start')
        process.popen.send_signal(getattr(signal, number))
        assert process.popen.wait(20) == 0
        assert 'Traceback' not in process.output()
    finally:
        process.stop()


def test_process_with_an_unusable_parameter_says_so(tmp_path: Path) -> None:
    process = NodeProcess('map_server', **{'memory_budget_mb': 'much', 'state_dir': tmp_path})
    try:
        assert process.popen.wait(30) == 1
        assert 'memory_budget_mb' in process.output()
        assert 'Traceback' not in process.output()
    finally:
        process.stop()


@pytest.mark.usefixtures('context')
def test_map_server_that_was_cleaned_up_is_not_started_by_parameters(tmp_path: Path) -> None:
    first, second = make_map(tmp_path / 'a'), make_map(tmp_path / 'b', 2)
    server = make_server(tmp_path / 'state', map_uri=str(first.folder))
    manager, operator = Manager('map_server'), Operator()
    with running(server, manager.node, operator.node):
        server.start()
        operator.wait_active(1)
        assert manager.ask(Transition.TRANSITION_DEACTIVATE)
        assert manager.ask(Transition.TRANSITION_CLEANUP)
        assert operator.set(uri=str(second.folder))[0].successful
        assert manager.see() == State.PRIMARY_STATE_UNCONFIGURED, 'its operator has put it there'
        assert manager.ask(Transition.TRANSITION_CONFIGURE)
        operator.wait_active(2)
