/* Options that several commands take: what is written, what is reported. */
#ifndef VG_CLI_PARSING_SHARED_OPTIONS_H
#define VG_CLI_PARSING_SHARED_OPTIONS_H

#include "cli/cli.h"
#include "cli/reporting/progress.h"
#include "output/target.h"
#include "run/job.h"

enum {
    VG_CLI_FORMAT = 512,
    VG_CLI_TIMESTAMP,
    VG_CLI_OVERWRITE,
    VG_CLI_PROGRESS,
    VG_CLI_LOG_LEVEL,
    VG_CLI_METRICS,
    VG_CLI_REQUIRE_REGION,
    VG_CLI_SSE,
    VG_CLI_SSE_KMS_KEY,
    VG_CLI_FOLLOW_LINKS,
    VG_CLI_REQUESTER_PAYS,
    VG_CLI_QUIET = 'q'
};

#define VG_CLI_FORMAT_VALUES "parquet csv parquet,csv"
#define VG_CLI_LOG_LEVEL_VALUES "error warning info debug"
#define VG_CLI_SSE_VALUES "AES256 aws:kms"

#define VG_CLI_FORMAT_OPTION                                                                \
    {                                                                                       \
        VG_CLI_FORMAT, "format", "LIST", VG_CLI_FORMAT_VALUES,                              \
            "formats of features and PCA rows: parquet, csv or both, with a comma between " \
            "(default: "                                                                    \
            "parquet,csv)"                                                                  \
    }

#define VG_CLI_TIMESTAMP_OPTIONS                                                            \
    {VG_CLI_TIMESTAMP, "timestamp", "YYYYMMDD_HHMMSS", NULL,                                \
     "names the tables of this call (default: the time of the start, UTC)"},                \
    {                                                                                       \
        VG_CLI_OVERWRITE, "overwrite", NULL, NULL,                                          \
            "replace the tables that have the same timestamp; without it they are an error" \
    }

/* How a PCA is fitted and projects; keys of vg_cli_pca_choice. */
enum { VG_CLI_FIT_ON = 768, VG_CLI_CENTER, VG_CLI_WHITEN };

#define VG_CLI_PCA_CHOICES                                                                    \
    {VG_CLI_FIT_ON, "fit-on", "SPLIT", NULL,                                                  \
     "fit the PCA to the images of that split alone, such as train; all are projected"},      \
        {VG_CLI_CENTER, "center", NULL, NULL,                                                 \
         "take the mean off before projecting (default: rows are not centred, as in MLlib)"}, \
    {                                                                                         \
        VG_CLI_WHITEN, "whiten", NULL, NULL,                                                  \
            "divide components by their standard deviations, so that each has variance 1"     \
    }

/* How input and output are reached: docs/stores.md. */
#define VG_CLI_REQUIRE_REGION_OPTION                                                        \
    {                                                                                       \
        VG_CLI_REQUIRE_REGION, "require-region", "PATTERN", NULL,                           \
            "refuse a bucket whose region does not match, or cannot be told: eu for the "   \
            "regions in the European Union, or a name in which * and ? stand for any text " \
            "and any letter (default: $VERGER_REQUIRE_REGION)"                              \
    }

#define VG_CLI_FOLLOW_LINKS_OPTION                                     \
    {                                                                  \
        VG_CLI_FOLLOW_LINKS, "follow-links", NULL, NULL,               \
            "follow symbolic links that leave a local INPUT or OUTPUT" \
    }

#define VG_CLI_REQUESTER_PAYS_OPTION                                                   \
    {                                                                                  \
        VG_CLI_REQUESTER_PAYS, "requester-pays", NULL, NULL,                           \
            "pay for what is asked of s3:// buckets whose owners want that (default: " \
            "$AWS_REQUEST_PAYER is requester)"                                         \
    }

#define VG_CLI_STORE_OPTIONS                                                                \
    VG_CLI_REQUIRE_REGION_OPTION,                                                           \
        {VG_CLI_SSE, "sse", "KIND", VG_CLI_SSE_VALUES,                                      \
         "refuse to write to an s3:// bucket that does not encrypt by itself in this way: " \
         "AES256 or aws:kms"},                                                              \
        {VG_CLI_SSE_KMS_KEY, "sse-kms-key", "KEY", NULL,                                    \
         "with --sse aws:kms, the id or ARN of the key it has to be"},                      \
        VG_CLI_REQUESTER_PAYS_OPTION, VG_CLI_FOLLOW_LINKS_OPTION

#define VG_CLI_REPORT_OPTIONS                                                                    \
    {VG_CLI_PROGRESS, "progress", "STYLE", VG_CLI_PROGRESS_VALUES,                               \
     "what standard error shows of the work: bar, json (one object a line) or none (default: "   \
     "auto, a bar on a terminal and a line now and then elsewhere)"},                            \
        {VG_CLI_LOG_LEVEL, "log-level", "LEVEL", VG_CLI_LOG_LEVEL_VALUES,                        \
         "the least important messages to show: error, warning, info or debug (default: info)"}, \
        {VG_CLI_METRICS, "metrics", "FILE", "FILE",                                              \
         "keep figures of the work in FILE for Prometheus, written whole every ten seconds and " \
         "at the end"},                                                                          \
    {                                                                                            \
        VG_CLI_QUIET, "quiet", NULL, NULL, "errors only: no progress, no summary"                \
    }

typedef struct vg_cli_shared_options {
    bool parquet, csv, overwrite, quiet, log_level_is_given;
    const char *timestamp; /* NULL where none was given, as metrics */
    const char *metrics;
    vg_store_options store;
    vg_cli_style style;
    vg_log_level log_level;
} vg_cli_shared_options;

void vg_cli_shared_options_default(vg_cli_shared_options *options);

/* Takes an option of the rows above; false after having printed what is wrong. */
bool vg_cli_shared_option(vg_cli_shared_options *options, const vg_cli_command *command, int key,
                          const char *value);

/* What they say of the tables that a job makes of others. */
void vg_cli_shared_target(const vg_cli_shared_options *options, vg_target *target);

/* K of -k: a number of components, 0 for none, or a share of variance such as 0.95; false after
 * having printed what is wrong. */
bool vg_cli_components(const vg_cli_command *command, const char *option, const char *text,
                       int *components, double *share);

/* Takes an option of VG_CLI_PCA_CHOICES; false where it is none. */
bool vg_cli_pca_choice(vg_pca_choices *choices, int key, const char *value);

/* The only word of a command; false after having printed that there is another. *place starts
 * NULL. */
bool vg_cli_take_word(const vg_cli_command *command, const char *word, const char **place);

/* The two words of a command that reads one folder and writes another; false after
 * having printed what is wrong. Both pointers start NULL. */
bool vg_cli_take_folder(const vg_cli_command *command, const char *word, const char **input,
                        const char **output);
bool vg_cli_check_folders(const vg_cli_command *command, const char *input_name, const char *input,
                          const char *output);

#endif
