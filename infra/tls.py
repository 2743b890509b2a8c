"""The TLS side of a connection: certificate files become one context.

Laws:
1. Certificates and host names are always checked; there is no way to switch that off.
2. A file that cannot be used is told by the setting that names it, all such files at once.
3. Nobody is asked for a passphrase: a service has no terminal, and the question would hang it.
"""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from penstock.infra.plain_text import excerpt

__all__ = ["TlsFiles", "tls_context"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Files in PEM, each with the setting that names it."""

    ca: Path | None
    """Authorities to trust, PENSTOCK_KAFKA_CA_FILE; None trusts those of the system."""
    certificate: Path | None
    """Our own certificate, PENSTOCK_KAFKA_CERTIFICATE_FILE; None shows none."""
    key: Path | None
    """Its private key, PENSTOCK_KAFKA_KEY_FILE; None where the certificate's file holds it."""


class _Encrypted(Exception):
    """A private key wants a passphrase."""


def tls_context(files: TlsFiles) -> tuple[ssl.SSLContext, tuple[str, ...]]:
    """Load certificates.

    Returns:
        The context, and a sentence for each file that cannot be used; with any, do not use it.
    """
    context = ssl.create_default_context()
    return context, (*_load_authorities(context, files.ca), *_load_own(context, files))


def _load_authorities(context: ssl.SSLContext, ca: Path | None) -> Iterator[str]:
    if ca is None:
        return
    try:
        context.load_verify_locations(cafile=ca)
    except ssl.SSLError:
        yield f"PENSTOCK_KAFKA_CA_FILE: {_shown(ca)} holds no certificates in PEM."
    except OSError as error:
        yield f"PENSTOCK_KAFKA_CA_FILE: {_shown(ca)} cannot be read ({error.strerror})."


def _load_own(context: ssl.SSLContext, files: TlsFiles) -> Iterator[str]:
    if files.certificate is None:
        return
    unreadable = [*_unreadable("CERTIFICATE", files.certificate), *_unreadable("KEY", files.key)]
    if unreadable:
        # OpenSSL would not say which of the two it could not open.
        yield from unreadable
        return
    try:
        context.load_cert_chain(files.certificate, files.key, password=_refuse_passphrase)
    except _Encrypted:
        yield "PENSTOCK_KAFKA_KEY_FILE: the key is encrypted; give it without a passphrase."
    except ssl.SSLError as error:
        reason = (error.reason or "unknown reason").replace("_", " ").lower()
        yield (
            "PENSTOCK_KAFKA_CERTIFICATE_FILE and PENSTOCK_KAFKA_KEY_FILE do not hold a "
            f"certificate and its key in PEM ({reason})."
        )


def _unreadable(which: str, path: Path | None) -> Iterator[str]:
    if path is None:
        return
    try:
        with path.open("rb"):
            return
    except OSError as error:
        yield f"PENSTOCK_KAFKA_{which}_FILE: {_shown(path)} cannot be read ({error.strerror})."


def _refuse_passphrase() -> NoReturn:
    raise _Encrypted


def _shown(path: Path) -> str:
    return f"'{excerpt(str(path), 200)}'"
