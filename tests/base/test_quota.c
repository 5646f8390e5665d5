#define _XOPEN_SOURCE 700 /* nftw, mkdtemp */
/* Quotas of control groups as containers, systemd and batch systems set them, each drawn as a
 * tree of files: what the kernel shows in /proc and /sys. */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/quota.h"
#include "verger/verger.h"

enum { PATH_CHARS = 4096 };

static void make_file(const char *root, const char *name, const char *text)
{
    char path[PATH_CHARS];
    snprintf(path, sizeof path, "%s%s", root, name);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(path, 0777);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void)info, (void)type, (void)place;
    return remove(path);
}

#define V2 "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
#define V1 "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
#define V1_SETS "33 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
#define V1_OF_DOCKER "32 31 0:29 /docker/f00 /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n"
#define QUOTA_US "/cpu.cfs_quota_us"
#define PERIOD_US "/cpu.cfs_period_us"

typedef struct machine {
    const char *what;
    int cpus;
    const char *files[5][2];
} machine;

static const machine machines[] = {
    {"nothing is known", 0, {{"/proc/uptime", "1"}}},
    {"version 2, no limit",
     0,
     {{"/proc/self/mountinfo", V2},
      {"/proc/self/cgroup", "0::/\n"},
      {"/sys/fs/cgroup/cpu.max", "max 100000\n"}}},
    {"version 2, one and a half, in the container's own namespace",
     2,
     {{"/proc/self/mountinfo", V2},
      {"/proc/self/cgroup", "0::/\n"},
      {"/sys/fs/cgroup/cpu.max", "150000 100000\n"}}},
    {"version 2, nested, the inner one is the smaller",
     1,
     {{"/proc/self/mountinfo", V2},
      {"/proc/self/cgroup", "0::/user.slice/job.scope\n"},
      {"/sys/fs/cgroup/user.slice/cpu.max", "400000 100000\n"},
      {"/sys/fs/cgroup/user.slice/job.scope/cpu.max", "20000 100000\n"}}},
    {"version 2, nested, the outer one is the smaller",
     4,
     {{"/proc/self/mountinfo", V2},
      {"/proc/self/cgroup", "0::/user.slice/job.scope\n"},
      {"/sys/fs/cgroup/user.slice/cpu.max", "400000 100000\n"},
      {"/sys/fs/cgroup/user.slice/job.scope/cpu.max", "max 100000\n"}}},
    {"version 2, a group outside the namespace",
     3,
     {{"/proc/self/mountinfo", V2},
      {"/proc/self/cgroup", "0::/../other\n"},
      {"/sys/fs/cgroup/cpu.max", "300000 100000\n"}}},
    {"version 2, mounts not listed",
     5,
     {{"/proc/self/cgroup", "0::/job\n"}, {"/sys/fs/cgroup/job/cpu.max", "500000 100000\n"}}},
    {"version 1, no limit",
     0,
     {{"/proc/self/mountinfo", V1_SETS V1},
      {"/proc/self/cgroup", "4:cpuset:/a\n3:cpu,cpuacct:/\n"},
      {"/sys/fs/cgroup/cpu,cpuacct" QUOTA_US, "-1\n"},
      {"/sys/fs/cgroup/cpu,cpuacct" PERIOD_US, "100000\n"}}},
    {"version 1, nested",
     2,
     {{"/proc/self/mountinfo", V1_SETS V1},
      {"/proc/self/cgroup", "4:cpuset:/a\n3:cpu,cpuacct:/slurm/job7\n"},
      {"/sys/fs/cgroup/cpu,cpuacct/slurm/job7" QUOTA_US, "100000\n"},
      {"/sys/fs/cgroup/cpu,cpuacct/slurm/job7" PERIOD_US, "50000\n"}}},
    {"version 1, Docker: the host's names in /proc, the container's group in /sys",
     2,
     {{"/proc/self/mountinfo", V1_OF_DOCKER},
      {"/proc/self/cgroup", "3:cpu:/docker/f00\n"},
      {"/sys/fs/cgroup/cpu" QUOTA_US, "200000\n"},
      {"/sys/fs/cgroup/cpu" PERIOD_US, "100000\n"}}},
    {"both versions, limits in the older one",
     6,
     {{"/proc/self/mountinfo", V1 "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"},
      {"/proc/self/cgroup", "3:cpu,cpuacct:/a\n0::/b\n"},
      {"/sys/fs/cgroup/cpu,cpuacct/a" QUOTA_US, "600000\n"},
      {"/sys/fs/cgroup/cpu,cpuacct/a" PERIOD_US, "100000\n"},
      {"/sys/fs/cgroup/unified/b/cpu.max", "max 100000\n"}}},
    {"broken files",
     0,
     {{"/proc/self/mountinfo", "\n - \n1 2 3 - cgroup2\n1 2 3 / /sys - cgroup2\nno end"},
      {"/proc/self/cgroup", ":\n\n0:\n0::"},
      {"/sys/fs/cgroup/cpu.max", "100000 0\n"}}},
};

static void quotas_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        char root[] = "/tmp/verger-quota-XXXXXX";
        assert_non_null(mkdtemp(root));
        for (size_t f = 0; f < 5 && machines[i].files[f][0] != NULL; f++)
            make_file(root, machines[i].files[f][0], machines[i].files[f][1]);
        int cpus = vg_quota_cpus(root);
        nftw(root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
        if (cpus != machines[i].cpus)
            fail_msg("%s: %d, not %d CPUs", machines[i].what, cpus, machines[i].cpus);
    }
}

static void this_process_may_use_some(void **state)
{
    (void)state;
    int cpus = vg_usable_cpus();
    assert_true(cpus >= 1 && cpus <= sysconf(_SC_NPROCESSORS_CONF));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotas_are_found),
        cmocka_unit_test(this_process_may_use_some),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
