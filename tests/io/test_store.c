/* Stores over real folders: addresses, hostile names, faults of the system. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "folder.h"
#include "io/io.h"
#include "table/table.h"

static vg_store *open_store(const char *address)
{
    vg_store *store;
    vg_error error = {""};
    if (vg_store_open(&store, address, NULL, &error) != VG_OK) fail_msg("%s", error.message);
    return store;
}

static void assert_says(const vg_error *error, const char *text)
{
    if (strstr(error->message, text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error->message, text);
    assert_null(strchr(error->message, '\n'));
}

/* --- Addresses ---------------------------------------------------------- */

static void local_addresses_are_made_absolute(void **state)
{
    char here[FOLDER_CHARS], expected[2 * FOLDER_CHARS];
    assert_non_null(getcwd(here, sizeof here));
    snprintf(expected, sizeof expected, "%s/data/a b", here);
    const struct {
        const char *given, *address;
    } cases[] = {
        {"data/a b", expected},
        {"./data//./a b/", expected},
        {"/data/", "/data"},
        {"/a%20b/c", "/a%20b/c"},
        {"/a/../b", "/a/../b"},
        {"/", ""},
        {"//x///", "/x"},
        {"file:///a%20b/", "file:///a%20b"},
        {".", here},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vg_store *store = open_store(cases[i].given);
        assert_string_equal(vg_store_address(store), cases[i].address);
        assert_false(vg_store_is_atomic(store));
        vg_store_close(&store);
        assert_null(store);
    }
    (void)state;
}

static void a_file_address_is_decoded_and_a_path_is_not(void **state)
{
    vg_file file;
    mkdir(in(*state, "a b"), 0777);
    mkdir(in(*state, "a%20b"), 0777);
    put(in(*state, "a b/uri"), "1");
    put(in(*state, "a%20b/path"), "1");

    char address[2 * FOLDER_CHARS];
    snprintf(address, sizeof address, "file://%s/a%%20b", (char *)*state);
    vg_store *store = open_store(address);
    assert_int_equal(vg_store_stat(store, "uri", &file, NULL), VG_OK);
    vg_store_close(&store);
    store = open_store(in(*state, "a%20b"));
    assert_int_equal(vg_store_stat(store, "path", &file, NULL), VG_OK);
    vg_store_close(&store);
}

static void bad_addresses_say_what_to_give(void **state)
{
    const struct {
        const char *address, *says;
        vg_status status;
    } cases[] = {
        {"", "an address is empty", VG_EINVAL},
        {NULL, "an address is empty", VG_EINVAL},
        {"ftp://host/x", "unknown kind of address: ftp://host/x", VG_EUNSUPPORTED},
        {"s3:///x", "no bucket", VG_EINVAL},
        {"file://host/x", "file:///folder", VG_EINVAL},
        {"file:///a b", "%20", VG_EINVAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vg_store *store = (vg_store *)&cases;
        vg_error error = {""};
        assert_int_equal(vg_store_open(&store, cases[i].address, NULL, &error), cases[i].status);
        assert_null(store);
        assert_says(&error, cases[i].says);
        assert_int_equal(vg_store_open(&store, cases[i].address, NULL, NULL), cases[i].status);
    }
    (void)state;
}

static void keys_stay_out_of_addresses_and_messages(void **state)
{
    const char *bad[] = {"s3://ID:hush/hush@bucket/a?no_such_setting=hush",
                         "s3://ID:hush@buc\"ket/a?region=x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vg_store *store;
        vg_error error = {""};
        assert_int_equal(vg_store_open(&store, bad[i], NULL, &error), VG_EINVAL);
        assert_says(&error, "cannot open s3://buc");
        assert_null(strstr(error.message, "hush"));
    }
    vg_store *store = open_store("s3://ID:hu/sh@bucket/a b/?region=eu-west-1");
    assert_string_equal(vg_store_address(store), "s3://bucket/a b");
    assert_true(vg_store_is_atomic(store));
    vg_store_close(&store);
    (void)state;
}

static void paths_outside_the_store_are_refused(void **state)
{
    vg_store *store = open_store(*state);
    const char *paths[] = {"/etc/passwd", "..", "../x", "a/../../x", "a/..", NULL};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        vg_bytes content = {0};
        vg_error error = {""};
        assert_int_equal(vg_store_read(store, paths[i], VG_SIZE_UNKNOWN, 10, &content, &error),
                         VG_EINVAL);
        assert_int_equal(vg_store_write(store, paths[i], "x", 1, &error), VG_EINVAL);
        assert_int_equal(vg_store_delete_tree(store, paths[i], &error), VG_EINVAL);
    }
    assert_int_equal(vg_store_delete_tree(store, "", NULL), VG_EINVAL);
    vg_store_close(&store);
}

/* --- Names and listings ------------------------------------------------- */

static const char *hostile_names[] = {
    "plain.jpg",   "with space.jpg", " lead and trail ", "quote\"'.jpg", "a,b;c.jpg",
    "new\nline",   "tab\tand\rcr",   "100%25.jpg",       "caf\xc3\xa9",  "\xf0\x9f\x8d\x8e.jpg",
    "bad\xff\xfe", "..hidden",       "_temporary",       "a\\b",         "?*[x]#",
};
enum { HOSTILE_NAMES = sizeof hostile_names / sizeof *hostile_names };

typedef struct listing {
    size_t n;
    int64_t bytes;
    char seen[64][256];
} listing;

static vg_status remember(void *context, const vg_file *file, vg_error *error)
{
    listing *files = context;
    (void)error;
    assert_true(files->n < 64);
    snprintf(files->seen[files->n++], 256, "%s", file->path);
    files->bytes += file->size;
    return VG_OK;
}

static bool has(const listing *files, const char *path)
{
    for (size_t i = 0; i < files->n; i++)
        if (strcmp(files->seen[i], path) == 0) return true;
    return false;
}

static void any_name_is_written_listed_read_and_deleted(void **state)
{
    vg_store *store = open_store(*state);
    listing files = {0};
    vg_bytes content = {0};
    for (size_t i = 0; i < HOSTILE_NAMES; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", hostile_names[i], hostile_names[i]);
        assert_int_equal(
            vg_store_write(store, path, hostile_names[i], strlen(hostile_names[i]), NULL), VG_OK);
    }
    assert_int_equal(vg_store_list(store, "", remember, &files, NULL), VG_OK);
    assert_int_equal(files.n, HOSTILE_NAMES);
    for (size_t i = 0; i < HOSTILE_NAMES; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", hostile_names[i], hostile_names[i]);
        assert_true(has(&files, path));
        assert_int_equal(vg_store_read(store, path, VG_SIZE_UNKNOWN, 1000, &content, NULL), VG_OK);
        assert_int_equal(content.size, strlen(hostile_names[i]));
        assert_memory_equal(content.bytes, hostile_names[i], content.size);
        assert_int_equal(vg_store_rename(store, path, "moved", NULL), VG_OK);
        assert_int_equal(vg_store_delete_file(store, "moved", NULL), VG_OK);
        assert_int_equal(vg_store_delete_tree(store, hostile_names[i], NULL), VG_OK);
    }
    assert_int_equal(count_entries(*state), 0);
    free(content.bytes);
    vg_store_close(&store);
}

static void messages_show_any_name_on_one_line(void **state)
{
    vg_store *store = open_store(*state);
    vg_bytes content = {0};
    vg_error error = {""};
    assert_int_equal(vg_store_read(store, "a\nb\xff.jpg", VG_SIZE_UNKNOWN, 10, &content, &error),
                     VG_ENOTFOUND);
    assert_says(&error, "a\\x0ab\\xff.jpg: no such file");

    char deep[2000] = "";
    for (size_t i = 0; i < 500; i++) strcat(deep, i % 2 ? "\xc3\xa9/" : "x");
    strcat(deep, "end.jpg");
    assert_int_equal(vg_store_read(store, deep, VG_SIZE_UNKNOWN, 10, &content, &error),
                     VG_ENOTFOUND);
    assert_says(&error, "/end.jpg: no such file or folder");
    vg_store_close(&store);
}

static void a_listing_is_of_the_path_it_is_given(void **state)
{
    vg_store *store = open_store(*state);
    listing files = {0};
    vg_error error = {""};
    vg_store_write(store, "a/b/one", "1", 1, NULL);
    vg_store_write(store, "a/two", "22", 2, NULL);
    vg_store_write(store, "three", "333", 3, NULL);
    assert_int_equal(vg_store_list(store, "a/", remember, &files, NULL), VG_OK);
    assert_int_equal(files.n, 2);
    assert_int_equal(files.bytes, 3);
    assert_true(has(&files, "a/b/one") && has(&files, "a/two"));

    assert_int_equal(vg_store_list(store, "none", remember, &files, &error), VG_ENOTFOUND);
    assert_says(&error, "/none: no such file or folder");
    assert_int_equal(vg_store_list(store, "three", remember, &files, &error), VG_EINVAL);
    assert_says(&error, "/three: it is a file, not a folder");
    vg_store_close(&store);
}

static void links_are_followed_and_loops_end(void **state)
{
    vg_store *store = open_store(*state);
    listing files = {0};
    vg_bytes content = {0};
    vg_error error = {""};
    vg_store_write(store, "real/apple.jpg", "apple", 5, NULL);
    assert_int_equal(symlink("apple.jpg", in(*state, "real/link.jpg")), 0);
    assert_int_equal(symlink("real", in(*state, "folder")), 0);
    assert_int_equal(symlink("..", in(*state, "real/up")), 0);
    assert_int_equal(symlink("self", in(*state, "self")), 0);
    assert_int_equal(symlink("nowhere", in(*state, "dangling.jpg")), 0);

    assert_int_equal(vg_store_list(store, "", remember, &files, &error), VG_OK);
    assert_int_equal(files.n, 6);
    assert_true(has(&files, "real/apple.jpg") && has(&files, "real/link.jpg"));
    assert_true(has(&files, "folder/apple.jpg") && has(&files, "folder/link.jpg"));
    assert_true(has(&files, "self") && has(&files, "dangling.jpg"));

    assert_int_equal(vg_store_read(store, "folder/link.jpg", VG_SIZE_UNKNOWN, 10, &content, &error),
                     VG_OK);
    assert_memory_equal(content.bytes, "apple", 5);
    assert_int_equal(vg_store_read(store, "dangling.jpg", VG_SIZE_UNKNOWN, 10, &content, &error),
                     VG_ENOTFOUND);
    assert_int_equal(vg_store_read(store, "self", VG_SIZE_UNKNOWN, 10, &content, &error), VG_EIO);
    assert_says(&error, "loop");

    assert_int_equal(vg_store_delete_tree(store, "folder", &error), VG_OK);
    assert_int_equal(vg_store_read(store, "real/apple.jpg", VG_SIZE_UNKNOWN, 10, &content, &error),
                     VG_OK);
    free(content.bytes);
    vg_store_close(&store);
}

/* An outside beside a store, with links from one to the other. */
static vg_store *open_store_with_ways_out(const char *folder, bool follow_links)
{
    mkdir(in(folder, "outside"), 0777);
    mkdir(in(folder, "store"), 0777);
    mkdir(in(folder, "store/a"), 0777);
    put(in(folder, "outside/secret.jpg"), "secret");
    put(in(folder, "store/a/apple.jpg"), "apple");
    char absolute[2 * FOLDER_CHARS];
    snprintf(absolute, sizeof absolute, "%s/store/a/apple.jpg", folder);
    assert_int_equal(symlink(absolute, in(folder, "store/absolute.jpg")), 0);
    assert_int_equal(symlink("a/../../store/a/apple.jpg", in(folder, "store/around.jpg")), 0);
    assert_int_equal(symlink("../outside/secret.jpg", in(folder, "store/out.jpg")), 0);
    assert_int_equal(symlink("../outside", in(folder, "store/out")), 0);
    assert_int_equal(symlink("../store-not", in(folder, "store/not")), 0);

    vg_store *store;
    vg_error error = {""};
    vg_store_options options = {.follow_links = follow_links};
    if (vg_store_open(&store, in(folder, "store"), &options, &error) != VG_OK)
        fail_msg("%s", error.message);
    return store;
}

static void links_that_leave_the_store_are_not_followed(void **state)
{
    vg_store *store = open_store_with_ways_out(*state, false);
    listing files = {0};
    vg_bytes content = {0};
    vg_error error = {""};
    vg_file file;
    assert_int_equal(vg_store_list(store, "", remember, &files, &error), VG_OK);
    assert_int_equal(files.n, 5);
    assert_true(has(&files, "out.jpg") && has(&files, "not") && !has(&files, "out/secret.jpg"));
    assert_int_equal(vg_store_list(store, "out", remember, &files, &error), VG_EIO);

    const char *inside[] = {"absolute.jpg", "around.jpg"};
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(vg_store_read(store, inside[i], VG_SIZE_UNKNOWN, 10, &content, &error),
                         VG_OK);
    const char *outside[] = {"out.jpg", "out/secret.jpg"};
    for (size_t i = 0; i < 2; i++) {
        error.message[0] = '\0';
        assert_int_equal(vg_store_read(store, outside[i], VG_SIZE_UNKNOWN, 10, &content, &error),
                         VG_EIO);
        assert_says(&error, outside[i]);
        assert_says(&error, "/store: allow that with --follow-links");
        assert_int_equal(vg_store_stat(store, outside[i], &file, &error), VG_EIO);
    }
    free(content.bytes);
    vg_store_close(&store);
}

static void nothing_is_changed_behind_links_that_leave_the_store(void **state)
{
    vg_store *store = open_store_with_ways_out(*state, false);
    vg_writer *writer;
    vg_error error = {""};
    struct ArrowSchema schema;
    assert_int_equal(vg_store_write(store, "out/new", "1", 1, &error), VG_EIO);
    assert_int_equal(vg_store_write(store, "out/deep/new", "1", 1, &error), VG_EIO);
    assert_says(&error, "--follow-links");
    assert_int_equal(vg_store_rename(store, "a/apple.jpg", "out/moved", &error), VG_EIO);
    assert_int_equal(vg_store_rename(store, "out/secret.jpg", "moved", &error), VG_EIO);
    assert_int_equal(vg_store_delete_file(store, "out/secret.jpg", &error), VG_EIO);
    assert_int_equal(vg_store_delete_tree(store, "out/secret.jpg", &error), VG_EIO);

    vg_column column = {"path", VG_COLUMN_STRING};
    vg_builder *builder;
    assert_int_equal(vg_builder_open(&builder, &column, 1, &error), VG_OK);
    assert_int_equal(vg_builder_schema(builder, &schema, &error), VG_OK);
    assert_int_equal(vg_writer_open(&writer, store, "out.jpg", VG_CSV, &schema, NULL, 0, &error),
                     VG_EIO);
    vg_schema_release(&schema);
    vg_builder_close(&builder);

    char *text = get(in(*state, "outside/secret.jpg"));
    assert_string_equal(text, "secret");
    assert_int_equal(count_entries(in(*state, "outside")), 1);
    free(text);
    assert_int_equal(vg_store_write(store, "out.jpg", "new", 3, &error), VG_OK);
    assert_int_equal(vg_store_delete_tree(store, "out", &error), VG_OK);
    assert_int_equal(count_entries(in(*state, "outside")), 1);
    vg_store_close(&store);
}

static void links_that_leave_the_store_are_followed_on_request(void **state)
{
    vg_store *store = open_store_with_ways_out(*state, true);
    listing files = {0};
    vg_bytes content = {0};
    vg_error error = {""};
    assert_int_equal(vg_store_list(store, "", remember, &files, &error), VG_OK);
    assert_true(has(&files, "out/secret.jpg"));
    assert_int_equal(vg_store_read(store, "out.jpg", VG_SIZE_UNKNOWN, 10, &content, &error), VG_OK);
    assert_memory_equal(content.bytes, "secret", 6);
    assert_int_equal(vg_store_write(store, "out/deep/new", "1", 1, &error), VG_OK);
    free(content.bytes);
    vg_store_close(&store);
}

static void a_store_may_lie_behind_a_link(void **state)
{
    vg_store *real = open_store(*state), *store;
    vg_bytes content = {0};
    assert_int_equal(vg_store_write(real, "real/a/apple.jpg", "apple", 5, NULL), VG_OK);
    assert_int_equal(symlink("real", in(*state, "link")), 0);
    store = open_store(in(*state, "link/a"));
    assert_int_equal(vg_store_read(store, "apple.jpg", VG_SIZE_UNKNOWN, 10, &content, NULL), VG_OK);
    assert_int_equal(vg_store_write(store, "b/new", "1", 1, NULL), VG_OK);
    free(content.bytes);
    vg_store_close(&store);
    vg_store_close(&real);
}

/* A folder is replaced by a link to the outside and back while files are read. */
static void *swap_folders(void *folder)
{
    for (int i = 0; i < 2000; i++) {
        rename(in(folder, "store/a"), in(folder, "store/kept"));
        if (symlink("../outside", in(folder, "store/a")) == 0) unlink(in(folder, "store/a"));
        rename(in(folder, "store/kept"), in(folder, "store/a"));
    }
    return NULL;
}

static void a_link_put_in_place_meanwhile_is_not_followed(void **state)
{
    vg_store *store = open_store_with_ways_out(*state, false);
    vg_bytes content = {0};
    pthread_t thread;
    put(in(*state, "store/a/secret.jpg"), "public");
    assert_int_equal(pthread_create(&thread, NULL, swap_folders, *state), 0);
    for (int i = 0; i < 4000; i++)
        if (vg_store_read(store, "a/secret.jpg", VG_SIZE_UNKNOWN, 10, &content, NULL) == VG_OK)
            assert_memory_equal(content.bytes, "public", 6);
    pthread_join(thread, NULL);
    free(content.bytes);
    vg_store_close(&store);
}

static vg_status stop_at_second(void *context, const vg_file *file, vg_error *error)
{
    (void)file;
    if (++*(int *)context < 2) return VG_OK;
    snprintf(error->message, sizeof error->message, "enough");
    return VG_ECANCELLED;
}

static void a_visitor_can_end_the_listing(void **state)
{
    vg_store *store = open_store(*state);
    int calls = 0;
    vg_error error = {""};
    for (char name[2] = "a"; name[0] < 'f'; name[0]++) vg_store_write(store, name, "", 0, NULL);
    assert_int_equal(vg_store_list(store, "", stop_at_second, &calls, &error), VG_ECANCELLED);
    assert_int_equal(calls, 2);
    assert_string_equal(error.message, "enough");
    vg_store_close(&store);
}

static void a_folder_that_cannot_be_read_is_named(void **state)
{
    vg_store *store = open_store(*state);
    listing files = {0};
    vg_error error = {""};
    vg_store_write(store, "open/a", "", 0, NULL);
    vg_store_write(store, "shut/b", "", 0, NULL);
    chmod(in(*state, "shut"), 0);
    if (!drop_rights()) skip();
    vg_status status = vg_store_list(store, "", remember, &files, &error);
    regain_rights();
    chmod(in(*state, "shut"), 0777);
    assert_int_equal(status, VG_EIO);
    assert_says(&error, "/shut: permission denied");
    vg_store_close(&store);
}

/* --- Reading ------------------------------------------------------------ */

static void reading_is_bounded_and_reuses_its_buffer(void **state)
{
    vg_store *store = open_store(*state);
    vg_bytes content = {0};
    vg_error error = {""};
    vg_file file;
    put(in(*state, "long"), "0123456789");
    put(in(*state, "short"), "abc");
    put(in(*state, "empty"), "");

    assert_int_equal(vg_store_read(store, "long", VG_SIZE_UNKNOWN, 9, &content, &error), VG_ELIMIT);
    assert_says(&error, "/long: it has 10 bytes, more than the limit of 9");
    assert_int_equal(vg_store_read(store, "long", VG_SIZE_UNKNOWN, 10, &content, &error), VG_OK);
    assert_int_equal(content.size, 10);
    const unsigned char *first = content.bytes;
    assert_int_equal(vg_store_read(store, "short", VG_SIZE_UNKNOWN, 10, &content, &error), VG_OK);
    assert_int_equal(content.size, 3);
    assert_ptr_equal(content.bytes, first);
    assert_int_equal(vg_store_read(store, "empty", VG_SIZE_UNKNOWN, 0, &content, &error), VG_OK);
    assert_int_equal(content.size, 0);
    free(content.bytes);

    assert_int_equal(vg_store_stat(store, "long", &file, &error), VG_OK);
    assert_int_equal(file.size, 10);
    struct stat info;
    assert_int_equal(stat(in(*state, "long"), &info), 0);
    assert_int_equal(file.modified,
                     (int64_t)info.st_mtim.tv_sec * 1000000 + info.st_mtim.tv_nsec / 1000);
    vg_store_close(&store);
}

static void what_is_no_file_is_refused_without_waiting(void **state)
{
    vg_store *store = open_store(*state);
    vg_bytes content = {0};
    vg_error error = {""};
    vg_reader *reader;
    mkdir(in(*state, "folder.jpg"), 0777);
    assert_int_equal(mkfifo(in(*state, "fifo.jpg"), 0666), 0);
    assert_int_equal(symlink("/dev/zero", in(*state, "zero.jpg")), 0);

    alarm(20); /* a hang is a failure */
    assert_int_equal(vg_store_read(store, "folder.jpg", VG_SIZE_UNKNOWN, 10, &content, &error),
                     VG_EINVAL);
    assert_says(&error, "/folder.jpg: it is a folder");
    assert_int_equal(vg_store_read(store, "fifo.jpg", VG_SIZE_UNKNOWN, 10, &content, &error),
                     VG_EIO);
    assert_says(&error, "/fifo.jpg: it is not a regular file");
    assert_int_equal(vg_store_read(store, "zero.jpg", VG_SIZE_UNKNOWN, 10, &content, &error),
                     VG_EIO);
    assert_int_equal(vg_store_write(store, "fifo.jpg/x", "", 0, &error), VG_EINVAL);
    assert_int_equal(vg_reader_open(&reader, store, "fifo.jpg", VG_PARQUET, &error), VG_EIO);
    assert_int_equal(vg_reader_open(&reader, store, "folder.jpg", VG_CSV, &error), VG_EINVAL);
    alarm(0);

    vg_file file;
    assert_int_equal(vg_store_stat(store, "folder.jpg", &file, &error), VG_EINVAL);
    assert_int_equal(vg_store_stat(store, "none", &file, &error), VG_ENOTFOUND);
    vg_store_close(&store);
}

/* --- Writing ------------------------------------------------------------ */

static void a_small_file_is_replaced_whole(void **state)
{
    vg_store *store = open_store(*state);
    assert_int_equal(vg_store_write(store, "a/b/_SUCCESS", "first", 5, NULL), VG_OK);
    assert_int_equal(vg_store_write(store, "a/b/_SUCCESS", "2", 1, NULL), VG_OK);
    assert_int_equal(vg_store_write(store, "a/b/empty", NULL, 0, NULL), VG_OK);
    char *text = get(in(*state, "a/b/_SUCCESS"));
    assert_string_equal(text, "2");
    assert_int_equal(count_entries(in(*state, "a/b")), 2);
    free(text);
    vg_store_close(&store);
}

static void a_place_that_cannot_be_written_is_named(void **state)
{
    vg_store *store = open_store(*state);
    vg_error error = {""};
    put(in(*state, "file"), "");
    mkdir(in(*state, "folder"), 0777);
    mkdir(in(*state, "shut"), 0555);

    assert_int_equal(vg_store_write(store, "file/x/y", "1", 1, &error), VG_EINVAL);
    assert_says(&error, "is a file, not a folder");
    assert_int_equal(vg_store_write(store, "folder", "1", 1, &error), VG_EINVAL);
    assert_says(&error, "/folder: it is a folder");
    char name[400];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(vg_store_write(store, name, "1", 1, &error), VG_EINVAL);
    assert_says(&error, "too long");

    if (!drop_rights()) skip();
    vg_status status = vg_store_write(store, "shut/x", "1", 1, &error);
    regain_rights();
    assert_int_equal(status, VG_EIO);
    assert_says(&error, "/shut/x: permission denied");
    assert_int_equal(count_entries(*state), 3);
    vg_store_close(&store);
}

static void renaming_replaces_and_says_what_is_missing(void **state)
{
    vg_store *store = open_store(*state);
    vg_error error = {""};
    put(in(*state, "from"), "new");
    put(in(*state, "to"), "old");
    mkdir(in(*state, "folder"), 0777);
    assert_int_equal(vg_store_rename(store, "from", "to", &error), VG_OK);
    assert_int_equal(vg_store_rename(store, "from", "to", &error), VG_ENOTFOUND);
    assert_says(&error, "/from: no such file");
    assert_int_equal(vg_store_rename(store, "to", "folder", &error), VG_EINVAL);
    assert_int_equal(vg_store_rename(store, "to", "x/y/z", &error), VG_OK);
    char *text = get(in(*state, "x/y/z"));
    assert_string_equal(text, "new");
    free(text);
    vg_store_close(&store);
}

/* A second name of the file, if that was not written to since. */
static void a_file_is_shared_as_it_was(void **state)
{
    vg_store *store = open_store(*state);
    char before[VG_STAMP_CHARS], after[VG_STAMP_CHARS];
    vg_error error = {""};
    vg_bytes content = {0};
    struct stat from, to;
    assert_int_equal(vg_store_write(store, "a/x", "hello", 5, NULL), VG_OK);
    assert_int_equal(vg_store_write(store, "b/y", "left by another", 15, NULL), VG_OK);
    assert_int_equal(vg_store_stamp(store, "a/x", before, NULL), VG_OK);
    assert_true(before[0] != '\0');
    assert_int_equal(vg_store_share(store, "a/x", before, "b/y", &error), VG_OK);
    assert_int_equal(vg_store_stamp(store, "b/y", after, NULL), VG_OK);
    assert_string_equal(before, after);
    char path[2 * FOLDER_CHARS];
    snprintf(path, sizeof path, "%s/a/x", (char *)*state);
    assert_int_equal(stat(path, &from), 0);
    snprintf(path, sizeof path, "%s/b/y", (char *)*state);
    assert_int_equal(stat(path, &to), 0);
    assert_true(from.st_ino == to.st_ino && to.st_nlink == 2);

    assert_int_equal(vg_store_delete_file(store, "a/x", NULL), VG_OK);
    assert_int_equal(vg_store_read(store, "b/y", VG_SIZE_UNKNOWN, 99, &content, NULL), VG_OK);
    assert_memory_equal(content.bytes, "hello", 5);
    free(content.bytes);
    assert_int_equal(vg_store_share(store, "b/y", "1.0", "b/z", &error), VG_EFORMAT);
    assert_says(&error, "b/y: it has been written to since");
    assert_int_equal(vg_store_share(store, "a/x", before, "b/z", &error), VG_ENOTFOUND);
    assert_int_equal(vg_store_share(store, "b/y", before, "../z", &error), VG_EINVAL);
    assert_int_equal(vg_store_stamp(store, "b/z", after, &error), VG_ENOTFOUND);
    vg_store_close(&store);
}

static void deleting_nothing_is_fine(void **state)
{
    vg_store *store = open_store(*state);
    vg_error error = {""};
    mkdir(in(*state, "folder"), 0777);
    put(in(*state, "folder/file"), "");
    assert_int_equal(vg_store_delete_file(store, "none", NULL), VG_OK);
    assert_int_equal(vg_store_delete_file(store, "folder/file/none", NULL), VG_OK);
    assert_int_equal(vg_store_delete_tree(store, "none", NULL), VG_OK);
    assert_int_equal(vg_store_delete_tree(store, "folder/file/none", NULL), VG_OK);
    assert_int_equal(vg_store_delete_file(store, "folder", &error), VG_EINVAL);
    assert_says(&error, "cannot delete");
    assert_int_equal(vg_store_delete_tree(store, "folder", NULL), VG_OK);
    assert_int_equal(count_entries(*state), 0);
    vg_store_close(&store);
}

/* The limit of a file's size fails a write half-way, as a full disk does, and
 * needs no rights. */
static void a_write_that_fails_leaves_nothing(void **state)
{
    vg_store *store = open_store(*state);
    vg_error error = {""};
    static char data[100000];
    struct rlimit before, small;
    getrlimit(RLIMIT_FSIZE, &before);
    small = (struct rlimit){.rlim_cur = 50000, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    vg_status status = vg_store_write(store, "big", data, sizeof data, &error);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(status, VG_EIO);
    assert_says(&error, "/big: the file would pass the size limit");
    assert_int_equal(count_entries(*state), 0);
    vg_store_close(&store);
}

static void a_full_disk_is_told_and_leaves_nothing(void **state)
{
    const char *disk = in(*state, "disk");
    mkdir(disk, 0777);
    if (mount("tmpfs", disk, "tmpfs", 0, "size=1m") != 0) {
        print_message("skipped: this user may not mount a small file system\n");
        skip();
    }
    vg_store *store = open_store(disk);
    vg_error error = {""};
    static char data[2 << 20];
    vg_status status = vg_store_write(store, "a/big", data, sizeof data, &error);
    size_t left = count_entries(in(disk, "a"));
    vg_store_close(&store);
    assert_int_equal(umount(in(*state, "disk")), 0);
    assert_int_equal(status, VG_EIO);
    assert_says(&error, "/a/big: no space left on the device: free some space");
    assert_int_equal(left, 0);
}

/* --- Locks ------------------------------------------------------------------- */

/* A process that took the lock a moment ago and has yet to write its name. */
static void *write_name_later(void *file)
{
    struct timespec soon = {.tv_nsec = 100000000};
    nanosleep(&soon, NULL);
    assert_int_equal(pwrite(*(int *)file, "a slow run", 10, 0), 10);
    return NULL;
}

static void the_holder_of_a_lock_is_named_once_it_has_written_its_name(void **state)
{
    vg_store *store = open_store(*state);
    vg_store_lock *lock;
    vg_error error = {""};
    pthread_t thread;
    int file = open(in(*state, "lock"), O_RDWR | O_CREAT, 0666);
    assert_int_equal(flock(file, LOCK_EX), 0);
    assert_int_equal(pthread_create(&thread, NULL, write_name_later, &file), 0);
    assert_int_equal(vg_store_lock_open(&lock, store, "lock", "this run", &error), VG_EEXIST);
    pthread_join(thread, NULL);
    assert_string_equal(error.message, "a slow run");
    close(file);
    vg_store_close(&store);
}

static void a_lock_left_behind_is_taken_and_its_name_replaced(void **state)
{
    vg_store *store = open_store(*state);
    vg_store_lock *lock, *second;
    vg_error error = {""};
    put(in(*state, "lock"), "a run that died, with a long name");
    assert_int_equal(vg_store_lock_open(&lock, store, "lock", "this run", &error), VG_OK);
    char *text = get(in(*state, "lock"));
    assert_string_equal(text, "this run");
    free(text);
    assert_int_equal(vg_store_lock_open(&second, store, "lock", "other", &error), VG_EEXIST);
    assert_string_equal(error.message, "this run");
    vg_store_lock_close(&lock);
    assert_int_equal(count_entries(*state), 0);
    vg_store_close(&store);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(local_addresses_are_made_absolute),
        TEST(a_file_address_is_decoded_and_a_path_is_not),
        TEST(bad_addresses_say_what_to_give),
        TEST(keys_stay_out_of_addresses_and_messages),
        TEST(paths_outside_the_store_are_refused),
        TEST(any_name_is_written_listed_read_and_deleted),
        TEST(messages_show_any_name_on_one_line),
        TEST(a_listing_is_of_the_path_it_is_given),
        TEST(links_are_followed_and_loops_end),
        TEST(links_that_leave_the_store_are_not_followed),
        TEST(nothing_is_changed_behind_links_that_leave_the_store),
        TEST(links_that_leave_the_store_are_followed_on_request),
        TEST(a_store_may_lie_behind_a_link),
        TEST(a_link_put_in_place_meanwhile_is_not_followed),
        TEST(a_visitor_can_end_the_listing),
        TEST(a_folder_that_cannot_be_read_is_named),
        TEST(reading_is_bounded_and_reuses_its_buffer),
        TEST(what_is_no_file_is_refused_without_waiting),
        TEST(a_small_file_is_replaced_whole),
        TEST(a_place_that_cannot_be_written_is_named),
        TEST(renaming_replaces_and_says_what_is_missing),
        TEST(a_file_is_shared_as_it_was),
        TEST(deleting_nothing_is_fine),
        TEST(a_write_that_fails_leaves_nothing),
        TEST(a_full_disk_is_told_and_leaves_nothing),
        TEST(the_holder_of_a_lock_is_named_once_it_has_written_its_name),
        TEST(a_lock_left_behind_is_taken_and_its_name_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
