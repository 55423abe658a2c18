/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a logical unit answers. The target does medium I/O only, everything else happens here:
 *
 *     hf_cdb_decode(bytes, &cdb);
 *     if (hf_cdb_kind(&cdb) == HF_COMMAND_ANSWER)
 *         status = hf_scsi_answer(facts, &cdb, &data, &sense);       complete
 *     else
 *         status = hf_scsi_transfer_check(facts, &cdb, &sense);      GOOD: do the I/O
 *
 * `facts` is never NULL: a missing LUN is &hf_lun_missing (facts.h); NULL is taken as that.
 */
#ifndef HF_SCSI_RESPONSE_H
#define HF_SCSI_RESPONSE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "scsi/cdb.h"
#include "scsi/facts.h"
#include "scsi/sense.h"
#include "scsi/status.h"

/* No answer is longer. A writer with this capacity never truncates by itself. */
#define HF_SCSI_ANSWER_SIZE_MAX 512u

/*
 * Answers a command of kind ANSWER, or says what is wrong with it. `data` is fresh. On GOOD,
 * hf_writer_stored(data) bytes are the data-in, cut to the allocation length already. On CHECK
 * CONDITION *sense says why and nothing is written.
 */
enum hf_status hf_scsi_answer(const struct hf_lun_facts *facts, const struct hf_cdb *cdb,
                              struct hf_writer *data, struct hf_sense *sense);
/*
 * Judges a command of kind READ, WRITE or FLUSH before any I/O. GOOD: [lba, lba + blocks) lies on
 * the medium, blocks is within the limit, the unit may be written if the command writes.
 */
enum hf_status hf_scsi_transfer_check(const struct hf_lun_facts *facts, const struct hf_cdb *cdb,
                                      struct hf_sense *sense);
/* What blocks * block size is in bytes; fits for whatever passed the check (32 x 32 bits). */
uint64_t hf_scsi_transfer_size_bytes(const struct hf_lun_facts *facts, const struct hf_cdb *cdb);

#endif
