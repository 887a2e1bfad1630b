"""Credentials of object stores: the vendors' own environment variables, each of which may be a file's name instead.

`AWS_SECRET_ACCESS_KEY_FILE=/run/secrets/s3` stands for `AWS_SECRET_ACCESS_KEY`, and so on. Where none of them is set,
the client takes what the machine offers (documented: instance, container and web identities).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from config.redaction import redactor
from worker.storage.errors import InvalidCredentials

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Added to the name of a variable, it makes the variable one that names a file.
FILE_SUFFIX = "_FILE"
#: Bytes of such a file beyond which it is not read.
FILE_BYTES_MAX = 16 * 1024
#: For each scheme the variables that hold credentials, and what the client calls them.
VARIABLES: Mapping[str, Mapping[str, str]] = {
    "s3": {
        "AWS_ACCESS_KEY_ID": "access_key_id",
        "AWS_SECRET_ACCESS_KEY": "secret_access_key",
        "AWS_SESSION_TOKEN": "session_token",
    },
    "az": {"AZURE_STORAGE_ACCOUNT_NAME": "account_name", "AZURE_STORAGE_ACCOUNT_KEY": "account_key"},
    "gs": {"GOOGLE_SERVICE_ACCOUNT_KEY": "service_account_key"},
}


def credentials(scheme: str, environ: Mapping[str, str]) -> dict[str, str]:
    """What `environ` says of the credentials, by the client's names. Raises `InvalidCredentials`.

    Each value is registered with `config.redaction.redactor` first, save names of accounts, which are no secret.
    """
    found = {}
    for variable, name in VARIABLES[scheme].items():
        value = _value(variable, environ)
        if value:
            if name != "account_name":
                redactor.register(SecretStr(value))
            found[name] = value
    return found


def _value(variable: str, environ: Mapping[str, str]) -> str:
    file = environ.get(variable + FILE_SUFFIX, "")
    if not file:
        return environ.get(variable, "").strip()
    if environ.get(variable, ""):
        raise InvalidCredentials(f"{variable} and {variable}{FILE_SUFFIX} are both set; unset one of them")
    try:
        with Path(file).expanduser().open("rb") as source:
            content = source.read(FILE_BYTES_MAX + 1)
        text = content.decode("utf-8-sig").strip()
    except (OSError, ValueError, RuntimeError) as error:
        why = error.strerror if isinstance(error, OSError) else "its path or its text is not valid"
        raise InvalidCredentials(
            f"{variable}{FILE_SUFFIX} names a file that cannot be read ({why}); "
            "name one that holds the credential alone"
        ) from None
    if not text or len(content) > FILE_BYTES_MAX:
        raise InvalidCredentials(
            f"{variable}{FILE_SUFFIX} names a file that is empty or has more than {FILE_BYTES_MAX:,} bytes; "
            "name one that holds the credential alone"
        )
    return text
