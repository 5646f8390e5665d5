/* Any bytes to the reader of --files-from: paths below the input, or a reason. */
#include "fuzz/memory_file.h"

#include <string.h>
#include <unistd.h>

#include "selection/name_list.h"

enum { LONGEST_LIST = 1 << 16, LIST_MEMORY = 1 << 12 };

static char folder[] = "/tmp/fuzz-list-XXXXXX";
static vg_store *input;

static void close_input(void)
{
    vg_store_delete_tree(input, "a", NULL);
    vg_store_close(&input);
    rmdir(folder);
}

/* A store in which some ends of some paths are found. */
static void open_input(void)
{
    FUZZ_CHECK(mkdtemp(folder) != NULL);
    FUZZ_CHECK(vg_store_open(&input, folder, NULL, NULL) == VG_OK);
    FUZZ_CHECK(vg_store_write(input, "a/b", "", 0, NULL) == VG_OK);
    atexit(close_input);
}

static bool goes_up(const char *path)
{
    size_t size = strlen(path);
    return strncmp(path, "../", 3) == 0 || strstr(path, "/../") != NULL ||
           strcmp(path, "..") == 0 || (size >= 3 && strcmp(path + size - 3, "/..") == 0);
}

static void check_images(vg_image_list *images)
{
    vg_image_cursor *cursor = NULL;
    vg_listed_image image;
    FUZZ_CHECK(vg_image_list_finish(images, NULL, NULL) == VG_OK);
    FUZZ_CHECK(vg_image_cursor_open(&cursor, images, 0, NULL) == VG_OK);
    while (vg_image_cursor_next(cursor, &image, NULL) == VG_OK && image.path != NULL) {
        FUZZ_CHECK(image.path[0] != '\0');
        FUZZ_CHECK(!goes_up(image.path));
    }
    vg_image_cursor_close(&cursor);
}

static bool has_text(const uint8_t *data, size_t size, const char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i + length <= size; i++)
        if (memcmp(data + i, text, length) == 0) return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[MEMORY_FILE_PATH];
    vg_image_list *images = NULL;
    vg_error error = {{0}};
    if (size > LONGEST_LIST) return 0;
    if (input == NULL) open_input();
    FUZZ_CHECK(vg_image_list_open(&images, LIST_MEMORY, NULL) == VG_OK);

    memory_file(name, data, size);
    static const vg_patterns none = {0};
    vg_left_out left_out = {0};
    const vg_label_rule rule = {0};
    vg_adder adder = {
        .images = images, .input = input, .rule = &rule, .excludes = &none, .left_out = &left_out};
    /* Lists with such a column are read with it. */
    static const char *const kept[] = {"kept"};
    const vg_list_wishes wishes = {
        .keep = {.items = kept, .count = has_text(data, size, kept[0]) ? 1 : 0}};
    vg_status status = vg_read_name_list(&adder, input, name, &wishes, &error);
    vg_adder_close(&adder);
    FUZZ_CHECK((status == VG_OK) == (error.message[0] == '\0'));
    if (status == VG_OK) check_images(images);
    vg_image_list_close(&images);
    return 0;
}
