/* The neighbours of a page's rows, out of the table that 'verger neighbours' writes. */
#ifndef VG_REPORT_PAGE_NEIGHBOURS_H
#define VG_REPORT_PAGE_NEIGHBOURS_H

#include <jansson.h>

#include "explore/row_table.h"

typedef struct vg_page_neighbours {
    int k;            /* 0 where there is no table */
    int32_t *steps;   /* [k][rows]: how many rows further the neighbour is, 0 for none */
    float *distances; /* [k][rows] */
} vg_page_neighbours;

/* Reads the newest complete table of neighbours of `output`; none leaves k at 0. Neighbours
 * that are no rows of the page are left out, with a warning. */
vg_status vg_page_neighbours_read(vg_page_neighbours *neighbours, const vg_row_table *rows,
                                  vg_store *output, const atomic_bool *cancel,
                                  const vg_observer *observer, vg_error *error);
/* Places [rows][2] by vg_layout, from the first two components; one component counts twice. */
vg_status vg_page_neighbours_place(float *places, const vg_page_neighbours *neighbours,
                                   const vg_row_table *rows, const atomic_bool *cancel,
                                   const vg_observer *observer, vg_error *error);
void vg_page_neighbours_free(vg_page_neighbours *neighbours);

/* Puts head.neighbours, and the blocks. */
vg_status vg_page_neighbours_write(const vg_page_neighbours *neighbours, size_t rows, json_t *head,
                                   FILE *page, vg_error *error);

#endif
