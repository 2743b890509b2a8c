"""Certificate files make a context, or a sentence for each file that cannot be used."""

import ssl
from contextlib import suppress
from pathlib import Path

import pytest

from penstock.infra.tls import TlsFiles, tls_context
from tests.infra.tls_files import CERTIFICATE, ENCRYPTED_KEY, KEY, OTHER_KEY, write


def files(
    *, ca: Path | None = None, certificate: Path | None = None, key: Path | None = None
) -> TlsFiles:
    """Return files, most of them absent."""
    return TlsFiles(ca=ca, certificate=certificate, key=key)


def test_certificates_and_names_are_always_checked() -> None:
    """No setting leads to a context that trusts anybody."""
    context, problems = tls_context(files())
    assert problems == ()
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_good_files_make_a_context(tmp_path: Path) -> None:
    """An authority, and our own certificate with its key in another file or in the same one."""
    certificate = write(tmp_path, "own.pem", CERTIFICATE)
    both = write(tmp_path, "both.pem", CERTIFICATE + KEY)
    assert tls_context(files(ca=certificate))[1] == ()
    assert tls_context(files(certificate=certificate, key=write(tmp_path, "k.pem", KEY)))[1] == ()
    assert tls_context(files(certificate=both))[1] == ()


def test_the_host_name_must_be_the_certificate_s(tmp_path: Path) -> None:
    """A broker that shows a trusted certificate of another name is refused."""
    own = write(tmp_path, "both.pem", CERTIFICATE + KEY)
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(own)
    context, _ = tls_context(files(ca=own))
    shake_hands(context, server_context, "localhost")
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        shake_hands(context, server_context, "kafka-1")


def shake_hands(context: ssl.SSLContext, server_context: ssl.SSLContext, host: str) -> None:
    """Let a client that asks for this host meet a server, in memory: no socket is left open."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(back, there, server_hostname=host)
    server = server_context.wrap_bio(there, back, server_side=True)
    for side in (client, server, client, server):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    assert client.getpeercert()


@pytest.mark.parametrize(
    ("certificate", "key", "part_of_problem"),
    [
        (CERTIFICATE, ENCRYPTED_KEY, "without a passphrase"),
        (CERTIFICATE, OTHER_KEY, "key values mismatch"),
        (CERTIFICATE, "", "do not hold a certificate and its key"),
        ("no PEM", KEY, "do not hold a certificate and its key"),
    ],
)
def test_a_wrong_pair_says_what_is_wrong(
    tmp_path: Path, certificate: str, key: str, part_of_problem: str
) -> None:
    """Nobody is asked for a passphrase, and nothing of the key is shown."""
    own, own_key = write(tmp_path, "c.pem", certificate), write(tmp_path, "k.pem", key)
    _, (problem,) = tls_context(files(certificate=own, key=own_key))
    assert part_of_problem in problem
    assert "PENSTOCK_KAFKA_KEY_FILE" in problem


def test_all_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """Each by its variable and with the reason of the operating system."""
    gone = tmp_path / "gone.pem"
    _, problems = tls_context(files(ca=gone, certificate=gone, key=tmp_path))
    assert [problem.partition(":")[0] for problem in problems] == [
        "PENSTOCK_KAFKA_CA_FILE",
        "PENSTOCK_KAFKA_CERTIFICATE_FILE",
        "PENSTOCK_KAFKA_KEY_FILE",
    ]
    assert "No such file" in problems[0]
    assert "directory" in problems[2]


def test_a_file_without_certificates_is_no_authority(tmp_path: Path) -> None:
    """What would silently trust nobody is told."""
    _, (problem,) = tls_context(files(ca=write(tmp_path, "ca.pem", "hello")))
    assert "no certificates" in problem
