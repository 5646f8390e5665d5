/* Blocks of data in a page, each the text of a <script> of a type that browsers do not run.
 *
 *   data-head          JSON: what follows, what it is called, and all that is small
 *   data-labels        uint16 [count], places in head.labels
 *   data-paths         count times the bytes of a path and NUL, head.root left out in front
 *   data-axis-A        uint16 [count], 0 to 65535 over head.axes[A].range
 *   data-column-C      uint16 [count], places in head.columns[C].values or 0 to 65535 over its
 *                      range
 *   data-neighbours    int32 [k][count], how many rows further the neighbour is; 0 for none
 *   data-distances     float32 [k][count]
 *   data-outlier-rows  uint32, rows by outlier_rank
 *   data-outlier-scores  float32 pairs, of those rows: outlier_score and class_distance, or NaN
 *   data-merges        uint32 pairs, rows of which two groups of duplicates become one, and
 *   data-diameters     float32, how wide that is, the narrowest first
 *   data-sheet-S       thumbnails of head.thumbnails.across x down rows
 *
 * All but head and sheets are little-endian, deflated (RFC 1950) and in Base64; sheets are
 * images in Base64. page/page_data.js reads them. */
#ifndef VG_REPORT_PAGE_BLOCKS_H
#define VG_REPORT_PAGE_BLOCKS_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "verger/verger.h"

/* The JSON as data-head, in which no '<' is left. */
vg_status vg_page_block_json(FILE *page, const json_t *head, vg_error *error);

/* Bytes, deflated or as they are, as data-<name>. */
vg_status vg_page_block_deflated(FILE *page, const char *name, const void *bytes, size_t size,
                                 vg_error *error);
void vg_page_block_plain(FILE *page, const char *name, const void *bytes, size_t size);

/* Numbers in steps of 1 / 65535 of their range: steps and values [count], `stride` numbers
 * apart. */
void vg_page_quantise(uint16_t *steps, const float *values, size_t count, size_t stride, float *low,
                      float *high);

#endif
