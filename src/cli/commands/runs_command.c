/* verger runs. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/commands/job_frame.h"
#include "cli/parsing/shared_options.h"
#include "history/lock.h"
#include "history/run_catalogue.h"
#include "output/latest.h"
#include "output/timestamp.h"

enum { OPTION_KEEP = 256, OPTION_DRY_RUN, OPTION_SHOW, OPTION_LATEST };

#define LATEST_VALUES                                                                              \
    "features pca neighbours metadata model_info variance pca_file features/parquet features/csv " \
    "pca/parquet pca/csv neighbours/parquet neighbours/csv"

static const vg_cli_option runs_options[] = {
    {OPTION_SHOW, "show", "YYYYMMDD_HHMMSS", NULL,
     "what the run of that timestamp set out to do, and its tables"},
    {OPTION_LATEST, "latest", "TABLE", LATEST_VALUES,
     "print the folder of the newest complete table of that name: features, pca, ..."},
    {OPTION_KEEP, "keep", "N", NULL,
     "delete the runs that are older than the newest N complete ones"},
    {OPTION_DRY_RUN, "dry-run", NULL, NULL, "with --keep, say what would be deleted, and stop"},
    VG_CLI_STORE_OPTIONS,
    {0}};

typedef struct arguments {
    const char *output;
    const char *show, *latest; /* or NULL */
    long keep;                 /* 0 deletes nothing */
    bool dry_run;
    vg_cli_shared_options shared;
} arguments;

/* VG_CLI_END when all is understood, else VG_CLI_ERROR or VG_CLI_HELP. */
static int parse(arguments *taken, const vg_cli_command *command, int argc, char **argv)
{
    const char *value;
    vg_cli_parser parser;
    vg_cli_shared_options_default(&taken->shared);
    vg_cli_parser_init(&parser, command, argc, argv);
    for (int key; (key = vg_cli_next(&parser, &value)) != VG_CLI_END;) {
        bool is_taken = true;
        switch (key) {
        case VG_CLI_ERROR:
        case VG_CLI_HELP: return key;
        case VG_CLI_POSITIONAL: is_taken = vg_cli_take_word(command, value, &taken->output); break;
        case OPTION_KEEP:
            is_taken = vg_cli_integer(command, "--keep", value, 1, LONG_MAX, &taken->keep);
            break;
        case OPTION_DRY_RUN: taken->dry_run = true; break;
        case OPTION_SHOW: taken->show = value; break;
        case OPTION_LATEST: taken->latest = value; break;
        default: is_taken = vg_cli_shared_option(&taken->shared, command, key, value);
        }
        if (!is_taken) return VG_CLI_ERROR;
    }
    const char *fault = NULL;
    if (taken->output == NULL || taken->output[0] == '\0')
        fault = "OUTPUT is missing";
    else if ((taken->keep > 0) + (taken->show != NULL) + (taken->latest != NULL) > 1)
        fault = "--keep, --show and --latest are three calls: give one of them";
    else if (taken->dry_run && taken->keep == 0)
        fault = "--dry-run goes with --keep";
    if (fault != NULL) vg_cli_usage_error(command, "%s", fault);
    return fault == NULL ? VG_CLI_END : VG_CLI_ERROR;
}

static void print_runs(const vg_run_catalogue *catalogue)
{
    printf("run              state       images    parts       size\n");
    for (size_t i = 0; i < catalogue->count; i++) {
        const vg_run_entry *entry = &catalogue->entries[i];
        printf("%s  %-10s %7" PRIu64 "  %4" PRIu64 "/%-4" PRIu64 " %7.1f MB\n", entry->timestamp,
               entry->is_complete ? "complete" : "unfinished", entry->images, entry->whole,
               entry->parts, (double)entry->bytes / 1e6);
    }
}

static void print_plan_row(void *context, const char *name, const char *value)
{
    (void)context;
    char label[32];
    bool is_address = strcmp(name, "input") == 0; /* which may hold keys */
    snprintf(label, sizeof label, "%-16s", name);
    if (value[0] != '\0') vg_cli_print_row(label, "%s", is_address ? VG_CLI_SHOWN(value) : value);
}

static vg_status show(vg_store *output, const char *timestamp, vg_error *error)
{
    vg_run_detail detail = {0};
    vg_status status = vg_run_detail_open(&detail, output, timestamp, error);
    if (status != VG_OK) return status;
    if (detail.plan.json != NULL) {
        vg_plan_tell(&detail.plan, print_plan_row, NULL);
        if (detail.plan.base[0] != '\0') print_plan_row(NULL, "updates", detail.plan.base);
        putchar('\n');
    }
    for (size_t i = 0; i < detail.count; i++) {
        const vg_run_table *table = &detail.tables[i];
        printf("%-10s %6" PRIu64 " file%s %9.1f MB  %s\n",
               table->is_complete ? "complete" : "unfinished", table->files,
               table->files == 1 ? " " : "s", (double)table->bytes / 1e6, table->folder);
    }
    vg_run_detail_close(&detail);
    return VG_OK;
}

static vg_status print_latest(vg_store *output, const char *name, vg_error *error)
{
    char folder[VG_FOLDER_CHARS];
    vg_status status = vg_latest_find(folder, output, name, error);
    if (status == VG_OK) printf("%s/%s\n", vg_store_address(output), folder);
    return status;
}

/* The number of the first run that stays. */
static size_t first_kept(const vg_run_catalogue *catalogue, long keep)
{
    size_t first = catalogue->count;
    while (first > 0 && keep > 0) keep -= catalogue->entries[--first].is_complete;
    return keep > 0 ? 0 : first;
}

static vg_status clean(vg_store *output, const vg_run_catalogue *catalogue, const arguments *taken,
                       vg_error *error)
{
    char now[VG_TIMESTAMP_CHARS];
    vg_lock *lock = NULL;
    size_t first = first_kept(catalogue, taken->keep);
    vg_status status = vg_timestamp_choose(now, NULL, error);
    if (status == VG_OK && first > 0 && !taken->dry_run)
        status = vg_lock_open(&lock, output, now, &(vg_observer){0}, &vg_cli_interrupted, error);
    for (size_t i = 0; i < first && status == VG_OK; i++) {
        const vg_run_entry *entry = &catalogue->entries[i];
        if (atomic_load(&vg_cli_interrupted))
            status = vg_fail(error, VG_ECANCELLED, "interrupted: call again to delete the rest");
        else if (!taken->dry_run)
            status = vg_run_catalogue_delete(output, entry->timestamp, error);
        if (status == VG_OK)
            printf("%s  %s, %.1f MB\n", entry->timestamp,
                   taken->dry_run ? "would be deleted" : "deleted", (double)entry->bytes / 1e6);
    }
    vg_lock_close(&lock);
    return status;
}

static int run_runs(const vg_cli_command *command, int argc, char **argv)
{
    arguments taken = {0};
    int key = parse(&taken, command, argc, argv);
    if (key != VG_CLI_END) return key == VG_CLI_HELP ? VG_EXIT_OK : VG_EXIT_USAGE;
    vg_error error = {""};
    vg_store *output = NULL;
    vg_run_catalogue catalogue = {0};
    vg_cli_catch_signals();
    vg_status status = vg_store_open(&output, taken.output, &taken.shared.store, &error);
    bool is_one = taken.show != NULL || taken.latest != NULL;
    if (status == VG_OK && taken.show != NULL) status = show(output, taken.show, &error);
    if (status == VG_OK && taken.latest != NULL)
        status = print_latest(output, taken.latest, &error);
    if (status == VG_OK && !is_one) status = vg_run_catalogue_open(&catalogue, output, &error);
    if (status == VG_OK && taken.keep > 0)
        status = clean(output, &catalogue, &taken, &error);
    else if (status == VG_OK && !is_one)
        print_runs(&catalogue);
    vg_run_catalogue_close(&catalogue);
    vg_store_close(&output);
    return status == VG_OK ? VG_EXIT_OK : vg_cli_failed(&error);
}

const vg_cli_command vg_command_runs = {
    .name = "runs",
    .synopsis = "OUTPUT [options]",
    .summary = "List the runs of an output, show one, find the newest tables, delete old runs",
    .description =
        "Lists the runs that OUTPUT holds, oldest first: timestamp, state, images, parts\n"
        "that are there of all parts, and the size of the tables. With --keep the runs\n"
        "older than the newest N complete ones are deleted, with the tables they wrote.\n"
        "Tables that other commands made of those, such as neighbours, stay: each has the\n"
        "timestamp of its own call.\n"
        "\n"
        "The folder of the newest complete tables is printed by --latest. Readers without\n"
        "verger find the same in OUTPUT/_verger/latest.json, which every run writes.\n"
        "\n"
        "Examples:\n"
        "  verger runs out\n"
        "  verger runs out --keep 3\n"
        "  verger runs out --latest pca",
    .options = runs_options,
    .run = run_runs,
};
