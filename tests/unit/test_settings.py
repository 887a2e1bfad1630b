"""Settings: read from the environment, all problems at once, documented from the code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from pydantic import ValidationError

from config.environment import variable_of
from config.errors import SettingsInvalid
from config.settings import NOT_BELOW, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping


def load(**variables: str) -> Settings:
    """The settings with these variables, named without their prefix, and nothing else set."""
    return Settings.load({f"BULKVERIFY_{name}": value for name, value in variables.items()})


def problems_of(environ: Mapping[str, str]) -> dict[str, str]:
    """Fault by variable."""
    with pytest.raises(SettingsInvalid) as raised:
        Settings.load(environ)
    return {problem.subject: problem.fault for problem in raised.value.problems}


def test_nothing_set_gives_the_documented_defaults() -> None:
    """An empty environment is a complete configuration."""
    settings = load()
    assert settings.redis_url is None
    assert settings.broker_url is None
    assert settings.poll_floor_seconds == 5.0
    assert settings.poll_cap_seconds == 900.0
    assert settings.settle_seconds == 600.0
    assert settings.input_bytes_max == 10 * 1024**3
    assert settings.installation_id == "default"
    assert settings.model_fields_set == set()


def test_places_follow_home(tmp_path: Path) -> None:
    """Whoever moves HOME moves everything that is kept in it."""
    settings = load(HOME=str(tmp_path))
    assert settings.home == tmp_path
    assert settings.accounts_file == tmp_path / "accounts.toml"
    assert settings.metrics_dir == tmp_path / "metrics"
    assert settings.storage_url == f"file://{tmp_path}/storage"
    assert settings.input_roots[0] == tmp_path / "inputs"


def test_values_are_read_with_their_types() -> None:
    """Variables become numbers, words and folders."""
    settings = load(POLL_FLOOR_SECONDS="1.5", METRICS_PORT="0", LOG_LEVEL="WARNING", INPUT_ROOTS=f"/a{os.pathsep}/b/")
    assert settings.poll_floor_seconds == 1.5
    assert settings.metrics_port == 0
    assert settings.log_level == "warning"
    assert settings.input_roots == (Path("/a"), Path("/b"))


def test_an_empty_variable_counts_as_not_set() -> None:
    """`BULKVERIFY_REDIS_URL=` in a unit file means the default, not an error."""
    settings = load(REDIS_URL="", LOG_LEVEL="")
    assert settings.redis_url is None
    assert settings.log_level == "info"


def test_settings_are_frozen() -> None:
    """Nothing can change a setting after start."""
    name = "poll_floor_seconds"
    with pytest.raises(ValidationError, match="frozen"):
        setattr(load(), name, 1.0)


def test_a_hand_made_instance_does_not_read_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only `load` reads variables, so a test's settings are its arguments."""
    monkeypatch.setenv("BULKVERIFY_CRASHES_MAX", "77")
    assert Settings().crashes_max == 5
    assert Settings.load().crashes_max == 77


def test_all_problems_come_at_once() -> None:
    """One start shows everything that is wrong: unknown names, bad values, and values that contradict each other."""
    found = problems_of(
        {
            "BULKVERIFY_POLL_FLOR_SECONDS": "1",
            "BULKVERIFY_REDIS_URL": "http://example.com",
            "BULKVERIFY_METRICS_PORT": "99999",
            "BULKVERIFY_WORKER_THREADS": "many",
            "BULKVERIFY_POLL_FLOOR_SECONDS": "1000",
            "BULKVERIFY_LOG_FORMAT": "xml",
            "BULKVERIFY_INSTALLATION_ID": "two words",
            "BULKVERIFY_STORAGE_URL": "ftp://bucket",
        }
    )
    assert found.keys() == {
        "BULKVERIFY_POLL_FLOR_SECONDS",
        "BULKVERIFY_REDIS_URL",
        "BULKVERIFY_METRICS_PORT",
        "BULKVERIFY_WORKER_THREADS",
        "BULKVERIFY_POLL_CAP_SECONDS",
        "BULKVERIFY_LOG_FORMAT",
        "BULKVERIFY_INSTALLATION_ID",
        "BULKVERIFY_STORAGE_URL",
    }


def test_a_problem_names_variable_unit_fault_and_example() -> None:
    """The text of the error is all a person needs."""
    with pytest.raises(SettingsInvalid) as raised:
        load(POLL_FLOOR_SECONDS="-1")
    assert str(raised.value) == (
        "The settings cannot be used:\n"
        "  BULKVERIFY_POLL_FLOOR_SECONDS is -1, which is out of bounds.\n"
        "    Expected: seconds, above 0, at most 3,600. Example: BULKVERIFY_POLL_FLOOR_SECONDS=5"
    )


def test_an_unknown_variable_gets_a_suggestion() -> None:
    """A typing error is named together with what was probably meant."""
    with pytest.raises(SettingsInvalid, match=r"BULKVERIFY_REDIS_ULR is not a setting.\n.*BULKVERIFY_REDIS_URL\?"):
        load(REDIS_ULR="redis://localhost")


@pytest.mark.parametrize("name", ["bulkverify_home", "BulkVerify_Home"])
def test_a_variable_in_other_case_is_unknown(name: str) -> None:
    """There is one spelling, so that a reader of a unit file knows what is in force."""
    assert problems_of({name: "/x"}) == {name: "is not a setting"}


def test_other_programs_variables_are_left_alone() -> None:
    """Only names with the prefix are ours."""
    assert Settings.load({"PATH": "/bin", "BULKVERIFYX": "1", "REDIS_URL": "x"}) == load()


@pytest.mark.parametrize(
    "variable", ["REDIS_URL", "BROKER_URL", "STORAGE_URL", "INSTALLATION_ID", "LOG_LEVEL", "WORKER_THREADS", "NO_SUCH"]
)
def test_an_error_repeats_no_text(variable: str) -> None:
    """Whatever was set by mistake, its text may be a secret and is not printed."""
    with pytest.raises(SettingsInvalid) as raised:
        load(**{variable: "ftp://user:CANARY77@host/CANARY77 CANARY77"})
    assert "CANARY77" not in str(raised.value)
    assert "CANARY77" not in repr(raised.value.problems)


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("ftp://bucket/x", "does not begin with file://, s3://"),
        ("/srv/storage", "does not begin with file://, s3://"),
        ("file://other-host/srv", "names a folder with a host"),
        ("file:///srv?key=CANARY", "names a folder with a host, query or fragment"),
        ("file:srv", "absolute folder of this host"),
        ("s3://", "does not name a bucket"),
        ("s3://key:CANARY@bucket/x", "credentials belong into the variables"),
        ("s3://bucket/x?AccessKey=CANARY", "does not name a bucket"),
        ("s3://bucket/a//b", "does not name a bucket"),
        ("az://container/../x", "does not name a bucket"),
        ("s3://bucket/" + "x" * 401, "does not name a bucket"),
        ("s3://[x/y", "is not a URL"),
    ],
)
def test_what_names_no_storage_is_refused_at_start(url: str, fault: str) -> None:
    """A storage that cannot be is told with an example before anything is done, and without its URL."""
    told = problems_of({"BULKVERIFY_STORAGE_URL": url})["BULKVERIFY_STORAGE_URL"]
    assert fault in told
    assert "CANARY" not in told


@pytest.mark.parametrize("url", ["s3://bucket", "s3://bucket/a/b/", "az://container/x", "gs://bucket/x"])
def test_storage_may_be_in_an_object_store(url: str) -> None:
    """A bucket or container, with a folder in it or without."""
    assert load(STORAGE_URL=url).storage_url == url.rstrip("/")


@pytest.mark.parametrize("endpoint", ["https://key:CANARY@host", "https://host/?x=CANARY", "host:9000"])
def test_the_endpoint_of_a_store_has_no_credentials(endpoint: str) -> None:
    """An address with a user, a query or no scheme is refused, and not repeated."""
    assert "CANARY" not in problems_of({"BULKVERIFY_STORAGE_ENDPOINT": endpoint})["BULKVERIFY_STORAGE_ENDPOINT"]


@pytest.mark.parametrize("place", [Path("/"), Path.home(), Path.home().parent])
def test_a_whole_home_is_never_readable_by_default(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service started in `/` or a home folder does not open it to everybody who may add requests."""
    monkeypatch.setattr(Path, "cwd", lambda: place)
    assert load(HOME="/h").input_roots == (Path("/h/inputs"),)


def test_a_current_folder_that_is_gone_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell may stand in a folder that was removed."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert load(HOME="/h").input_roots == (Path("/h/inputs"),)


def test_a_home_of_an_unknown_user_is_a_problem() -> None:
    """In words, not as the path library's exception."""
    found = problems_of({"BULKVERIFY_HOME": "~no-such-user-here/x"})
    assert found == {"BULKVERIFY_HOME": "begins with ~, but this host knows no home folder for it"}


def test_the_current_folder_is_readable_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trying it out in a project folder needs no setting."""
    monkeypatch.chdir(tmp_path)
    assert load(HOME="/h").input_roots == (Path("/h/inputs"), tmp_path)


#: For each field that may not be below another: a value of it, and a larger one of the other.
CONTRADICTIONS = {
    "lease_margin_seconds": ("4", "5"),
    "work_lease_seconds": ("4", "5"),
    "poll_cap_seconds": ("9", "10"),
    "heartbeat_timeout_seconds": ("4", "5"),
    "rearm_grace_seconds": ("0.1", "0.2"),
    "rearm_period_seconds": ("0.1", "0.2"),
    "input_bytes_max": ("500", "501"),
}


@pytest.mark.parametrize(("field", "other"), NOT_BELOW.items())
def test_values_that_contradict_each_other_are_refused(field: str, other: str) -> None:
    """Every pair of the table is checked, in both orders of its values."""
    less, more = CONTRADICTIONS[field]
    found = problems_of({variable_of(field): less, variable_of(other): more})
    assert f"is {less}, which is below {variable_of(other)}" in found[variable_of(field)]
    Settings.load({variable_of(field): more, variable_of(other): less})


def test_a_value_is_checked_against_defaults_too() -> None:
    """A floor above the default cap names the cap, which nobody set."""
    assert problems_of({"BULKVERIFY_POLL_FLOOR_SECONDS": "1000"}).keys() == {"BULKVERIFY_POLL_CAP_SECONDS"}


def test_default_storage_url_keeps_odd_folder_names(tmp_path: Path) -> None:
    """A space or percent sign in HOME is quoted in the URL."""
    url = load(HOME=str(tmp_path / "a b%20")).storage_url
    assert urlsplit(url).path.endswith("/a%20b%2520/storage")


def test_hosts_to_read_lists_from_are_names_with_or_without_a_port() -> None:
    """By default there is none; names are compared in lower case, and addresses of IPv6 stand in brackets."""
    assert load().pull_hosts == ()
    hosts = load(PULL_HOSTS="Files.example.com, lists.example.com:8443,,127.0.0.1:80,::1,[::1]:80").pull_hosts
    assert hosts == ("files.example.com", "lists.example.com:8443", "127.0.0.1:80", "[::1]", "[::1]:80")


@pytest.mark.parametrize(
    "host", ["https://a.example", "a.example/x", "a.example:0", "a.example:https", "*.example", "u@a"]
)
def test_hosts_to_read_lists_from_are_nothing_else(host: str) -> None:
    """A URL, a path, a pattern and a port that is none are refused."""
    assert list(problems_of({"BULKVERIFY_PULL_HOSTS": f"good.example,{host}"})) == ["BULKVERIFY_PULL_HOSTS"]


def test_producers_have_their_own_quotas_or_the_general_one() -> None:
    """A named producer has the rows of its own, 0 lifts the limit, and a name may hold an equals sign."""
    settings = load(PRODUCER_ROWS_PER_DAY_MAX="100", PRODUCER_ROWS_PER_DAY_OVERRIDES="crm=5000, shop=0, a=b=7")
    limits = [settings.rows_per_day_max(name) for name in ("crm", "shop", "a=b", "other", "")]
    assert limits == [5000, None, 7, 100, 100]
    assert load().rows_per_day_max("crm") is None


@pytest.mark.parametrize("text", ["crm", "crm=", "=5", "crm=many", "crm=-1"])
def test_quotas_that_cannot_be_read_are_refused(text: str) -> None:
    """What is no list of names and numbers is a problem that shows how to write one."""
    with pytest.raises(SettingsInvalid, match="NAME=ROWS"):
        load(PRODUCER_ROWS_PER_DAY_OVERRIDES=text)
