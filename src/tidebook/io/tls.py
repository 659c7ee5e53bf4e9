"""TLS. Outgoing connections are always verified and never older than 1.2; a server may stand for many names."""

import os
import ssl
from collections.abc import Mapping

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


def named_context(contexts: Mapping[str, ssl.SSLContext]) -> ssl.SSLContext:
    """A server's context that stands for many hosts: the name that a client asks for (SNI) chooses among `contexts`.

    A handshake that asks for no name, or for any other, is refused with the alert ``unrecognized_name``.
    """

    def choose(connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> int | None:
        context = contexts.get((name or "").lower())
        if context is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = context
        return None

    chooser = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    chooser.minimum_version = ssl.TLSVersion.TLSv1_2
    chooser.sni_callback = choose
    return chooser
