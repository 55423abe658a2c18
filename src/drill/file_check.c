/* SPDX-License-Identifier: BSD-3-Clause */
/* The medium itself, past every back-end: what a program started tomorrow would read. */
#include "drill/state.h"

#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int check_block(struct hf_load *load, int fd, uint32_t block, uint8_t *bytes,
                       struct hf_error *error)
{
    struct hf_ledger *ledger = &load->ledger;
    struct hf_content_id id = hf_ledger_id(ledger, block);
    struct hf_ledger_read read = hf_ledger_post_read(ledger, block);
    ssize_t length = pread(fd, bytes, ledger->block_size_bytes, (off_t)id.address);

    if (length != (ssize_t)ledger->block_size_bytes)
        return hf_error_set(error, length < 0 ? errno : EIO, "unable to read block %u of %s: %s",
                            block, load->drill->scene.file_path,
                            length < 0 ? strerror(errno) : "the file is too short");
    struct hf_sight sight = hf_content_look(bytes, ledger->block_size_bytes, &id);
    hf_ledger_end_read(ledger, &read, &sight, &load->drill->outcome->tally);
    return 0;
}

int hf_drill_check_file(struct hf_drill *drill, struct hf_error *error)
{
    HF_AUTO_FD int fd = open(drill->scene.file_path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return hf_error_set(error, errno, "unable to open %s: %s", drill->scene.file_path,
                            strerror(errno));
    uint8_t *bytes = malloc(drill->settings->block_size_bytes);
    if (bytes == NULL)
        return hf_error_set(error, ENOMEM, "no memory for a block");
    int ret = 0;
    HF_FOR_EACH_LOAD(load, drill)
    {
        for (uint32_t i = 0; ret == 0 && i < load->ledger.count; i++)
            ret = check_block(load, fd, i, bytes, error);
    }
    free(bytes);
    drill->outcome->file_checked = ret == 0;
    return ret;
}
