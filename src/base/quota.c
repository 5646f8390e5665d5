/* Quotas of control groups. Sources: the Linux kernel's Documentation/admin-guide/cgroup-v2.rst
 * (cpu.max) and Documentation/scheduler/sched-bwc.rst (cpu.cfs_quota_us of version 1);
 * cgroups(7) and proc(5) for /proc/self/cgroup and /proc/self/mountinfo. */
#include "base/quota.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_CHARS = 4096 };

/* One hierarchy that is mounted: the group `top` of it is what the folder `mount` shows. */
typedef struct hierarchy {
    bool is_v2;
    const char *mount, *top;
} hierarchy;

/* --- One group ---------------------------------------------------------------- */

static int rounded_up(long long quota, long long period)
{
    if (quota <= 0 || period <= 0) return 0;
    long long cpus = quota / period + (quota % period != 0);
    return cpus < INT_MAX ? (int)cpus : 0;
}

/* Reads one or two numbers of a group's file; how many there were. */
static int read_numbers(const char *root, const char *folder, const char *name, long long *first,
                        long long *second)
{
    char path[PATH_CHARS];
    int length = snprintf(path, sizeof path, "%s%s/%s", root, folder, name);
    FILE *file = length < PATH_CHARS ? fopen(path, "r") : NULL;
    if (file == NULL) return 0;
    int n = fscanf(file, "%lld %lld", first, second);
    fclose(file);
    return n;
}

static int cpus_of_group(const char *root, const char *folder, bool is_v2)
{
    long long quota, period, unused;
    if (is_v2) {
        bool is_limited = read_numbers(root, folder, "cpu.max", &quota, &period) == 2;
        return is_limited ? rounded_up(quota, period) : 0; /* "max" is no number */
    }
    if (read_numbers(root, folder, "cpu.cfs_quota_us", &quota, &unused) < 1) return 0;
    if (read_numbers(root, folder, "cpu.cfs_period_us", &period, &unused) < 1) return 0;
    return rounded_up(quota, period);
}

static int smaller(int quota, int other)
{
    return other > 0 && (quota == 0 || other < quota) ? other : quota;
}

/* The group `below` the mount and all around it, up to the mount itself. */
static int cpus_of_branch(const char *root, const char *mount, const char *below, bool is_v2)
{
    char folder[PATH_CHARS];
    size_t top = strlen(mount);
    if (snprintf(folder, sizeof folder, "%s%s", mount, below) >= PATH_CHARS) return 0;
    int quota = cpus_of_group(root, folder, is_v2);
    for (char *end; (end = strrchr(folder, '/')) != NULL && (size_t)(end - folder) >= top;) {
        *end = '\0';
        quota = smaller(quota, cpus_of_group(root, folder, is_v2));
    }
    return quota;
}

/* --- Where groups are ----------------------------------------------------------- */

static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; (at = strstr(at, word)) != NULL; at++) {
        bool begins = at == list || at[-1] == ',';
        if (begins && strchr(",\n", at[length]) != NULL) return true;
    }
    return false;
}

/* A line of mountinfo: "31 23 0:28 TOP MOUNT options ... - type source options". */
static bool read_mount(char *line, hierarchy *found)
{
    char *rest = strstr(line, " - ");
    if (rest == NULL) return false;
    *rest = '\0';
    char *end, *field = strtok_r(line, " ", &end);
    for (int i = 0; field != NULL && i < 3; i++) field = strtok_r(NULL, " ", &end);
    found->top = field;
    found->mount = strtok_r(NULL, " ", &end);
    const char *type = strtok_r(rest + strlen(" - "), " \n", &end);
    strtok_r(NULL, " ", &end); /* the source */
    const char *options = strtok_r(NULL, " ", &end);
    if (found->mount == NULL || options == NULL) return false;
    found->is_v2 = strcmp(type, "cgroup2") == 0;
    return found->is_v2 || (strcmp(type, "cgroup") == 0 && has_word(options, "cpu"));
}

/* A line of /proc/self/cgroup, "4:cpu,cpuacct:/GROUP" or, of version 2, "0::/GROUP": the
 * group where the line is of that version and of the CPUs. */
static const char *group_of_line(char *line, bool is_v2)
{
    char *controllers = strchr(line, ':'), *group = NULL;
    if (controllers != NULL) group = strchr(++controllers, ':');
    if (group == NULL) return NULL;
    *group++ = '\0';
    group[strcspn(group, "\n")] = '\0';
    if (is_v2 ? *controllers != '\0' : !has_word(controllers, "cpu")) return NULL;
    return group;
}

static FILE *open_below(const char *root, const char *name)
{
    char path[PATH_CHARS];
    return snprintf(path, sizeof path, "%s%s", root, name) < PATH_CHARS ? fopen(path, "r") : NULL;
}

/* The group of this process, "" where it is the topmost one or not known. */
static void find_group(const char *root, bool is_v2, char group[PATH_CHARS])
{
    group[0] = '\0';
    FILE *file = open_below(root, "/proc/self/cgroup");
    if (file == NULL) return;
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, file) > 0) {
        const char *found = group_of_line(line, is_v2);
        if (found == NULL || strcmp(found, "/") == 0 || strlen(found) >= PATH_CHARS) continue;
        memcpy(group, found, strlen(found) + 1);
        break;
    }
    free(line);
    fclose(file);
}

/* Where the group lies below the mount. A container may see the names of the host in
 * /proc and its own group alone in /sys: then it is the mount itself. */
static const char *below_top(const char *group, const char *top)
{
    size_t length = strcmp(top, "/") == 0 ? 0 : strlen(top);
    bool is_below = strncmp(group, top, length) == 0 && strchr("/", group[length]) != NULL;
    return is_below && strstr(group, "/..") == NULL ? group + length : "";
}

static int cpus_of_hierarchy(const char *root, const hierarchy *seen)
{
    char group[PATH_CHARS];
    find_group(root, seen->is_v2, group);
    return cpus_of_branch(root, seen->mount, below_top(group, seen->top), seen->is_v2);
}

int vg_quota_cpus(const char *root)
{
    /* Where systemd and container runtimes mount them: some sandboxes list no mounts. */
    const char *v2 = "/sys/fs/cgroup", *v1 = "/sys/fs/cgroup/cpu", *whole = "/";
    int quota = cpus_of_hierarchy(root, &(hierarchy){true, v2, whole});
    quota = smaller(quota, cpus_of_hierarchy(root, &(hierarchy){false, v1, whole}));
    FILE *file = open_below(root, "/proc/self/mountinfo");
    if (file == NULL) return quota;
    char *line = NULL;
    size_t capacity = 0;
    hierarchy seen;
    while (getline(&line, &capacity, file) > 0)
        if (read_mount(line, &seen)) quota = smaller(quota, cpus_of_hierarchy(root, &seen));
    free(line);
    fclose(file);
    return quota;
}
