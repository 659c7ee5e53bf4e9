"""Machines without sockets, clocks, randomness or files.

A machine has input methods, a list of `effects` that its shell drains in order after each
input, and one `deadline`. See `effects.py` for what it can ask for.
"""
