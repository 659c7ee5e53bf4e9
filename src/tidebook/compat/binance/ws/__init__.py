"""Where newer programs look for streams and depth caches."""
