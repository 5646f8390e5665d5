/* What this process takes of the machine. */
#ifndef VG_CLI_REPORTING_PROCESS_H
#define VG_CLI_REPORTING_PROCESS_H

#include <stdint.h>

/* Zero is what the system does not tell. */
typedef struct vg_cli_process {
    double cpu_seconds; /* of all threads, user and system */
    uint64_t resident_bytes, peak_resident_bytes;
    uint64_t open_files;
} vg_cli_process;

vg_cli_process vg_cli_process_now(void);

#endif
