"""`python -m tidebook`."""

from tidebook.cli import main

raise SystemExit(main())
