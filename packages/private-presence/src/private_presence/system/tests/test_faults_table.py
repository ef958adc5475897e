"""Every fault that the service is to stand, and the tests that show it.

"T" after a name: by real people's clients around it, with the consequences: nobody is
shown wrongly, and within two epochs everybody sees again, without a hand.  What has no
"T" shows the part named in its folder; slow tests are those marked so.  Epochs are short
ones where presence suffers, long ones where keys do: presence is seen again in the second
whole short epoch, as a rule, but never in the first one of a day, whose lookups by plan
come before those of the day's keys.

registrar killed (-9) at every transition
    server/registrar/tests/test_kill
        a_registrar_killed_at_any_point_goes_on_with_the_same_bytes
        the_same_on_postgresql
        a_registrar_killed_again_and_again
    system/tests/test_kills
        a_registrar_killed_at_a_transition T
        everything_killed_at_once T
lookup server killed in mid-epoch, in mid-build, at every write
    server/lookup/tests/test_kill
        a_server_that_was_killed_goes_on
        a_server_that_was_killed_at_any_write_goes_on
        a_server_killed_while_it_answers_gives_the_same_answer_later
    system/tests/test_kills
        a_lookup_server_killed_in_mid_epoch_and_while_a_table_is_made T
client killed at every write
    protocol/tests/test_store
        killed_at_every_write_the_state_is_old_or_new
        a_real_process_killed_while_saving_leaves_a_whole_state
        attack17_killed_between_save_and_send_the_same_bytes_go_out
    client/tests/test_home
        killed_at_every_write_an_edit_happened_or_did_not
    client/tests/test_crash
        killed_at_a_save
    system/tests/test_faults_client
        killed_at_every_save_of_a_day_and_a_half T
disk full
    server/storage/tests/test_faults
        a_full_disk_acknowledges_nothing_and_a_resend_heals_it
        a_raw_file_that_cannot_be_written_is_not_half_there
    server/registrar/tests/test_faults
        the_storage_may_fail_for_a_while
    server/lookup/tests/test_disk
        a_full_disk_stops_every_step_and_room_lets_it_go_on
        no_token_is_spent_while_the_disk_is_full
        a_full_disk_answers_no_query
    system/tests/test_client_disk_full
        a_clients_full_disk_leaves_the_old_state_or_the_new_one
    system/tests/test_storage_lost
        a_full_disk_of_everybodys T
database connection lost and back
    server/storage/tests/test_faults
        a_database_that_goes_away_and_comes_back
        a_database_that_is_not_there_is_told_in_words
    server/registrar/tests/test_faults
        postgresql_goes_away_and_comes_back
    system/tests/test_storage_lost
        a_database_that_goes_away_and_comes_back T
lookup server serving an old table, a wrong one, garbage, nothing, slowly
    client/tests/test_liars
        a_wrong_answer_shows_nobody_and_is_not_asked_again
        a_signed_wrong_answer_accepts_nothing_and_tells
        a_server_with_another_table_is_found_out_before_the_query
        an_old_manifest_is_refused
        too_long_an_answer_and_none_are_repeated_with_the_same_bytes
        a_slow_server_is_given_up_in_time
        an_audit_batch_convicts_the_liar_and_only_her
    client/tests/test_days
        a_server_that_hides_a_transition_for_a_day_does_not_undo_it
    system/tests/test_faults_lies
        what_a_server_does_wrong_is_over_in_the_next_epoch T
clocks half an epoch apart
    system/tests/test_faults_clocks
        servers_half_an_epoch_apart_go_on T
clocks two epochs apart
    protocol/tests/test_servers
        f18_servers_sign_only_near_their_own_clock
    server/lookup/tests/test_publishing
        f18_no_promise_two_epochs_from_the_own_clock
    server/registrar/tests/test_faults
        a_clock_that_is_far_ahead_for_a_while_costs_nothing
        a_clock_that_goes_back_opens_no_table_again
    client/tests/test_liars
        a_wrong_clock_is_refused_in_words
        one_liar_about_the_time_is_outvoted
    system/tests/test_faults_clocks
        a_server_two_epochs_apart_refuses_in_words T
        a_server_two_epochs_ahead_shows_nothing_wrong T
        a_persons_clock_two_epochs_apart_is_refused_in_words T
duplicate and reordered requests
    protocol/tests/test_servers
        a_record_is_accepted_once_and_a_resend_is_acknowledged
    server/registrar/tests/test_admission
        a_crash_between_token_and_record_is_healed_by_the_resend
    server/lookup/tests/test_publishing
        a_table_is_published_by_everybody_and_every_step_may_be_repeated
        nothing_is_opened_before_the_raw_file_and_all_commitments
    server/lookup/tests/test_answering
        a_token_pays_for_one_query_and_a_resend_is_answered
    system/tests/test_faults_order
        duplicates_and_latecomers_change_nothing T
        a_registrar_that_asks_out_of_order_opens_nothing_early T
wrong certificate
    client/tests/test_https
        another_operators_certificate_is_refused
    server/web/tests/test_https_peers
        a_certificate_of_another_authority_is_no_peer
        without_a_certificate_nobody_is_answered
    server/web/tests/test_app
        tls_below_1_3_and_other_authorities_are_refused
    system/tests/test_faults_certificate
        a_wrong_certificate_is_told_nothing T
registrar that acknowledges and drops
    protocol/tests/test_servers
        f03_receipts_prove_what_was_dropped_and_have_one_size
    client/tests/test_liars
        a_registrar_that_drops_what_it_acknowledged_is_convicted
    system/tests/test_faults_registrar
        presence_that_was_acknowledged_and_dropped_is_proved T
        keys_that_were_acknowledged_and_dropped_are_proved_and_come_again T
registrar that equivocates about the configuration
    protocol/tests/test_servers
        f10_every_server_signs_the_configuration
        f10_a_changed_configuration_has_another_name
    protocol/tests/test_deployment
        every_signature_is_needed
    commands/tests/test_people
        init_again_takes_a_newer_directory_and_keeps_the_keys
        a_request_of_another_deployment_is_refused
    commands/tests/test_doctor
        a_newer_directory_garbage_and_absence_are_told
registrar that equivocates about records, manifest or salt
    protocol/tests/test_servers
        f10_attack6_two_manifests_for_one_table_are_not_both_signed
        f09_a_part_is_opened_for_one_raw_file_only
    server/lookup/tests/test_publishing
        a_second_raw_file_is_refused_and_both_signatures_are_kept
        another_salt_by_a_server_that_committed_twice_is_refused
        a_second_manifest_is_refused_even_after_a_restart
        servers_that_signed_different_manifests_serve_neither
        no_two_manifests_with_one_predecessor_are_published
    client/tests/test_liars
        a_second_manifest_of_a_table_is_refused_even_if_all_signed_it
        another_history_is_refused
    system/tests/test_faults_registrar
        two_tongues_publish_nothing_and_are_healed T
registrar that equivocates about a token key
    client/tests/test_liars
        a_token_key_of_ones_own_is_refused
    system/tests/test_faults_registrar
        a_token_key_of_ones_own_is_refused_and_the_day_healed T
backup restored on a second device
    protocol/tests/test_client
        f06_a_restored_manager_rolls_forward_before_it_registers
        f06_a_gap_asks_for_rekeying_and_rekeying_heals
        f06_a_disk_that_was_put_back_whole_rolls_forward
        f05_a_second_device_is_noticed
    client/tests/test_days
        a_disk_that_was_put_back_whole_needs_no_new_keys
        a_restored_client_registers_nothing_until_it_has_walked
    commands/tests/test_people
        backup_and_restore_on_another_device
        a_copied_folder_is_noticed_and_healed
    server/registrar/tests/test_restored
        a_restored_registrar_signs_no_second_manifest
    system/tests/test_faults_restored
        a_restored_manager_is_quiet_and_told_to_rekey T
"""

import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2]
FIRST, FILE, TEST = 0, 4, 8  # columns


def read(text):
    """Faults, each with its (file, test, whether with people around it)."""
    table, fault, file = {}, "", ""
    for line in text.split("\n\n", 2)[2].strip().splitlines():
        words, column = line.split(), len(line) - len(line.lstrip())
        if column == FIRST:
            fault = line
            table[fault] = []
        elif column == FILE:
            file = words[0] + ".py"
        else:
            assert column == TEST, line
            table[fault].append((file, f"test_{words[0]}", words[1:] == ["T"]))
    return table


TABLE = read(__doc__)
ROWS = sorted({row[:2] for rows in TABLE.values() for row in rows})


@pytest.mark.parametrize(("file", "test"), ROWS)
def test_each_named_test_exists_and_runs(file, test):
    text = (PACKAGE / file).read_text(encoding="utf-8")
    (found,) = re.finditer(rf"^def {test}\(", text, re.MULTILINE)
    before = text[: found.start()].rsplit("\n\n", 1)[-1]
    assert "mark.skip" not in before
    assert "xfail" not in before


def test_each_fault_is_shown_with_people_around_it():
    alone = [fault for fault, rows in TABLE.items() if not any(r[2] for r in rows)]
    # Of a configuration there is nothing to equivocate about while people are online:
    # they have pinned one that everybody signed, and ask nobody for another.
    assert alone == ["registrar that equivocates about the configuration"]
    assert len(TABLE) == 15
