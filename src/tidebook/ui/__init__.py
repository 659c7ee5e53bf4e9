"""Views for terminals: a screen, and plain lines for pipes. They read facts and change nothing."""
