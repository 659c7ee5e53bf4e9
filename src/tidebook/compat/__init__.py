"""Other libraries' names for the same client: programs written for them run after their import line is changed."""
