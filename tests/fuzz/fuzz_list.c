/* Any bytes to the reader of --files-from: paths below the input, or a reason. */
#include "fuzz/memory_file.h"

#include <string.h>
#include <unistd.h>

#include "job/file_list.h"

enum { LONGEST_LIST = 1 << 16 };

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[MEMORY_FILE_PATH];
    vg_paths paths = {0};
    vg_error error = {{0}};
    if (size > LONGEST_LIST) return 0;
    if (input == NULL) open_input();

    memory_file(name, data, size);
    vg_status status = vg_read_file_list(&paths, input, name, &error);
    FUZZ_CHECK((status == VG_OK) == (error.message[0] == '\0'));
    for (size_t i = 0; i < paths.count; i++) {
        FUZZ_CHECK(paths.items[i].text[0] != '\0');
        FUZZ_CHECK(!goes_up(paths.items[i].text));
    }
    vg_paths_free(&paths);
    return 0;
}
