# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0

import signal

import pytest

from rosless.dds import Participant, Qos, Reader, Writer, announcement
from rosless.dds.announcement import NodeEntry
from rosless.dds.graph import Graph
from rosless.dds.names import Kind, dds_topic, dds_type, parse_user_data, ros_name, ros_service_type, ros_type
from rosless.test.peers import RAW, running, wait_until

TYPE = 'test::msg::dds_::Bytes_'


@pytest.fixture
def participant():
    participant = Participant()
    yield participant
    participant.delete()


@pytest.fixture
def graph(participant):
    graph = Graph(participant)
    yield graph
    graph.close()


@pytest.mark.parametrize(
    ('name', 'kind', 'topic'),
    [
        ('/chatter', Kind.TOPIC, 'rt/chatter'),
        ('/ns/add', Kind.REQUEST, 'rq/ns/addRequest'),
        ('/ns/add', Kind.REPLY, 'rr/ns/addReply'),
    ],
)
def test_names(name, kind, topic):
    assert dds_topic(name, kind) == topic
    assert ros_name(topic) == (kind, name)


@pytest.mark.parametrize('topic', ['rtchatter', 'chatter', 'rq/add', 'ros_discovery_info', ''])
def test_names_that_are_not_of_ros(topic):
    assert ros_name(topic) is None


def test_types():
    assert dds_type('std_msgs/msg/String') == 'std_msgs::msg::dds_::String_'
    assert ros_type('std_msgs::msg::dds_::String_') == 'std_msgs/msg/String'
    for other in ('String', 'a::String', 'a::dds_::String', ''):
        assert ros_type(other) == other
    assert ros_service_type('a::srv::dds_::Add_Request_') == 'a/srv/Add'
    assert ros_service_type('a::srv::dds_::Add_Response_') == 'a/srv/Add'
    assert ros_service_type('a::msg::dds_::Add_Request_') is None
    assert ros_service_type('a::srv::dds_::Add_') is None


def test_user_data():
    assert parse_user_data(b'enclave=/;typehash=RIHS01_00;') == {'enclave': '/', 'typehash': 'RIHS01_00'}
    assert parse_user_data(b'') == parse_user_data(b'\xff') == {}


def test_announcements():
    nodes = [NodeEntry('/', 'a', [bytes(range(16))], []), NodeEntry('/ns', 'bcd', [], [b'x' * 16, b'y' * 16])]
    data = announcement.encode(b'p' * 16, nodes)
    assert announcement.decode(data) == (b'p' * 16, nodes)
    assert announcement.decode(announcement.encode(b'p' * 16, [])) == (b'p' * 16, [])
    # By hand, from the definition of the message: participant, one node '/' 'n', one reader, no writer.
    sample = b'\0\1\0\0' + b'p' * 16 + b'\1\0\0\0' + b'\2\0\0\0/\0\0\0' + b'\2\0\0\0n\0\0\0'
    sample += b'\1\0\0\0' + b'r' * 16 + b'\0\0\0\0'
    assert announcement.decode(sample) == (b'p' * 16, [NodeEntry('/', 'n', [b'r' * 16], [])])


def test_broken_announcements():
    data = announcement.encode(b'p' * 16, [NodeEntry('/', 'a', [b'r' * 16], [b'w' * 16])])
    for length in range(len(data)):
        with pytest.raises(ValueError, match='announcement'):
            announcement.decode(data[:length])
    with pytest.raises(ValueError, match='claims 4294967295 items'):
        announcement.decode(data[:20] + b'\xff\xff\xff\xff' + data[24:])


def test_own_nodes_and_endpoints(participant, graph):
    entry = graph.add_node('/ns', 'one')
    writer = Writer(participant, 'rt/a', TYPE, Qos(depth=3, transient_local=True, user_data=b'typehash=x;'))
    reader = Reader(participant, 'rt/a', TYPE, Qos(depth=None, reliable=False))
    graph.add_endpoint(entry, writer)
    assert [(node.namespace, node.name) for node, _ in graph.nodes()] == [('/ns', 'one')]
    wait_until(lambda: len(of_topic(graph, 'rt/a')) == 2)
    ends = {end.is_reader: end for end in of_topic(graph, 'rt/a')}
    assert ends[False].qos == Qos(depth=3, transient_local=True, user_data=b'typehash=x;')
    assert ends[True].qos == Qos(depth=None, reliable=False)
    assert graph.node_of(ends[False]) is entry
    assert graph.node_of(ends[True]).name == '_NODE_NAME_UNKNOWN_'
    reader.delete()
    wait_until(lambda: len(of_topic(graph, 'rt/a')) == 1)
    graph.remove_node(entry)
    assert graph.nodes() == []


def of_topic(graph, topic):
    return [endpoint for endpoint in graph.endpoints() if endpoint.topic == topic]


def test_nodes_of_another_process(graph):
    with running(RAW, 'node', 'far') as peer:
        peer.line()
        ((node, enclave),) = wait_until(graph.nodes)
        assert (node.namespace, node.name, enclave) == ('/peers', 'far', '/')
        (endpoint,) = wait_until(lambda: of_topic(graph, 'rt/far'))
        assert graph.node_of(endpoint).name == 'far'
        assert parse_user_data(endpoint.qos.user_data) == {'typehash': 'RIHS01_00'}


def test_who_comes_later_knows_who_was_there(participant, graph):
    for index in range(3):
        graph.add_node('/', f'node{index}')
    other = Participant()
    late = Graph(other)
    wait_until(lambda: {node.name for node, _ in late.nodes()} == {'node0', 'node1', 'node2'})
    late.close()
    other.delete()
    wait_until(lambda: len(graph.nodes()) == 3)


@pytest.mark.parametrize('number', [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.slow)])
def test_a_process_that_falls_silent_disappears(graph, number):
    with running(RAW, 'node', 'doomed') as peer:
        peer.line()
        wait_until(graph.nodes)
        peer.process.send_signal(number)
        wait_until(lambda: not graph.nodes() and not of_topic(graph, 'rt/doomed'), 15)


def test_listeners_hear_of_each_endpoint_once(participant, graph):
    heard = []
    first = Writer(participant, 'rt/a', TYPE, Qos())
    wait_until(lambda: of_topic(graph, 'rt/a'))
    listener = heard.append
    graph.listen('rt/a', listener)
    assert [end.guid for end in heard] == [first.guid]
    second = Reader(participant, 'rt/a', TYPE, Qos())
    Reader(participant, 'rt/b', TYPE, Qos())
    wait_until(lambda: of_topic(graph, 'rt/b'))
    assert [end.guid for end in heard] == [first.guid, second.guid]
    graph.unlisten('rt/a', listener)
    Writer(participant, 'rt/a', TYPE, Qos())
    wait_until(lambda: len(of_topic(graph, 'rt/a')) == 3)
    assert len(heard) == 2


def test_a_broken_announcement_is_told(participant, graph, caplog):
    other = Participant()
    writer = Writer(other, announcement.TOPIC, announcement.TYPE, Qos(depth=1, transient_local=True))
    wait_until(writer.matched)
    writer.write(b'\0\1\0\0', b'far too short')
    wait_until(lambda: 'its nodes stay unknown' in caplog.text)
    other.delete()
