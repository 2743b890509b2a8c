"""A certificate for localhost and its key, made for these tests and trusted by nobody else."""

from pathlib import Path

__all__ = ["CERTIFICATE", "ENCRYPTED_KEY", "KEY", "OTHER_KEY", "write"]

CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBlTCCATugAwIBAgIUNVex1I2NHCTJKY6kGirCLD2+kigwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzE4MjUwOVoYDzIxMjYxMDMw
MTgyNTA5WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAToht9exup1+AP99Sjh9+JO5JQ5sfLxWK2cqHE+VScqwz3trqu3DekR
0cMShhuUBdcmOwD/PltCVBtgI3m0pJV6o2kwZzAdBgNVHQ4EFgQURpQJYfSnD2NR
wqQC5IM1ulTL5Y4wHwYDVR0jBBgwFoAURpQJYfSnD2NRwqQC5IM1ulTL5Y4wDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
SAAwRQIgKG2GzwsFnqiWrKEX4DxDHi3vulwjCzmCfpGlM2k6X0ECIQDNuoFBl6yR
pUb/Xs2UyMgaLfraozGAbPXij3YSlP1Z7g==
-----END CERTIFICATE-----
"""

KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgm9gjIApl/hzC9MvS
eX3K6CpF9Tkn2v2iYGzze2uygQShRANCAAToht9exup1+AP99Sjh9+JO5JQ5sfLx
WK2cqHE+VScqwz3trqu3DekR0cMShhuUBdcmOwD/PltCVBtgI3m0pJV6
-----END PRIVATE KEY-----
"""

ENCRYPTED_KEY = """\
-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-128-CBC,023283034582FA638EADB9FCF6849DF8

21CA4jb/KQCtV+c09kt9UnnRkqPGQ1ZhQ1CNAe+xPZ5JrYVtO0iL1aAcWBdSbImP
sr/6IbXQK28Lf12dcB2ElF2xBuinkbnM1qvVq4ouUJJTFnfmPLSERrJrAWxQTRAE
B0a7dpZIqQOiQEUiAEJgg88zqgYI3f/fNDuIsgKZNPA=
-----END EC PRIVATE KEY-----
"""
"""The same key under the passphrase x."""

OTHER_KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgpWn66jJfl7wHbgSj
6y3xoEpUckgvSCCwJxwCZdOU9HehRANCAARcK3hZbesfC8xptOvyyn6cjU2+CGPZ
8A9qAgUCfHFrclSMrAL8CXQybv/F6y22LUD+0HZyP1/BNgKMY8ZWztys
-----END PRIVATE KEY-----
"""
"""A key that the certificate does not belong to."""


def write(folder: Path, name: str, text: str) -> Path:
    """Write a file and return its path."""
    path = folder / name
    path.write_text(text, "ascii")
    return path
