#include "cli/reporting/latencies.h"

#include <math.h>

static const double first_bin = 1e-6, growth = 1.01;

void vg_cli_latencies_add(vg_cli_latencies *latencies, double seconds)
{
    double bin = seconds > first_bin ? log(seconds / first_bin) / log(growth) : 0.0;
    int last = VG_CLI_LATENCY_BINS - 1;
    latencies->bins[bin < (double)last ? (int)bin : last]++;
    latencies->count++;
}

double vg_cli_latencies_quantile(const vg_cli_latencies *latencies, double share)
{
    double seen = 0.0, wanted = ceil(share * (double)latencies->count);
    for (int i = 0; i < VG_CLI_LATENCY_BINS; i++) {
        seen += (double)latencies->bins[i];
        if (latencies->bins[i] > 0 && seen >= wanted)
            return first_bin * pow(growth, (double)i + 0.5);
    }
    return 0.0;
}
