"""alpaca-py's names for market data of crypto: `from tidebook.compat.alpaca.data.historical.crypto import …`.

Modules and names are those of alpaca-py (facts: alpacahq/alpaca-py of 2026-07-23); beneath them is `tidebook.connect`.
What is not of crypto, and trading, is not here. docs/adr/0026 says in which thread what runs.
"""
