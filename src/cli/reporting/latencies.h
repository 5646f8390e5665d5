/* How long each of any number of pieces of work took, in bounded memory. */
#ifndef VG_CLI_REPORTING_LATENCIES_H
#define VG_CLI_REPORTING_LATENCIES_H

#include <stdint.h>

/* Bins that grow by a hundredth, from a microsecond to a quarter of an hour. */
enum { VG_CLI_LATENCY_BINS = 2080 };

/* Starts as {0}. */
typedef struct vg_cli_latencies {
    uint64_t count, bins[VG_CLI_LATENCY_BINS];
} vg_cli_latencies;

void vg_cli_latencies_add(vg_cli_latencies *latencies, double seconds);
/* Seconds that `share` of them, 0 to 1, do not exceed, to half a hundredth; 0 of none. */
double vg_cli_latencies_quantile(const vg_cli_latencies *latencies, double share);

#endif
