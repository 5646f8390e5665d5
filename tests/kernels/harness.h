/* What the kernel tests share: random numbers, guarded buffers, panels. */
#ifndef VG_TESTS_KERNELS_HARNESS_H
#define VG_TESTS_KERNELS_HARNESS_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/kernels.h"

/* --- Random numbers ----------------------------------------------------- */

void random_seed(uint64_t seed);
/* low <= result <= high */
int random_int(int low, int high);
/* Between -1 and 1; now and then a zero of either sign or a number far out. */
float random_float(void);

/* --- Guarded buffers ---------------------------------------------------- */

/* Numbers that end at a page nobody may touch, or a few floats before it, so that they
 * start at no address that vectors would like. What is around them holds a known pattern,
 * and so do they until they are written. */
typedef struct guarded {
    float *values;
    size_t count;
    unsigned char *pages, *end;
    size_t page_bytes;
} guarded;

guarded guarded_open(size_t count);
/* 0 when the pattern in front or behind was overwritten. */
int guarded_is_intact(const guarded *buffer);
void guarded_close(guarded *buffer);

/* Room for so many bytes, and those that end at the page nobody may touch, or near it. */
guarded open_bytes(size_t count);
uint8_t *bytes_of(const guarded *buffer, size_t count);

/* --- Panels ------------------------------------------------------------- */

/* Floats of a tensor of `pixels` x `channels` in panels. */
size_t panels_size(int pixels, int channels, int panel);
/* dense: [pixels][channels]; panels as in kernels.h, padded with zeros. */
void panels_from_dense(float *panels, const float *dense, int pixels, int channels, int panel);
void panels_to_dense(float *dense, const float *panels, int pixels, int channels, int panel);

/* --- Cases -------------------------------------------------------------- */

/* Says what runs now: a crash is reported under this name. */
__attribute__((format(printf, 1, 2))) void case_begin(const char *format, ...);
const char *case_name(void);
/* Says what of the case failed; 1 where nothing did. */
int case_passes(int is_same, int is_intact);
void case_catch_crashes(void);

#endif
