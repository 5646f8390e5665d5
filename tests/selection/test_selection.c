/* What is selected from real folders and lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../io/folder.h"
#include "selection/labels.h"
#include "selection/name_list.h"
#include "selection/selection.h"

#define TEXTS(...)                                                    \
    {                                                                 \
        (const char *const[]){__VA_ARGS__},                           \
            sizeof(const char *const[]){__VA_ARGS__} / sizeof(char *) \
    }

static vg_store *open_store(const char *address)
{
    vg_store *store;
    vg_error error;
    if (vg_store_open(&store, address, NULL, &error) != VG_OK) fail_msg("%s", error.message);
    return store;
}

static void fill(vg_store *store, const char *const *files)
{
    for (; *files != NULL; files++)
        assert_int_equal(vg_store_write(store, *files, "x", 1, NULL), VG_OK);
}

/* Writes the paths with '|' behind each. */
static char *joined(const vg_image_list *images)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    vg_image_cursor *cursor;
    vg_listed_image image;
    assert_int_equal(vg_image_cursor_open(&cursor, images, 0, NULL), VG_OK);
    while (vg_image_cursor_next(cursor, &image, NULL) == VG_OK && image.path != NULL)
        fprintf(out, "%s|", image.path);
    vg_image_cursor_close(&cursor);
    fclose(out);
    return text;
}

static vg_status select_into(char **text, vg_store *input, vg_store *output,
                             vg_selection_options options, vg_error *error)
{
    static const vg_observer silent = {0};
    vg_image_list *images;
    vg_status status = vg_select_images(&images, input, output, &options, &silent, NULL, error);
    *text = status == VG_OK ? joined(images) : NULL;
    vg_image_list_close(&images);
    return status;
}

static void assert_selects(vg_store *input, vg_store *output, vg_selection_options options,
                           const char *expected)
{
    char *text;
    vg_error error;
    if (select_into(&text, input, output, options, &error) != VG_OK) fail_msg("%s", error.message);
    assert_string_equal(text, expected);
    free(text);
}

static void assert_refuses(vg_store *input, vg_selection_options options, vg_status expected,
                           const char *says)
{
    char *text;
    vg_error error = {""};
    assert_int_equal(select_into(&text, input, input, options, &error), expected);
    if (strstr(error.message, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.message, says);
    free(text);
}

static void images_are_selected_in_byte_order(void **state)
{
    vg_store *input = open_store(*state), *output = open_store(in(*state, "out"));
    const char *const files[] = {"Training/Apple 10/b.jpg",
                                 "Training/Apple 1/a.jpg",
                                 "Training/Apple 1/B.jpg",
                                 "Training/Apple 1/x.png",
                                 "Training/Apple 1/y.JPEG",
                                 "Training/Apple 1/notes.txt",
                                 "Training/Apple 1/.hidden.jpg",
                                 "Training/_background_/h.jpg",
                                 "Training/Apple 1/_DSC1.JPG",
                                 "Training/@eaDir/h.jpg",
                                 "Training/.thumbs/h.jpg",
                                 "Training/Pear/\xc3\xa9.jpg",
                                 "Test/Apple 1/t.jpg",
                                 "out/features/csv/features_20250131_235959/part-0.csv",
                                 "out/photo.jpg",
                                 "top.jpg",
                                 NULL};
    fill(input, files);
    assert_selects(input, output, (vg_selection_options){.mode = "full"},
                   "Training/Apple 1/B.jpg|Training/Apple 1/a.jpg|Training/Apple 10/b.jpg|"
                   "Training/Pear/\xc3\xa9.jpg|Training/_background_/h.jpg|");
    assert_selects(input, output, (vg_selection_options){.mode = "apples"},
                   "Training/Apple 1/B.jpg|Training/Apple 1/a.jpg|Training/Apple 10/b.jpg|");
    assert_selects(input, output, (vg_selection_options){.mode = "mini", .limit = 1},
                   "Training/Apple 1/B.jpg|");
    assert_selects(input, output, (vg_selection_options){.selects = TEXTS("**/*.png")},
                   "Training/Apple 1/x.png|");
    assert_selects(input, output, (vg_selection_options){.selects = TEXTS("*.jpg")}, "top.jpg|");
    assert_selects(input, output, (vg_selection_options){.selects = TEXTS("out/**")},
                   "out/photo.jpg|");
    assert_selects(input, output, (vg_selection_options){0},
                   "Test/Apple 1/t.jpg|Training/Apple 1/B.jpg|Training/Apple 1/_DSC1.JPG|"
                   "Training/Apple 1/a.jpg|Training/Apple 1/x.png|Training/Apple 1/y.JPEG|"
                   "Training/Apple 10/b.jpg|Training/Pear/\xc3\xa9.jpg|Training/_background_/h.jpg|"
                   "out/photo.jpg|top.jpg|");
    vg_store_close(&input);
    vg_store_close(&output);
}

/* What the observer was told. */
static void keep_message(void *context, vg_log_level level, const char *message)
{
    (void)level;
    snprintf(context, 512, "%s", message);
}

static void assert_told(vg_store *input, vg_selection_options options, const char *expected)
{
    char told[512] = "";
    const vg_observer observer = {.context = told, .log = keep_message};
    vg_image_list *images;
    vg_error error;
    if (vg_select_images(&images, input, input, &options, &observer, NULL, &error) != VG_OK)
        fail_msg("%s", error.message);
    vg_image_list_close(&images);
    assert_string_equal(told, expected);
}

static void what_is_left_out_is_told(void **state)
{
    vg_store *input = open_store(*state);
    const char *const files[] = {"a.jpg",
                                 "b.JFIF",
                                 "notes.txt",
                                 "more.TXT",
                                 "README",
                                 ".DS_Store",
                                 ".hidden.jpg",
                                 "__MACOSX/a.jpg",
                                 "x/.git/deep/o.jpg",
                                 "x/lost+found/y",
                                 "x/System Volume Information/z.jpg",
                                 "x/ok/p.png",
                                 "x/raw/q.png",
                                 NULL};
    fill(input, files);
    assert_told(input, (vg_selection_options){.excludes = TEXTS("**/raw")},
                "left out: 3 files with other endings (2 .txt, 1 without one), 2 hidden files, 4 "
                "files in hidden or system folders (.git, System Volume Information, __MACOSX, "
                "lost+found), 1 file by --exclude");
    assert_told(input, (vg_selection_options){.selects = TEXTS("{a.jpg,x/ok/*}")}, "");
    assert_told(input, (vg_selection_options){.selects = TEXTS("?.{jpg,jfif}", "x/ok/*")},
                "left out: 1 file whose name differs from what was asked for in capital letters");
    assert_refuses(input, (vg_selection_options){.selects = TEXTS("**/[B-Q].PNG")}, VG_ENOTFOUND,
                   "left out: 2 files whose names differ from what was asked for in capital "
                   "letters");
    assert_selects(input, input, (vg_selection_options){.selects = TEXTS("**/.git/**")},
                   "x/.git/deep/o.jpg|");
    assert_selects(input, input, (vg_selection_options){.selects = TEXTS("__MACOSX/*", ".h*")},
                   ".hidden.jpg|__MACOSX/a.jpg|");
    assert_refuses(input, (vg_selection_options){.selects = TEXTS("**/o.jpg")}, VG_ENOTFOUND,
                   "hidden or system folders (.git)");
    vg_store_close(&input);
}

static void patterns_are_taken_together(void **state)
{
    vg_store *input = open_store(*state);
    const char *const files[] = {"train/a/1.jpg", "train/b/2.png", "val/a/3.jpg", "test/a/4.jpg",
                                 "{x,y.jpg",      "[{]/z.jpg",     NULL};
    fill(input, files);
    assert_selects(input, input, (vg_selection_options){.selects = TEXTS("{train,val}/*/*.jpg")},
                   "train/a/1.jpg|val/a/3.jpg|");
    assert_selects(input, input,
                   (vg_selection_options){.selects = TEXTS("t{rain,es{t,}}/**"),
                                          .excludes = TEXTS("*/b", "**/4.*")},
                   "train/a/1.jpg|");
    assert_selects(input, input, (vg_selection_options){.selects = TEXTS("val/**", "test/**")},
                   "test/a/4.jpg|val/a/3.jpg|");
    assert_selects(input, input, (vg_selection_options){.selects = TEXTS("{x,y.jpg", "[[]{]/*")},
                   "[{]/z.jpg|{x,y.jpg|");
    assert_refuses(
        input,
        (vg_selection_options){.selects = TEXTS("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}"
                                                "{a,b}{a,b}{a,b}{a,b}{a,b}")},
        VG_EINVAL, "4096");
    vg_store_close(&input);
}

static void assert_list(const char *folder, vg_store *input, const char *list, const char *expected)
{
    put(in(folder, "list"), list);
    assert_selects(input, input, (vg_selection_options){.files_from = in(folder, "list")},
                   expected);
}

static void names_lead_into_the_input_from_here(void **state)
{
    const char *folder = *state;
    vg_store *input = open_store(in(folder, "photos"));
    const char *const files[] = {"a/1.jpg", "photos/2.jpg", NULL};
    char before[FOLDER_CHARS];
    fill(input, files);
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(folder), 0);
    assert_list(folder, input, "photos/a/1.jpg\n./photos/photos/2.jpg\nphotos/3.jpg\n",
                "3.jpg|a/1.jpg|photos/2.jpg|");
    assert_list(folder, input, "photos/2.jpg\n", "photos/2.jpg|");
    assert_int_equal(chdir(before), 0);
    vg_store_close(&input);
}

static void what_selects_nothing_is_named(void **state)
{
    vg_store *input = open_store(*state), *missing = open_store(in(*state, "missing"));
    assert_refuses(input, (vg_selection_options){0}, VG_ENOTFOUND, "has no files");
    assert_refuses(missing, (vg_selection_options){0}, VG_ENOTFOUND, "missing");
    put(in(*state, "a.txt"), "x");
    assert_refuses(input, (vg_selection_options){0}, VG_ENOTFOUND,
                   "no image that can be read; left out: 1 file with other endings (1 .txt)");
    assert_refuses(input, (vg_selection_options){.selects = TEXTS("*.gif")}, VG_ENOTFOUND,
                   "\"*.gif\"");
    assert_refuses(input, (vg_selection_options){.mode = "full"}, VG_ENOTFOUND, "the mode full");
    assert_refuses(input, (vg_selection_options){.limit = 1, .sample = 1}, VG_EINVAL,
                   "one of them");
    assert_refuses(input, (vg_selection_options){.mode = "maxi"}, VG_EINVAL, "\"maxi\"");
    assert_refuses(input, (vg_selection_options){.mode = "mini", .selects = TEXTS("*")}, VG_EINVAL,
                   "one of them");
    vg_store_close(&input);
    vg_store_close(&missing);
}

static void lists_name_images(void **state)
{
    const char *folder = *state;
    vg_store *input = open_store(in(folder, "data"));
    const char *const files[] = {"Training/A/1.jpg", "Training/B/2.jpg", NULL};
    fill(input, files);
    char list[FOLDER_CHARS + 128];

    assert_list(folder, input, "b.jpg\na.jpg", "a.jpg|b.jpg|");
    assert_list(folder, input, "b.jpg\r\n\r\n\n./a.jpg\r\n.//c.jpg\n", "a.jpg|b.jpg|c.jpg|");
    assert_list(folder, input, "b.jpg\na\nb.jpg\n./a\n", "a|b.jpg|");
    assert_list(folder, input, " a b.jpg \n#x,y\nTraining/A/1.jpg\n",
                " a b.jpg |#x,y|Training/A/1.jpg|");
    assert_list(folder, input,
                "\xef\xbb\xbf"
                "a.jpg\n",
                "a.jpg|");
    snprintf(list, sizeof list, "%s/x/y.jpg\n%s/z.jpg\n", vg_store_address(input),
             vg_store_address(input));
    assert_list(folder, input, list, "x/y.jpg|z.jpg|");
    vg_store_close(&input);
}

static void paths_from_elsewhere_are_found_again(void **state)
{
    const char *folder = *state;
    vg_store *input = open_store(in(folder, "data"));
    const char *const files[] = {"Training/A/1.jpg", "Training/B/2.jpg", NULL};
    fill(input, files);
    assert_list(folder, input,
                "s3://bucket/data/raw/Training/A/1.jpg\n"
                "s3://bucket/data/raw/Training/A/missing.jpg\n"
                "/home/x/Training/B/2.jpg\n",
                "Training/A/1.jpg|Training/A/missing.jpg|Training/B/2.jpg|");
    assert_list(folder, input, "s3://bucket/none.jpg\n", "s3://bucket/none.jpg|");
    vg_store_close(&input);
}

static void metadata_tables_are_lists(void **state)
{
    const char *folder = *state;
    vg_store *input = open_store(in(folder, "data"));
    const char *const files[] = {"a.jpg", "b.jpg", "a, \"b\"\nc.jpg", NULL};
    fill(input, files);
    assert_list(folder, input, "path,label\nb.jpg,B\r\na.jpg,\"A, or\na\"\n", "a.jpg|b.jpg|");
    assert_list(folder, input, "\"path\",\"label\"\n\"a, \"\"b\"\"\nc.jpg\",x\n\n\"plain.jpg\",y",
                "a, \"b\"\nc.jpg|plain.jpg|");
    put(in(folder, "list"), "path,label\n\"open,A\n");
    assert_refuses(input, (vg_selection_options){.files_from = in(folder, "list")}, VG_EFORMAT,
                   "line 2");
    vg_store_close(&input);
}

/* Writes the images as "path=label/split|". */
static void assert_labels(vg_store *input, vg_selection_options options, const char *expected)
{
    static const vg_observer silent = {0};
    char text[512] = "";
    size_t size = 0;
    vg_image_list *images;
    vg_image_cursor *cursor;
    vg_listed_image image;
    vg_error error;
    if (vg_select_images(&images, input, input, &options, &silent, NULL, &error) != VG_OK)
        fail_msg("%s", error.message);
    assert_int_equal(vg_image_cursor_open(&cursor, images, 0, NULL), VG_OK);
    while (vg_image_cursor_next(cursor, &image, NULL) == VG_OK && image.path != NULL)
        size += (size_t)snprintf(text + size, sizeof text - size, "%s=%s/%s|", image.path,
                                 image.label, image.split);
    vg_image_cursor_close(&cursor);
    vg_image_list_close(&images);
    assert_string_equal(text, expected);
}

static void tables_give_labels_and_splits(void **state)
{
    const char *folder = *state, *list = in(folder, "labels.csv");
    char kept[FOLDER_CHARS];
    snprintf(kept, sizeof kept, "%s", list);
    vg_store *input = open_store(in(folder, "data"));
    const char *const files[] = {"train/a.jpg", "b.jpg", NULL};
    fill(input, files);
    const vg_selection_options table = {.files_from = kept};

    put(kept, "id;Class;File_Name;subset\n1;cat;train/a.jpg;\n2;\"a; dog\";b.jpg;val\n");
    assert_labels(input, table, "b.jpg=a; dog/val|train/a.jpg=cat/|");
    put(kept, "image\tage\ttarget\r\nb.jpg\t3\tyoung\r\ntrain/a.jpg\t9\told\r\n");
    assert_labels(input, (vg_selection_options){.files_from = kept, .label_column = "target"},
                  "b.jpg=young/|train/a.jpg=old/train|");
    assert_labels(input, table, "b.jpg=data/|train/a.jpg=train/train|");
    assert_refuses(input, (vg_selection_options){.files_from = kept, .label_column = "what"},
                   VG_EINVAL, "no column \"what\": it has image, age, target");
    put(kept, "id,class\n1,cat\n");
    assert_refuses(input, table, VG_EFORMAT, "no column of paths");
    put(kept, "path,label\nx.jpg,cat\ny.jpg,dog\n");
    assert_refuses(input, table, VG_ENOTFOUND, "none of the 2 files");
    assert_refuses(input, (vg_selection_options){.files_from = "labels.xlsx"}, VG_EUNSUPPORTED,
                   "a CSV, a TSV, a Parquet table or JSON lines");
    assert_refuses(input, (vg_selection_options){.label_column = "label"}, VG_EINVAL, "files-from");
    vg_store_close(&input);
}

static void json_lines_are_lists(void **state)
{
    const char *folder = *state;
    char list[FOLDER_CHARS];
    snprintf(list, sizeof list, "%s", in(folder, "list.jsonl"));
    vg_store *input = open_store(in(folder, "data"));
    const char *const files[] = {"a.jpg", "b.jpg", NULL};
    fill(input, files);
    const vg_selection_options table = {.files_from = list};

    put(list, "{\"file_name\": \"b.jpg\", \"label\": 3}\n\n"
              "{\"label\": null, \"file_name\": \"a.jpg\"}\n");
    assert_labels(input, table, "a.jpg=/|b.jpg=3/|");
    put(list, "{\"image\": \"b.jpg\", \"class\": \"\\u00e9\", \"split\": true}");
    assert_labels(input, table, "b.jpg=\xc3\xa9/true|");
    put(list, "{\"image\": \"b.jpg\"}\n{\"image\": \"a.jpg\", \"label\": 1}\n");
    assert_refuses(input, table, VG_EFORMAT, "line 2, has \"label\"");
    put(list, "{\"image\": \"b.jpg\"}\n{\"path\": \"a.jpg\"}\n");
    assert_refuses(input, table, VG_EFORMAT, "line 2: \"image\" is no text");
    put(list, "{\"image\": \"b.jpg\"}\n[1]\n");
    assert_refuses(input, table, VG_EFORMAT, "line 2, is no JSON object");
    put(list, "[{\"image\":\n");
    assert_refuses(input, table, VG_EFORMAT, "line 1, is no JSON");
    put(list, "{\"name\": \"b.jpg\"}\n");
    assert_refuses(input, table, VG_EFORMAT, "no column of paths");
    put(list, "");
    assert_refuses(input, table, VG_ENOTFOUND, "names no file");
    vg_store_close(&input);
}

/* The kept values of all images. */
static void assert_columns(vg_store *input, vg_selection_options options, const char *expected)
{
    static const vg_observer silent = {0};
    char text[512] = "";
    size_t size = 0;
    vg_image_list *images;
    vg_image_cursor *cursor;
    vg_listed_image image;
    vg_error error;
    if (vg_select_images(&images, input, input, &options, &silent, NULL, &error) != VG_OK)
        fail_msg("%s", error.message);
    assert_int_equal(vg_image_cursor_open(&cursor, images, 0, NULL), VG_OK);
    while (vg_image_cursor_next(cursor, &image, NULL) == VG_OK && image.path != NULL) {
        size += (size_t)snprintf(text + size, sizeof text - size, "%s", image.path);
        for (size_t i = 0; i < options.keep_columns.count; i++)
            size += (size_t)snprintf(text + size, sizeof text - size, ";%s",
                                     vg_listed_image_column(&image, i));
        size += (size_t)snprintf(text + size, sizeof text - size, "|");
    }
    vg_image_cursor_close(&cursor);
    vg_image_list_close(&images);
    assert_string_equal(text, expected);
}

static void columns_are_kept(void **state)
{
    const char *folder = *state;
    char list[FOLDER_CHARS], lines[FOLDER_CHARS];
    snprintf(list, sizeof list, "%s", in(folder, "list.csv"));
    snprintf(lines, sizeof lines, "%s", in(folder, "list.jsonl"));
    vg_store *input = open_store(in(folder, "data"));
    const char *const files[] = {"a.jpg", "b.jpg", NULL};
    fill(input, files);
    put(list, "path,caption,label,age\nb.jpg,\"one, two\",B,\na.jpg,,A,7\n");
    assert_columns(
        input, (vg_selection_options){.files_from = list, .keep_columns = TEXTS("age", "Caption")},
        "a.jpg;7;|b.jpg;;one, two|");
    assert_refuses(input, (vg_selection_options){.files_from = list, .keep_columns = TEXTS("size")},
                   VG_EINVAL, "no column \"size\": it has path, caption, label, age");
    assert_refuses(input,
                   (vg_selection_options){.files_from = list, .keep_columns = TEXTS("Label")},
                   VG_EINVAL, "tables have one of that name");
    assert_refuses(input, (vg_selection_options){.keep_columns = TEXTS("age")}, VG_EINVAL,
                   "\"age\" is a column of a table");
    put(lines, "{\"path\": \"a.jpg\"}\n"
               "{\"path\": \"b.jpg\", \"objects\": {\"n\": [1, 0.5]}}\n");
    assert_columns(input,
                   (vg_selection_options){.files_from = lines, .keep_columns = TEXTS("objects")},
                   "a.jpg;|b.jpg;{\"n\":[1,0.5]}|");
    assert_refuses(input,
                   (vg_selection_options){.files_from = lines, .keep_columns = TEXTS("size")},
                   VG_EINVAL, "no line has it");
    vg_store_close(&input);
}

static void tables_beside_the_images_are_used(void **state)
{
    const char *folder = *state;
    char beside[FOLDER_CHARS], above[FOLDER_CHARS];
    vg_store *input = open_store(in(folder, "data"));
    const char *const files[] = {"train/a.jpg", "train/b.jpg", "train/c.jpg", "d.jpg", NULL};
    fill(input, files);
    snprintf(beside, sizeof beside, "%s", in(folder, "data/train/metadata.jsonl"));
    snprintf(above, sizeof above, "%s", in(folder, "data/metadata.csv"));

    put(beside, "{\"file_name\": \"b.jpg\", \"label\": \"B\"}\n"
                "{\"file_name\": \"./gone.jpg\", \"label\": \"G\"}\n"
                "{\"file_name\": \"a.jpg\", \"label\": \"A\"}\n");
    /* An image that no table names is none of the folder's class: it has no label. */
    assert_labels(input, (vg_selection_options){0},
                  "d.jpg=/|train/a.jpg=A/train|train/b.jpg=B/train|train/c.jpg=/train|");
    assert_labels(input, (vg_selection_options){.limit = 2}, "d.jpg=/|train/a.jpg=A/train|");
    assert_labels(input, (vg_selection_options){.selects = TEXTS("**/b.*")},
                  "train/b.jpg=B/train|");
    assert_labels(input, (vg_selection_options){.sample = 4},
                  "d.jpg=/|train/a.jpg=A/train|train/b.jpg=B/train|train/c.jpg=/train|");
    /* What is asked for goes before what is found. */
    assert_labels(input, (vg_selection_options){.label = "parent", .selects = TEXTS("**/b.*")},
                  "train/b.jpg=train/train|");
    assert_labels(input,
                  (vg_selection_options){.excludes = TEXTS("**/metadata.*", "**/c.jpg", "d.jpg")},
                  "train/a.jpg=train/train|train/b.jpg=train/train|");
    put(above, "file_name,text,split\nd.jpg,dee,val\ntrain/c.jpg,sea,val\n");
    assert_refuses(input, (vg_selection_options){.keep_columns = TEXTS("text")}, VG_EINVAL,
                   "train/metadata.jsonl, a table beside the images, cannot be used");
    put(beside, "nothing of the kind");
    assert_labels(input, (vg_selection_options){0},
                  "d.jpg=data/val|train/a.jpg=train/train|train/b.jpg=train/train|"
                  "train/c.jpg=train/val|");
    vg_store_close(&input);
}

static void rules_tell_labels_from_paths(void **state)
{
    vg_store *input = open_store(in(*state, "data"));
    const char *const files[] = {"Test/pear/raw/cat_2.jpg", "val/apple/dog_1.jpg", "x.jpg", NULL};
    fill(input, files);
    assert_labels(input, (vg_selection_options){.label = "parent"},
                  "Test/pear/raw/cat_2.jpg=raw/Test|val/apple/dog_1.jpg=apple/val|x.jpg=data/|");
    assert_labels(input, (vg_selection_options){.label = "level:2"},
                  "Test/pear/raw/cat_2.jpg=pear/Test|val/apple/dog_1.jpg=apple/val|x.jpg=/|");
    assert_labels(input, (vg_selection_options){.label = "regex:([a-z]+)_[0-9]+[.]jpg$"},
                  "Test/pear/raw/cat_2.jpg=cat/Test|val/apple/dog_1.jpg=dog/val|x.jpg=/|");
    assert_labels(input, (vg_selection_options){.label = "regex:[0-9]"},
                  "Test/pear/raw/cat_2.jpg=2/Test|val/apple/dog_1.jpg=1/val|x.jpg=/|");
    assert_told(input, (vg_selection_options){.label = "level:2"}, "1 of 3 images have no label");
    assert_told(input, (vg_selection_options){.label = "regex:j"},
                "all 3 images have the same label, \"j\": --label tells labels from paths in other "
                "ways, and --files-from takes a table of them");
    assert_refuses(input, (vg_selection_options){.label = "level:0"}, VG_EINVAL, "level:N");
    assert_refuses(input, (vg_selection_options){.label = "regex:("}, VG_EINVAL, "expression");
    vg_store_close(&input);
}

static void lists_that_leave_the_input_are_refused(void **state)
{
    const char *folder = *state;
    vg_store *input = open_store(in(folder, "data"));
    const char *const lists[] = {"ok.jpg\n../x.jpg\n", "ok.jpg\na/../../x.jpg\n", "ok.jpg\n..\n",
                                 NULL};
    for (const char *const *list = lists; *list != NULL; list++) {
        put(in(folder, "list"), *list);
        assert_refuses(input, (vg_selection_options){.files_from = in(folder, "list")}, VG_EINVAL,
                       "line 2");
    }
    assert_list(folder, input, "a..b/c...jpg\n", "a..b/c...jpg|");
    put(in(folder, "list"), "\n\r\n");
    assert_refuses(input, (vg_selection_options){.files_from = in(folder, "list")}, VG_ENOTFOUND,
                   "names no file");
    assert_refuses(input, (vg_selection_options){.files_from = in(folder, "nowhere")}, VG_ENOTFOUND,
                   "nowhere");
    assert_refuses(input, (vg_selection_options){.files_from = folder}, VG_EIO, "cannot be read");
    vg_store_close(&input);
}

static void assert_slice(vg_slice slice, const char *expected)
{
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)slice.size, slice.text);
    assert_string_equal(text, expected);
}

static void names_come_from_folders(void **state)
{
    (void)state;
    vg_store *input = open_store("/data/fruits");
    assert_slice(vg_path_label(input, "Training/Apple 1/x.jpg"), "Apple 1");
    assert_slice(vg_path_label(input, "Apple 1/x.jpg"), "Apple 1");
    assert_slice(vg_path_label(input, "x.jpg"), "fruits");
    assert_slice(vg_path_split("Training/Apple 1/x.jpg"), "Training");
    assert_slice(vg_path_split("Training/deep/Apple 1/x.jpg"), "Training");
    assert_slice(vg_path_split("Apple 1/x.jpg"), "");
    assert_slice(vg_path_split("x.jpg"), "");
    assert_string_equal(vg_path_filename("a/b.jpg"), "b.jpg");
    assert_string_equal(vg_path_filename("b.jpg"), "b.jpg");

    vg_bytes address = {0};
    assert_int_equal(vg_path_address(&address, input, "a/b.jpg", NULL), VG_OK);
    assert_int_equal(address.size, strlen("/data/fruits/a/b.jpg"));
    assert_memory_equal(address.bytes, "/data/fruits/a/b.jpg", address.size);
    free(address.bytes);
    vg_store_close(&input);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(images_are_selected_in_byte_order, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(what_is_left_out_is_told, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(patterns_are_taken_together, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(names_lead_into_the_input_from_here, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(what_selects_nothing_is_named, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(lists_name_images, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(paths_from_elsewhere_are_found_again, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(metadata_tables_are_lists, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(json_lines_are_lists, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(columns_are_kept, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(tables_beside_the_images_are_used, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(tables_give_labels_and_splits, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(rules_tell_labels_from_paths, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(lists_that_leave_the_input_are_refused, make_folder,
                                        remove_folder),
        cmocka_unit_test(names_come_from_folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
