"""SNS's signatures: a key of the lab's own, made when the first message leaves, and the certificate that shows it.

The certificate is served at `path` of the AWS API, where SigningCertURL points. It is self-signed, so a client that
insists on amazonaws.com refuses it; one that fetches the certificate it is told finds every signature good.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lab.aws.names import new_hex

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}


def string_to_sign(document: Mapping[str, str]) -> bytes:
    """Return name and value of each signed field that is there, a line each, in AWS's order."""
    names = [name for name in _SIGNED[document["Type"]] if name in document]
    return "".join(f"{name}\n{document[name]}\n" for name in names).encode()


@dataclass(slots=True)
class Signer:
    """Signs documents. Safe to use from several threads."""

    path: str = field(default_factory=lambda: f"/SimpleNotificationService-{new_hex()}.pem")
    _key: RSAPrivateKey | None = None
    _certificate: bytes = b""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def certificate(self) -> bytes:
        """Return the certificate in PEM."""
        self._ready()
        return self._certificate

    def sign(self, document: Mapping[str, str]) -> str:
        """Return the signature in base64, by the document's SignatureVersion."""
        from cryptography.hazmat.primitives import hashes  # a tenth of a second, and only who publishes needs it
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

        digest = hashes.SHA256() if document["SignatureVersion"] == "2" else hashes.SHA1()
        return base64.b64encode(self._ready().sign(string_to_sign(document), PKCS1v15(), digest)).decode()

    def _ready(self) -> RSAPrivateKey:
        with self._lock:
            if self._key is None:
                self._key, self._certificate = _make()
            return self._key


def _make() -> tuple[RSAPrivateKey, bytes]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding

    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.foodconnect-lab")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    return key, made.public_bytes(Encoding.PEM)
