/* What a public function answers to arguments that no caller may give. */
#ifndef VG_BASE_CONTRACT_H
#define VG_BASE_CONTRACT_H

#include "verger/verger.h"

/* VG_EINVAL: "vg_extract: the extractor is NULL". */
vg_status vg_fail_null(vg_error *error, const char *function, const char *what);

/* How many numbers some options reserve. */
#define VG_RESERVED_OF(options) (sizeof(options)->reserved / sizeof(options)->reserved[0])

/* VG_EINVAL where options, "vg_image_options", did not begin as their default function
 * makes them, or are of a later version that has more. */
vg_status vg_check_reserved(const uint64_t *reserved, size_t count, const char *options,
                            vg_error *error);

#endif
