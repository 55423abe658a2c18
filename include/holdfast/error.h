/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Errors of libholdfast. A function that can fail returns 0 (or what its comment says), or -errno,
 * and fills the object its caller gave: the errno, and one sentence with the chain of causes,
 * outermost first: "unable to load the device's state: ring 2: Bad address". Whether it
 * failed, its result says: an object that was used before may still have the older text. NULL is
 * allowed wherever an error is asked for.
 */
#ifndef HOLDFAST_ERROR_H
#define HOLDFAST_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#define HF_ERROR_TEXT_SIZE 512

struct hf_error {
    int code; /* positive errno; 0 = no error */
    char text[HF_ERROR_TEXT_SIZE];
};

#ifdef __cplusplus
}
#endif

#endif
