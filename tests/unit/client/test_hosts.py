"""Where a venue is reached by another name, that name is signed, over HTTP as in logins: some sign their host."""

from pathlib import Path

from tests.peers.authority import Authority

from tidebook import Limit, connect
from tidebook.model.credentials import SIMULATOR
from tidebook.model.market import State
from tidebook.model.place import At
from tidebook.sim.server import serve

VENUE, BTC = "htx.spot", "BTC/USDT"


async def test_an_account_is_told_of_by_another_host(tmp_path: Path) -> None:
    """The exchange checks each signature against the host that it was asked at."""
    authority = Authority(tmp_path)
    async with serve(seed=7, venues=[VENUE], symbols=[BTC], tls=authority.contexts(["localhost"])["localhost"]) as sim:
        at = At(VENUE, hosts={"api.huobi.pro": f"localhost:{sim.port}"}, ca=str(authority.path))
        async with connect(at, keys={"htx": SIMULATOR}) as market, market.account() as account:
            assert account.state is State.LIVE
            order = await market.submit(Limit(BTC, "buy", size="0.001", price="30000"))
            assert (await account.orders.wait(order.client_id)).open
