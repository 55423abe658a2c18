/* SPDX-License-Identifier: BSD-3-Clause */
/* The version of libholdfast: of these headers, and of the library that runs. */
#ifndef HOLDFAST_VERSION_H
#define HOLDFAST_VERSION_H

#ifdef __cplusplus
extern "C" {
#endif

#define HF_VERSION_MAJOR 0
#define HF_VERSION_MINOR 1
#define HF_VERSION_PATCH 0

/* "0.1.0": of the library that is loaded. A constant; any thread; never NULL. */
const char *hf_version(void);

#ifdef __cplusplus
}
#endif

#endif
