/* verger metadata. */
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "cli/commands/job_frame.h"
#include "cli/parsing/selection_arguments.h"
#include "cli/parsing/shared_options.h"

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

typedef struct session {
    vg_metadata_options options;
    vg_metadata_result result;
} session;

static vg_status work(void *context, vg_cli_surroundings *surroundings, vg_error *error)
{
    session *s = context;
    s->options.cancel = &vg_cli_interrupted;
    s->options.observer = surroundings->observer;
    vg_status status = vg_metadata_run(&s->options, &s->result, error);
    if (s->result.unlisted > 0) surroundings->exit_code = VG_EXIT_IMAGES_FAILED;
    if (status != VG_ECANCELLED) return status;
    return vg_fail(error, status, "interrupted: nothing was written");
}

static void print_summary(const void *context)
{
    const vg_metadata_result *result = &((const session *)context)->result;
    printf("images    %" PRIu64 ", %.1f MB\n", result->images, (double)result->bytes / 1e6);
    vg_cli_print_unlisted(result->unlisted);
    printf("labels    %" PRIu64 "\n", result->labels);
    vg_cli_print_row("metadata", "%s", result->folder);
}

static void add_figures(const void *context, vg_cli_json *end)
{
    const vg_metadata_result *result = &((const session *)context)->result;
    vg_cli_json_text(end, "timestamp", result->timestamp);
    vg_cli_json_count(end, "images", result->images);
    vg_cli_json_count(end, "labels", result->labels);
    vg_cli_json_count(end, "unlisted", result->unlisted);
    vg_cli_json_count(end, "bytes", result->bytes);
    vg_cli_json_text(end, "metadata", result->folder);
}

static int run_metadata(const vg_cli_command *command, int argc, char **argv)
{
    session s = {0};
    vg_cli_selection selection = {0};
    vg_cli_shared_options shared;
    int key = parse(&s.options, &selection, &shared, command, argc, argv);
    int exit_code = key == VG_CLI_HELP ? VG_EXIT_OK : VG_EXIT_USAGE;
    if (key == VG_CLI_END)
        exit_code = vg_cli_do(&(vg_cli_job){.command = command,
                                            .shared = &shared,
                                            .input = s.options.input,
                                            .output = s.options.output,
                                            .context = &s,
                                            .work = work,
                                            .print_summary = print_summary,
                                            .add_figures = add_figures});
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
