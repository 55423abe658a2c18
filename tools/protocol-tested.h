/* SPDX-License-Identifier: BSD-3-Clause */
/* Which test shows that a request works: for protocol-support. */
#ifndef HF_TOOLS_PROTOCOL_TESTED_H
#define HF_TOOLS_PROTOCOL_TESTED_H

#include "wire/request.h"

/* `file: name`, the file from tests/ on; tools/check-shown sees that it is there. */
struct protocol_tested {
    const char *front_end; /* sends it; NULL: it does not */
    const char *target;    /* serves it */
};

extern const struct protocol_tested protocol_tested[HF_REQUEST_COUNT];

#endif
