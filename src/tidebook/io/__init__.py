"""The only place with asyncio, sockets, time and signals.

`Driver` is the shell of one machine (`tidebook.core`): it opens, sends, fetches and keeps the one timer.
`Server` is the opposite end, on the loopback only: what replay and the simulator speak through.

======================  ==================================================================
module                  holds
======================  ==================================================================
`clock`                 the only reading of the clocks
`tls`                   contexts that verify, and nothing that does not
`websocket`             one outgoing connection
`http`                  one pool of outgoing requests
`driver`                a machine, its connections, requests and timer
`place`                 sending every venue to a server on this machine
`serve`                 a loopback server for HTTP and WebSocket on one port
======================  ==================================================================

Nothing here knows a venue. No URL's query, no header and no body ever stands in a failure's text.
"""
