#include "cli/commands/predict_formats.h"

#include <stdio.h>

#include "base/json.h"
#include "cli/reporting/printed_names.h"

/* With tabs between, of which a name has none once it is printed. */
static void print_table(const char *name, const char *label, double probability)
{
    vg_cli_print_plain(name, "");
    vg_cli_print_plain(label, "\t");
    printf("\t%.6f\n", probability);
}

static void print_csv(const char *name, const char *label, double probability)
{
    char number[VG_NUMBER_CHARS];
    vg_format_float64(number, probability);
    vg_cli_print_quoted(name, "\"");
    vg_cli_print_quoted(label, "\",\"");
    printf("\",%s\n", number);
}

static void print_json_text(const char *text, const char *before)
{
    fputs(before, stdout);
    vg_json_write_string(stdout, text);
}

static void print_json(const vg_image_predictor *predictor, const char *name,
                       const vg_prediction *prediction)
{
    char number[VG_NUMBER_CHARS];
    int count = 0;
    while (count < VG_TOP_CLASSES && prediction->classes[count] >= 0) count++;
    print_json_text(name, "{\"path\": ");
    print_json_text(vg_image_predictor_label(predictor, prediction->classes[0]), ", \"label\": ");
    vg_format_float64(number, prediction->probability);
    printf(", \"probability\": %s, \"top_labels\": [", number);
    for (int i = 0; i < count; i++)
        print_json_text(vg_image_predictor_label(predictor, prediction->classes[i]),
                        i > 0 ? ", " : "");
    fputs("], \"top_probabilities\": [", stdout);
    for (int i = 0; i < count; i++) {
        vg_format_float64(number, (double)prediction->probabilities[i]);
        printf("%s%s", i > 0 ? ", " : "", number);
    }
    puts("]}");
}

void vg_cli_predict_begin(vg_cli_predict_format format)
{
    if (format == VG_CLI_PREDICT_CSV) puts("path,label,probability");
    fflush(stdout);
}

void vg_cli_predict_print(vg_cli_predict_format format, const vg_image_predictor *predictor,
                          const char *name, const vg_prediction *prediction)
{
    const char *label = vg_image_predictor_label(predictor, prediction->classes[0]);
    switch (format) {
    case VG_CLI_PREDICT_TABLE: print_table(name, label, prediction->probability); break;
    case VG_CLI_PREDICT_JSON: print_json(predictor, name, prediction); break;
    case VG_CLI_PREDICT_CSV: print_csv(name, label, prediction->probability); break;
    }
    fflush(stdout);
}
