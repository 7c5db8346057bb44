# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Answering requests."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rclpy._executable import Executable, Work
from rclpy._service_endpoints import RequestId, ServiceEndpoints
from rclpy.logging import get_logger
from rclpy.qos import QoSProfile
from rosless import interfaces

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.executors import Executor


class Service(Executable):
    """Calls a function with each request and sends what it returns; made by `Node.create_service`."""

    def __init__(
        self,
        endpoints: ServiceEndpoints,
        srv_type: type[Any],
        srv_name: str,
        full_name: str,
        callback: Callable[[Any, Any], Any],
        callback_group: CallbackGroup,
        qos_profile: QoSProfile,
        logger_name: str,
    ) -> None:
        self.srv_type = srv_type
        self.srv_name = srv_name
        self.callback = callback
        self.callback_group = callback_group
        self.qos_profile = qos_profile
        self._endpoints = endpoints
        self._full_name = full_name
        self._logger_name = logger_name

    def send_response(self, response: Any, header: RequestId) -> None:
        """Answer a request; the executor does this with what the callback returns.

        Raises:
            TypeError: The response is not of the service's type.
        """
        self._check_alive()
        if not isinstance(response, self.srv_type.Response):
            raise TypeError(
                f"the callback of the service '{self._full_name}' must return a {self.srv_type.__name__}.Response, got "
                f'{response!r}'
            )
        body = interfaces.serialize(response)
        if self._endpoints.wait_for_client(header.writer):
            self._endpoints.send(header.client, header.sequence_number, body)
        else:
            get_logger(self._logger_name).debug(f"A client of '{self._full_name}' is gone, it gets no response")

    @property
    def service_name(self) -> str:
        """The full name, after remapping."""
        self._check_alive()
        return self._full_name

    def destroy(self) -> None:
        """End; nodes do this with `destroy_service`."""
        self._destroyed = True
        self._endpoints.delete()

    def _handles(self) -> tuple[int, ...]:
        return (self._endpoints.reader.condition,)

    def _take(self, executor: Executor) -> Work | None:
        incoming = self._endpoints.take()
        if incoming is None:
            return None
        try:
            request = interfaces.deserialize(incoming.body, self.srv_type.Request)
        except interfaces.InterfaceError as error:
            # A client whose type has the same name, but another definition.
            get_logger(self._logger_name).error(f"A request to '{self._full_name}' is dropped: {error}")
            return None

        def answer() -> Any:
            response = self.callback(request, self.srv_type.Response())
            if inspect.isawaitable(response):
                return self._answer_later(response, incoming.id)
            self.send_response(response, incoming.id)
            return None

        return answer

    async def _answer_later(self, response: Any, header: RequestId) -> None:
        self.send_response(await response, header)
