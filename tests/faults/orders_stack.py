"""The example in containers, exactly as its compose file puts it together."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from penstock.examples.orders.ledger import Entry, read_ledgers
from penstock.infra.processes.loopback_port import LoopbackPort
from penstock.infra.testing import kafka_source, redis_source
from penstock.infra.testing.compose_file import ComposeFile, read_compose
from penstock.infra.testing.compose_stack import ComposeStack
from tests.images.wanted import want_image

__all__ = ["EXAMPLE", "OrdersStack", "orders_stack"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "orders"


@dataclass(frozen=True, kw_only=True)
class OrdersStack:
    """What a test needs of it."""

    containers: ComposeStack
    bootstrap: str
    """Where its Kafka is reached from here."""
    redis: str
    """Where its Redis is reached from here, as a URL."""

    def ledgers(self, folder: Path) -> tuple[Entry, ...]:
        """The rows of all services' ledgers.

        Args:
            folder: Where a copy of them is laid down; an empty one.
        """
        self.containers.copy_out("stock", "/data", folder)
        return read_ledgers(folder / "data")


@contextmanager
def orders_stack() -> Iterator[OrdersStack]:
    """Start all of it; a test that cannot is skipped, or fails in continuous integration."""
    with LoopbackPort() as kafka, LoopbackPort() as redis:
        text = (EXAMPLE / "compose.yaml").read_text("utf-8")
        ports = {"ORDERS_KAFKA_PORT": str(kafka.number), "ORDERS_REDIS_PORT": str(redis.number)}
        file = read_compose(text, ports)
        images = _images(file)
    # The ports are given back: the engine may bind them without SO_REUSEADDR.
    with ComposeStack(file, folder=EXAMPLE, images=images) as containers:
        yield OrdersStack(
            containers=containers, bootstrap=kafka.address, redis=f"redis://{redis.address}"
        )


def _images(file: ComposeFile) -> dict[str, str]:
    """Which image stands in for each of the file's; .ci/images makes and names them."""
    images = {}
    for image in {service.image for service in file.services}:
        match image.partition(":")[0]:
            case "apache/kafka":
                images[image] = kafka_source.image_name()
            case "redis":
                images[image] = redis_source.image_name()
            case _:
                images[image] = os.environ.get("PENSTOCK_TEST_ORDERS_IMAGE") or image
    for image in images.values():
        want_image(image)
    return images
