#include "cli/reporting/metrics.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/condition.h"
#include "base/error.h"
#include "cli/cli.h"

enum { SECONDS_BETWEEN_WRITES = 10 };

struct vg_cli_metrics {
    const char *path;
    char *temporary, *run;
    vg_observer next;
    pthread_t writer;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t stopped;
    bool stop;
    vg_cli_figures figures;
    vg_error failure; /* the first of the writer's; "" for none */
    bool failure_is_told;
};

static double unix_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* --- The file ------------------------------------------------------------------- */

static vg_status fail_write(const vg_cli_metrics *metrics, int code, vg_error *error)
{
    return vg_fail(error, VG_EIO, "the metrics cannot be written to %s: %s", metrics->path,
                   strerror(code));
}

/* A rename would put a file in the place of a device or a link, /dev/stdout for one. */
static vg_status check_place(const vg_cli_metrics *metrics, vg_error *error)
{
    struct stat info;
    if (lstat(metrics->path, &info) != 0 || S_ISREG(info.st_mode)) return VG_OK;
    return vg_fail(error, VG_EINVAL,
                   "the metrics cannot be written to %s: it is there and no regular file",
                   metrics->path);
}

/* Nobody else may have prepared the temporary name: exclusive ("x"). */
static FILE *open_temporary(const vg_cli_metrics *metrics)
{
    unlink(metrics->temporary);
    return fopen(metrics->temporary, "wx");
}

/* A phase that reports nothing takes its time all the same. */
static void count_seconds(vg_cli_figures *figures)
{
    if (figures->phase == VG_CLI_NO_PHASE) return;
    double now = vg_seconds();
    figures->phases[figures->phase].seconds += now - figures->reported;
    figures->reported = now;
}

static vg_status write_file(const vg_cli_metrics *metrics, vg_cli_figures figures, vg_error *error)
{
    count_seconds(&figures);
    figures.process = vg_cli_process_now();
    FILE *file = open_temporary(metrics);
    if (file == NULL) return fail_write(metrics, errno, error);
    vg_cli_metrics_write(file, &figures);
    bool is_written = ferror(file) == 0;
    if (fclose(file) == 0 && is_written && rename(metrics->temporary, metrics->path) == 0)
        return VG_OK;
    int code = errno;
    unlink(metrics->temporary);
    return fail_write(metrics, code, error);
}

/* The file is the only memory from one run to the next. */
static double read_last_success(const char *path)
{
    char line[1024];
    double time = 0;
    FILE *file = fopen(path, "r");
    if (file == NULL) return 0;
    while (time <= 0 && fgets(line, sizeof line, file) != NULL)
        time = vg_cli_metrics_last_success(line);
    fclose(file);
    return time;
}

/* --- The writer ------------------------------------------------------------------- */

/* Until the time has come or all is to stop; the lock is held. */
static void wait_for_next_write(vg_cli_metrics *metrics)
{
    struct timespec until = vg_deadline(1000L * SECONDS_BETWEEN_WRITES);
    while (!metrics->stop &&
           pthread_cond_timedwait(&metrics->stopped, &metrics->lock, &until) != ETIMEDOUT)
        continue;
}

static void *write_now_and_then(void *context)
{
    vg_cli_metrics *metrics = context;
    pthread_mutex_lock(&metrics->lock);
    for (wait_for_next_write(metrics); !metrics->stop; wait_for_next_write(metrics)) {
        vg_cli_figures figures = metrics->figures;
        vg_error failure = {""};
        pthread_mutex_unlock(&metrics->lock);
        vg_status status = write_file(metrics, figures, &failure);
        pthread_mutex_lock(&metrics->lock);
        if (status != VG_OK && metrics->failure.message[0] == '\0') metrics->failure = failure;
    }
    pthread_mutex_unlock(&metrics->lock);
    return NULL;
}

static vg_status start_writer(vg_cli_metrics *metrics, vg_error *error)
{
    int failed = pthread_mutex_init(&metrics->lock, NULL) || vg_condition_init(&metrics->stopped);
    if (failed == 0) failed = pthread_create(&metrics->writer, NULL, write_now_and_then, metrics);
    if (failed != 0) return vg_fail(error, VG_ENOMEM, "no thread could be started for the metrics");
    return VG_OK;
}

static void stop_writer(vg_cli_metrics *metrics)
{
    pthread_mutex_lock(&metrics->lock);
    metrics->stop = true;
    pthread_cond_signal(&metrics->stopped);
    pthread_mutex_unlock(&metrics->lock);
    pthread_join(metrics->writer, NULL);
    pthread_cond_destroy(&metrics->stopped);
    pthread_mutex_destroy(&metrics->lock);
}

/* --- Opening and closing ---------------------------------------------------------- */

/* "fruits" of "/var/lib/node_exporter/fruits.prom". */
static vg_status name_run(vg_cli_metrics *metrics, vg_error *error)
{
    const char *slash = strrchr(metrics->path, '/');
    metrics->run = strdup(slash != NULL ? slash + 1 : metrics->path);
    if (metrics->run == NULL) return vg_fail_memory(error, strlen(metrics->path) + 1);
    char *extension = strrchr(metrics->run, '.');
    if (extension != NULL) *extension = '\0';
    return VG_OK;
}

/* Beside the file, or rename could not put it in its place; and not *.prom, which the
 * collector would read. */
static vg_status name_temporary(vg_cli_metrics *metrics, vg_error *error)
{
    size_t size = strlen(metrics->path) + sizeof ".-9223372036854775808.tmp";
    metrics->temporary = malloc(size);
    if (metrics->temporary == NULL) return vg_fail_memory(error, size);
    snprintf(metrics->temporary, size, "%s.%ld.tmp", metrics->path, (long)getpid());
    return VG_OK;
}

static void free_metrics(vg_cli_metrics *metrics)
{
    free(metrics->temporary);
    free(metrics->run);
    free(metrics);
}

vg_status vg_cli_metrics_open(vg_cli_metrics **metrics, const char *path, vg_cli_metrics_kind kind,
                              const char *command, vg_error *error)
{
    *metrics = NULL;
    if (path == NULL) return VG_OK;
    vg_cli_metrics *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    const char *kernels = vg_cli_kernels();
    opened->path = path;
    vg_status status = check_place(opened, error);
    if (status == VG_OK) status = name_run(opened, error);
    if (status == VG_OK) status = name_temporary(opened, error);
    opened->figures = (vg_cli_figures){.run = opened->run,
                                       .command = command,
                                       .kernels = kernels != NULL ? kernels : "",
                                       .start_time = unix_time(),
                                       .phase = VG_CLI_NO_PHASE,
                                       .has_answers = kind == VG_CLI_METRICS_OF_ANSWERS};
    if (status == VG_OK) {
        opened->figures.last_success_time = read_last_success(path);
        status = write_file(opened, opened->figures, error);
    }
    if (status == VG_OK) status = start_writer(opened, error);
    if (status != VG_OK) {
        free_metrics(opened);
        return status;
    }
    *metrics = opened;
    return VG_OK;
}

/* --- What the job tells ------------------------------------------------------------ */

/* True for the first failure to write, once; the lock is held or no writer is left. */
static bool take_failure(vg_cli_metrics *metrics, vg_error *failure)
{
    if (metrics->failure_is_told || metrics->failure.message[0] == '\0') return false;
    *failure = metrics->failure;
    metrics->failure_is_told = true;
    return true;
}

/* The writer does not warn itself: an observer hears one call at a time. */
static void on_progress(void *context, const vg_progress *report)
{
    vg_cli_metrics *metrics = context;
    const vg_observer *next = &metrics->next;
    vg_error failure;
    pthread_mutex_lock(&metrics->lock);
    metrics->figures.phase = (int)report->phase;
    metrics->figures.phases[report->phase] = *report;
    metrics->figures.reported = vg_seconds();
    bool failed = take_failure(metrics, &failure);
    pthread_mutex_unlock(&metrics->lock);
    if (failed) next->log(next->context, VG_LOG_WARNING, failure.message);
    next->progress(next->context, report);
}

static void on_log(void *context, vg_log_level level, const char *message)
{
    const vg_observer *next = &((vg_cli_metrics *)context)->next;
    next->log(next->context, level, message);
}

vg_observer vg_cli_metrics_observe(vg_cli_metrics *metrics, vg_observer next)
{
    if (metrics == NULL) return next;
    metrics->next = next;
    return (vg_observer){.context = metrics, .progress = on_progress, .log = on_log};
}

void vg_cli_metrics_set_answers(vg_cli_metrics *metrics, const vg_cli_answer_figures *answers)
{
    pthread_mutex_lock(&metrics->lock);
    metrics->figures.answers = *answers;
    pthread_mutex_unlock(&metrics->lock);
}

static void end_figures(vg_cli_figures *figures, int exit_code, const vg_run_result *result)
{
    count_seconds(figures);
    figures->phase = VG_CLI_NO_PHASE;
    figures->end_time = unix_time();
    figures->exit_code = exit_code;
    if (exit_code == VG_EXIT_OK) figures->last_success_time = figures->end_time;
    if (result == NULL) return;
    /* A run that found all done has reported nothing of its images. */
    vg_progress *extract = &figures->phases[VG_PHASE_EXTRACT];
    extract->total = result->selected;
    extract->done = result->extracted + result->failed;
    extract->failed = result->failed;
    figures->kept = result->kept;
    figures->steps = (vg_extractor_times){.decode = result->decode_seconds,
                                          .resize = result->resize_seconds,
                                          .network = result->network_seconds};
}

void vg_cli_metrics_close(vg_cli_metrics **metrics, int exit_code, const vg_run_result *result)
{
    vg_cli_metrics *closed = *metrics;
    if (closed == NULL) return;
    vg_error failure;
    stop_writer(closed);
    end_figures(&closed->figures, exit_code, result);
    if (write_file(closed, closed->figures, &failure) != VG_OK) closed->failure = failure;
    if (take_failure(closed, &failure))
        closed->next.log(closed->next.context, VG_LOG_WARNING, failure.message);
    free_metrics(closed);
    *metrics = NULL;
}
