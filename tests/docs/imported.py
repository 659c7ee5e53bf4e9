"""What the programs of the pages import, and what that imports when it is used first: for those that are forked."""

import tidebook.cli.bars
import tidebook.client.account
import tidebook.client.market
import tidebook.sim.server
import tidebook.threads
import tidebook.venues

READY = (tidebook.cli, tidebook.client, tidebook.sim, tidebook.threads, tidebook.venues.every())
