"""The SPF rules, SPF001 to SPF027, in order."""

from __future__ import annotations

from sendgate.spf.syntax_rules import (
    glued_terms,
    non_ascii_record,
    repeated_modifier,
    several_spf_records,
    spf_syntax_error,
    unknown_modifier,
)
from sendgate.spf.text_rules import (
    broad_or_private_range,
    large_txt_answer,
    neutral_default,
    no_default_result,
    p_macro,
    ptr_mechanism,
    retired_spf_type,
    terms_after_all,
)
from sendgate.spf.tree_rules import (
    authorises_everyone,
    circular_or_repeated_include,
    include_without_record,
    redirect_without_record,
    too_many_lookups,
    too_many_mx_hosts,
    too_many_void_lookups,
    void_mechanism,
)
from sendgate.spf.use_rules import (
    hard_fail_before_dkim,
    helo_without_spf_pass,
    no_spf_record,
    null_mx_without_deny_all,
    sender_not_authorised,
)
from sendgate.vocabulary import Rule

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    no_spf_record,
    several_spf_records,
    spf_syntax_error,
    too_many_lookups,
    too_many_void_lookups,
    too_many_mx_hosts,
    ptr_mechanism,
    include_without_record,
    redirect_without_record,
    circular_or_repeated_include,
    authorises_everyone,
    no_default_result,
    neutral_default,
    terms_after_all,
    repeated_modifier,
    non_ascii_record,
    unknown_modifier,
    glued_terms,
    large_txt_answer,
    retired_spf_type,
    void_mechanism,
    broad_or_private_range,
    p_macro,
    helo_without_spf_pass,
    sender_not_authorised,
    null_mx_without_deny_all,
    hard_fail_before_dkim,
)
