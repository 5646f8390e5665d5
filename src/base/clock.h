#ifndef VG_BASE_CLOCK_H
#define VG_BASE_CLOCK_H

/* Seconds on a clock that never goes back; only differences mean something. */
double vg_seconds(void);

/* The same of the time that the calling thread had a CPU. */
double vg_thread_seconds(void);

#endif
