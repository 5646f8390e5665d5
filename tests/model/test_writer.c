/* What is written is what is read, and a failure leaves nothing behind. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "digest/sha256.h"
#include "model/weights.h"
#include "weights/sources.h"

typedef struct place {
    char folder[64], file[96], other[96];
    vg_weights *weights;
} place;

static int open_place(void **state)
{
    place *here = calloc(1, sizeof *here);
    if (here == NULL) return -1;
    *state = here;
    snprintf(here->folder, sizeof here->folder, "/tmp/verger-test-XXXXXX");
    if (mkdtemp(here->folder) == NULL) return -1;
    snprintf(here->file, sizeof here->file, "%s/a.safetensors", here->folder);
    snprintf(here->other, sizeof here->other, "%s/b.safetensors", here->folder);
    return vg_weights_seeded(&here->weights, 5, NULL) == VG_OK ? 0 : -1;
}

static int close_place(void **state)
{
    place *here = *state;
    unlink(here->file);
    unlink(here->other);
    int left = rmdir(here->folder);
    vg_weights_close(&here->weights);
    free(here);
    return left;
}

static int count_files(const char *folder)
{
    int count = 0;
    DIR *listing = opendir(folder);
    assert_non_null(listing);
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(listing);
    return count;
}

static void test_reads_back(void **state)
{
    place *here = *state;
    vg_weights *read = NULL;
    vg_error error = {""};
    assert_int_equal(vg_weights_write_safetensors(here->weights, here->file, &error), VG_OK);
    if (vg_weights_read_safetensors(&read, here->file, &error) != VG_OK)
        fail_msg("%s", error.message);
    assert_int_equal(read->count, here->weights->count);
    assert_string_equal(read->origin, here->weights->origin);
    for (size_t i = 0; i < read->count; i++) {
        const vg_tensor *wrote = &here->weights->tensors[i], *tensor = NULL;
        assert_int_equal(
            vg_weights_find(read, wrote->name, wrote->rank, wrote->shape, &tensor, NULL), VG_OK);
        assert_memory_equal(tensor->values, wrote->values,
                            vg_tensor_count(wrote) * sizeof *wrote->values);
    }
    vg_weights_close(&read);
}

static void test_same_bytes(void **state)
{
    place *here = *state;
    char first[VG_SHA256_CHARS], second[VG_SHA256_CHARS];
    assert_int_equal(vg_weights_write_safetensors(here->weights, here->file, NULL), VG_OK);
    assert_int_equal(vg_weights_write_safetensors(here->weights, here->other, NULL), VG_OK);
    assert_int_equal(vg_file_sha256(here->file, first, NULL), VG_OK);
    assert_int_equal(vg_file_sha256(here->other, second, NULL), VG_OK);
    assert_string_equal(first, second);
    assert_int_equal(count_files(here->folder), 2);
}

static void test_origin_cannot_break_the_header(void **state)
{
    place *here = *state;
    vg_weights *read = NULL;
    snprintf(here->weights->origin, VG_ORIGIN_CHARS, "a \"quote\", a \\ and a\nline");
    assert_int_equal(vg_weights_write_safetensors(here->weights, here->file, NULL), VG_OK);
    assert_int_equal(vg_weights_read_safetensors(&read, here->file, NULL), VG_OK);
    assert_string_equal(read->origin, "a ?quote?, a ? and a?line");
    vg_weights_close(&read);
}

static void test_failure_leaves_nothing(void **state)
{
    place *here = *state;
    char beyond[128];
    vg_error error = {""};
    snprintf(beyond, sizeof beyond, "%s/no/such/folder.safetensors", here->folder);
    assert_int_equal(vg_weights_write_safetensors(here->weights, beyond, &error), VG_EIO);
    assert_non_null(strstr(error.message, beyond));

    assert_int_equal(mkdir(here->file, 0700), 0);
    assert_int_equal(vg_weights_write_safetensors(here->weights, here->file, &error), VG_EIO);
    assert_non_null(strstr(error.message, here->file));
    assert_int_equal(count_files(here->folder), 1);
    assert_int_equal(rmdir(here->file), 0);
}

static void test_known_digest(void **state)
{
    place *here = *state;
    char hex[VG_SHA256_CHARS];
    FILE *file = fopen(here->file, "w");
    assert_non_null(file);
    assert_true(fputs("abc", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(vg_file_sha256(here->file, hex, NULL), VG_OK);
    /* FIPS 180-2, appendix B.1. */
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(vg_file_sha256(here->other, hex, NULL), VG_ENOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reads_back, open_place, close_place),
        cmocka_unit_test_setup_teardown(test_same_bytes, open_place, close_place),
        cmocka_unit_test_setup_teardown(test_origin_cannot_break_the_header, open_place,
                                        close_place),
        cmocka_unit_test_setup_teardown(test_failure_leaves_nothing, open_place, close_place),
        cmocka_unit_test_setup_teardown(test_known_digest, open_place, close_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
