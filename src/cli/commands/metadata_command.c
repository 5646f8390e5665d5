/* verger metadata. */
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "cli/parsing/selection_arguments.h"
#include "cli/parsing/shared_options.h"
#include "cli/reporting/ending.h"
#include "cli/reporting/metrics.h"

static const vg_cli_option metadata_options[] = {VG_CLI_SELECTION_OPTIONS,
                                                 VG_CLI_TIMESTAMP_OPTIONS,
                                                 VG_CLI_STORE_OPTIONS,
                                                 VG_CLI_REPORT_OPTIONS,
                                                 {0}};

/* VG_CLI_END when all is understood, else VG_CLI_ERROR or VG_CLI_HELP. */
static int parse(vg_metadata_options *options, vg_cli_selection *selection,
                 vg_cli_shared_options *shared, const vg_cli_command *command, int argc,
                 char **argv)
{
    const char *value;
    vg_cli_parser parser;
    vg_cli_shared_options_default(shared);
    vg_cli_parser_init(&parser, command, argc, argv);
    for (int key; (key = vg_cli_next(&parser, &value)) != VG_CLI_END;) {
        switch (key) {
        case VG_CLI_ERROR:
        case VG_CLI_HELP: return key;
        case VG_CLI_POSITIONAL:
            if (!vg_cli_take_folder(command, value, &options->input, &options->output))
                return VG_CLI_ERROR;
            break;
        default:
            if (vg_cli_is_selection(key) ? !vg_cli_selection_option(selection, command, key, value)
                                         : !vg_cli_shared_option(shared, command, key, value))
                return VG_CLI_ERROR;
        }
    }
    if (!vg_cli_selection_check(selection, command)) return VG_CLI_ERROR;
    options->selection = selection->options;
    options->timestamp = shared->timestamp;
    options->overwrite = shared->overwrite;
    options->store = shared->store;
    return vg_cli_check_folders(command, "INPUT", options->input, options->output) ? VG_CLI_END
                                                                                   : VG_CLI_ERROR;
}

static void print_summary(const vg_metadata_result *result)
{
    printf("images    %" PRIu64 ", %.1f MB\n", result->images, (double)result->bytes / 1e6);
    printf("labels    %" PRIu64 "\n", result->labels);
    vg_cli_print_row("metadata", "%s", result->folder);
}

static void send_end(int exit_code, vg_status status, const vg_error *error,
                     const vg_metadata_result *result)
{
    vg_cli_json json;
    vg_cli_end_begin(&json, exit_code, status, error);
    vg_cli_json_text(&json, "timestamp", result->timestamp);
    vg_cli_json_count(&json, "images", result->images);
    vg_cli_json_count(&json, "labels", result->labels);
    vg_cli_json_count(&json, "bytes", result->bytes);
    vg_cli_json_text(&json, "metadata", result->folder);
    vg_cli_json_send(&json);
}

static int run_with(vg_metadata_options *options, const vg_cli_shared_options *shared,
                    const vg_cli_command *command)
{
    vg_metadata_result result = {0};
    vg_error error = {""};
    vg_cli_progress *progress;
    vg_status status = vg_cli_progress_open(&progress, shared->style, shared->log_level, &error);
    if (status != VG_OK) return vg_cli_failed(&error);

    vg_cli_catch_signals();
    vg_cli_start(progress, command, options->input, options->output);
    options->cancel = &vg_cli_interrupted;
    vg_cli_metrics *metrics;
    status = vg_cli_metrics_open(&metrics, shared->metrics, command->name, &error);
    options->observer = vg_cli_metrics_observe(metrics, vg_cli_progress_observer(progress));
    if (status == VG_OK) status = vg_metadata_run(options, &result, &error);
    if (status == VG_ECANCELLED) vg_fail(&error, status, "interrupted: nothing was written");

    bool is_json = vg_cli_progress_is_json(progress);
    int exit_code = vg_cli_exit_code(status, 0);
    vg_cli_metrics_close(&metrics, exit_code, NULL);
    vg_cli_progress_close(&progress);
    if (is_json)
        send_end(exit_code, status, &error, &result);
    else if (status != VG_OK)
        vg_cli_failed(&error);
    if (status == VG_OK && !shared->quiet) print_summary(&result);
    return exit_code;
}

static int run_metadata(const vg_cli_command *command, int argc, char **argv)
{
    vg_metadata_options options = {0};
    vg_cli_selection selection = {0};
    vg_cli_shared_options shared;
    int key = parse(&options, &selection, &shared, command, argc, argv), exit_code = VG_EXIT_USAGE;
    if (key == VG_CLI_HELP) exit_code = VG_EXIT_OK;
    if (key == VG_CLI_END) exit_code = run_with(&options, &shared, command);
    vg_cli_selection_close(&selection);
    return exit_code;
}

const vg_cli_command vg_command_metadata = {
    .name = "metadata",
    .synopsis = "INPUT OUTPUT [options]",
    .summary = "List the images of a folder as tables, without opening them",
    .description = "Writes a CSV of path, label, filename, split, modification_time and\n"
                   "file_size_bytes of every image that 'verger run' would take of INPUT, and a\n"
                   "CSV of counts by split and label, to metadata/ under OUTPUT. The split is the\n"
                   "first folder of the path.\n"
                   "\n"
                   "Example:\n"
                   "  verger metadata fruits-360 out",
    .options = metadata_options,
    .run = run_metadata,
};
