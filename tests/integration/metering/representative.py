"""Tests that between them call every script and take every way of recovery: what another Redis is tried with in CI.

``./test --redis=redis7`` and ``--redis=cluster`` run everything on it.
"""

from tests.integration.audit.test_scenario import (
    test_whatever_is_done_the_books_stay_right,
)
from tests.integration.metering.test_extend_renew import (
    test_accounts_of_one_bucket_are_renewed_by_one_call,
    test_hold_of_twenty_grows_as_far_as_is_available,
    test_renewal_answers_which_holds_are_gone,
    test_renewal_prolongs_the_lease_and_notes_progress_that_never_goes_back,
)
from tests.integration.metering.test_finish_apply import (
    test_every_script_of_another_epoch_changes_nothing,
    test_finish_frees_the_split_from_its_tail_and_lays_the_excess_on_fitting_packs,
    test_late_repeated_and_reordered_snapshots_never_take_a_balance_back,
)
from tests.integration.metering.test_link import (
    test_scripts_that_redis_lost_are_loaded_again,
)
from tests.integration.metering.test_load_announce_release_sweep import (
    test_id_that_was_released_before_its_reserve_arrived_is_refused,
    test_load_counts_the_holds_that_are_there,
    test_settling_hold_is_announced_with_what_it_was_charged,
    test_sweep_claims_what_is_due_and_pushes_its_deadline_instead_of_removing_it,
)
from tests.integration.metering.test_meter_slept import (
    test_successor_covers_the_rest_and_one_correction_books_the_total,
)
from tests.integration.metering.test_recovery import (
    test_hold_proved_never_forwarded_is_released,
    test_many_may_recover_the_same_requests_and_each_is_charged_once,
    test_sweep_finds_what_is_due_in_every_bucket,
    test_usage_that_was_known_is_settled_exactly,
)
from tests.integration.metering.test_reserve import (
    test_first_matching_reason_refuses_else_the_amount_is_held,
)
from tests.integration.metering.test_reserve_race import (
    test_hundreds_that_ask_at_once_are_promised_no_more_than_there_is,
)
from tests.integration.test_line import (
    test_one_event_and_one_entry_tell_what_a_request_cost,
)
from tests.integration.test_line_money import (
    test_a_stream_ends_properly_when_the_balance_does,
    test_a_stream_without_a_limit_starts_small_and_grows,
)

__all__ = [
    "test_a_stream_ends_properly_when_the_balance_does",
    "test_a_stream_without_a_limit_starts_small_and_grows",
    "test_accounts_of_one_bucket_are_renewed_by_one_call",
    "test_every_script_of_another_epoch_changes_nothing",
    "test_finish_frees_the_split_from_its_tail_and_lays_the_excess_on_fitting_packs",
    "test_first_matching_reason_refuses_else_the_amount_is_held",
    "test_hold_of_twenty_grows_as_far_as_is_available",
    "test_hold_proved_never_forwarded_is_released",
    "test_hundreds_that_ask_at_once_are_promised_no_more_than_there_is",
    "test_id_that_was_released_before_its_reserve_arrived_is_refused",
    "test_late_repeated_and_reordered_snapshots_never_take_a_balance_back",
    "test_load_counts_the_holds_that_are_there",
    "test_many_may_recover_the_same_requests_and_each_is_charged_once",
    "test_one_event_and_one_entry_tell_what_a_request_cost",
    "test_renewal_answers_which_holds_are_gone",
    "test_renewal_prolongs_the_lease_and_notes_progress_that_never_goes_back",
    "test_scripts_that_redis_lost_are_loaded_again",
    "test_settling_hold_is_announced_with_what_it_was_charged",
    "test_successor_covers_the_rest_and_one_correction_books_the_total",
    "test_sweep_claims_what_is_due_and_pushes_its_deadline_instead_of_removing_it",
    "test_sweep_finds_what_is_due_in_every_bucket",
    "test_usage_that_was_known_is_settled_exactly",
    "test_whatever_is_done_the_books_stay_right",
]
