# SPDX-License-Identifier: GPL-3.0-or-later
"""The bridge's own certificate, for those who let it listen beyond this machine. Clients pin its fingerprint."""

import datetime
import hashlib
import ipaddress
import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from bridge.common.errors import BadInput

VALID_DAYS = 3650


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the certificate in hex; what clients pin.

        Raises:
            BadInput: the file is no PEM certificate.
        """
        try:
            first = self.certificate.read_text().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
            return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first.lstrip())).hexdigest()
        except (OSError, ValueError) as error:
            raise BadInput(f"{self.certificate} is not a certificate in PEM form: {error}") from None


def own_certificate(folder: Path, host: str) -> Certificate:
    """The self-made certificate in this folder; made on first use and kept, so that its fingerprint stays."""
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    if not (made.certificate.exists() and made.key.exists()):
        folder.mkdir(parents=True, exist_ok=True)
        _make(made, host)
    return made


def _make(place: Certificate, host: str) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Beatboard bridge")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general_name(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(place.key, secret, 0o600)
    _write(place.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _general_name(host: str):
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write(path: Path, data: bytes, mode: int) -> None:
    beside = path.with_name(path.name + "~")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
    beside.replace(path)
