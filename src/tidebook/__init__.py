"""Tidebook."""
