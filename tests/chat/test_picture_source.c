/* Where messages have their pictures: data: URLs, file: URLs and paths; nothing of the network, and nothing that is
 * cut short. */
#include "testing.h"

#include "base/file.h"
#include "chat/picture_source.h"

#include <unistd.h>

/* What is read, or the error. */
static viv_status reads(const char *source, bool files, struct buf *out, struct error *err)
{
    buf_clear(out);
    return picture_source_read(source, files, out, err);
}

TEST(picture_source__data_of_any_length_comes_back)
{
    struct buf url = {0}, back = {0};
    struct error err;
    unsigned char bytes[64];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(251 * i + 17);
    for (size_t n = 1; n <= sizeof bytes; n++) {
        buf_clear(&url);
        ck_assert(picture_source_write(bytes, n, &url));
        ck_assert_msg(reads(buf_text(&url), false, &back, &err) == VIV_OK, "%s: %s", buf_text(&url), err.text);
        ck_assert_uint_eq(back.size, n);
        ck_assert_mem_eq(back.data, bytes, n);
    }
    buf_clear(&url);
    ck_assert(picture_source_write("\x89PNG\r\n\x1a\n", 8, &url));
    ck_assert_str_eq(buf_text(&url), "data:image/png;base64,iVBORw0KGgo=");
    buf_release(&url);
    buf_release(&back);
}
END_TEST

TEST(picture_source__what_is_no_data_is_refused)
{
    static const struct {
        const char *url, *words;
        viv_status status;
    } cases[] = {{"data:image/png;base64", "without a comma", VIV_EFORMAT},
                 {"data:image/png,abcd", "without ;base64", VIV_EUNSUPPORTED},
                 {"data:,", "without ;base64", VIV_EUNSUPPORTED},
                 {"data:;base64,", "without data", VIV_EFORMAT},
                 {"data:;base64,==", "without data", VIV_EFORMAT},
                 {"data:;base64,ab cd", "0x20 at offset 2", VIV_EFORMAT},
                 {"data:;base64,abcd\n", "0x0a at offset 4", VIV_EFORMAT},
                 {"data:;base64,ab=c", "0x3d at offset 2", VIV_EFORMAT},
                 {"data:;base64,a===", "0x3d at offset 1", VIV_EFORMAT},
                 {"data:;base64,ab-_", "0x2d at offset 2", VIV_EFORMAT},
                 {"data:;base64,abcde", "one too many", VIV_EFORMAT}};
    struct buf out = {0};
    struct error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_msg(reads(cases[i].url, true, &out, &err) == cases[i].status, "%s", cases[i].url);
        ck_assert_msg(strstr(err.text, cases[i].words), "%s: %s", cases[i].url, err.text);
    }
    ck_assert_int_eq(reads("DATA:;BASE64,YQ", true, &out, &err), VIV_OK); /* digits without their end */
    ck_assert_str_eq(buf_text(&out), "a");
    buf_release(&out);
}
END_TEST

TEST(picture_source__nothing_comes_from_the_network)
{
    static const char *const urls[] = {"http://169.254.169.254/latest",
                                       "https://example.org/a.png",
                                       "HTTPS://example.org/a.png",
                                       "ftp://example.org/a.png",
                                       "s3://bucket/a.png",
                                       "gopher://example.org/1",
                                       "http:a.png",
                                       "file://example.org/a.png",
                                       "file:a.png"};
    struct buf out = {0};
    struct error err;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
        ck_assert_msg(reads(urls[i], true, &out, &err) == VIV_EUNSUPPORTED, "%s: %s", urls[i], err.text);
    buf_release(&out);
}
END_TEST

TEST(picture_source__files_are_read_where_that_is_allowed)
{
    char path[] = "/tmp/viv picture-XXXXXX", url[128];
    struct buf out = {0};
    struct error err;
    const int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(reads(path, true, &out, &err), VIV_EFORMAT); /* it is empty */
    ck_assert_int_eq(write(fd, "abc", 3), 3);
    ck_assert_msg(reads(path, true, &out, &err) == VIV_OK, "%s", err.text);
    ck_assert_str_eq(buf_text(&out), "abc");
    snprintf(url, sizeof url, "file:///tmp/viv%%20%s", strchr(path, ' ') + 1);
    ck_assert_msg(reads(url, true, &out, &err) == VIV_OK, "%s", err.text);
    snprintf(url, sizeof url, "file://localhost/tmp/viv%%20%s", strchr(path, ' ') + 1);
    ck_assert_msg(reads(url, true, &out, &err) == VIV_OK, "%s", err.text);
    ck_assert_str_eq(buf_text(&out), "abc");
    ck_assert_int_eq(reads(path, false, &out, &err), VIV_EUNSUPPORTED);
    ck_assert_int_eq(reads(url, false, &out, &err), VIV_EUNSUPPORTED);
    ck_assert_int_eq(reads("file:///tmp/%0", true, &out, &err), VIV_EFORMAT);
    ck_assert_int_eq(reads("file:///tmp/%00", true, &out, &err), VIV_EFORMAT);
    ck_assert_int_eq(reads("file:///tmp/%zz", true, &out, &err), VIV_EFORMAT);
    ck_assert_int_ne(reads("/tmp", true, &out, &err), VIV_OK);
    unlink(path);
    ck_assert_int_eq(reads(path, true, &out, &err), VIV_ENOTFOUND);
    close(fd);
    buf_release(&out);
}
END_TEST

TESTS(picture_source__data_of_any_length_comes_back, picture_source__what_is_no_data_is_refused,
      picture_source__nothing_comes_from_the_network, picture_source__files_are_read_where_that_is_allowed)
