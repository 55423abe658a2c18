/* SPDX-License-Identifier: BSD-3-Clause */
/* A file or block device as a unit: shared by its opening (unit_path.c) and its I/O (unit_file.c).
 */
#ifndef HF_TARGET_UNIT_FILE_H
#define HF_TARGET_UNIT_FILE_H

#include "target/direct_io.h"
#include "target/unit.h"

struct hf_file_unit {
    struct hf_unit unit;
    int fd; /* the one descriptor: I/O and lock */
    bool direct;
    struct hf_direct_io alignment; /* of direct I/O */
    uint64_t owner_asked_ns;       /* when we last looked who holds the lock */
    char owner[64];
};

void hf_file_unit_submit(struct hf_unit *unit, struct hf_lane *lane, struct hf_unit_io *io);
void hf_file_unit_cancel(struct hf_unit *unit, struct hf_unit_io *io);

#endif
