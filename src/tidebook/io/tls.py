"""TLS for outgoing connections: always verified, never older than 1.2."""

import os
import ssl

from tidebook.errors import UsageError


def client_context(ca: str | os.PathLike[str] | None = None) -> ssl.SSLContext:
    """A context that verifies the chain and the host name. There is no way to turn that off.

    `ca` is the path of a PEM file with a private authority, trusted besides the system's.
    Raises UsageError when the file cannot be read. Reads files: made once, not for each connection.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca is not None:
        try:
            context.load_verify_locations(cafile=os.fspath(ca))
        except (OSError, ssl.SSLError) as error:
            raise UsageError(f"not a file of certificates in PEM: {os.fspath(ca)}") from error
    return context
