/* The name of a run: "YYYYMMDD_HHMMSS", UTC. */
#ifndef VG_OUTPUT_TIMESTAMP_H
#define VG_OUTPUT_TIMESTAMP_H

#include "verger/verger.h"

enum { VG_TIMESTAMP_CHARS = 16 }; /* "YYYYMMDD_HHMMSS" and NUL */

/* Takes the requested one, if it is a date and a time; NULL takes the time now. */
vg_status vg_timestamp_choose(char timestamp[VG_TIMESTAMP_CHARS], const char *requested,
                              vg_error *error);

/* The second after `timestamp`. */
vg_status vg_timestamp_after(char after[VG_TIMESTAMP_CHARS],
                             const char timestamp[VG_TIMESTAMP_CHARS], vg_error *error);

/* The timestamp that the name or address of a table's folder ends with, within it; "" where it is
 * too short for one. Whether it is a date is not looked at. */
const char *vg_timestamp_of(const char *folder);

#endif
