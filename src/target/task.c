/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Control requests (virtio 1.3 §5.6.6.2). "All effects on the request queues are visible before the
 * response": a task visits every worker in turn, fetches what the driver has already offered,
 * kills its victims, and leaves when their used entries are published.
 *
 *     begin -> worker 0: kill, wait -> worker 1: kill, wait -> ... -> respond (control's worker)
 *
 * A task is of its own I_T nexus only: other front-ends of the same unit are not touched.
 */
#include "target/task.h"

#include "target/request.h"
#include "target/serve.h"
#include "target/worker_state.h"
#include "vscsi/lun.h"

enum scope {
    SCOPE_TAG,  /* one task of one logical unit */
    SCOPE_UNIT, /* all tasks of one logical unit */
    SCOPE_NEXUS,
};

struct hf_task_rule {
    bool served;
    bool query;
    enum scope scope;
    enum hf_vscsi_code victims; /* response that the victims get */
};

/* What has no row is rejected. ACA is not supported, so there is none to clear. */
static const struct hf_task_rule rules[HF_VSCSI_TMF_COUNT] = {
    [HF_VSCSI_TMF_ABORT_TASK] = { true, false, SCOPE_TAG, HF_VSCSI_ABORTED },
    [HF_VSCSI_TMF_ABORT_TASK_SET] = { true, false, SCOPE_UNIT, HF_VSCSI_ABORTED },
    [HF_VSCSI_TMF_CLEAR_TASK_SET] = { true, false, SCOPE_UNIT, HF_VSCSI_ABORTED },
    [HF_VSCSI_TMF_I_T_NEXUS_RESET] = { true, false, SCOPE_NEXUS, HF_VSCSI_RESET },
    [HF_VSCSI_TMF_LOGICAL_UNIT_RESET] = { true, false, SCOPE_UNIT, HF_VSCSI_RESET },
    [HF_VSCSI_TMF_QUERY_TASK] = { true, true, SCOPE_TAG, HF_VSCSI_OK },
    [HF_VSCSI_TMF_QUERY_TASK_SET] = { true, true, SCOPE_UNIT, HF_VSCSI_OK },
};

static struct hf_request *request_of(struct hf_task *task)
{
    return HF_CONTAINER(task, struct hf_request, task);
}

static void respond(struct hf_request *request, enum hf_vscsi_code code)
{
    size_t length = 0;

    if (!request->queue->abandoned) {
        length = hf_vscsi_control_scatter(request->writable, &request->control, 0, (uint8_t)code);
        if (length == 0) {
            hf_serve_malformed(request, "no room for a control response");
            return;
        }
        request->written_bytes = length;
    }
    hf_serve_finish(request, (uint32_t)length);
}

/* ---- victims ---- */

static bool is_victim(const struct hf_task *task, const struct hf_request *request)
{
    if (!request->active || (task->unit && request->unit != task->unit))
        return false;
    return task->rule->scope != SCOPE_TAG || request->tag == task->tag;
}

static bool serves(const struct hf_queue *queue, struct hf_task *task)
{
    return queue->role == HF_ROLE_REQUEST && queue->nexus == request_of(task)->queue->nexus;
}

static void kill_victims(struct hf_queue *queue, struct hf_task *task)
{
    while (hf_serve_fetch(queue))
        ; /* a head is out once at most, so this ends */
    for (uint16_t head = 0; head < queue->device.ring.size; head++) {
        struct hf_request *request = &queue->requests[head];

        if (!is_victim(task, request))
            continue;
        task->found = true;
        if (!task->rule->query)
            hf_request_kill(request, task->rule->victims);
    }
}

static bool victim_left(const struct hf_queue *queue, const struct hf_task *task)
{
    for (uint16_t head = 0; head < queue->device.ring.size; head++) {
        const struct hf_request *request = &queue->requests[head];

        if (is_victim(task, request) && request->order < task->bound)
            return true;
    }
    return false;
}

static bool victims_left(const struct hf_worker *worker, struct hf_task *task)
{
    if (task->rule->query)
        return false;
    HF_LIST_FOR_EACH (link, &worker->queues) {
        const struct hf_queue *queue = HF_CONTAINER(link, struct hf_queue, link);

        if (serves(queue, task) && victim_left(queue, task))
            return true;
    }
    return false;
}

/* ---- the way ---- */

static void arrive(struct hf_mail *mail)
{
    struct hf_task *task = HF_CONTAINER(mail, struct hf_task, mail);
    struct hf_crew *crew = request_of(task)->queue->crew;
    struct hf_worker *worker = &crew->workers[task->worker_index];

    HF_LIST_FOR_EACH (link, &worker->queues) {
        struct hf_queue *queue = HF_CONTAINER(link, struct hf_queue, link);

        if (serves(queue, task))
            kill_victims(queue, task);
    }
    task->bound = worker->next_order;
    hf_list_append(&worker->tasks, &task->link); /* checked at the end of this round */
}

static void come_home(struct hf_mail *mail)
{
    struct hf_task *task = HF_CONTAINER(mail, struct hf_task, mail);

    respond(request_of(task),
            task->rule->query && task->found ? HF_VSCSI_FUNCTION_SUCCEEDED : HF_VSCSI_OK);
}

static void go_on(struct hf_task *task)
{
    struct hf_queue *control = request_of(task)->queue;
    struct hf_crew *crew = control->crew;

    task->worker_index++;
    if (task->worker_index < crew->worker_count) {
        hf_worker_post(&crew->workers[task->worker_index], &task->mail);
        return;
    }
    task->mail.run = come_home;
    hf_worker_post(control->worker, &task->mail);
}

void hf_task_check(struct hf_worker *worker)
{
    struct hf_link waiting;
    struct hf_link *link;

    hf_list_init(&waiting);
    while ((link = hf_list_pop(&worker->tasks))) {
        struct hf_task *task = HF_CONTAINER(link, struct hf_task, link);

        if (victims_left(worker, task))
            hf_list_append(&waiting, link);
        else
            go_on(task);
    }
    while ((link = hf_list_pop(&waiting)))
        hf_list_append(&worker->tasks, link);
}

static void set_out(struct hf_request *request, const struct hf_task_rule *rule,
                    struct hf_unit *unit)
{
    struct hf_crew *crew = request->queue->crew;

    request->task = (struct hf_task){
        .mail = { .run = arrive },
        .rule = rule,
        .unit = rule->scope == SCOPE_NEXUS ? NULL : unit,
        .tag = request->control.tag,
    };
    hf_list_init(&request->task.link);
    hf_worker_post(&crew->workers[0], &request->task.mail);
}

/* ---- the beginning ---- */

static enum hf_vscsi_code find_unit(const struct hf_request *request, struct hf_unit **unit)
{
    const struct hf_nexus *nexus = request->queue->nexus;
    struct hf_vscsi_address address = hf_vscsi_lun_decode(request->control.lun);

    if (address.form == HF_LUN_FORM_INVALID || address.target >= nexus->unit_count ||
        !nexus->units[address.target])
        return HF_VSCSI_BAD_TARGET;
    if (address.form != HF_LUN_FORM_UNIT || address.lun != 0)
        return HF_VSCSI_INCORRECT_LUN;
    *unit = nexus->units[address.target];
    return HF_VSCSI_OK;
}

static void manage_task(struct hf_request *request)
{
    uint32_t subtype = request->control.subtype;
    const struct hf_task_rule *rule = subtype < HF_VSCSI_TMF_COUNT ? &rules[subtype] : NULL;
    struct hf_unit *unit = NULL;
    enum hf_vscsi_code code = HF_VSCSI_OK;

    if (!rule || !rule->served)
        code = HF_VSCSI_FUNCTION_REJECTED;
    else if (rule->scope != SCOPE_NEXUS)
        code = find_unit(request, &unit);
    if (code != HF_VSCSI_OK)
        respond(request, code);
    else
        set_out(request, rule, unit);
}

/* No event is supported, which "0 of those you asked for" says. */
static void notify_nothing(struct hf_request *request)
{
    struct hf_unit *unit;

    respond(request, find_unit(request, &unit));
}

static void reject(struct hf_request *request)
{
    respond(request, HF_VSCSI_FUNCTION_REJECTED);
}

static void (*const handlers[HF_VSCSI_CONTROL_COUNT])(struct hf_request *request) = {
    [HF_VSCSI_CONTROL_TMF] = manage_task,
    [HF_VSCSI_CONTROL_AN_QUERY] = notify_nothing,
    [HF_VSCSI_CONTROL_AN_SUBSCRIBE] = notify_nothing,
};

void hf_task_begin(struct hf_request *request)
{
    if (request->writable_bytes == 0 ||
        !hf_vscsi_control_gather(request->readable, &request->control)) {
        hf_serve_malformed(request, "no control request, or no room for its response");
        return;
    }
    if (request->control.type < HF_VSCSI_CONTROL_COUNT)
        handlers[request->control.type](request);
    else
        reject(request);
}
