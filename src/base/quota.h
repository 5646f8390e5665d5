/* The share of the machine's CPUs that a container may take. */
#ifndef VG_BASE_QUOTA_H
#define VG_BASE_QUOTA_H

/* CPUs of the smallest quota of this process's control group and of those around it,
 * rounded up; 0 where there is none. Version 1 and 2. `root` stands before /proc and
 * /sys: "" but in tests. */
int vg_quota_cpus(const char *root);

#endif
