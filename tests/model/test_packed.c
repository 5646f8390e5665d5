/* Packed weights as files: the same bits from every set, pages that processes share, and
 * nothing that is damaged or for other panels. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "model/packed.h"

enum { RGB_BYTES = VG_IMAGE_SIZE * VG_IMAGE_SIZE * 3, WRITERS = 6 };

static const char seeded[] = "seeded:11";

typedef struct place {
    char folder[64], file[96], other[96];
} place;

static int open_place(void **state)
{
    place *here = calloc(1, sizeof *here);
    if (here == NULL) return -1;
    *state = here;
    snprintf(here->folder, sizeof here->folder, "/tmp/verger-test-XXXXXX");
    if (mkdtemp(here->folder) == NULL) return -1;
    snprintf(here->file, sizeof here->file, "%s/a.packed", here->folder);
    snprintf(here->other, sizeof here->other, "%s/b.packed", here->folder);
    return 0;
}

/* Fails where more than the two files is left. */
static int close_place(void **state)
{
    place *here = *state;
    unlink(here->file);
    unlink(here->other);
    int left = rmdir(here->folder);
    free(here);
    return left;
}

static vg_model *open_model(const char *source, const char *kernels)
{
    vg_model *model = NULL;
    vg_error error = {""};
    vg_model_options options = {.kernels = kernels};
    if (vg_model_open(&model, source, &options, &error) != VG_OK) fail_msg("%s", error.message);
    return model;
}

static void save(const char *source, const char *kernels, const char *path)
{
    vg_error error = {""};
    vg_model *model = open_model(source, kernels);
    if (vg_model_save_packed(model, path, &error) != VG_OK) fail_msg("%s", error.message);
    vg_model_close(&model);
}

static void features_of(const vg_model *model, float features[VG_FEATURE_COUNT])
{
    static uint8_t rgb[RGB_BYTES];
    vg_extractor *extractor = NULL;
    for (uint32_t i = 0, noise = 1; i < RGB_BYTES; i++) {
        noise = noise * 1664525U + 1013904223U;
        rgb[i] = (uint8_t)(noise >> 24);
    }
    assert_int_equal(vg_extractor_open(&extractor, model, NULL, NULL), VG_OK);
    assert_int_equal(vg_extractor_forward(extractor, 1, rgb, features, NULL), VG_OK);
    vg_extractor_close(&extractor);
}

static void assert_features(const vg_model *model, const float expected[VG_FEATURE_COUNT])
{
    float features[VG_FEATURE_COUNT];
    features_of(model, features);
    assert_memory_equal(features, expected, sizeof features);
}

static size_t size_of(const char *path)
{
    struct stat facts;
    assert_int_equal(stat(path, &facts), 0);
    return (size_t)facts.st_size;
}

static unsigned char *bytes_of(const char *path)
{
    size_t size = size_of(path);
    unsigned char *bytes = malloc(size);
    FILE *file = fopen(path, "rb");
    assert_true(bytes != NULL && file != NULL);
    assert_int_equal(fread(bytes, 1, size, file), size);
    fclose(file);
    return bytes;
}

/* --- What is saved ------------------------------------------------------ */

/* The sets of digits share a form, and no other set takes it. */
static void test_digits_have_files_of_their_own(void **state)
{
    place *here = *state;
    vg_model *model = NULL;
    vg_error error = {""};
    const vg_model_options others = {.kernels = "ref"};
    save(seeded, "amx-ref", here->file);
    save(here->file, "amx-ref", here->other);
    unsigned char *first = bytes_of(here->file), *again = bytes_of(here->other);
    assert_int_equal(size_of(here->file), size_of(here->other));
    assert_memory_equal(first, again, size_of(here->file));
    free(first);
    free(again);
    assert_int_equal(vg_model_open(&model, here->file, &others, &error), VG_EUNSUPPORTED);
    assert_non_null(strstr(error.message, "panels of 64 channels"));
}

static void test_every_set_reads_its_file_back(void **state)
{
    place *here = *state;
    const char *name;
    for (size_t i = 0; (name = vg_kernel_set(i)) != NULL; i++) {
        float expected[VG_FEATURE_COUNT];
        vg_model *model = open_model(seeded, name);
        features_of(model, expected);
        assert_int_equal(vg_model_save_packed(model, here->file, NULL), VG_OK);
        vg_model_close(&model);

        model = open_model(here->file, name);
        assert_features(model, expected);
        /* What was mapped is saved as what was packed. */
        assert_int_equal(vg_model_save_packed(model, here->other, NULL), VG_OK);
        vg_model_close(&model);
        size_t size = size_of(here->file);
        unsigned char *first = bytes_of(here->file), *second = bytes_of(here->other);
        assert_int_equal(size_of(here->other), size);
        assert_memory_equal(first, second, size);
        free(first);
        free(second);
    }
}

static void test_sets_of_one_panel_share_a_file(void **state)
{
    place *here = *state;
    const char *name;
    save(seeded, "ref", here->file);
    unsigned char *of_ref = bytes_of(here->file);
    for (size_t i = 1; (name = vg_kernel_set(i)) != NULL; i++) {
        if (strcmp(name, "avx512") == 0) continue;
        save(seeded, name, here->other);
        unsigned char *of_set = bytes_of(here->other);
        assert_memory_equal(of_ref, of_set, size_of(here->file));
        free(of_set);
    }
    free(of_ref);
}

static void test_it_may_go_or_be_replaced(void **state)
{
    place *here = *state;
    float expected[VG_FEATURE_COUNT];
    save(seeded, NULL, here->file);
    save("seeded:12", NULL, here->other);
    vg_model *first = open_model(here->file, NULL), *second = open_model(here->file, NULL);
    features_of(first, expected);
    assert_int_equal(rename(here->other, here->file), 0);
    assert_features(second, expected);
    assert_int_equal(unlink(here->file), 0);
    assert_features(second, expected);
    vg_model_close(&first);
    vg_model_close(&second);
}

static void test_a_failure_leaves_nothing(void **state)
{
    place *here = *state;
    char beyond[128];
    vg_error error = {""};
    vg_model *model = open_model(seeded, "ref");
    snprintf(beyond, sizeof beyond, "%s/no/such.packed", here->folder);
    assert_int_equal(vg_model_save_packed(model, beyond, &error), VG_EIO);
    assert_non_null(strstr(error.message, beyond));
    assert_int_equal(mkdir(here->file, 0700), 0);
    assert_int_equal(vg_model_save_packed(model, here->file, &error), VG_EIO);
    assert_non_null(strstr(error.message, here->file));
    assert_int_equal(rmdir(here->file), 0);
    vg_model_close(&model);
}

/* --- What is refused ---------------------------------------------------- */

static vg_status status_of(const char *path, vg_error *error)
{
    vg_model *model = NULL;
    const vg_model_options options = {.kernels = "ref"};
    vg_status status = vg_model_open(&model, path, &options, error);
    assert_true((status == VG_OK) == (model != NULL));
    vg_model_close(&model);
    return status;
}

static void test_other_panels(void **state)
{
    place *here = *state;
    vg_weights *weights = NULL;
    vg_packed packed;
    vg_error error = {""};
    assert_int_equal(vg_weights_seeded(&weights, 11, NULL), VG_OK);
    assert_int_equal(vg_packed_open(&packed, weights, 32, NULL), VG_OK);
    assert_int_equal(vg_packed_save(&packed, here->file, NULL), VG_OK);
    vg_packed_close(&packed);
    vg_weights_close(&weights);
    assert_int_equal(status_of(here->file, &error), VG_EUNSUPPORTED);
    assert_non_null(strstr(error.message, here->file));
    assert_non_null(strstr(error.message, "panels of 32 channels"));
    assert_non_null(strstr(error.message, "open the safetensors file"));
}

static void test_a_byte_of_the_head_or_tail(void **state)
{
    place *here = *state;
    vg_error error;
    save(seeded, "ref", here->file);
    int file = open(here->file, O_RDWR);
    assert_true(file >= 0);
    off_t tail = (off_t)size_of(here->file) - VG_PACKED_TAIL_BYTES;
    for (off_t i = 0; i < VG_PACKED_HEAD_BYTES + 8; i++) {
        off_t at = i < VG_PACKED_HEAD_BYTES ? i : tail + i - VG_PACKED_HEAD_BYTES;
        unsigned char byte, flipped;
        assert_int_equal(pread(file, &byte, 1, at), 1);
        flipped = (unsigned char)(byte ^ 1U << i % 8);
        assert_int_equal(pwrite(file, &flipped, 1, at), 1);
        error.message[0] = '\0';
        vg_status status = status_of(here->file, &error);
        int is_version = i >= 8 && i < 12;
        if (status != (is_version ? VG_EUNSUPPORTED : VG_EFORMAT))
            fail_msg("byte %d: %s: %s", (int)i, vg_status_name(status), error.message);
        assert_non_null(strstr(error.message, here->file));
        assert_int_equal(pwrite(file, &byte, 1, at), 1);
    }
    close(file);
    assert_int_equal(status_of(here->file, NULL), VG_OK);
}

static void test_other_lengths(void **state)
{
    place *here = *state;
    save(seeded, "ref", here->file);
    off_t size = (off_t)size_of(here->file);
    const off_t lengths[] = {size + 1,
                             size - 1,
                             size - VG_PACKED_TAIL_BYTES,
                             size / 2,
                             VG_PACKED_HEAD_BYTES + VG_PACKED_TAIL_BYTES,
                             VG_PACKED_HEAD_BYTES,
                             8,
                             7,
                             0};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        assert_int_equal(truncate(here->file, lengths[i]), 0);
        assert_int_equal(status_of(here->file, NULL), VG_EFORMAT);
    }
}

/* Room for the whole that was never filled, as a copy that was broken off may leave it. */
static void test_a_copy_without_its_end(void **state)
{
    place *here = *state;
    vg_error error = {""};
    save(seeded, "ref", here->file);
    off_t size = (off_t)size_of(here->file);
    assert_int_equal(truncate(here->file, size / 2), 0);
    assert_int_equal(truncate(here->file, size), 0);
    assert_int_equal(status_of(here->file, &error), VG_EFORMAT);
    assert_non_null(strstr(error.message, "its end is missing"));
}

static void test_nothing_but_a_regular_file_is_mapped(void **state)
{
    place *here = *state;
    vg_packed packed;
    assert_int_equal(mkfifo(here->file, 0600), 0);
    assert_false(vg_packed_is_at(here->file));
    assert_int_equal(vg_packed_map(&packed, here->file, 16, NULL), VG_EIO);
    assert_int_equal(vg_packed_map(&packed, here->folder, 16, NULL), VG_EIO);
    assert_int_equal(vg_packed_map(&packed, here->other, 16, NULL), VG_ENOTFOUND);
}

static void test_readers_of_tensors_say_what_it_is(void **state)
{
    place *here = *state;
    vg_weights *weights = NULL;
    vg_error error = {""};
    save(seeded, "ref", here->file);
    assert_int_equal(vg_weights_read_safetensors(&weights, here->file, &error), VG_EFORMAT);
    assert_non_null(strstr(error.message, "it is packed weights"));
}

/* --- Processes ---------------------------------------------------------- */

typedef struct mapping {
    char permissions[8];
    long resident, shared_clean, private_dirty; /* kB */
} mapping;

/* What the kernel says of the one mapping of the file. */
static mapping mapping_of(const char *path)
{
    mapping found = {0};
    char line[512];
    FILE *file = fopen("/proc/self/smaps", "r");
    if (file == NULL) return found;
    int is_ours = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        char permissions[8];
        if (sscanf(line, "%*[0-9a-f]-%*[0-9a-f] %7s", permissions) == 1) {
            is_ours = strstr(line, path) != NULL;
            if (is_ours) memcpy(found.permissions, permissions, sizeof permissions);
        }
        if (!is_ours) continue;
        sscanf(line, "Rss: %ld", &found.resident);
        sscanf(line, "Shared_Clean: %ld", &found.shared_clean);
        sscanf(line, "Private_Dirty: %ld", &found.private_dirty);
    }
    fclose(file);
    return found;
}

/* Whether the process exited with 0. */
static int ends_well(pid_t child)
{
    int status = 0;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void test_processes_share_the_pages(void **state)
{
    place *here = *state;
    float expected[VG_FEATURE_COUNT];
    save(seeded, NULL, here->file);
    vg_model *model = open_model(here->file, NULL);
    features_of(model, expected);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        /* A mapping of its own, not the one it was born with. */
        vg_model_close(&model);
        float features[VG_FEATURE_COUNT];
        vg_model *own = open_model(here->file, NULL);
        features_of(own, features);
        mapping m = mapping_of(here->file);
        int is_shared = memcmp(m.permissions, "r--s", 4) == 0 && m.private_dirty == 0 &&
                        m.resident > 0 && 10 * m.shared_clean >= 9 * m.resident;
        if (!is_shared)
            fprintf(stderr, "%s, %ld kB resident, %ld shared, %ld private and dirty\n",
                    m.permissions, m.resident, m.shared_clean, m.private_dirty);
        _exit(is_shared && memcmp(features, expected, sizeof features) == 0 ? 0 : 1);
    }
    assert_true(ends_well(child));
    vg_model_close(&model);
}

static void test_processes_may_race_to_write(void **state)
{
    place *here = *state;
    pid_t children[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] != 0) continue;
        for (int round = 0; round < 3; round++) {
            save(seeded, "ref", here->file);
            if (status_of(here->file, NULL) != VG_OK) _exit(1);
        }
        _exit(0);
    }
    int well = 0;
    for (int i = 0; i < WRITERS; i++) well += ends_well(children[i]);
    assert_int_equal(well, WRITERS);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, open_place, close_place)
    const struct CMUnitTest tests[] = {
        TEST(test_every_set_reads_its_file_back),
        TEST(test_digits_have_files_of_their_own),
        TEST(test_sets_of_one_panel_share_a_file),
        TEST(test_it_may_go_or_be_replaced),
        TEST(test_a_failure_leaves_nothing),
        TEST(test_other_panels),
        TEST(test_a_byte_of_the_head_or_tail),
        TEST(test_other_lengths),
        TEST(test_a_copy_without_its_end),
        TEST(test_nothing_but_a_regular_file_is_mapped),
        TEST(test_readers_of_tensors_say_what_it_is),
        TEST(test_processes_share_the_pages),
        TEST(test_processes_may_race_to_write),
    };
    return cmocka_run_group_tests_name("packed", tests, NULL, NULL);
}
