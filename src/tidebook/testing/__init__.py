"""What tests of Tidebook, and of what is built on it, are made with."""
