/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The first kind of wrong: the peer. A fault is a value with a sentence and a remedy; every way in
 * which a back-end can disappoint a front-end is one of these.
 */
#ifndef HF_SESSION_FAULT_H
#define HF_SESSION_FAULT_H

#include "holdfast/fault.h"

enum hf_remedy {
    HF_REMEDY_NONE,
    HF_REMEDY_REDIAL,       /* at once, then by back-off */
    HF_REMEDY_REDIAL_LATER, /* another back-end must come first: by back-off at its longest */
    HF_REMEDY_GIVE_UP,      /* FAILED until told to start again */
};

enum hf_remedy hf_fault_remedy(enum hf_fault fault);

#endif
