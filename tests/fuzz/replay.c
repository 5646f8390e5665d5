/* Replays a corpus through a fuzz target without libFuzzer: every file as it is and
 * cut short, then files with bytes changed. The same seed makes the same inputs.
 *   replay [--seed N] [--rounds N] [--round R] FOLDER */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fuzz/fuzz.h"

typedef struct corpus_file {
    char name[256];
    uint8_t *bytes;
    size_t size;
} corpus_file;

enum { MAX_FILES = 256, MAX_BYTES = 1 << 20 };

typedef struct corpus {
    corpus_file files[MAX_FILES];
    size_t count;
} corpus;

/* What runs now, for the signal handler. */
static char current[512];

/* splitmix64: Steele, Lea and Flood 2014, "Fast splittable pseudorandom number
 * generators". */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static size_t below(uint64_t *state, size_t bound)
{
    return (size_t)(next_random(state) % bound);
}

static void on_crash(int number)
{
    static const char text[] = "replay: crashed in ";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
    ignored = write(STDERR_FILENO, current, strlen(current));
    ignored = write(STDERR_FILENO, "\n", 1);
    (void)ignored;
    signal(number, SIG_DFL);
    raise(number);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const corpus_file *)a)->name, ((const corpus_file *)b)->name);
}

static void read_file(corpus_file *file, const char *folder)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, file->name);
    FILE *stream = fopen(path, "rb");
    file->bytes = malloc(MAX_BYTES);
    if (stream == NULL || file->bytes == NULL) {
        fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
        exit(2);
    }
    file->size = fread(file->bytes, 1, MAX_BYTES, stream);
    fclose(stream);
}

static void read_corpus(corpus *files, const char *folder)
{
    DIR *directory = opendir(folder);
    if (directory == NULL) {
        fprintf(stderr, "replay: %s: %s: make_corpus.py makes it\n", folder, strerror(errno));
        exit(2);
    }
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL && files->count < MAX_FILES) {
        if (entry->d_name[0] == '.') continue;
        corpus_file *file = &files->files[files->count++];
        snprintf(file->name, sizeof file->name, "%s", entry->d_name);
    }
    closedir(directory);
    /* The order of a folder is not the same everywhere. */
    qsort(files->files, files->count, sizeof *files->files, by_name);
    for (size_t i = 0; i < files->count; i++) read_file(&files->files[i], folder);
}

/* The target sees a block of exactly that size, so that a sanitizer sees a byte too
 * many. */
static void run(const uint8_t *bytes, size_t size)
{
    uint8_t *exact = malloc(size > 0 ? size : 1);
    FUZZ_CHECK(exact != NULL);
    memcpy(exact, bytes, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static void run_as_they_are(const corpus *files)
{
    enum { CUTS = 64 };
    for (size_t i = 0; i < files->count; i++) {
        const corpus_file *file = &files->files[i];
        snprintf(current, sizeof current, "%s", file->name);
        run(file->bytes, file->size);
        size_t step = file->size / CUTS + 1;
        for (size_t size = 0; size < file->size; size += step) {
            snprintf(current, sizeof current, "%s cut to %zu bytes", file->name, size);
            run(file->bytes, size);
        }
    }
}

/* A few edits of the kinds that formats trip over. Returns the new size. */
static size_t mutate(uint64_t *state, uint8_t *bytes, size_t size)
{
    static const uint8_t extremes[] = {0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff};
    size_t edits = 1 + below(state, 8);
    for (size_t e = 0; e < edits && size > 0; e++) {
        /* Half of the edits fall into the header, where the sizes are. */
        size_t reach = below(state, 2) && size > 64 ? 64 : size;
        size_t at = below(state, reach);
        switch (below(state, 6)) {
        case 0: bytes[at] ^= (uint8_t)(1u << below(state, 8)); break;
        case 1: bytes[at] = (uint8_t)next_random(state); break;
        case 2: bytes[at] = extremes[below(state, sizeof extremes)]; break;
        case 3: bytes[at] = (uint8_t)(bytes[at] + 1); break;
        case 4: {
            size_t from = below(state, size), longest = size - (at > from ? at : from);
            memmove(bytes + at, bytes + from, below(state, longest + 1));
            break;
        }
        default:
            if (below(state, 4) == 0) size = at;
        }
    }
    return size;
}

static void run_mutated(const corpus *files, uint64_t seed, size_t first, size_t end)
{
    static uint8_t bytes[MAX_BYTES];
    for (size_t round = first; round < end; round++) {
        uint64_t state = seed * 0x100000001b3u + round;
        const corpus_file *file = &files->files[below(&state, files->count)];
        memcpy(bytes, file->bytes, file->size);
        size_t size = mutate(&state, bytes, file->size);
        snprintf(current, sizeof current, "%s, --seed %llu --round %zu", file->name,
                 (unsigned long long)seed, round);
        run(bytes, size);
    }
}

int main(int argc, char **argv)
{
    uint64_t seed = (uint64_t)time(NULL);
    size_t first = 0, end = 1000;
    const char *folder = NULL;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--seed") == 0) {
            seed = strtoull(value, NULL, 10), i++;
        } else if (strcmp(argv[i], "--rounds") == 0) {
            end = strtoull(value, NULL, 10), i++;
        } else if (strcmp(argv[i], "--round") == 0) {
            first = strtoull(value, NULL, 10), end = first + 1, i++;
        } else {
            folder = argv[i];
        }
    }
    static corpus files;
    if (folder != NULL) read_corpus(&files, folder);
    if (files.count == 0) {
        fprintf(stderr, "usage: %s [--seed N] [--rounds N] [--round R] FOLDER\n", argv[0]);
        return 2;
    }
    printf("%zu files, --seed %llu, %zu rounds\n", files.count, (unsigned long long)seed,
           end - first);
    fflush(stdout);

    const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++) signal(crashes[i], on_crash);
    run_as_they_are(&files);
    run_mutated(&files, seed, first, end);
    for (size_t i = 0; i < files.count; i++) free(files.files[i].bytes);
    return 0;
}
