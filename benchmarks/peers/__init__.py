"""What other libraries take for the work of our benchmarks: unmodified, through their own entry points, over loopback."""
