/* SPDX-License-Identifier: BSD-3-Clause */
/* How the message of each row is filled from plan and session. Decides nothing. */
#include "session/script_rows.h"

#include "base/checked.h"

static void attach(struct hf_message *message, int fd)
{
    message->fds[0] = fd;
    message->fd_count = 1;
}

static void fill_ring_fd(struct hf_message *message, uint16_t index, int fd)
{
    message->body.u64 = index;
    if (fd >= 0)
        attach(message, fd);
    else
        message->body.u64 |= HF_WIRE_NO_FD;
}

void hf_fill_protocol_features(HF_ROW_ARGS, struct hf_message *message)
{
    (void)index;
    message->body.u64 = state->session->protocol;
}

void hf_fill_config(HF_ROW_ARGS, struct hf_message *message)
{
    (void)index;
    message->body.config.offset = state->asked->config.offset;
    message->body.config.size_bytes = state->asked->config.size_bytes;
}

void hf_fill_config_change(HF_ROW_ARGS, struct hf_message *message)
{
    (void)index;
    message->body.config = state->asked->config;
}

void hf_fill_channel(HF_ROW_ARGS, struct hf_message *message)
{
    (void)index;
    attach(message, state->plan->channel_fd);
}

void hf_fill_call(HF_ROW_ARGS, struct hf_message *message)
{
    fill_ring_fd(message, index, state->plan->rings[index].call_fd);
}

void hf_fill_err(HF_ROW_ARGS, struct hf_message *message)
{
    fill_ring_fd(message, index, state->plan->rings[index].err_fd);
}

void hf_fill_features(HF_ROW_ARGS, struct hf_message *message)
{
    (void)index;
    message->body.u64 = state->plan->features;
    message->body.u64 |= state->session->offered & HF_FEATURE(PROTOCOL_FEATURES);
    if (state->plan->log.generation != 0)
        message->body.u64 |= HF_FEATURE(LOG_ALL);
}

void hf_fill_get_inflight(HF_ROW_ARGS, struct hf_message *message)
{
    (void)index;
    message->body.inflight.queue_count = hf_plan_tracked_queues(state->plan);
    message->body.inflight.queue_size = hf_script_region_size(state->plan);
}

void hf_fill_set_inflight(HF_ROW_ARGS, struct hf_message *message)
{
    const struct hf_inflight_plan *inflight = &state->plan->inflight;

    (void)index;
    message->body.inflight = (struct hf_wire_inflight){
        .mmap_size_bytes = inflight->mmap_size,
        .mmap_offset = inflight->mmap_offset,
        .queue_count = inflight->queue_count,
        .queue_size = inflight->queue_size,
    };
    attach(message, inflight->fd);
}

void hf_fill_log(HF_ROW_ARGS, struct hf_message *message)
{
    (void)index;
    message->body.log.size_bytes = state->plan->log.size_bytes;
    message->body.log.mmap_offset = state->plan->log.mmap_offset;
    attach(message, state->plan->log.fd);
}

static struct hf_wire_region wire_region(const struct hf_region_plan *region)
{
    return (struct hf_wire_region){
        .guest_address = region->guest_address,
        .size_bytes = region->size_bytes,
        .user_address = region->user_address,
        .mmap_offset = region->mmap_offset,
    };
}

void hf_fill_table(HF_ROW_ARGS, struct hf_message *message)
{
    struct hf_wire_mem_table *table = &message->body.table;

    (void)index;
    for (unsigned i = 0; i < HF_REGION_COUNT_MAX && table->count < HF_WIRE_REGIONS_MAX; i++) {
        const struct hf_region_plan *region = &state->plan->regions[i];

        if (region->generation == 0)
            continue;
        message->fds[message->fd_count++] = region->fd;
        table->regions[table->count++] = wire_region(region);
    }
}

void hf_fill_add_region(HF_ROW_ARGS, struct hf_message *message)
{
    message->body.region = wire_region(&state->plan->regions[index]);
    attach(message, state->plan->regions[index].fd);
}

void hf_fill_remove_region(HF_ROW_ARGS, struct hf_message *message)
{
    const struct hf_region_told *told = &state->session->regions[index];

    message->body.region = (struct hf_wire_region){
        .guest_address = told->guest_address,
        .size_bytes = told->size_bytes,
        .user_address = told->user_address,
    };
}

static void fill_state(struct hf_message *message, uint16_t index, uint32_t num)
{
    message->body.state.index = index;
    message->body.state.num = num;
}

void hf_fill_num(HF_ROW_ARGS, struct hf_message *message)
{
    fill_state(message, index, state->plan->rings[index].size);
}

void hf_fill_base(HF_ROW_ARGS, struct hf_message *message)
{
    fill_state(message, index, state->plan->rings[index].base);
}

void hf_fill_addr(HF_ROW_ARGS, struct hf_message *message)
{
    const struct hf_ring_plan *ring = &state->plan->rings[index];

    message->body.addr = (struct hf_wire_vring_addr){
        .index = index,
        .flags = state->plan->log.generation != 0 ? HF_WIRE_VRING_F_LOG : 0,
        .desc = ring->desc_address,
        .used = ring->used_address,
        .avail = ring->avail_address,
        .log = ring->used_guest_address,
    };
}

void hf_fill_kick(HF_ROW_ARGS, struct hf_message *message)
{
    fill_ring_fd(message, index, state->plan->rings[index].kick_fd);
}

void hf_fill_get_base(HF_ROW_ARGS, struct hf_message *message)
{
    (void)state;
    fill_state(message, index, 0);
}

void hf_fill_enable(HF_ROW_ARGS, struct hf_message *message)
{
    (void)state;
    fill_state(message, index, 1);
}

void hf_fill_disable(HF_ROW_ARGS, struct hf_message *message)
{
    (void)state;
    fill_state(message, index, 0);
}
