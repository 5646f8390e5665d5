#include "selection/left_out.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The ending of the last name, with its dot and in small letters. */
static void find_ending(char ending[VG_ENDING_CHARS], const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    size_t size = 0;
    ending[0] = '\0';
    if (dot == NULL || dot == name || strlen(dot) >= VG_ENDING_CHARS) return;
    for (; dot[size] != '\0'; size++) {
        if (!isgraph((unsigned char)dot[size])) break;
        ending[size] = (char)tolower((unsigned char)dot[size]);
    }
    ending[size] = '\0';
}

void vg_left_out_add_ending(vg_left_out *left, const char *path)
{
    char ending[VG_ENDING_CHARS];
    find_ending(ending, path);
    left->by_ending++;
    size_t i = 0;
    while (i < left->ending_count && strcmp(left->endings[i].text, ending) != 0) i++;
    if (i == VG_LEFT_OUT_ENDINGS) return;
    if (i == left->ending_count) {
        memcpy(left->endings[i].text, ending, sizeof ending);
        left->ending_count++;
    }
    left->endings[i].files++;
}

void vg_left_out_add_hidden(vg_left_out *left, const char *name, size_t size, bool is_folder)
{
    if (!is_folder) {
        left->hidden_files++;
        return;
    }
    left->below_hidden++;
    char text[sizeof left->folders[0]];
    snprintf(text, sizeof text, "%.*s", (int)size, name);
    size_t at = 0;
    while (at < left->folder_count && strcmp(left->folders[at], text) < 0) at++;
    if (at == VG_LEFT_OUT_FOLDERS ||
        (at < left->folder_count && strcmp(left->folders[at], text) == 0))
        return;
    if (left->folder_count < VG_LEFT_OUT_FOLDERS) left->folder_count++;
    memmove(left->folders[at + 1], left->folders[at],
            (left->folder_count - at - 1) * sizeof left->folders[0]);
    memcpy(left->folders[at], text, sizeof text);
}

/* --- The text --------------------------------------------------------------------- */

typedef struct line {
    char *text;
    size_t size, capacity;
} line;

__attribute__((format(printf, 2, 3))) static void put(line *to, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int added = vsnprintf(to->text + to->size, to->capacity - to->size, format, args);
    va_end(args);
    if (added > 0) to->size += (size_t)added;
    if (to->size >= to->capacity) to->size = to->capacity - 1;
}

/* What is put between two kinds. */
static const char *start(const line *to)
{
    return to->size == 0 ? "left out: " : ", ";
}

static const char *plural(uint64_t files)
{
    return files == 1 ? "file" : "files";
}

/* The most frequent endings first. */
static void put_endings(line *to, const vg_left_out *left)
{
    enum { SHOWN = 4 };
    bool shown[VG_LEFT_OUT_ENDINGS] = {false};
    uint64_t rest = left->by_ending;
    for (size_t n = 0; n < SHOWN && n < left->ending_count; n++) {
        size_t best = left->ending_count;
        for (size_t i = 0; i < left->ending_count; i++)
            if (!shown[i] &&
                (best == left->ending_count || left->endings[i].files > left->endings[best].files))
                best = i;
        shown[best] = true;
        rest -= left->endings[best].files;
        const char *text = left->endings[best].text;
        put(to, "%s%" PRIu64 " %s", n == 0 ? " (" : ", ", left->endings[best].files,
            text[0] != '\0' ? text : "without one");
    }
    if (rest > 0) put(to, ", %" PRIu64 " more", rest);
    put(to, ")");
}

const char *vg_left_out_text(const vg_left_out *left, char *text, size_t size)
{
    line to = {.text = text, .capacity = size};
    text[0] = '\0';
    if (left->by_ending > 0) {
        put(&to, "%s%" PRIu64 " %s with other endings", start(&to), left->by_ending,
            plural(left->by_ending));
        put_endings(&to, left);
    }
    if (left->by_case > 0)
        put(&to, "%s%" PRIu64 " %s from what was asked for in capital letters", start(&to),
            left->by_case,
            left->by_case == 1 ? "file whose name differs" : "files whose names differ");
    if (left->hidden_files > 0)
        put(&to, "%s%" PRIu64 " hidden %s", start(&to), left->hidden_files,
            plural(left->hidden_files));
    if (left->below_hidden > 0) {
        put(&to, "%s%" PRIu64 " %s in hidden or system folders", start(&to), left->below_hidden,
            plural(left->below_hidden));
        for (size_t i = 0; i < left->folder_count; i++)
            put(&to, "%s%s", i == 0 ? " (" : ", ", left->folders[i]);
        put(&to, ")");
    }
    if (left->excluded > 0)
        put(&to, "%s%" PRIu64 " %s by --exclude", start(&to), left->excluded,
            plural(left->excluded));
    return text;
}
