/* SPDX-License-Identifier: BSD-3-Clause */
/* One word of `holdfast`: a row of the table in main.c and a file of its own. */
#ifndef HF_CMD_SUBCOMMAND_H
#define HF_CMD_SUBCOMMAND_H

struct hf_subcommand {
    const char *name;
    const char *summary;
    /* arguments[0] is "holdfast NAME". Returns the exit status. */
    int (*run)(int count, char **arguments);
};

extern const struct hf_subcommand hf_subcommand_bench;
extern const struct hf_subcommand hf_subcommand_drill;
extern const struct hf_subcommand hf_subcommand_info;
extern const struct hf_subcommand hf_subcommand_status;
extern const struct hf_subcommand hf_subcommand_switch;

#endif
