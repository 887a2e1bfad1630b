"""The providers' server side, simulated: the same HTTP APIs, with a clock, a ledger of charges and faults on demand.

May live here: what answers as a provider would. Nothing here imports the adapters; nothing outside tests and the
`sandbox` command imports this. Strict: what the providers' documentation does not promise is not accepted.

The rooms, from the edge inwards:

    run          `serve(...)`: build both providers and serve them until stopped
    server       `SandboxServer(ipqs, whoisxml, host="127.0.0.1", port=0)`: real sockets, a context manager, `.base_url`
    in_process   `InProcessAdapter(ipqs, whoisxml)`: the same objects mounted into a `requests.Session`, no sockets
    router       which provider answers a URL, for both of them; `control` is the `/_sandbox/` part
    ipqs         `IpqsSandbox(key=, clock=, folder=, seed=0, knobs=None).handle(request)`
    whoisxml     `WhoisXmlSandbox(...)`, the same shape, 50,000 values per job, also the balance
    simulated    what both have: `.knobs`, `.ledger`, `.jobs`, `.calls`, `.balance`
    list_pages   `shown_page(...)`: one page of a list, as it stands when that page is asked for
    knobs        `IpqsKnobs`, `WhoisXmlKnobs`: every choice that the documentation leaves open, and every lasting fault
    faults       `Fault(operation, kind, times=1)`: one-shot faults, queued in `knobs.faults`
    wire, clock  requests and responses; wall and manual time

Operations, as counted in `.calls` and named in faults: `submit`, `status`, `list`, `credits`, `download` (IPQS),
`completed` and `failed` (WhoisXML).
"""
