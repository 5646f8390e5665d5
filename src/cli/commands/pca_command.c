/* verger pca. */
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "cli/commands/job_frame.h"
#include "cli/parsing/shared_options.h"

enum { OPTION_COMPONENTS = 'k', OPTION_APPLY = 256 };

static const vg_cli_option pca_options[] = {
    {OPTION_COMPONENTS, "components", "K", NULL,
     "components, 1 to 1280 (default: 50); 0.95 for as many as explain 95 % of the variance"},
    {OPTION_APPLY, "apply", "FILE", "FILE",
     "project with the PCA of FILE, as a run writes it, instead of fitting one"},
    VG_CLI_PCA_CHOICES,
    VG_CLI_FORMAT_OPTION,
    VG_CLI_TIMESTAMP_OPTIONS,
    VG_CLI_STORE_OPTIONS,
    VG_CLI_REPORT_OPTIONS,
    {0}};

static bool take_components(vg_pca_options *options, const vg_cli_command *command,
                            const char *text)
{
    if (!vg_cli_components(command, "--components", text, &options->components,
                           &options->variance_share))
        return false;
    if (options->components > 0 || options->variance_share > 0) return true;
    vg_cli_usage_error(command, "--components takes a whole number from 1 to %d, not '%s'",
                       VG_FEATURE_COUNT, text);
    return false;
}

/* VG_CLI_END when all is understood, else VG_CLI_ERROR or VG_CLI_HELP. */
static int parse(vg_pca_options *options, vg_cli_shared_options *shared,
                 const vg_cli_command *command, int argc, char **argv)
{
    const char *value;
    bool has_components = false;
    vg_cli_parser parser;
    vg_pca_options_default(options);
    vg_cli_shared_options_default(shared);
    vg_cli_parser_init(&parser, command, argc, argv);
    for (int key; (key = vg_cli_next(&parser, &value)) != VG_CLI_END;) {
        bool taken;
        switch (key) {
        case VG_CLI_ERROR:
        case VG_CLI_HELP: return key;
        case VG_CLI_POSITIONAL:
            taken = vg_cli_take_folder(command, value, &options->features, &options->output);
            break;
        case OPTION_COMPONENTS:
            taken = take_components(options, command, value);
            has_components = true;
            break;
        case OPTION_APPLY:
            options->apply = value;
            taken = true;
            break;
        default:
            taken = vg_cli_pca_choice(&options->choices, key, value) ||
                    vg_cli_shared_option(shared, command, key, value);
        }
        if (!taken) return VG_CLI_ERROR;
    }
    if (options->apply != NULL && has_components) {
        vg_cli_usage_error(command, "--apply takes the components that FILE has: leave -k out");
        return VG_CLI_ERROR;
    }
    const vg_pca_choices *choices = &options->choices;
    if (options->apply != NULL && (choices->fit_on != NULL || choices->center || choices->whiten)) {
        vg_cli_usage_error(command, "--apply projects as FILE says: leave --fit-on, --center and "
                                    "--whiten out");
        return VG_CLI_ERROR;
    }
    options->parquet = shared->parquet;
    options->csv = shared->csv;
    options->timestamp = shared->timestamp;
    options->overwrite = shared->overwrite;
    options->store = shared->store;
    return vg_cli_check_folders(command, "FEATURES", options->features, options->output)
               ? VG_CLI_END
               : VG_CLI_ERROR;
}

typedef struct session {
    vg_pca_options options;
    vg_run_result result;
} session;

static vg_status work(void *context, vg_cli_surroundings *surroundings, vg_error *error)
{
    session *s = context;
    s->options.cancel = &vg_cli_interrupted;
    s->options.observer = surroundings->observer;
    vg_status status = vg_pca_run(&s->options, &s->result, error);
    if (status != VG_ECANCELLED) return status;
    return vg_fail(error, status, "interrupted: the PCA tables under %s have no _SUCCESS",
                   VG_CLI_SHOWN(s->options.output));
}

static void print_summary(const void *context)
{
    const vg_run_result *result = &((const session *)context)->result;
    printf("rows      %" PRIu64 "\n", result->extracted);
    printf("speed     %.1f s in all\n", result->seconds);
    printf("variance  %.2f %% explained by %d component%s\n", 100 * result->total_variance,
           result->components, result->components == 1 ? "" : "s");
    vg_cli_print_row("pca", "%s", result->pca_folder);
}

static void add_figures(const void *context, vg_cli_json *end)
{
    const vg_run_result *result = &((const session *)context)->result;
    vg_cli_json_text(end, "timestamp", result->timestamp);
    vg_cli_json_count(end, "rows", result->extracted);
    vg_cli_json_count(end, "components", (uint64_t)result->components);
    vg_cli_json_number(end, "total_variance", result->total_variance);
    vg_cli_json_number(end, "seconds", result->seconds);
    vg_cli_json_text(end, "pca", result->pca_folder);
}

static int run_pca(const vg_cli_command *command, int argc, char **argv)
{
    session s = {0};
    vg_cli_shared_options shared;
    int key = parse(&s.options, &shared, command, argc, argv);
    if (key != VG_CLI_END) return key == VG_CLI_HELP ? VG_EXIT_OK : VG_EXIT_USAGE;
    return vg_cli_do(&(vg_cli_job){.command = command,
                                   .shared = &shared,
                                   .input = s.options.features,
                                   .output = s.options.output,
                                   .context = &s,
                                   .work = work,
                                   .print_summary = print_summary,
                                   .add_figures = add_figures});
}

const vg_cli_command vg_command_pca = {
    .name = "pca",
    .synopsis = "FEATURES OUTPUT [options]",
    .summary = "Fit and project again from features that are written already",
    .description =
        "FEATURES is a table of features, features/parquet/features_<timestamp> or\n"
        "features/csv/features_<timestamp>, or the OUTPUT of a run, of which the newest\n"
        "complete features are taken. No image is opened. OUTPUT gets the tables pca,\n"
        "model_info and variance.\n"
        "\n"
        "Examples:\n"
        "  verger pca out out -k 200\n"
        "  verger pca new new --apply out/model_info/pca_<timestamp>/pca.safetensors",
    .options = pca_options,
    .run = run_pca,
};
