"""What is different in the clients that this adapter makes.

Laws:

1. To look makes nothing. aiokafka asks for a topic's metadata with automatic creation allowed. On a
   broker with Kafka's own default (auto.create.topics.enable=true) a mere look at a topic that is
   missing makes it, with the broker's defaults: one partition, not compacted. A changelog or the
   topic of schemas made so is refused by every later check, and its partitions are for life.
2. A start that does not succeed leaves no connection. aiokafka's `bootstrap` forgets its connection
   when it is cancelled; the socket then stays open until the garbage collector finds it.
3. Only clients of this adapter are changed; whoever uses aiokafka beside it finds it as it is.
"""

from types import FunctionType, MethodType
from typing import Any, Final

from aiokafka import client as aiokafka_client
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.metadata import MetadataRequest

__all__ = ["adapt"]

_CONNECT: Final = "create_conn"
"""The name under which `bootstrap` finds how to connect."""


def adapt(client: AIOKafkaClient) -> None:
    """Change a client. Before its first request.

    Args:
        client: that of a producer, consumer or administration.
    """
    client.bootstrap = _closing_after_failure(client)
    connect = client._get_conn  # noqa: SLF001 - every request goes through it

    async def connection(*place: Any, **options: Any) -> Any:
        found = await connect(*place, **options)
        if found is not None and "send" not in vars(found):
            found.send = _looking_only(found.send)
        return found

    client._get_conn = connection  # noqa: SLF001 - as above


def _looking_only(send: Any) -> Any:
    def look(request: Any, *others: Any, **options: Any) -> Any:
        if isinstance(request, MetadataRequest):
            request._allow_auto_topic_creation = False  # noqa: SLF001 - its only way in
        return send(request, *others, **options)

    return look


def _closing_after_failure(client: AIOKafkaClient) -> Any:
    """The `bootstrap` of aiokafka, with a `create_conn` that remembers what it has made."""
    theirs = AIOKafkaClient.bootstrap

    async def bootstrap() -> None:
        made: list[Any] = []

        async def connect(*place: Any, **options: Any) -> Any:
            made.append(await aiokafka_client.create_conn(*place, **options))
            return made[-1]

        watched = FunctionType(theirs.__code__, {**theirs.__globals__, _CONNECT: connect})
        try:
            await MethodType(watched, client)()
        except BaseException:
            for each in made:
                each.close()
            raise

    return bootstrap
