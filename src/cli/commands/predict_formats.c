#include "cli/commands/predict_formats.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "cli/reporting/printed_names.h"

static const char *label_of(const vg_image_predictor *predictor, const vg_cli_answer *answer)
{
    return vg_image_predictor_label(predictor, answer->answer->prediction.classes[0]);
}

/* JSON's and CSV's word; NULL where the classifier does not know. */
static const char *unknown_word(const vg_image_predictor *predictor, const vg_cli_answer *answer)
{
    if (!vg_image_predictor_knows_unknown(predictor)) return NULL;
    return answer->answer->is_unknown ? "true" : "false";
}

/* With tabs between, of which a name has none once it is printed. */
static void print_table(const vg_image_predictor *predictor, const vg_cli_answer *answer)
{
    vg_cli_print_plain(answer->name, "");
    if (answer->failure != NULL) {
        vg_cli_print_plain(answer->failure, "\t\t\tfailed: ");
        putchar('\n');
        return;
    }
    vg_cli_print_plain(label_of(predictor, answer), "\t");
    printf("\t%.6f%s\n", answer->answer->prediction.probability,
           answer->answer->is_unknown ? "\tunknown" : "");
}

static void print_csv(const vg_image_predictor *predictor, const vg_cli_answer *answer)
{
    char number[VG_NUMBER_CHARS];
    vg_cli_print_quoted(answer->name, "\"");
    if (answer->failure != NULL) {
        vg_cli_print_quoted(answer->failure, "\",,,,\"");
        puts("\"");
        return;
    }
    vg_format_float64(number, answer->answer->prediction.probability);
    vg_cli_print_quoted(label_of(predictor, answer), "\",\"");
    const char *word = unknown_word(predictor, answer);
    printf("\",%s,%s,\n", number, word != NULL ? word : "");
}

static void print_json_text(const char *text, const char *before)
{
    fputs(before, stdout);
    vg_json_write_string(stdout, text);
}

static void print_top(const vg_image_predictor *predictor, const vg_prediction *prediction)
{
    char number[VG_NUMBER_CHARS];
    int count = 0;
    while (count < VG_TOP_CLASSES && prediction->classes[count] >= 0) count++;
    fputs(", \"top_labels\": [", stdout);
    for (int i = 0; i < count; i++)
        print_json_text(vg_image_predictor_label(predictor, prediction->classes[i]),
                        i > 0 ? ", " : "");
    fputs("], \"top_probabilities\": [", stdout);
    for (int i = 0; i < count; i++) {
        vg_format_float64(number, (double)prediction->probabilities[i]);
        printf("%s%s", i > 0 ? ", " : "", number);
    }
    putchar(']');
}

static void print_json(const vg_image_predictor *predictor, const vg_cli_answer *answer)
{
    char number[VG_NUMBER_CHARS];
    if (answer->is_frame)
        printf("{\"frame\": %s", answer->name);
    else
        print_json_text(answer->name, "{\"path\": ");
    if (answer->failure != NULL) {
        print_json_text(answer->failure, ", \"error\": ");
    } else {
        vg_format_float64(number, answer->answer->prediction.probability);
        print_json_text(label_of(predictor, answer), ", \"label\": ");
        printf(", \"probability\": %s", number);
        const char *word = unknown_word(predictor, answer);
        if (word != NULL) printf(", \"unknown\": %s", word);
        print_top(predictor, &answer->answer->prediction);
    }
    puts("}");
}

void vg_cli_predict_begin(vg_cli_predict_format format, bool of_frames)
{
    if (format == VG_CLI_PREDICT_CSV)
        printf("%s,label,probability,unknown,error\n", of_frames ? "frame" : "path");
    fflush(stdout);
}

void vg_cli_predict_print(vg_cli_predict_format format, const vg_image_predictor *predictor,
                          const vg_cli_answer *answer)
{
    char *name = vg_cli_name_text(answer->name);
    vg_cli_answer told = *answer;
    if (name != NULL) told.name = name;
    switch (format) {
    case VG_CLI_PREDICT_TABLE: print_table(predictor, &told); break;
    case VG_CLI_PREDICT_JSON: print_json(predictor, &told); break;
    case VG_CLI_PREDICT_CSV: print_csv(predictor, &told); break;
    }
    free(name);
    fflush(stdout);
}
