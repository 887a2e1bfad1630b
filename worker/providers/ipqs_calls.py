"""IPQualityScore's addresses, and where each call carries the key. Facts: its documentation unless said otherwise.

| `key_in` | list                | form file           | JSON rows           | pull                |
|----------|---------------------|---------------------|---------------------|---------------------|
| `header` | header `IPQS-KEY`   | header `IPQS-KEY`   | header `IPQS-KEY`   | header `IPQS-KEY`   |
| `path`   | path                | path                | path                | path                |
| `param`  | `key` in the query  | `key` in the body   | `key` in the body   | `key` in the body   |
| `json`   | path                | path                | `key` in the body   | path                |

Status and account are documented with the key in the path only, so there it is whatever the account says. The key and
its parameter may stand in GET and POST alike; a body is not written into access logs, so a call that has one uses it.

Known limitation: the addresses of upload and list without a key are from third-party use; the documentation says that
they exist and shows none. The documented form is `path`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, urlencode

from worker.providers.body import FormFields, FormFile, JsonValues
from worker.providers.call import Call
from worker.providers.errors import Refused
from worker.providers.port import SubmitMethod
from worker.providers.refusals import refuse_miscounted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.account import Account
    from worker.providers.body import Body
    from worker.providers.port import Submission

#: The header for the key.
KEY_HEADER = "IPQS-KEY"

#: How links that the provider is to follow may begin (documented). Requests may name fewer; that is their contract.
PULL_SCHEMES = ("http://", "https://", "ftp://")


class IpqsCalls:
    """Every call to one account at IPQualityScore."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._key = account.key.get_secret_value()

    def status(self, remote_id: str) -> Call:
        """Ask for one job; the id has been checked to be a number."""
        return self._call("status", "GET", f"csv/{{key}}/status/{remote_id}")

    def credits(self) -> Call:
        """Ask for the account's credits and usage."""
        return self._call("credits", "GET", "account/{key}")

    def listing(self, page: int) -> Call:
        """Ask for one page of the list, all types together."""
        match self._account.key_in:
            case "header":
                return self._call("list", "GET", f"csv/list?page={page}", header=True)
            case "param":
                return self._call("list", "GET", f"csv/list?key={{key}}&page={page}")
            case _:
                return self._call("list", "GET", f"csv/{{key}}/list?page={page}")

    def upload(self, submission: Submission) -> tuple[Call, Body]:
        """The call that spends, by the submission's method, and its body.

        A form has its name and type in the query, since it is documented to have exactly one part, a file, and the key
        is the one field that may have to stand beside it. Raises `Refused` for what cannot be sent.
        """
        place = self._upload_place(submission.method)
        path = f"csv/{{key}}/{submission.kind}/upload" if place == "path" else "csv/upload"
        parameters = {} if place == "path" else {"type": submission.kind.value}
        parameters["file_name"] = submission.name
        key = {"key": self._key} if place == "body" else {}
        body: Body
        match submission.method:
            case SubmitMethod.FORM:
                path = f"{path}?{urlencode(parameters)}"
                body = FormFile(submission.path, f"{submission.name}.csv", key)
            case SubmitMethod.JSON:
                body = JsonValues({**key, **parameters}, "input", submission.path, cells=True)
                refuse_miscounted(submission, body.rows)
            case SubmitMethod.PULL:
                body = FormFields({**key, **parameters, "url": _pulled(submission.url)})
        return self._call("submit", "POST", path, header=place == "header"), body

    def download(self, remote_id: str, segment: str, link: str) -> Call:
        """Fetch a result file by its link, which is all that the download host gets to see."""
        return Call("download", "GET", f"{{link to {segment} of {remote_id}}}", self._account.name, link)

    def _upload_place(self, method: SubmitMethod) -> Literal["header", "path", "body"]:
        match self._account.key_in:
            case "header":
                return "header"
            case "param":
                return "body"
            case "json" if method is SubmitMethod.JSON:
                return "body"
            case _:
                return "path"

    def _call(self, operation: str, method: str, path: str, *, header: bool = False) -> Call:
        """A call by its path, in which `{key}` stands for the key."""
        template = f"{{base_url}}/json/{path}"
        url = f"{self._account.base_url}/json/{path.replace('{key}', quote(self._key, safe=''))}"
        headers: Mapping[str, str] = {KEY_HEADER: self._key} if header else {}
        return Call(operation, method, template, self._account.name, url, headers)


def secrets_of(url: str) -> tuple[str, ...]:
    """What of a list's URL may be a credential: all of it, its query, and its user and password."""
    rest = url.partition("://")[2]
    authority, _, query = rest.partition("/")[0], *rest.partition("?")[1:]
    return (url, query, authority.rpartition("@")[0])


def _pulled(url: str | None) -> str:
    if url is None or not url.lower().startswith(PULL_SCHEMES):
        raise Refused(f"the list's URL is none that the provider pulls; it has to begin with {', '.join(PULL_SCHEMES)}")
    return url
