"""Verdicts by rules: an account's own before its provider's, and the page that tells them all."""

from __future__ import annotations

import tomllib
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest

from config.verdict_rules import KINDS, RULES_MAX, KindName, VerdictName, VerdictRule
from tests.builders.accounts_file import Folder, table
from worker.providers.ipqs import CAPABILITIES as IPQS
from worker.providers.ipqs_words import VERDICT_RULES
from worker.providers.port import Kind, VerdictWord
from worker.providers.verdict_reference import reference
from worker.providers.verdict_rules import decide, own_rules
from worker.providers.whoisxml import CAPABILITIES as WHOISXML

if TYPE_CHECKING:
    from config.accounts import Account

ROOT = Path(__file__).parents[2]


def account_with(folder: Path, *rules: str, provider: str = "ipqs") -> Account:
    """An account with these rules of its own, each a TOML table on one line."""
    return Folder(folder, table(provider, verdicts=f"[{', '.join(rules)}]")).account()


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({"valid": "true", "catch_all": "1"}, VerdictWord.BAD),
        ({"valid": "true", "catch_all": "no", "fraud_score": "70"}, VerdictWord.UNKNOWN),
        ({"valid": "true", "fraud_score": "69.5"}, VerdictWord.OK),
        ({"valid": "true", "spam_trap_score": "HIGH"}, VerdictWord.OK),
        ({"valid": "false", "user_activity": "3"}, VerdictWord.RISKY),
        ({"valid": "false"}, VerdictWord.BAD),
    ],
)
def test_an_accounts_rules_come_first(tmp_path: Path, columns: dict[str, str], word: VerdictWord) -> None:
    """The first of the account's rules that applies decides, and where none does those of the provider."""
    account = account_with(
        tmp_path,
        '{ kind = "email", column = "Catch_All ", equals = true, verdict = "bad" }',
        '{ kind = "email", column = "fraud_score", at_least = 70, verdict = "unknown" }',
        '{ kind = "email", column = "spam_trap_score", equals = "High", verdict = "ok" }',
        '{ kind = "email", column = "user_activity", equals = 3, verdict = "risky" }',
        '{ kind = "proxy", column = "valid", equals = true, verdict = "risky" }',
    )
    assert decide((*own_rules(account, Kind.EMAIL), *VERDICT_RULES[Kind.EMAIL]), columns) is word


@pytest.mark.parametrize(
    ("rule", "place", "fault"),
    [
        ('{ kind = "fax", column = "x", equals = 1, verdict = "ok" }', ".kind", "is none of the possible words"),
        ('{ kind = "email", column = "x", equals = 1, verdict = "good" }', ".verdict", "is none of the possible"),
        ('{ kind = "email", column = "x", verdict = "ok" }', "", "needs one condition: either equals or at_least"),
        ('{ kind = "email", column = "x", equals = 1, at_least = 1, verdict = "ok" }', "", "needs one condition"),
        ('{ kind = "email", column = "", equals = 1, verdict = "ok" }', ".column", "are not allowed"),
        ('{ kind = "email", column = "x", at_least = "much", verdict = "ok" }', ".at_least", "is not a number"),
        ('{ kind = "email", column = "x", at_least = nan, verdict = "ok" }', ".at_least", "is not a number"),
        ('{ kind = "email", column = "x", equals = [1], verdict = "ok" }', ".equals", "has the wrong type"),
        ('{ kind = "email", column = "x", is = 1, verdict = "ok" }', ".is", "is not a field"),
        ('{ column = "x", equals = 1, verdict = "ok" }', ".kind", "is missing"),
    ],
)
def test_a_bad_rule_is_named_with_its_fault(tmp_path: Path, rule: str, place: str, fault: str) -> None:
    """What is wrong with a rule is told with its field, and which of the rules it is."""
    good = '{ kind = "email", column = "x", equals = 1, verdict = "ok" }'
    faults = Folder(tmp_path, table(verdicts=f"[{good}, {rule}]")).faults()
    assert fault in faults[f"[accounts.main] verdicts{place} (entry 2)"]


def test_rules_for_a_kind_that_the_provider_has_not_are_refused(tmp_path: Path) -> None:
    """A rule that could never apply is a mistake, and the kinds that there are are told."""
    rule = '{ kind = "phone", column = "x", equals = 1, verdict = "ok" }'
    faults = Folder(tmp_path, table("whoisxml", verdicts=f"[{rule}]")).faults()
    assert faults == {"[accounts.main] verdicts": "has rules for phone, but whoisxml verifies email"}
    too_many = ", ".join([rule] * (RULES_MAX + 1))
    assert "too many" in Folder(tmp_path, table(verdicts=f"[{too_many}]")).faults()["[accounts.main] verdicts"]


def test_the_configuration_knows_the_same_kinds_and_words() -> None:
    """What the accounts file may say of kinds and verdicts is what the adapters have."""
    assert set(get_args(KindName)) == set(Kind)
    assert set(get_args(VerdictName)) == set(VerdictWord)
    assert {"ipqs": IPQS.kinds, "whoisxml": WHOISXML.kinds} == {name: set(kinds) for name, kinds in KINDS.items()}


def test_the_verdicts_page_is_what_the_rules_say() -> None:
    """`docs/verdicts.md` is what `python -m worker.providers.verdict_reference` prints."""
    page = (ROOT / "docs" / "verdicts.md").read_text(encoding="utf-8")
    assert "".join(unified_diff(page.splitlines(keepends=True), reference().splitlines(keepends=True))) == ""


@pytest.mark.parametrize("name", ["docs/verdicts.md", "config/accounts.example.toml"])
def test_the_documented_rules_are_accepted(name: str) -> None:
    """The example in the documentation can be copied into an accounts file."""
    lines = [line.removeprefix("# ") for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
    starts = [at for at, line in enumerate(lines) if line == "[[accounts.ipqs-main.verdicts]]"]
    found = tomllib.loads("\n".join(line for at in starts for line in lines[at : at + 5]))
    rules = [VerdictRule.model_validate(rule) for rule in found["accounts"]["ipqs-main"]["verdicts"]]
    assert [rule.verdict for rule in rules] == ["bad", "risky"]
