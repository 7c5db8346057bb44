# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Names, bytes and hashes of messages."""

import array
import copy
import pickle
import random
import re
import struct

import numpy as np
import pytest
from geometry_msgs.msg import Point, PolygonStamped
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Empty, Float64MultiArray, String
from std_srvs.srv import Trigger

from rosless import interfaces

# As the packages of ROS 2 Jazzy say.
HASHES = {
    'std_msgs/msg/String': 'RIHS01_df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18',
    'std_srvs/srv/Trigger': 'RIHS01_eeff2cd6fa5ad9d27cdf4dec64818317839b62f212a91e6b5304b634b2062c5f',
    'std_srvs/srv/Trigger_Request': 'RIHS01_d010825374ce8918e72bfd826c82603e60f45419e932ea976f807b74a863a199',
    'rcl_interfaces/msg/Log': 'RIHS01_e28ce254ca8abc06abf92773b74602cdbf116ed34fbaf294fb9f81da9f318eac',
    # With a char array, and bounded strings.
    'rmw_dds_common/msg/ParticipantEntitiesInfo': (
        'RIHS01_91a0593bacdcc50ea9bdcf849a938b128412cc1ea821245c663bcd26f83c295e'
    ),
}


def random_value(kind, rng):
    """A value of a field, whose type is given as in `get_fields_and_field_types`."""
    if match := re.fullmatch(r'sequence<(.*?)(?:, (\d+))?>', kind):
        return [random_value(match[1], rng) for _ in range(rng.randint(0, min(3, int(match[2] or 3))))]
    if match := re.fullmatch(r'(.*)\[(\d+)\]', kind):
        return [random_value(match[1], rng) for _ in range(int(match[2]))]
    if match := re.fullmatch(r'(u?)int(\d+)', kind):
        bits = int(match[2])
        return rng.randrange(2**bits) if match[1] else rng.randrange(-(2 ** (bits - 1)), 2 ** (bits - 1))
    if kind.startswith('string'):
        return ''.join(rng.choice('aä漢 ') for _ in range(rng.randint(0, 7)))
    if '/' in kind:
        return random_message(interfaces.load(kind), rng)
    return {
        'boolean': rng.random() < 0.5,
        'octet': rng.randbytes(1),
        'float': rng.randint(-999, 999) / 8,
        'double': rng.uniform(-1e9, 1e9),
    }[kind]


def random_message(cls, rng):
    return cls(**{name: random_value(kind, rng) for name, kind in cls.get_fields_and_field_types().items()})


def test_every_message_survives():
    rng = random.Random(0)
    count = 0
    for package in interfaces.packages():
        for kind in ('msg', 'srv'):
            for name in interfaces.names(package, kind):
                loaded = interfaces.load(f'{package}/{kind}/{name}')
                for cls in (loaded,) if kind == 'msg' else (loaded.Request, loaded.Response):
                    message = random_message(cls, rng)
                    again = interfaces.deserialize(interfaces.serialize(message), cls)
                    assert again == message
                    assert interfaces.from_dict(cls, interfaces.to_dict(message)) == message
                    assert interfaces.type_hash(interfaces.type_name(cls)).startswith('RIHS01_')
                    count += 1
    assert count > 200


def test_bytes():
    joints = JointState(name=['a'], position=[0.5])
    # Header, stamp, frame, names, then the double on an eight-byte border, counted from behind the CDR header.
    expected = b'\0\1\0\0' + bytes(8) + struct.pack('<I', 1) + b'\0' + bytes(3) + struct.pack('<II', 1, 2) + b'a\0\0\0'
    expected += struct.pack('<I', 1) + bytes(-(len(expected)) % 8) + struct.pack('<d', 0.5) + struct.pack('<II', 0, 0)
    assert bytes(interfaces.serialize(joints)) == expected
    assert bytes(interfaces.serialize(Empty())) == b'\0\1\0\0\0'


def test_big_endian():
    data = b'\0\0\0\0' + struct.pack('>III', 0, 0, 1) + b'd' + bytes(3) + struct.pack('>I', 1) + bytes(8)
    layout = b'\0\0\0\0' + struct.pack('>II', 0, 0) + struct.pack('>I', 2) + bytes(4) + struct.pack('>dd', 1.5, -2.0)
    message = interfaces.deserialize(layout, Float64MultiArray)
    assert message.data == array.array('d', [1.5, -2.0])
    with pytest.raises(interfaces.InterfaceError):
        interfaces.deserialize(data[:9], Float64MultiArray)


def test_padding_after_the_message_is_allowed():
    data = bytes(interfaces.serialize(String(data='ab')))
    for padding in range(4):
        assert interfaces.deserialize(data + bytes(padding), String).data == 'ab'


@pytest.mark.parametrize(
    'data',
    [
        b'',
        b'\0\1\0\0',
        b'\0\1\0\0\x05\0\0\0abc',
        b'\0\1\0\0\xff\xff\xff\xff',
        b'\0\1\0\0\x02\0\0\0\xff\0',
        b'\x07\1\0\0\x02\0\0\0a\0',
        b'\0\1\0\0\x02\0\0\0a\0' + bytes(100),
    ],
)
def test_other_bytes_are_refused(data):
    with pytest.raises(interfaces.InterfaceError, match=f'{len(data)} bytes are no std_msgs/msg/String'):
        interfaces.deserialize(data, String)


def test_received_bytes_are_not_copied():
    pixels = np.arange(640 * 480 * 3, dtype=np.uint32).astype(np.uint8)
    sent = Image(height=480, width=640, step=1920, encoding='rgb8', data=pixels)
    buffer = bytearray(interfaces.serialize(sent))
    received = interfaces.deserialize(memoryview(buffer).toreadonly(), Image)
    view = np.frombuffer(received.data, np.uint8)
    assert np.shares_memory(view, np.frombuffer(buffer, np.uint8))
    assert (view == pixels).all()
    assert (len(received.data), received.data[1], bytes(received.data[:3])) == (pixels.size, 1, b'\0\1\2')
    assert received.data == sent.data == received.data
    assert received == sent
    with pytest.raises(TypeError):
        received.data[0] = 1

    passed_on = Image(data=received.data)
    assert passed_on.data is received.data
    assert interfaces.deserialize(interfaces.serialize(received), Image) == sent
    for copied in (copy.deepcopy(received), pickle.loads(pickle.dumps(received))):
        assert copied == sent
        assert isinstance(copied.data, array.array)


def test_received_arrays_can_be_changed():
    received = interfaces.deserialize(interfaces.serialize(CameraInfo(d=[1.0])), CameraInfo)
    received.k[0] = 500.0
    received.d.append(2.0)
    assert (received.k[0], received.d) == (500.0, array.array('d', [1.0, 2.0]))


def test_numpy_arrays_are_taken():
    assert Image(data=np.array([1, 2], np.uint8)).data == array.array('B', [1, 2])
    assert Image(data=np.array([1, 2])).data == array.array('B', [1, 2])
    assert Image(data=np.arange(10, dtype=np.uint8)[::2]).data == array.array('B', [0, 2, 4, 6, 8])
    assert Image(data=memoryview(bytearray(b'ab'))).data == array.array('B', b'ab')
    assert JointState(position=np.array([1, 2])).position == array.array('d', [1.0, 2.0])
    assert JointState(position=[1, 2]).position == array.array('d', [1.0, 2.0])
    info = CameraInfo(k=np.eye(3).reshape(3, 3).ravel()[::1], p=np.arange(12.0))
    assert (interfaces.deserialize(interfaces.serialize(info), CameraInfo).p == np.arange(12.0)).all()
    strided = CameraInfo()
    strided.k = np.arange(18.0)[::2]
    assert (interfaces.deserialize(interfaces.serialize(strided), CameraInfo).k == np.arange(18.0)[::2]).all()


@pytest.mark.parametrize(
    'value', [np.array([256]), np.array([-1]), np.array([0.5]), np.zeros((2, 2), np.uint8), np.array([True])]
)
def test_other_numpy_arrays_are_refused(value):
    with pytest.raises(AssertionError, match=r'sensor_msgs/msg/Image\.data'):
        Image(data=value)


def test_the_receiver_of_an_array_does_not_see_later_changes():
    data = bytearray(b'ab')
    message = Image(data=data)
    data[0] = 0
    assert bytes(message.data) == b'ab'


def test_refusals_name_field_and_value():
    with pytest.raises(AssertionError, match=r'std_msgs/msg/String\.data must be a str, got int 5'):
        String(data=5)
    with pytest.raises(AssertionError, match=r'std_msgs/msg/String has no field text; it has data'):
        String(text='a')


def test_fields_that_became_wrong():
    polygon = PolygonStamped().polygon
    polygon.points.append(Point)
    with pytest.raises(interfaces.InterfaceError, match='geometry_msgs/msg/Polygon cannot be serialised'):
        interfaces.serialize(polygon)
    info = CameraInfo()
    info.k.resize(8, refcheck=False)
    with pytest.raises(interfaces.InterfaceError, match='sensor_msgs/msg/CameraInfo cannot be serialised'):
        interfaces.serialize(info)


@pytest.mark.parametrize('name', HASHES)
def test_hashes(name):
    assert interfaces.type_hash(name) == HASHES[name]


def test_names():
    assert interfaces.load('std_msgs/msg/String') is interfaces.load('std_msgs/String') is String
    assert interfaces.load('std_srvs/srv/Trigger') is Trigger
    assert interfaces.load('std_srvs/srv/Trigger_Response') is Trigger.Response
    assert interfaces.type_name(Trigger) == 'std_srvs/srv/Trigger'
    assert interfaces.type_name(Trigger.Response) == 'std_srvs/srv/Trigger_Response'
    assert 'LaserScan' in interfaces.names('sensor_msgs', 'msg')
    assert interfaces.names('std_srvs', 'srv') == ['Empty', 'SetBool', 'Trigger']
    with pytest.raises(TypeError, match='expected the class of a message or service'):
        interfaces.type_name(int)


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('String', 'is no type; expected a name like'),
        ('std_msgs/action/String', 'is no type'),
        ('../msg/String', 'is no type'),
        ('std_msgs/msg/Strong', 'no message std_msgs/msg/Strong; std_msgs has .*String'),
        ('std_srvs/srv/Trick', 'no service std_srvs/srv/Trick; std_srvs has Empty, SetBool, Trigger'),
        ('unheard_msgs/msg/String', 'unheard_msgs has no msg folder that can be found'),
    ],
)
def test_unknown_names(name, message):
    with pytest.raises(interfaces.InterfaceError, match=message):
        interfaces.load(name)


def test_dictionaries():
    cls = interfaces.load('diagnostic_msgs/msg/DiagnosticArray')
    values = {
        'header': {'stamp': {'sec': 1, 'nanosec': 2}, 'frame_id': 'map'},
        'status': [{'level': 1, 'name': 'a', 'message': '', 'hardware_id': '', 'values': [{'key': 'k', 'value': 'v'}]}],
    }
    message = interfaces.from_dict(cls, values)
    assert message.status[0].level == b'\x01'
    assert interfaces.to_dict(message) == values
    assert interfaces.from_dict(Point, {'x': 1, 'z': 2.5}) == Point(x=1.0, z=2.5)
    assert interfaces.from_dict(CameraInfo, {'d': [1, 2.5]}).d == array.array('d', [1.0, 2.5])


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        ({'point': 1}, "geometry_msgs/msg/PolygonStamped has no field 'point'; it has header, polygon"),
        ({'polygon': 1}, r'PolygonStamped\.polygon takes fields like \{name: value\}, got 1'),
        ({'polygon': {'points': {'x': 1}}}, r'PolygonStamped\.polygon\.points takes a list'),
        ({'polygon': {'points': [{'x': 'far'}]}}, r"Point32\.x must be a float, got str 'far'"),
        ({'header': {'stamp': {'sec': True}}}, r'header\.stamp\.sec is a int32, got True'),
        ({'header': {'stamp': {'nanosec': -1}}}, 'nanosec is a uint32, from 0 to 4294967295, got -1'),
    ],
)
def test_wrong_dictionaries(values, message):
    with pytest.raises(interfaces.InterfaceError, match=message):
        interfaces.from_dict(PolygonStamped, values)
