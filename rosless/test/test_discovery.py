# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0

import os
import xml.etree.ElementTree as ElementTree

import pytest

from rosless.dds import DdsError, Participant, discovery
from rosless.dds.discovery import Range
from rosless.test.peers import RAW, running


def settings(**environment):
    """The configuration, without the user's part, as a dictionary from setting to element."""
    own = discovery.configuration(environment).partition('</CycloneDDS>')
    root = ElementTree.fromstring(''.join(own[:2]))
    return {element.tag: element for section in root.find('Domain') for element in section}


def peers(found):
    return [peer.get('Address') for peer in found['Peers']] if 'Peers' in found else []


@pytest.mark.parametrize(
    ('text', 'expected'), [('', 0), ('  7 ', 7), ('232', 232), ('233', None), ('-1', None), ('one', None)]
)
def test_the_domain(text, expected):
    if expected is None:
        with pytest.raises(ValueError, match='it must be a number from 0 to 232'):
            discovery.domain_id({'ROS_DOMAIN_ID': text})
    else:
        assert discovery.domain_id({'ROS_DOMAIN_ID': text}) == expected
    assert discovery.domain_id({}) == 0


def test_the_range(caplog):
    assert discovery.discovery_range({}) is Range.SUBNET
    for known in Range:
        assert discovery.discovery_range({'ROS_AUTOMATIC_DISCOVERY_RANGE': known.value}) is known
    localhost_only = {'ROS_LOCALHOST_ONLY': '1', 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SUBNET'}
    assert discovery.discovery_range(localhost_only) is Range.LOCALHOST
    assert not caplog.records
    assert discovery.discovery_range({'ROS_AUTOMATIC_DISCOVERY_RANGE': 'WORLD'}) is Range.LOCALHOST
    assert "'WORLD', expected one of OFF, LOCALHOST, SUBNET, SYSTEM_DEFAULT" in caplog.text


def test_what_the_ranges_mean(caplog):
    static = {'ROS_STATIC_PEERS': 'robot; 10.0.0.7;'}
    subnet = settings(**static)
    assert peers(subnet) == ['127.0.0.1', 'robot', '10.0.0.7'] and 'AllowMulticast' not in subnet
    localhost = settings(ROS_AUTOMATIC_DISCOVERY_RANGE='LOCALHOST', **static)
    assert peers(localhost) == ['127.0.0.1', 'robot', '10.0.0.7']
    assert localhost['AllowMulticast'].text == 'false'
    assert not caplog.records
    off = settings(ROS_AUTOMATIC_DISCOVERY_RANGE='OFF', **static)
    assert peers(off) == [] and off['Tag'].text == f'ros_discovery_off_{os.getpid()}'
    default = settings(ROS_AUTOMATIC_DISCOVERY_RANGE='SYSTEM_DEFAULT', **static)
    assert peers(default) == [] and 'ParticipantIndex' not in default
    ignored = [record.message for record in caplog.records]
    assert ignored == [
        f'ROS_STATIC_PEERS is ignored because ROS_AUTOMATIC_DISCOVERY_RANGE is {reach}'
        for reach in ('OFF', 'SYSTEM_DEFAULT')
    ]


def test_interfaces(tmp_path):
    """Only this machine means loopback, unless the user chose an interface or peers on other machines."""
    localhost = {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}
    assert settings(**localhost)['Interfaces'][0].get('address') == '127.0.0.1'
    assert 'Interfaces' not in settings(**localhost, ROS_STATIC_PEERS='10.0.0.7')
    assert 'Interfaces' not in settings(ROS_AUTOMATIC_DISCOVERY_RANGE='SUBNET')
    inline = '<General><Interfaces><NetworkInterface name="lo"/></Interfaces></General>'
    assert 'Interfaces' not in settings(**localhost, CYCLONEDDS_URI=inline)
    file = tmp_path / 'cyclone.xml'
    file.write_text(f'<CycloneDDS><Domain>{inline}</Domain></CycloneDDS>')
    assert 'Interfaces' not in settings(**localhost, CYCLONEDDS_URI=f'file://{file}')
    assert 'Interfaces' in settings(**localhost, CYCLONEDDS_URI=f'file://{file}.missing')


def test_names_of_peers_are_quoted():
    assert peers(settings(ROS_STATIC_PEERS='a"/><b')) == ['127.0.0.1', 'a"/><b']


def test_the_users_configuration_comes_last():
    user = 'file:///etc/cyclone.xml'
    assert discovery.configuration({'CYCLONEDDS_URI': user}).endswith(f',{user}')
    assert not discovery.configuration({}).endswith(',')


def test_a_broken_configuration_is_an_error(monkeypatch):
    monkeypatch.setenv('CYCLONEDDS_URI', '<CycloneDDS><Domain><NoSuchThing/></Domain></CycloneDDS>')
    number = int(os.environ['ROS_DOMAIN_ID']) + 1
    with pytest.raises(DdsError, match=rf'open domain {number} with the configuration .*NoSuchThing'):
        Participant(number)
    monkeypatch.delenv('CYCLONEDDS_URI')
    Participant(number).delete()


LO = {
    'CYCLONEDDS_URI': '<CycloneDDS><Domain><General><Interfaces><NetworkInterface name="lo"/></Interfaces></General>'
    '</Domain></CycloneDDS>'
}
TAGGED = {'CYCLONEDDS_URI': '<CycloneDDS><Domain><Discovery><Tag>other</Tag></Discovery></Domain></CycloneDDS>'}
OFF = {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'OFF'}
LOCALHOST = {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}
SUBNET = {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SUBNET'}


@pytest.mark.parametrize(
    ('one', 'other', 'meet'),
    [
        (LOCALHOST, LOCALHOST, True),
        (SUBNET, SUBNET, True),
        (SUBNET, LOCALHOST, True),
        (LOCALHOST, SUBNET, True),
        (LOCALHOST, {**LOCALHOST, **LO}, True),
        (LOCALHOST, {**LOCALHOST, 'ROS_STATIC_PEERS': 'localhost'}, True),
        (LOCALHOST, OFF, False),
        (OFF, OFF, False),
        (LOCALHOST, {**LOCALHOST, **TAGGED}, False),
        ({**LOCALHOST, **TAGGED}, {**LOCALHOST, **TAGGED}, True),
    ],
)
def test_who_finds_whom(one, other, meet):
    """Two processes on this machine."""
    with running(RAW, 'sink', 'meeting', **one) as sink, running(RAW, 'write', 'meeting', '1.0', **other) as writer:
        assert sink.line() == 'ready'
        if meet:
            assert sink.line() == 'got 8'
            return
        assert writer.process.wait() == 0
        sink.process.terminate()
        assert sink.process.stdout.read() == ''
