/* Classes by the votes of the nearest rows, exact. */
#ifndef VG_CLASSIFY_NEIGHBOUR_VOTES_H
#define VG_CLASSIFY_NEIGHBOUR_VOTES_H

#include "classify/linear_model.h"

/* shares [n][classes] of the votes of the k nearest (by cosine) of the rows that `allowed`
 * [all rows] says, for the rows picks [n]. A class that has as many votes as another and a
 * nearer row is a little ahead. firsts [n]: the nearest row's class. */
vg_status vg_neighbour_votes(const vg_learning *learning, const unsigned char *allowed, int k,
                             const size_t *picks, size_t n, float *shares, int32_t *firsts,
                             vg_error *error);

#endif
