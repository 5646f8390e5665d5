#include "folder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/io.h"

enum { NOBODY = 65534 };

int make_folder(void **state)
{
    const char *base = getenv("TMPDIR");
    char *path = malloc(FOLDER_CHARS);
    if (path == NULL) return -1;
    snprintf(path, FOLDER_CHARS, "%s/verger-io-XXXXXX", base != NULL ? base : "/tmp");
    *state = path;
    return mkdtemp(path) == NULL || chmod(path, 0777) != 0 ? -1 : 0;
}

int remove_folder(void **state)
{
    vg_store *store;
    vg_error error;
    vg_status status = vg_store_open(&store, "/", NULL, &error);
    if (status == VG_OK) status = vg_store_delete_tree(store, (char *)*state + 1, &error);
    vg_store_close(&store);
    free(*state);
    return status == VG_OK ? 0 : -1;
}

const char *in(const char *folder, const char *name)
{
    static char paths[4][2 * FOLDER_CHARS];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(text, 1, strlen(text), file) != strlen(text) || fclose(file) != 0) {
        perror(path);
        abort();
    }
}

char *get(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) return NULL;
    size_t size = 0, capacity = 1 << 20;
    char *text = calloc(1, capacity);
    if (text != NULL) size = fread(text, 1, capacity - 1, file);
    fclose(file);
    if (text != NULL) text[size] = '\0';
    return text;
}

size_t count_entries(const char *folder)
{
    size_t n = 0;
    DIR *opened = opendir(folder);
    if (opened == NULL) return 0;
    const struct dirent *entry;
    while ((entry = readdir(opened)) != NULL)
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(opened);
    return n;
}

int drop_rights(void)
{
    return geteuid() != 0 || seteuid(NOBODY) == 0;
}

void regain_rights(void)
{
    if (geteuid() != getuid() && seteuid(getuid()) != 0) abort();
}
