"""The same client without asyncio."""
