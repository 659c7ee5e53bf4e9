"""Our engine in Python, the readable twin."""

from benchmarks.peers.drivers import native

PACKAGES, NOTES, FORM, TEXT = native.PACKAGES, native.NOTES, native.FORM, native.TEXT


class Book(native.Book):
    ENGINE = "python"
