"""Connections to the broker. Only this module imports kombu, and only where there is a broker."""

import ssl
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import urlsplit

from kombu import Connection, Producer, Queue

from service.broker.hints import HINT_SECONDS, TASK, Hint

TIMEOUT_SECONDS = 2.0
"""How long the broker may take to accept a connection, or to answer."""
QUEUE_SECONDS = 2 * HINT_SECONDS
"""Time after which the broker removes a queue that nobody uses."""
NO_CALLBACKS = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


def describe_queue(address: str) -> Queue:
    """The queue of the broker. All processes declare it with the same arguments, as brokers require."""
    return Queue(address, routing_key=address, expires=QUEUE_SECONDS)


def describe_security(url: str) -> dict[str, Any]:
    """The options of TLS: without them, kombu doesn't verify certificates. Those in the URL take precedence."""
    parts = urlsplit(url)
    if parts.scheme == "rediss":
        return {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
    if parts.scheme == "amqps":
        return {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": parts.hostname}
    return {}


def describe_transport(url: str, answer_seconds: float | None = None) -> dict[str, Any]:
    """The options of the driver. A consumer waits for messages, so it has no `answer_seconds`."""
    if url.startswith("redis"):
        return {
            "socket_connect_timeout": TIMEOUT_SECONDS,
            "socket_timeout": answer_seconds,
            "health_check_interval": 5,
            # How long a consumer waits at a time, and so how soon it notices that it should consume from more queues.
            "polling_interval": 0.2,
            # A hint that a worker has received is gone. If the worker crashes, the reapers send another one.
            "ack_emulation": False,
        }
    return {} if answer_seconds is None else {"read_timeout": answer_seconds, "write_timeout": answer_seconds}


def load_driver(url: str) -> None:
    """Import what connections to this broker need. Kombu would import it in the thread that connects first."""
    Connection(url).get_transport_cls()


class Outlet:
    """A connection through which hints are sent. Its methods raise the errors of the driver and of the network."""

    def __init__(self, url: str) -> None:
        self._connection = Connection(
            url,
            connect_timeout=TIMEOUT_SECONDS,
            ssl=describe_security(url),
            transport_options=describe_transport(url, TIMEOUT_SECONDS),
        )

    def __enter__(self) -> Self:
        try:
            self._connection.connect()
            self._channel = self._connection.channel()
        except BaseException:
            self._connection.release()
            raise
        self._producer = Producer(self._channel, auto_declare=False)
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.release()

    def count(self, address: str) -> int:
        """Declare a queue of the broker. Returns how many hints are in it."""
        declared = describe_queue(address).bind(self._channel).queue_declare()
        return int(declared.message_count)

    def send(self, hints: Sequence[Hint]) -> None:
        """Send hints."""
        for hint in hints:
            self._publish(hint)

    def _publish(self, hint: Hint) -> None:
        """Send a hint as the message of a Celery task, by version 2 of Celery's message protocol."""
        message_id = str(uuid.uuid4())
        headers = {
            "lang": "py", "task": TASK, "id": message_id, "root_id": message_id, "parent_id": None, "group": None,
            "eta": None, "expires": (datetime.now(UTC) + timedelta(seconds=HINT_SECONDS)).isoformat(), "retries": 0,
            "timelimit": [None, None], "argsrepr": repr((hint.kind, hint.job_id)), "kwargsrepr": "{}",
            "origin": "fitserve", "ignore_result": True,
        }  # fmt: skip
        self._producer.publish(
            ([hint.kind, hint.job_id], {}, NO_CALLBACKS),
            routing_key=hint.address, serializer="json", headers=headers, correlation_id=message_id,
            delivery_mode="transient", expiration=HINT_SECONDS,
        )  # fmt: skip
