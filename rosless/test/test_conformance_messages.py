# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Message classes, on rosless and as ROS 2 generates them: defaults, what they accept, how they compare and print."""

import array
import copy
import pickle

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import Point, Point32, PolygonStamped, PoseWithCovariance, Quaternion, TransformStamped
from nav_msgs.msg import OccupancyGrid
from rcl_interfaces.msg import IntegerRange, ParameterDescriptor, ParameterType, ParameterValue
from sensor_msgs.msg import CameraInfo, Image, JointState, LaserScan, NavSatStatus
from std_msgs.msg import Byte, Char, ColorRGBA, Empty, Float32, Header, Int8, MultiArrayLayout, String, UInt64
from std_srvs.srv import SetBool, Trigger


def test_defaults():
    assert Quaternion() == Quaternion(x=0.0, y=0.0, z=0.0, w=1.0)
    assert TransformStamped().transform.rotation.w == 1.0
    assert NavSatStatus().status == -2 == NavSatStatus.STATUS_UNKNOWN
    assert (String().data, Int8().data, Float32().data, Byte().data, Char().data) == ('', 0, 0.0, b'\0', 0)
    assert ParameterDescriptor().read_only is False
    assert PolygonStamped().polygon.points == []
    value = ParameterValue()
    assert (value.byte_array_value, value.bool_array_value, value.string_array_value) == ([], [], [])
    assert value.integer_array_value == array.array('q')
    info = CameraInfo()
    assert isinstance(info.k, np.ndarray)
    assert (info.k.dtype, info.k.shape, info.k.any()) == (np.float64, (9,), np.False_)
    assert info.d == array.array('d')


def test_instances_share_nothing():
    one, other = PoseWithCovariance(), PoseWithCovariance()
    one.covariance[0] = 1.0
    one.pose.position.x = 2.0
    assert other == PoseWithCovariance() != one
    JointState().name.append('elbow')
    assert JointState().name == []


def test_constants():
    assert (ParameterType.PARAMETER_STRING_ARRAY, DiagnosticStatus.STALE) == (9, b'\x03')
    assert DiagnosticStatus(level=DiagnosticStatus.WARN).level == b'\x01'
    assert Image().height == 0


def test_fields_and_types():
    assert Image.get_fields_and_field_types() == {
        'header': 'std_msgs/Header',
        'height': 'uint32',
        'width': 'uint32',
        'encoding': 'string',
        'is_bigendian': 'uint8',
        'step': 'uint32',
        'data': 'sequence<uint8>',
    }
    assert CameraInfo.get_fields_and_field_types()['k'] == 'double[9]'
    assert (
        ParameterDescriptor.get_fields_and_field_types()['integer_range'] == 'sequence<rcl_interfaces/IntegerRange, 1>'
    )
    assert DiagnosticStatus.get_fields_and_field_types()['level'] == 'octet'
    assert ParameterValue.get_fields_and_field_types()['bool_array_value'] == 'sequence<boolean>'
    assert Float32.get_fields_and_field_types() == {'data': 'float'}
    assert Empty.get_fields_and_field_types() == {}


def test_slots():
    assert {'_stamp', '_frame_id'} <= set(Header.__slots__)
    with pytest.raises(AttributeError):
        Header().frame = 'map'


def test_equality():
    assert Header(frame_id='map') == Header(frame_id='map') != Header(frame_id='odom')
    assert String(data='a') != 'a'
    assert Point() != Point32()
    assert CameraInfo(k=np.arange(9.0)) == CameraInfo(k=np.arange(9.0))
    with pytest.raises(TypeError, match='unhashable'):
        hash(String())


def test_repr():
    assert repr(Header(stamp=Time(sec=1, nanosec=2), frame_id='map')) == (
        "std_msgs.msg.Header(stamp=builtin_interfaces.msg.Time(sec=1, nanosec=2), frame_id='map')"
    )
    assert repr(Trigger.Response(success=True)) == "std_srvs.srv.Trigger_Response(success=True, message='')"
    assert repr(LaserScan(ranges=[1.0, 2.0])).endswith('ranges=[1.0, 2.0], intensities=[])')
    assert repr(Empty()) == 'std_msgs.msg.Empty()'


def test_constructor_refuses():
    with pytest.raises(AssertionError):
        String(text='a')
    with pytest.raises(AssertionError):
        String(data=5)
    with pytest.raises(TypeError):
        String('a')


@pytest.mark.parametrize(
    ('message', 'field', 'value'),
    [
        (String(), 'data', 5),
        (String(), 'data', None),
        (String(), 'data', b'bytes'),
        (Int8(), 'data', 128),
        (Int8(), 'data', -129),
        (Int8(), 'data', 1.0),
        (UInt64(), 'data', -1),
        (UInt64(), 'data', 2**64),
        (Float32(), 'data', 1),
        (Float32(), 'data', 1e39),
        (Byte(), 'data', 1),
        (Byte(), 'data', b'12'),
        (Char(), 'data', 'a'),
        (SetBool.Request(), 'data', 1),
        (Header(), 'stamp', 12.5),
        (Header(), 'stamp', Header()),
        (PolygonStamped().polygon, 'points', [Point()]),
        (PolygonStamped().polygon, 'points', Point32()),
        (JointState(), 'name', 'elbow'),
        (JointState(), 'name', ['elbow', 1]),
        (JointState(), 'position', ['1']),
        (JointState(), 'position', 1.0),
        (CameraInfo(), 'k', np.zeros(8)),
        (CameraInfo(), 'k', [0.0] * 10),
        (Image(), 'data', [256]),
        (Image(), 'data', 'text'),
        (ParameterValue(), 'bool_array_value', [1]),
        (ParameterDescriptor(), 'integer_range', [IntegerRange(), IntegerRange()]),
        (MultiArrayLayout(), 'data_offset', -1),
    ],
)
def test_what_is_refused(message, field, value):
    before = copy.deepcopy(message)
    with pytest.raises(AssertionError):
        setattr(message, field, value)
    assert message == before


def test_what_is_accepted():
    assert Float32(data=float('nan')).data != 0.0
    assert Float32(data=float('-inf')).data == float('-inf')
    assert ColorRGBA(r=np.float64(0.5)).r == 0.5
    assert Int8(data=-128).data == -128
    assert JointState(position=(1.0, 2.0)).position == array.array('d', [1.0, 2.0])
    assert LaserScan(ranges=array.array('f', [1.5])).ranges == array.array('f', [1.5])
    assert OccupancyGrid(data=[-1, 100]).data == array.array('b', [-1, 100])
    assert list(CameraInfo(k=[1.0] * 9).k) == [1.0] * 9
    assert ParameterValue(bool_array_value=[True]).bool_array_value == [True]


def test_arrays_are_kept_not_copied():
    points, matrix, ranges = [], np.zeros(9), array.array('f')
    polygon, info, scan = PolygonStamped().polygon, CameraInfo(), LaserScan()
    polygon.points, info.k, scan.ranges = points, matrix, ranges
    assert polygon.points is points
    assert info.k is matrix
    assert scan.ranges is ranges


@pytest.mark.parametrize('kind', [bytes, bytearray, lambda data: array.array('B', data)])
def test_bytes(kind):
    message = Image(data=kind(b'\x00\x01\xff'))
    assert isinstance(message.data, array.array)
    assert message.data == array.array('B', [0, 1, 255])
    assert (len(message.data), bytes(message.data)) == (3, b'\x00\x01\xff')


def test_copies():
    message = CameraInfo(header=Header(frame_id='camera'), k=np.arange(9.0), d=[0.5])
    shallow, deep, pickled = copy.copy(message), copy.deepcopy(message), pickle.loads(pickle.dumps(message))
    assert shallow == deep == pickled == message
    shallow.header.frame_id = 'other'
    message.k[0] = 7.0
    assert message.header.frame_id == 'other'
    assert (deep.header.frame_id, deep.k[0]) == ('camera', 0.0)


def test_services():
    assert isinstance(Trigger.Request(), Trigger.Request)
    response = SetBool.Response(success=True, message='done')
    assert (response.success, response.message) == (True, 'done')
    with pytest.raises(NotImplementedError):
        Trigger()


def test_module():
    import std_msgs.msg

    assert std_msgs.msg.String is String
    with pytest.raises(ImportError):
        from std_msgs.msg import Strong  # noqa: F401
