"""The work of our benchmarks by other libraries: unmodified, through their own entry points, over loopback."""
