"""A certificate authority of its own, with one certificate for each host."""

import ssl
from collections.abc import Iterable
from pathlib import Path

import trustme


class Authority:
    """Made anew each time. `path` is its certificate in PEM, which a client trusts instead of the system's."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self.path = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(str(self.path))

    def contexts(self, hosts: Iterable[str]) -> dict[str, ssl.SSLContext]:
        """A server's context for each host, good for that name alone."""
        found: dict[str, ssl.SSLContext] = {}
        for host in hosts:
            found[host] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            found[host].minimum_version = ssl.TLSVersion.TLSv1_2
            self._authority.issue_cert(host).configure_cert(found[host])
        return found
