/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A relay in the simulated world: the relay core under test between the VMM, which speaks
 * vhost-user, and the front core, which the world's edge serves. What is here does what src/relay
 * does with a socket on one side: messages one by one, the cores stepped in turn.
 */
#ifndef SIM_RELAY_H
#define SIM_RELAY_H

#include "session/relay_record.h"
#include "vmm.h"

struct sim_world;

#define SIM_RELAY_OPS_MAX     256u
#define SIM_RELAY_ACTIONS_MAX 64u
#define SIM_RELAY_INBOX_MAX   16u
#define SIM_RELAY_REPLY_NS    (10 * SIM_S)
#define SIM_RELAY_STOP_NS     (10 * SIM_S)
/* Steps from here on are messages of the VMM's. */
#define SIM_RELAY_STEPS 1000u

/* How a VMM goes about it. Each is legal. */
struct sim_relay_habit {
    const char *name;
    bool asks_all;         /* need_reply wherever it may be */
    bool enables_at_once;  /* each ring as it starts, before the next is set up (UML) */
    bool disables;         /* before it stops rings (QEMU) */
    bool resets;           /* RESET_DEVICE, where it is offered */
    bool keeps_place;      /* after a reset the rings are where they were */
    bool tracks;           /* asks for an in-flight region, and hands it over at each start */
    bool stops_one;        /* a kick is changed by stopping that ring alone; else by all */
    bool without_bit_30;   /* acknowledges no protocol features: rings are enabled by themselves */
    bool starts_last_late; /* and larger: the others run, and have requests */
};
extern const struct sim_relay_habit sim_relay_qemu;
extern const struct sim_relay_habit sim_relay_uml;
extern const struct sim_relay_habit sim_relay_odd;
extern const struct sim_relay_habit sim_relay_old;
extern const struct sim_relay_habit sim_relay_late;
#define SIM_RELAY_HABITS 5u
extern const struct sim_relay_habit *const sim_relay_habits[SIM_RELAY_HABITS];
/* NULL: no such name. */
const struct sim_relay_habit *sim_relay_habit_named(const char *name);

/* One thing that the VMM does: a message, or something of its own (relay_ops.c). */
struct sim_relay_op {
    uint8_t kind;
    uint16_t index;
};

/* The VMM as a peer: actions become lists of things to do, one after the other. */
struct sim_relay_vmm {
    bool there;   /* its socket is open */
    bool waits;   /* for the answer to the last message */
    bool started; /* its rings, all of them */
    bool has_region;
    bool pauses; /* until it acts again */
    unsigned refusals;
    struct sim_relay_op present; /* what was done last */
    uint32_t serial;             /* of its socket */
    struct hf_message sent;
    uint64_t offered, protocol_offered, protocol;
    uint16_t bases[SIM_QUEUES_MAX]; /* for the next start */
    unsigned region;                /* object: its in-flight region, */
    struct hf_wire_inflight region_told;
    enum sim_action actions[SIM_RELAY_ACTIONS_MAX];
    unsigned action_count;
    struct sim_relay_op ops[SIM_RELAY_OPS_MAX];
    unsigned op_count;
};

struct sim_relay {
    const struct sim_relay_habit *habit;
    struct hf_relay core;
    struct hf_relay_effects effects;
    struct hf_relay_promise promise;
    bool promised;
    uint32_t learned; /* the last session it looked at for that */
    bool served;      /* a VMM is there, or was and is not over */
    struct sim_relay_vmm vmm;
    struct hf_message inbox[SIM_RELAY_INBOX_MAX];
    unsigned inbox_count;
    uint64_t read_ns; /* when the last one was taken out */
    unsigned region;  /* object that the VMM has of us, as far as we know */
    bool channel;     /* it has given one for the back-end's requests */
    uint32_t timer_serial;
    uint64_t armed_ns;
    unsigned step; /* messages of the VMM's so far */

    /* Noted, and done by the pump. */
    bool pumping, changed, look, vmm_gone, answered, parted;
    enum hf_fault lost;
    uint32_t lost_dial;
    int answer_error;
    union hf_wire_body answer;
    uint32_t question, last_question;
    struct hf_asked waiting;

    /* An event that came of an effect: stepped behind the last effect. */
    bool feeding, fed;
    struct hf_relay_event next;
    union hf_wire_body next_body;

    struct hf_relay_record record;
    unsigned instants; /* at which it might have died */
    bool gone;         /* it has */
};

/* ---- relay.c */
void sim_relay_init(struct sim_world *world);
/* The front core has made a step. */
void sim_relay_note(struct sim_world *world, const struct hf_effects *effects);
void sim_relay_pump(struct sim_world *world);
void sim_relay_timer(struct sim_world *world, uint32_t serial);
/* A message of the VMM's has come. Takes its descriptors. */
void sim_relay_receive(struct sim_world *world, const struct hf_message *message);
/* The last message was waited for as long as may be. */
bool sim_relay_has_waited(const struct sim_world *world);
/* The VMM's socket has ended. */
void sim_relay_hear_hang_up(struct sim_world *world);
/* Nothing is on its way between VMM and relay, and nothing is to be done. */
bool sim_relay_is_idle(const struct sim_world *world);
void sim_relay_close(struct sim_world *world);

/* Records, and carries out. */
void sim_relay_act(struct sim_world *world, const struct hf_relay_effects *effects);
void sim_relay_follow_epoch(struct sim_world *world);
void sim_relay_step(struct sim_world *world, struct hf_relay_event event);

/* ---- relay_effects.c */
void sim_relay_carry_out(struct sim_world *world, const struct hf_relay_effect *effect);
/* An end of the VMM's channel for the back-end; each session has one of its own. */
int sim_relay_channel_end(struct sim_world *world);

/* ---- relay_replace.c: another relay goes on with the record alone */
/* The front core has made a step; the relay core has, and is to carry out `effects`; one of them
 * is. */
void sim_relay_record_plan(struct sim_world *world);
void sim_relay_record(struct sim_world *world, const struct hf_relay_effects *effects);
void sim_relay_record_acted(struct sim_world *world);
/* Between two effects of either core: it does no more. */
bool sim_relay_dies(struct sim_world *world);
void sim_relay_replace(struct sim_world *world);

/* ---- relay_ask.c */
void sim_relay_ask(struct sim_world *world, const struct hf_asked *asked);
void sim_relay_ask_waiting(struct sim_world *world);
void sim_relay_answer_now(struct sim_relay *relay, int error);

/* ---- relay_vmm.c */
void sim_relay_do(struct sim_world *world, enum sim_action action);
/* What this action takes is behind what is to be done already. */
void sim_relay_vmm_act(struct sim_world *world, enum sim_action action);
/* ---- relay_talk.c: goes on with what is to be done. */
void sim_relay_vmm_go_on(struct sim_world *world);
void sim_relay_vmm_hear(struct sim_world *world, const struct hf_message *reply);
/* The relay has hung up on it. */
void sim_relay_vmm_drop(struct sim_world *world);
/* With these faults, and after this time, a request of its may be refused. */
bool sim_relay_may_refuse(const struct sim_world *world);
void sim_relay_vmm_close(struct sim_world *world);

/* ---- relay_ops.c */
enum sim_relay_op_kind {
    SIM_RELAY_GET_FEATURES,
    SIM_RELAY_GET_PROTOCOL,
    SIM_RELAY_SET_PROTOCOL,
    SIM_RELAY_GET_QUEUES,
    SIM_RELAY_GET_SLOTS,
    SIM_RELAY_OWNER,
    SIM_RELAY_CHANNEL,
    SIM_RELAY_FEATURES,
    SIM_RELAY_TABLE,
    SIM_RELAY_ADD, /* index: region */
    SIM_RELAY_REMOVE,
    SIM_RELAY_GET_REGION,
    SIM_RELAY_SET_REGION,
    SIM_RELAY_NUM, /* index: ring, as of all that follow */
    SIM_RELAY_BASE,
    SIM_RELAY_ADDR,
    SIM_RELAY_CALL,
    SIM_RELAY_ERR,
    SIM_RELAY_KICK,
    SIM_RELAY_ENABLE,
    SIM_RELAY_DISABLE,
    SIM_RELAY_STOP,
    SIM_RELAY_RESET,
    SIM_RELAY_LOG,
    SIM_RELAY_CONFIG,
    SIM_RELAY_PLUG,   /* of its own: the region `index` is there, */
    SIM_RELAY_UNPLUG, /* is not */
    SIM_RELAY_LAY_OUT,
    SIM_RELAY_TAKE_AWAY,
    SIM_RELAY_NEW_CALL,
    SIM_RELAY_NEW_KICK,
    SIM_RELAY_LOG_ON,
    SIM_RELAY_LOG_OFF,
    SIM_RELAY_GUEST_GOES,
    SIM_RELAY_BOOT,
    SIM_RELAY_OP_COUNT
};
/* Makes the message; false: it is something of its own, and done. */
bool sim_relay_make(struct sim_world *world, const struct sim_relay_op *op,
                    struct hf_message *message);

#endif
