"""How the demo sends its lists: with the client, and one as an application in any other language would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from producers.contract import CONTRACT_VERSION, REQUEST_FIELD, UPLOADS_STREAM
from producers.request import from_fields, to_json
from producers.wire import connect
from worker.cli.demo.lists import LISTS
from worker.host.embedded import server_url

if TYPE_CHECKING:
    from producers.client import Client
    from producers.request import UploadRequest
    from worker.cli.demo.lists import SampleList
    from worker.cli.demo.places import Places
    from worker.cli.demo.stage import Stage


def send(client: Client, stage: Stage) -> None:
    """Have every list verified."""
    for sample in LISTS:
        request = _request(sample, stage.places)
        if sample.raw:
            with connect(server_url(stage.home)) as redis:
                redis.xadd(UPLOADS_STREAM, {REQUEST_FIELD: to_json(request)})
        else:
            client.submit_request(request)


def _request(sample: SampleList, places: Places) -> UploadRequest:
    return from_fields(
        {
            "version": CONTRACT_VERSION,
            "upload_id": sample.upload_id,
            "account": sample.account,
            "kind": sample.kind,
            "source": places.source(sample),
            "method": sample.method,
            "segments": list(sample.segments),
            "result": sample.result,
            "label": sample.file.partition(".")[0],
            "producer": "demo",
        }
    )
