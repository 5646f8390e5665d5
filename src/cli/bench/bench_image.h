/* The picture `verger bench` decodes when it is given none. */
#ifndef VG_CLI_BENCH_BENCH_IMAGE_H
#define VG_CLI_BENCH_BENCH_IMAGE_H

#include "verger/verger.h"

/* A shaded fruit on white, 100 x 100, as a JPEG of some 5 kB: what the photographs
 * of Fruits-360 are like. `jpeg` is the caller's to free(). */
vg_status vg_bench_image(unsigned char **jpeg, size_t *size, vg_error *error);

#endif
