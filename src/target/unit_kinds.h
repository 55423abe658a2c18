/* SPDX-License-Identifier: BSD-3-Clause */
/* For unit.c only: how each kind of unit is made. A new kind is a file and a row in unit.c. */
#ifndef HF_TARGET_UNIT_KINDS_H
#define HF_TARGET_UNIT_KINDS_H

#include "target/unit.h"
#include "target/unit_spec.h"

/* No command may move more (reported in VPD B0): it bounds what one request can keep a worker at.
 */
#define HF_UNIT_TRANSFER_MAX_BYTES (64u << 20)

/* NULL and *error on failure; freed by ops->close. */
struct hf_unit *hf_unit_open_path(const struct hf_unit_spec *spec, struct hf_error *error);
struct hf_unit *hf_unit_open_mem(const struct hf_unit_spec *spec, struct hf_error *error);
struct hf_unit *hf_unit_open_null(const struct hf_unit_spec *spec, struct hf_error *error);
/* Takes `inner` on success only. */
struct hf_unit *hf_unit_wrap_fault(struct hf_unit *inner, const struct hf_fault_spec *spec,
                                   struct hf_error *error);

/* What follows from size, block size and the words alone; -EINVAL if the size does not fit. */
int hf_unit_fill_facts(struct hf_unit *unit, const struct hf_unit_spec *spec, uint64_t size_bytes,
                       uint32_t block_size_bytes, struct hf_error *error);
/* A serial from any bytes, the same whenever they are the same. */
void hf_unit_hash_serial(struct hf_lun_facts *facts, const void *bytes, size_t size_bytes);

#endif
