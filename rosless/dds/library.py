# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The only module that loads libddsc: C structures, and the functions of Cyclone DDS that are used.

The library comes out of the wheel `cyclonedds` or, where there is no such wheel (Linux on ARM), from the system.
"""

from __future__ import annotations

import ctypes as ct
import ctypes.util
import importlib.util
import os
from pathlib import Path
from typing import Any

from rosless.dds.errors import DdsError, LibraryMissingError

INFINITY_NS = 0x7FFFFFFFFFFFFFFF
ANY_STATE = 0x7F
# Handles that always exist: the library itself, and the topics of what was discovered.
LIBRARY_HANDLE = 0x7FFF0100
PARTICIPANTS_TOPIC = 0x7FFF0001
PUBLICATIONS_TOPIC = 0x7FFF0003
SUBSCRIPTIONS_TOPIC = 0x7FFF0004
INSTANCE_ALIVE = 16
TIMEOUT = -10


class Guid(ct.Structure):
    """The globally unique identifier of an entity."""

    _fields_ = (('v', ct.c_uint8 * 16),)


class IoVector(ct.Structure):
    """A piece of memory."""

    _fields_ = (('base', ct.c_void_p), ('length', ct.c_size_t))


class SampleInfo(ct.Structure):
    """What comes with a received sample."""

    _fields_ = (
        ('sample_state', ct.c_uint32),
        ('view_state', ct.c_uint32),
        ('instance_state', ct.c_uint32),
        ('valid_data', ct.c_bool),
        ('source_timestamp', ct.c_int64),
        ('instance_handle', ct.c_uint64),
        ('publication_handle', ct.c_uint64),
        ('disposed_generation_count', ct.c_uint32),
        ('no_writers_generation_count', ct.c_uint32),
        ('sample_rank', ct.c_uint32),
        ('generation_rank', ct.c_uint32),
        ('absolute_generation_rank', ct.c_uint32),
    )


class _TypeMetadata(ct.Structure):
    _fields_ = (('data', ct.c_void_p), ('size', ct.c_uint32))


class TopicDescriptor(ct.Structure):
    """A type, as `dds_create_topic` wants it described."""

    _fields_ = (
        ('size', ct.c_uint32),
        ('align', ct.c_uint32),
        ('flagset', ct.c_uint32),
        ('key_count', ct.c_uint32),
        ('typename', ct.c_char_p),
        ('keys', ct.c_void_p),
        ('operation_count', ct.c_uint32),
        ('operations', ct.c_void_p),
        ('meta', ct.c_char_p),
        ('type_information', _TypeMetadata),
        ('type_mapping', _TypeMetadata),
        ('restrict_data_representation', ct.c_uint32),
    )


class BuiltinParticipant(ct.Structure):
    """A sample of the built-in topic of participants."""

    _fields_ = (('key', Guid), ('qos', ct.c_void_p))


class BuiltinEndpoint(ct.Structure):
    """A sample of the built-in topics of publications and subscriptions."""

    _fields_ = (
        ('key', Guid),
        ('participant_key', Guid),
        ('participant_instance_handle', ct.c_uint64),
        ('topic_name', ct.c_char_p),
        ('type_name', ct.c_char_p),
        ('qos', ct.c_void_p),
    )


class SerdataHeader(ct.Structure):
    """The beginning of every `ddsi_serdata`, up to its type."""

    _fields_ = (
        ('ops', ct.c_void_p),
        ('hash', ct.c_uint32),
        ('references', ct.c_uint32),
        ('kind', ct.c_int),
        ('type', ct.c_void_p),
    )


def _find() -> str:
    """The path of libddsc: the one named in the environment, that of the wheel, or the system's."""
    chosen = os.environ.get('ROSLESS_LIBDDSC')
    if chosen:
        return chosen
    wheel = importlib.util.find_spec('cyclonedds')
    if wheel is not None and wheel.origin is not None:
        packages = Path(wheel.origin).parent.parent
        for pattern in ('cyclonedds.libs/libddsc*.so*', 'cyclonedds/.dylibs/libddsc*.dylib'):
            for path in sorted(packages.glob(pattern)):
                return str(path)
    system = ctypes.util.find_library('ddsc')
    if system:
        return system
    raise LibraryMissingError(
        'Cyclone DDS is not installed: run `pip install cyclonedds`, or, where no wheel exists for this machine, '
        'install the system package of libddsc'
    )


_path = _find()
# Calls through CDLL let other Python threads run meanwhile: right for all that may wait or copy much. PyDLL keeps the
# interpreter's lock: right for calls that only look something up, where giving the lock away costs more than the call.
_blocking = ct.CDLL(_path)
_quick = ct.PyDLL(_path)

_entity = ct.c_int32
_pointer = ct.c_void_p
_return = ct.c_int32
_time = ct.c_int64


def _function(library: ct.CDLL, name: str, result: Any, *arguments: Any) -> Any:
    function = getattr(library, name)
    function.restype = result
    function.argtypes = arguments
    return function


create_domain = _function(_blocking, 'dds_create_domain', _entity, ct.c_uint32, ct.c_char_p)
create_participant = _function(_blocking, 'dds_create_participant', _entity, ct.c_uint32, _pointer, _pointer)
create_topic = _function(_blocking, 'dds_create_topic', _entity, _entity, _pointer, ct.c_char_p, _pointer, _pointer)
create_writer = _function(_blocking, 'dds_create_writer', _entity, _entity, _entity, _pointer, _pointer)
create_reader = _function(_blocking, 'dds_create_reader', _entity, _entity, _entity, _pointer, _pointer)
create_read_condition = _function(_blocking, 'dds_create_readcondition', _entity, _entity, ct.c_uint32)
create_guard_condition = _function(_blocking, 'dds_create_guardcondition', _entity, _entity)
create_waitset = _function(_blocking, 'dds_create_waitset', _entity, _entity)
delete = _function(_blocking, 'dds_delete', _return, _entity)

set_guard_condition = _function(_quick, 'dds_set_guardcondition', _return, _entity, ct.c_bool)
take_guard_condition = _function(_quick, 'dds_take_guardcondition', _return, _entity, _pointer)
waitset_attach = _function(_quick, 'dds_waitset_attach', _return, _entity, _entity, ct.c_ssize_t)
waitset_detach = _function(_quick, 'dds_waitset_detach', _return, _entity, _entity)
waitset_wait = _function(_blocking, 'dds_waitset_wait', _return, _entity, _pointer, ct.c_size_t, _time)

get_guid = _function(_quick, 'dds_get_guid', _return, _entity, _pointer)
get_instance_handle = _function(_quick, 'dds_get_instance_handle', _return, _entity, _pointer)
set_status_mask = _function(_quick, 'dds_set_status_mask', _return, _entity, ct.c_uint32)
matched_subscriptions = _function(_quick, 'dds_get_matched_subscriptions', _return, _entity, _pointer, ct.c_size_t)
matched_publications = _function(_quick, 'dds_get_matched_publications', _return, _entity, _pointer, ct.c_size_t)
matched_subscription_data = _function(
    _quick, 'dds_get_matched_subscription_data', ct.POINTER(BuiltinEndpoint), _entity, ct.c_uint64
)
matched_publication_data = _function(
    _quick, 'dds_get_matched_publication_data', ct.POINTER(BuiltinEndpoint), _entity, ct.c_uint64
)
free_builtin_endpoint = _function(_quick, 'dds_builtintopic_free_endpoint', None, ct.POINTER(BuiltinEndpoint))
assert_liveliness = _function(_blocking, 'dds_assert_liveliness', _return, _entity)
wait_for_acks = _function(_blocking, 'dds_wait_for_acks', _return, _entity, _time)

write_cdr = _function(_blocking, 'dds_writecdr', _return, _entity, _pointer)
write_sample = _function(_blocking, 'dds_write', _return, _entity, _pointer)
take_cdr = _function(_quick, 'dds_takecdr', _return, _entity, _pointer, ct.c_uint32, _pointer, ct.c_uint32)
take_samples = _function(_quick, 'dds_take', _return, _entity, _pointer, _pointer, ct.c_size_t, ct.c_uint32)
return_loan = _function(_quick, 'dds_return_loan', _return, _entity, _pointer, ct.c_int32)
serdata_from_vectors = _function(
    _blocking, 'ddsi_serdata_from_ser_iov', _pointer, _pointer, ct.c_int, ct.c_size_t, _pointer, ct.c_size_t
)
serdata_size = _function(_quick, 'ddsi_serdata_size', ct.c_uint32, _pointer)
serdata_reference = _function(_quick, 'ddsi_serdata_to_ser_ref', _pointer, _pointer, ct.c_size_t, ct.c_size_t, _pointer)
serdata_unreference = _function(_quick, 'ddsi_serdata_to_ser_unref', None, _pointer, _pointer)
serdata_release = _function(_quick, 'ddsi_serdata_unref', None, _pointer)

# libddsc 0.10, which Debian and ROS 2 ship, does not have this one.
get_sertype = (
    _function(_quick, 'dds_get_entity_sertype', _return, _entity, _pointer)
    if hasattr(_quick, 'dds_get_entity_sertype')
    else None
)

create_qos = _function(_quick, 'dds_create_qos', _pointer)
delete_qos = _function(_quick, 'dds_delete_qos', None, _pointer)
free = _function(_quick, 'dds_free', None, _pointer)

_describe = _function(_quick, 'dds_strretcode', ct.c_char_p, _return)


def qos_function(name: str, *arguments: Any) -> Any:
    """One of the many `dds_qset_...` and `dds_qget_...`; the first argument, the QoS, goes without saying."""
    return _function(_quick, f'dds_{name}', ct.c_bool if name.startswith('qget') else None, _pointer, *arguments)


def status_function(name: str) -> Any:
    """One of the `dds_get_..._status`."""
    return _function(_quick, f'dds_get_{name}_status', _return, _entity, _pointer)


def check(code: int, doing: str) -> int:
    """Return what a function of Cyclone DDS returned, unless that is an error.

    Raises:
        DdsError: Saying what was tried and what the library answered.
    """
    if code < 0:
        raise DdsError(f'could not {doing}: {_describe(code).decode()} (Cyclone DDS error {code})', code)
    return code
