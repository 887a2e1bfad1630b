"""The columns of IPQualityScore's results: the fields of each single lookup (documented), in an order that is not."""

from __future__ import annotations

_NAMES = {
    "email": """
        valid disposable smtp_score overall_score first_name generic common dns_valid honeypot deliverability
        frequent_complainer spam_trap_score catch_all timed_out suspect recent_abuse fraud_score suggested_domain leaked
        domain_age first_seen domain_trust sanitized_email domain_velocity user_activity associated_names
        associated_phone_numbers risky_tld spf_record dmarc_record mx_records a_records
    """,
    "proxy": """
        fraud_score country_code region city ISP ASN organization is_crawler timezone mobile host proxy vpn tor
        active_vpn active_tor recent_abuse bot_status connection_type abuse_velocity shared_connection
        dynamic_connection frequent_abuser high_risk_attacks security_scanner trusted_network zip_code latitude
        longitude abuse_events
    """,
    "url": """
        unsafe domain root_domain ip_address server content_type status_code page_size domain_rank dns_valid parking
        spamming malware phishing suspicious adult risk_score country_code category domain_age domain_trust redirected
        short_link_redirect hosted_content page_title risky_tld spf_record dmarc_record technologies a_records
        mx_records ns_records language_code final_url scanned_url
    """,
    "phone": """
        formatted local_format valid fraud_score recent_abuse VOIP prepaid risky active carrier line_type country city
        zip_code region dialing_code active_status sms_domain associated_email_addresses user_activity mnc mcc leaked
        spammer name timezone do_not_call accurate_country_code sms_email
    """,
    "leaked": "source exposed first_seen",
}

#: Columns by lookup; the three leaked-data types share one.
COLUMNS = {lookup: tuple(names.split()) for lookup, names in _NAMES.items()}

#: Columns of numbers from 0 to 100.
SCORES = frozenset({"fraud_score", "risk_score"})

_FLAG_NAMES = {
    0.06: """
        unsafe parking spamming malware phishing suspicious adult short_link_redirect risky_tld recent_abuse risky
        spammer
    """,
    0.3: "redirected VOIP prepaid leaked do_not_call exposed",
    0.9: "dns_valid spf_record dmarc_record valid active accurate_country_code",
}
#: Columns of `true` or `false`, of the lookups that have no rules of their own, with the share of values that have it.
FLAGS = {name: share for share, names in _FLAG_NAMES.items() for name in names.split()}
