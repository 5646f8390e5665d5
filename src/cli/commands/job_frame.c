#include "cli/commands/job_frame.h"

#include "cli/reporting/metrics.h"

static void send_start(const vg_cli_job *job)
{
    vg_cli_json json;
    vg_cli_json_begin(&json, "start");
    vg_cli_json_text(&json, "command", job->command->name);
    vg_cli_json_text(&json, "version", vg_version());
    vg_cli_json_text(&json, "input", VG_CLI_SHOWN(job->input));
    vg_cli_json_text(&json, "output", VG_CLI_SHOWN(job->output));
    vg_cli_json_send(&json);
}

static const char *outcome(vg_status status, int exit_code)
{
    if (status == VG_ECANCELLED) return "interrupted";
    switch (exit_code) {
    case VG_EXIT_OK: return "ok";
    case VG_EXIT_IMAGES_FAILED: return "images failed";
    case VG_EXIT_FOUND: return "too much found";
    default: return "failed";
    }
}

static void send_end(const vg_cli_job *job, vg_status status, int exit_code, const vg_error *error)
{
    vg_cli_json json;
    vg_cli_json_begin(&json, "end");
    vg_cli_json_text(&json, "outcome", outcome(status, exit_code));
    vg_cli_json_count(&json, "exit_code", (uint64_t)exit_code);
    vg_cli_json_text(&json, "error", status != VG_OK ? error->message : NULL);
    job->add_figures(job->context, &json);
    vg_cli_json_send(&json);
}

static int exit_code_of(vg_status status, const vg_cli_surroundings *surroundings)
{
    if (status == VG_ECANCELLED) return vg_cli_interrupted_exit();
    return status == VG_OK ? surroundings->exit_code : VG_EXIT_FAILED;
}

int vg_cli_do(const vg_cli_job *job)
{
    const vg_cli_shared_options *shared = job->shared;
    vg_error error = {""};
    vg_cli_surroundings surroundings = {.exit_code = VG_EXIT_OK};
    vg_status status =
        vg_cli_progress_open(&surroundings.progress, shared->style, shared->log_level, &error);
    if (status != VG_OK) return vg_cli_failed(&error);

    bool is_json = vg_cli_progress_is_json(surroundings.progress);
    vg_cli_metrics *metrics;
    vg_cli_catch_signals();
    if (is_json) send_start(job);
    status = vg_cli_metrics_open(&metrics, shared->metrics, VG_CLI_METRICS_OF_JOB,
                                 job->command->name, &error);
    surroundings.observer =
        vg_cli_metrics_observe(metrics, vg_cli_progress_observer(surroundings.progress));
    if (status == VG_OK) status = job->work(job->context, &surroundings, &error);

    int exit_code = exit_code_of(status, &surroundings);
    vg_cli_metrics_close(&metrics, exit_code, job->run);
    vg_cli_progress_close(&surroundings.progress);
    if (is_json)
        send_end(job, status, exit_code, &error);
    else if (status != VG_OK)
        vg_cli_failed(&error);
    if (status == VG_OK && !shared->quiet) job->print_summary(job->context);
    return exit_code;
}
