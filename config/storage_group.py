"""The settings of storage in an object store; see `config.setting_groups`. Credentials are not among them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from config.fields import Doc
from config.storage_urls import checked_endpoint

#: Longest life of a presigned link in seconds. Documented: signature version 4 allows seven days.
LINK_SECONDS_MAX = 7 * 86_400


class Storing(BaseModel):
    """Storage in an object store."""

    storage_endpoint: Annotated[
        str | None,
        AfterValidator(checked_endpoint),
        Doc(
            "Address of a store that speaks S3's protocol, where STORAGE_URL begins with s3:// and the store is not "
            "Amazon's",
            "URL (https://)",
            "https://s3.example.com",
            "Amazon's, in the region",
        ),
    ] = None
    storage_region: Annotated[
        str | None,
        Doc("Region of the bucket", "word", "eu-central-1", "AWS_REGION, else us-east-1"),
        Field(pattern=r"^[a-z0-9-]{1,40}$"),
    ] = None
    storage_allow_http: Annotated[
        bool,
        Doc("Speak http:// with a store on another host: everybody on the way can read lists and results", "word"),
    ] = False
    storage_connect_seconds: Annotated[
        float, Doc("Longest wait for a connection to the store", "seconds"), Field(ge=0.1, le=60)
    ] = 5.0
    storage_timeout_seconds: Annotated[
        float,
        Doc("Longest request to the store, with the 8 MiB that it carries at most", "seconds"),
        Field(ge=1, le=600),
    ] = 60.0
    storage_retry_seconds: Annotated[
        float,
        Doc("How long a request that failed is made again, before the step waits", "seconds"),
        Field(ge=0, le=180),
    ] = 30.0
    storage_link_seconds: Annotated[
        int, Doc("Life of a link to a result", "seconds"), Field(ge=1, le=LINK_SECONDS_MAX)
    ] = 3600
    storage_pull_seconds: Annotated[
        int,
        Doc("Life of the link from which a provider pulls a part's values", "seconds"),
        Field(ge=60, le=LINK_SECONDS_MAX),
    ] = 86_400
