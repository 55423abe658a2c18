/* SPDX-License-Identifier: BSD-3-Clause */
/* The table. Of several tests of a request, one that would not pass without it. */
#include "protocol-tested.h"

#define SIM(transcript, name)           "sim/transcripts/" transcript ".txt: " #name
#define SCRIPT(name)                    "unit/session/test_script.c: " #name
#define ROWS(name)                      "unit/session/test_script_rows.c: " #name
#define FILL(name)                      "unit/session/test_script_fill.c: " #name
#define QUESTION(name)                  "unit/device/test_question.c: " #name
#define BACK(name)                      "unit/session/test_back.c: test_" #name
#define RING(name)                      "unit/session/test_back_ring.c: test_" #name
#define MEMORY(name)                    "unit/session/test_back_memory.c: test_" #name
#define DEVICE(name)                    "unit/session/test_back_device.c: test_" #name
#define LOG(name)                       "unit/session/test_back_log.c: test_" #name

#define TESTED(name, front_end, target) [HF_REQUEST_##name] = { front_end, target }

const struct protocol_tested protocol_tested[HF_REQUEST_COUNT] = {
    TESTED(GET_FEATURES, SIM("first-start", GET_FEATURES), DEVICE(what_is_offered_is_told)),
    TESTED(SET_FEATURES, FILL(features_are_the_guests_and_bit_30_where_it_is_offered),
           DEVICE(features_that_were_not_offered_are_refused)),
    TESTED(SET_OWNER, SIM("first-start", SET_OWNER),
           BACK(an_acknowledgement_needs_the_bit_and_the_feature)),
    TESTED(RESET_OWNER, NULL, DEVICE(giving_up_ownership_drops_no_state)),
    TESTED(SET_MEM_TABLE, SIM("memory-hot-plug-without-slots", SET_MEM_TABLE),
           MEMORY(a_table_replaces_all_regions)),
    TESTED(SET_LOG_BASE, SIM("dirty-log-while-running", SET_LOG_BASE),
           LOG(a_log_is_mapped_and_answered_unasked)),
    TESTED(SET_LOG_FD, NULL, LOG(the_log_descriptor_is_taken_and_closed)),
    TESTED(SET_VRING_NUM, SIM("first-start", SET_VRING_NUM),
           RING(a_ring_without_size_or_addresses_does_not_start)),
    TESTED(SET_VRING_ADDR, FILL(the_log_is_switched_on_in_features_and_addresses),
           RING(every_order_in_which_kick_comes_last_runs_the_ring)),
    TESTED(SET_VRING_BASE, FILL(a_ring_begins_at_its_base),
           RING(a_running_ring_keeps_size_base_and_addresses)),
    TESTED(GET_VRING_BASE, SIM("clean-stop-and-resume", GET_VRING_BASE),
           RING(a_stop_is_answered_when_drained_and_the_ring_goes_on_from_there)),
    TESTED(SET_VRING_KICK, SCRIPT(a_new_kick_or_epoch_or_other_features_stop_the_ring),
           RING(a_ring_without_a_kick_descriptor_is_polled)),
    TESTED(SET_VRING_CALL, ROWS(a_ring_without_a_call_is_told_so),
           RING(call_err_and_enable_change_while_it_runs)),
    TESTED(SET_VRING_ERR, SIM("first-start", SET_VRING_ERR),
           RING(call_err_and_enable_change_while_it_runs)),
    TESTED(GET_PROTOCOL_FEATURES, SIM("first-start", GET_PROTOCOL_FEATURES),
           BACK(protocol_features_need_bit_30_only_offered)),
    TESTED(SET_PROTOCOL_FEATURES, ROWS(only_protocol_features_that_are_wanted_are_acknowledged),
           BACK(the_request_that_negotiates_acks_is_acked_if_it_asks)),
    TESTED(GET_QUEUE_NUM, ROWS(a_back_end_without_mq_has_one_queue),
           BACK(a_request_with_an_answer_is_answered_once_whatever_it_asks)),
    TESTED(SET_VRING_ENABLE, SCRIPT(the_first_rings_begin_last_where_enable_lets_them),
           RING(enabled_and_started_are_two_things)),
    TESTED(SET_BACKEND_REQ_FD, ROWS(each_connection_gets_the_channel_that_is_there),
           DEVICE(the_back_end_channel_goes_to_the_edge)),
    TESTED(GET_CONFIG, QUESTION(a_back_end_that_fences_its_units_says_so_in_its_trailer),
           DEVICE(config_is_answered_inside_and_refused_empty_outside)),
    TESTED(SET_CONFIG, ROWS(a_change_of_the_config_space_is_told_as_it_was_asked_for),
           DEVICE(config_is_answered_inside_and_refused_empty_outside)),
    TESTED(GET_INFLIGHT_FD, SCRIPT(a_region_is_asked_for_once_on_each_connection),
           DEVICE(an_inflight_region_is_given_for_counts_that_can_be)),
    TESTED(SET_INFLIGHT_FD, SIM("crash-with-requests-in-flight", SET_INFLIGHT_FD),
           DEVICE(an_inflight_region_that_cannot_be_is_refused)),
    TESTED(RESET_DEVICE, ROWS(a_reset_waits_until_no_ring_runs),
           DEVICE(a_reset_stops_all_rings_and_forgets_them)),
    TESTED(GET_MAX_MEM_SLOTS, ROWS(a_back_end_must_take_all_regions), MEMORY(slots_are_counted)),
    TESTED(ADD_MEM_REG, SIM("memory-hot-plug-with-slots", ADD_MEM_REG),
           MEMORY(regions_that_cannot_be_are_refused_and_change_nothing)),
    TESTED(REM_MEM_REG, SCRIPT(a_region_is_taken_back_as_it_was_told),
           MEMORY(a_region_is_removed_by_its_addresses_and_size)),
};
