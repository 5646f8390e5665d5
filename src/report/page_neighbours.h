/* The neighbours of a page's rows, and a map by them. */
#ifndef VG_REPORT_PAGE_NEIGHBOURS_H
#define VG_REPORT_PAGE_NEIGHBOURS_H

#include <jansson.h>

#include "explore/neighbour_lists.h"

/* Places [rows][2] by vg_layout, from the first two components; one component counts twice. */
vg_status vg_page_neighbours_place(float *places, const vg_neighbour_lists *neighbours,
                                   const vg_row_table *rows, const atomic_bool *cancel,
                                   const vg_observer *observer, vg_error *error);

/* Puts head.neighbours, and the blocks; null and none where k is 0. */
vg_status vg_page_neighbours_write(const vg_neighbour_lists *neighbours, size_t rows, json_t *head,
                                   FILE *page, vg_error *error);

#endif
