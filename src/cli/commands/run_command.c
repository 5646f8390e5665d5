/* verger run. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/commands/job_frame.h"
#include "cli/commands/run_arguments.h"
#include "cli/commands/run_hand_out.h"
#include "cli/commands/run_weights.h"

static double images_per_second(const vg_run_result *result)
{
    uint64_t images = result->extracted + result->failed - result->kept;
    return result->extract_seconds > 0 ? (double)images / result->extract_seconds : 0;
}

/* Told where it is there and not taken: its bits are others. */
static const char *faster_kernels(const vg_run_result *result)
{
    const char *amx = vg_named_kernel_set(1);
    return amx == NULL || strncmp(result->kernels, "amx", 3) == 0
               ? ""
               : " (--kernels amx is faster, within 5e-6)";
}

static void print_update(const vg_run_result *result)
{
    if (!result->was_updated) return;
    printf("update    %" PRIu64 " new, %" PRIu64 " changed, %" PRIu64 " failed before, %" PRIu64
           " vanished\n",
           result->added, result->changed, result->failed_before, result->vanished);
}

static void print_plan(const vg_run_options *options, const vg_run_result *result,
                       vg_model_place model_place)
{
    bool absent = model_place == VG_MODEL_DOWNLOAD;
    vg_cli_print_row("images", "%" PRIu64 " of %s", result->selected, VG_CLI_SHOWN(options->input));
    vg_cli_print_unlisted(result->unlisted);
    vg_cli_print_row("model", "%s%s", options->model_source, absent ? ", to be fetched" : "");
    char components[64];
    if (options->variance_share > 0)
        snprintf(components, sizeof components, "components for %g %% of the variance",
                 100 * options->variance_share);
    else
        snprintf(components, sizeof components, "%d components", result->components);
    printf("work      %s, %d thread%s, %s kernels%s\n", components, result->threads,
           result->threads == 1 ? "" : "s", result->kernels, faster_kernels(result));
    print_update(result);
    vg_cli_print_row("tables", "%s %s, timestamp %s",
                     result->was_complete ? "are complete in" : "would go to",
                     VG_CLI_SHOWN(options->output), result->timestamp);
}

static void print_reason(const vg_run_result *result)
{
    if (result->common_failures > 0)
        vg_cli_print_row("reason", "%s (%" PRIu64 " of %" PRIu64 " that failed)",
                         result->common_failure, result->common_failures, result->failed);
}

static void print_folders(const vg_run_options *options, const vg_run_result *result)
{
    vg_cli_print_row("features", "%s", result->features_folder);
    if (result->pca_folder[0] != '\0') vg_cli_print_row("pca", "%s", result->pca_folder);
    print_reason(result);
    if (result->failed > 0)
        vg_cli_print_row("errors", "%s/errors/errors_%s", VG_CLI_SHOWN(options->output),
                         result->timestamp);
}

static void print_summary(const vg_run_options *options, const vg_run_result *result)
{
    printf("images    %" PRIu64 ", %" PRIu64 " failed\n", result->selected, result->failed);
    vg_cli_print_unlisted(result->unlisted);
    print_update(result);
    if (result->was_complete) {
        printf("complete  since the run %s: nothing was left to do\n", result->timestamp);
        print_folders(options, result);
        return;
    }
    if (result->unturned > 0)
        printf("unturned  %" PRIu64
               " images whose EXIF data ask for a turn: --exif-orient makes it\n",
               result->unturned);
    if (result->kept > 0) printf("kept      %" PRIu64 " images' features\n", result->kept);
    printf("speed     %.1f images/s with %d thread%s and %s kernels%s; %.1f s in all\n",
           images_per_second(result), result->threads, result->threads == 1 ? "" : "s",
           result->kernels, faster_kernels(result), result->seconds);
    if (result->components > 0)
        printf("variance  %.2f %% explained by %d component%s\n", 100 * result->total_variance,
               result->components, result->components == 1 ? "" : "s");
    print_folders(options, result);
}

typedef struct session {
    vg_cli_run_arguments arguments;
    vg_model_location location;
    vg_run_result result;
} session;

static void print_end(const void *context)
{
    const session *s = context;
    const vg_run_options *options = &s->arguments.options;
    if (options->dry_run)
        print_plan(options, &s->result, s->location.place);
    else
        print_summary(options, &s->result);
}

static void add_figures(const void *context, vg_cli_json *end)
{
    const vg_run_result *result = &((const session *)context)->result;
    vg_cli_json_text(end, "timestamp", result->timestamp);
    vg_cli_json_count(end, "selected", result->selected);
    vg_cli_json_count(end, "extracted", result->extracted);
    vg_cli_json_count(end, "failed", result->failed);
    vg_cli_json_text(end, "reason", result->common_failure);
    vg_cli_json_count(end, "reason_images", result->common_failures);
    vg_cli_json_count(end, "unlisted", result->unlisted);
    vg_cli_json_count(end, "kept", result->kept);
    vg_cli_json_count(end, "added", result->added);
    vg_cli_json_count(end, "changed", result->changed);
    vg_cli_json_count(end, "failed_before", result->failed_before);
    vg_cli_json_count(end, "vanished", result->vanished);
    vg_cli_json_count(end, "components", (uint64_t)result->components);
    vg_cli_json_number(end, "total_variance", result->total_variance);
    vg_cli_json_text(end, "kernels", result->kernels);
    vg_cli_json_count(end, "threads", (uint64_t)result->threads);
    vg_cli_json_number(end, "seconds", result->seconds);
    vg_cli_json_number(end, "extract_seconds", result->extract_seconds);
    vg_cli_json_number(end, "pca_seconds", result->pca_seconds);
    vg_cli_json_number(end, "images_per_second", images_per_second(result));
    vg_cli_json_text(end, "features", result->features_folder);
    vg_cli_json_text(end, "pca", result->pca_folder);
}

/* The library says that it was cancelled, the user wants to know how far it came. */
static void tell_interruption(vg_error *error, const vg_run_options *options,
                              const vg_run_result *result)
{
    uint64_t done = result->extracted + result->failed;
    if (done == 0)
        vg_fail(error, VG_ECANCELLED, "interrupted before the first image");
    else
        vg_fail(
            error, VG_ECANCELLED,
            "interrupted after %" PRIu64 " of %" PRIu64
            " images: the tables of timestamp %s under %s have no _SUCCESS; go on with --resume",
            done, result->selected, result->timestamp, VG_CLI_SHOWN(options->output));
}

/* A run that stops before the first image. Drawn weights stand in for those that
 * are not here yet. */
static vg_status rehearse(const vg_run_options *options, vg_run_result *result, vg_error *error)
{
    vg_run_options rehearsal = *options;
    rehearsal.dry_run = true;
    rehearsal.model_source = "seeded:0";
    return vg_run(&rehearsal, result, error);
}

/* Nothing is fetched before it is known that there is something to do, but for a
 * list on standard input, which can be read only once. */
static vg_status fetch(const vg_run_options *options, vg_model_location *location,
                       vg_cli_progress *progress, vg_run_result *result, vg_error *error)
{
    bool reads_input =
        options->selection.files_from != NULL && strcmp(options->selection.files_from, "-") == 0;
    vg_run_options silent = *options;
    silent.observer = (vg_observer){0};
    vg_status status = reads_input ? VG_OK : rehearse(&silent, result, error);
    if (status != VG_OK) return status;
    vg_model_location remote = *location;
    return vg_cli_fetch_weights(&remote, progress, location->source, error);
}

static vg_status locate_and_run(vg_run_options *options, vg_model_location *location,
                                const char *model, vg_cli_progress *progress, vg_run_result *result,
                                vg_error *error)
{
    vg_status status = vg_model_locate(model, location, error);
    if (status != VG_OK) return status;
    options->model_source = location->source;
    if (location->place == VG_MODEL_DOWNLOAD) {
        if (options->dry_run) return rehearse(options, result, error);
        status = fetch(options, location, progress, result, error);
        if (status != VG_OK) return status;
    }
    vg_cli_warn_seeded(progress, location->source);
    return vg_run(options, result, error);
}

/* The others may have other weights than their leader: that is for vg_run_parts to see. */
static vg_status locate_and_run_parts(session *s, vg_error *error)
{
    vg_cli_run_arguments *arguments = &s->arguments;
    vg_status status = vg_model_locate(arguments->model, &s->location, error);
    if (status != VG_OK) return status;
    arguments->options.model_source = s->location.source;
    vg_cli_end_with_parent();
    return vg_run_parts(&arguments->options, arguments->parts, arguments->part_count, &s->result,
                        error);
}

static vg_status work(void *context, vg_cli_surroundings *surroundings, vg_error *error)
{
    session *s = context;
    vg_run_options *options = &s->arguments.options;
    options->cancel = &vg_cli_interrupted;
    options->observer = surroundings->observer;
    bool is_share = s->arguments.parts != NULL;
    if (options->hands > 0) options->hand_out = vg_cli_hand_out;
    vg_status status = is_share ? locate_and_run_parts(s, error)
                                : locate_and_run(options, &s->location, s->arguments.model,
                                                 surroundings->progress, &s->result, error);
    if (status == VG_ECANCELLED) tell_interruption(error, options, &s->result);
    vg_cli_progress_finish(surroundings->progress);
    if (s->result.failed + s->result.unlisted > 0) surroundings->exit_code = VG_EXIT_IMAGES_FAILED;
    return status;
}

static int run_run(const vg_cli_command *command, int argc, char **argv)
{
    session s = {0};
    int key = vg_cli_run_parse(&s.arguments, command, argc, argv);
    int exit_code = key == VG_CLI_HELP ? VG_EXIT_OK : VG_EXIT_USAGE;
    if (key == VG_CLI_END)
        exit_code = vg_cli_do(&(vg_cli_job){.command = command,
                                            .shared = &s.arguments.shared,
                                            .input = s.arguments.options.input,
                                            .output = s.arguments.options.output,
                                            .context = &s,
                                            .work = work,
                                            .print_summary = print_end,
                                            .add_figures = add_figures,
                                            .run = &s.result});
    vg_cli_run_arguments_close(&s.arguments);
    return exit_code;
}

const vg_cli_command vg_command_run = {
    .name = "run",
    .synopsis = "INPUT OUTPUT [MODE K] [options]",
    .summary = "Turn a folder of images into features, PCA components and tables",
    .description =
        "INPUT is a folder of images. Every file below it whose ending is that of an\n"
        "image is taken, but for hidden files and what lies in hidden or system folders;\n"
        "--select, --exclude, --files-from or a mode say otherwise. The label of an image\n"
        "is the name of the folder that holds it. OUTPUT gets the tables, each in a\n"
        "folder with the timestamp of the run: features, pca, metadata, model_info,\n"
        "variance and, where images failed, errors. Both may be addresses: s3://, gs://,\n"
        "abfs://, hdfs://.\n"
        "\n"
        "Weights are looked for in --model, $VERGER_MODEL and the cache, in this order;\n"
        "where there are none they are fetched.\n"
        "\n"
        "A run that was broken off, by whatever, goes on with --resume; on an input that\n"
        "has changed, --update spares all images but the new and changed ones. Both may\n"
        "be given always. One run at a time may write to OUTPUT.\n"
        "\n"
        "Exit status: 0 all well, 1 the run failed, 2 wrong usage, 3 finished, but some\n"
        "images failed and are rows of errors, or a folder could not be listed, 130\n"
        "interrupted.\n"
        "\n"
        "Examples:\n"
        "  verger run photographs out -k 20\n"
        "  verger run fruits-360 out apples 50\n"
        "  verger run photographs out --files-from labels.csv\n"
        "  verger run data out --select '{train,val}/**/*.png' --exclude '**/raw'",
    .options = vg_cli_run_options,
    .run = run_run,
};
