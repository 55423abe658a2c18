/* SPDX-License-Identifier: BSD-3-Clause */
/* Doubly linked ring; the link lives in the element, the list owns nothing. */
#ifndef HF_BASE_LIST_H
#define HF_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct hf_link {
    struct hf_link *next;
    struct hf_link *previous;
};

#define HF_CONTAINER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

/* The loop variable may not be removed inside; take hf_list_pop in a while loop for that. */
#define HF_LIST_FOR_EACH(link, list)                                                               \
    for (struct hf_link *link = (list)->next; link != (list); link = link->next)

static inline void hf_list_init(struct hf_link *list)
{
    list->next = list;
    list->previous = list;
}

static inline bool hf_list_empty(const struct hf_link *list)
{
    return list->next == list;
}

static inline void hf_list_append(struct hf_link *list, struct hf_link *link)
{
    link->previous = list->previous;
    link->next = list;
    list->previous->next = link;
    list->previous = link;
}

/* Leaves the element linked to itself, so that removing it again does no harm. */
static inline void hf_list_remove(struct hf_link *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    hf_list_init(link);
}

static inline struct hf_link *hf_list_pop(struct hf_link *list)
{
    struct hf_link *first = list->next;

    if (first == list)
        return NULL;
    hf_list_remove(first);
    return first;
}

#endif
