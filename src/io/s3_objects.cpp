/* Requests and answers are those of docs.aws.amazon.com/AmazonS3/latest/API: ListObjectsV2,
 * HeadObject, GetObject, PutObject, CreateMultipartUpload, UploadPart, CompleteMultipartUpload,
 * AbortMultipartUpload. */
#include "io/s3_objects.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <utility>
#include <vector>

#include <arrow/buffer.h>
#include <curl/curl.h>

#include "io/xml.hpp"

namespace verger
{

namespace
{

enum { HTTP_OK = 200, HTTP_NOT_FOUND = 404, PART_BYTES = 10 << 20 };

constexpr int64_t microseconds_a_second = 1000000;

/* --- Listing -------------------------------------------------------------- */

/* "2026-11-28T17:12:00.000Z" as microseconds since 1970. */
int64_t time_of(const std::string &text)
{
    std::tm utc = {};
    int milliseconds = 0;
    if (std::sscanf(text.c_str(), "%d-%d-%dT%d:%d:%d.%3d", &utc.tm_year, &utc.tm_mon, &utc.tm_mday,
                    &utc.tm_hour, &utc.tm_min, &utc.tm_sec, &milliseconds) < 6)
        return 0;
    utc.tm_year -= 1900;
    utc.tm_mon -= 1;
    return ::timegm(&utc) * microseconds_a_second + milliseconds * 1000;
}

/* XML has no control characters, so S3 is asked to escape keys as in an address. */
std::string unescaped(const std::string &text)
{
    std::string out;
    for (size_t i = 0; i < text.size(); i++) {
        bool is_escaped = text[i] == '%' && i + 2 < text.size();
        if (is_escaped)
            out += static_cast<char>(std::strtol(text.substr(i + 1, 2).c_str(), nullptr, 16));
        else
            out += text[i] == '+' ? ' ' : text[i];
        if (is_escaped) i += 2;
    }
    return out;
}

struct Object {
    std::string key;
    int64_t size = 0, modified = 0;
};

struct Page {
    std::vector<Object> objects;
    bool is_truncated = false;
    std::string next;
};

Page page_of(const std::string &listing, const std::string &name)
{
    Page page;
    Object object;
    std::vector<XmlElement> elements = xml_elements(listing);
    if (elements.empty() || elements.back().name != "ListBucketResult")
        fail_with(VG_EIO, "list", name, "the answer is no whole listing of S3: try again");
    bool is_escaped = false;
    for (const XmlElement &element : elements) {
        if (element.name == "EncodingType") is_escaped = element.text == "url";
        if (element.name == "IsTruncated") page.is_truncated = element.text == "true";
        if (element.name == "NextContinuationToken") page.next = element.text;
        if (element.name == "Key") object.key = element.text;
        if (element.name == "Size") object.size = std::strtoll(element.text.c_str(), nullptr, 10);
        if (element.name == "LastModified") object.modified = time_of(element.text);
        if (element.name == "Contents") page.objects.push_back(std::exchange(object, {}));
    }
    if (is_escaped)
        for (Object &each : page.objects) each.key = unescaped(each.key);
    if (page.is_truncated && page.next.empty())
        fail_with(VG_EIO, "list", name, "the server does not say how the listing goes on");
    return page;
}

/* In the order of their names, which is the signature's. */
std::string list_query(const std::string &prefix, const std::string &next, const char *more)
{
    std::string query;
    if (!next.empty()) query = "continuation-token=" + s3_query_escaped(next) + "&";
    return query + "encoding-type=url&list-type=2" + more + "&prefix=" + s3_query_escaped(prefix);
}

/* --- Reading ----------------------------------------------------------------- */

/* Runs `body`, whose failure Arrow hands on. */
template <typename Body> arrow::Status caught(Body &&body)
{
    try {
        body();
        return arrow::Status::OK();
    } catch (Failure &failure) {
        return through_arrow(std::move(failure));
    } catch (const std::bad_alloc &) {
        return arrow::Status::OutOfMemory("of a request to S3");
    }
}

class ObjectInput final : public arrow::io::RandomAccessFile
{
  public:
    ObjectInput(S3Client &client, std::string key, std::string name)
        : client_(client), key_(std::move(key)), name_(std::move(name))
    {
        vg_file file = {};
        stat_object(client_, key_, &file, name_);
        size_ = file.size;
    }

    arrow::Status Close() override
    {
        is_closed_ = true;
        return arrow::Status::OK();
    }
    bool closed() const override
    {
        return is_closed_;
    }
    arrow::Result<int64_t> Tell() const override
    {
        return at_;
    }
    arrow::Status Seek(int64_t to) override
    {
        at_ = to;
        return arrow::Status::OK();
    }
    arrow::Result<int64_t> GetSize() override
    {
        return size_;
    }

    /* By several threads at once, as Arrow wants it. */
    arrow::Result<int64_t> ReadAt(int64_t from, int64_t size, void *out) override
    {
        size = std::clamp<int64_t>(size_ - from, 0, size);
        if (size > 0)
            ARROW_RETURN_NOT_OK(caught([&] { client_.read_range(key_, from, size, out, name_); }));
        return size;
    }
    arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t from, int64_t size) override
    {
        ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(
                                               std::clamp<int64_t>(size_ - from, 0, size)));
        ARROW_RETURN_NOT_OK(ReadAt(from, buffer->size(), buffer->mutable_data()));
        return std::shared_ptr<arrow::Buffer>(std::move(buffer));
    }
    arrow::Result<int64_t> Read(int64_t size, void *out) override
    {
        ARROW_ASSIGN_OR_RAISE(int64_t got, ReadAt(at_, size, out));
        at_ += got;
        return got;
    }
    arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t size) override
    {
        ARROW_ASSIGN_OR_RAISE(auto buffer, ReadAt(at_, size));
        at_ += buffer->size();
        return buffer;
    }

  private:
    S3Client &client_;
    std::string key_, name_;
    int64_t size_ = 0, at_ = 0;
    bool is_closed_ = false;
};

/* --- Writing ------------------------------------------------------------------- */

class ObjectStream final : public arrow::io::OutputStream
{
  public:
    ObjectStream(S3Client &client, std::string key, std::string name)
        : client_(client), key_(std::move(key)), name_(std::move(name))
    {
    }
    ~ObjectStream() override
    {
        (void)Abort();
    }

    arrow::Status Write(const void *data, int64_t size) override
    {
        return caught([&] {
            const char *bytes = static_cast<const char *>(data);
            for (size_t left = static_cast<size_t>(size); left > 0;) {
                if (held_.size() == PART_BYTES) send_part();
                size_t some = std::min(left, PART_BYTES - held_.size());
                held_.append(bytes, some);
                bytes += some;
                left -= some;
            }
            written_ += size;
        });
    }
    arrow::Status Flush() override
    {
        return arrow::Status::OK();
    }
    arrow::Result<int64_t> Tell() const override
    {
        return written_;
    }
    bool closed() const override
    {
        return is_closed_;
    }
    arrow::Status Close() override
    {
        if (is_closed_) return arrow::Status::OK();
        arrow::Status status = caught([&] {
            if (upload_.empty()) {
                must(send("PUT", "", held_), HTTP_OK);
                return;
            }
            send_part();
            complete();
        });
        is_closed_ = status.ok();
        return status;
    }
    arrow::Status Abort() override
    {
        if (is_closed_) return arrow::Status::OK();
        is_closed_ = true;
        if (upload_.empty()) return arrow::Status::OK();
        return caught([&] { (void)send("DELETE", upload_query(), ""); });
    }

  private:
    S3Answer send(const char *method, const std::string &query, std::string_view body)
    {
        S3Request request = client_.request(method, key_, query);
        request.body = body;
        return client_.ask(std::move(request), "write", name_);
    }
    void must(const S3Answer &answer, long status) const
    {
        if (answer.status != status) fail_s3(answer, "write", name_);
    }
    std::string upload_query() const
    {
        return "uploadId=" + s3_query_escaped(upload_);
    }

    void send_part()
    {
        if (upload_.empty()) {
            S3Answer begun = send("POST", "uploads=", "");
            must(begun, HTTP_OK);
            upload_ = begun.element("UploadId");
        }
        std::string number = std::to_string(etags_.size() + 1);
        S3Answer answer = send("PUT", "partNumber=" + number + "&" + upload_query(), held_);
        must(answer, HTTP_OK);
        etags_.push_back(answer.header("etag"));
        held_.clear();
    }

    /* A refusal may come after "200 OK", while the server was putting parts together. */
    void complete()
    {
        std::string body = "<CompleteMultipartUpload>";
        for (size_t i = 0; i < etags_.size(); i++)
            body += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>" +
                    etags_[i] + "</ETag></Part>";
        S3Answer answer = send("POST", upload_query(), body + "</CompleteMultipartUpload>");
        must(answer, HTTP_OK);
        if (!answer.element("Code").empty()) fail_s3(answer, "write", name_);
    }

    S3Client &client_;
    std::string key_, name_, held_, upload_;
    std::vector<std::string> etags_; /* of the parts that were sent */
    int64_t written_ = 0;
    bool is_closed_ = false;
};

class ObjectOutput final : public Output
{
  public:
    ObjectOutput(S3Client &client, const std::string &key, const std::string &name)
        : stream_(std::make_shared<ObjectStream>(client, key, name)), name_(name)
    {
    }
    ~ObjectOutput() override
    {
        (void)stream_->Abort();
    }
    const std::shared_ptr<arrow::io::OutputStream> &stream() const override
    {
        return stream_;
    }
    void finish() override
    {
        check(stream_->Close(), "write", name_);
    }

  private:
    std::shared_ptr<arrow::io::OutputStream> stream_;
    std::string name_;
};

} // namespace

void list_objects(S3Client &client, const std::string &folder, const Visitor &visit,
                  const std::string &name)
{
    const std::string prefix = folder.empty() ? "" : folder + "/";
    bool is_there = prefix.empty();
    Page page;
    do {
        page = page_of(client.ask_text(list_query(prefix, page.next, ""), "list", name), name);
        is_there = is_there || !page.objects.empty();
        for (const Object &object : page.objects) {
            if (object.key.ends_with('/')) continue; /* what other programs make for a folder */
            std::string path = object.key.substr(prefix.size());
            visit({.path = path.c_str(), .size = object.size, .modified = object.modified});
        }
    } while (page.is_truncated);
    if (!is_there) fail_system(ENOENT, "list", name);
}

void stat_object(S3Client &client, const std::string &key, vg_file *file, const std::string &name)
{
    S3Answer answer = client.ask("HEAD", key, "", "find", name);
    if (answer.status == HTTP_NOT_FOUND) {
        std::string query = list_query(key + "/", "", "&max-keys=1");
        if (!page_of(client.ask_text(query, "find", name), name).objects.empty())
            fail_system(EISDIR, "use", name);
    }
    if (answer.status != HTTP_OK) fail_s3(answer, "find", name);
    file->size = std::strtoll(answer.header("content-length").c_str(), nullptr, 10);
    file->modified =
        std::max<int64_t>(curl_getdate(answer.header("last-modified").c_str(), nullptr), 0) *
        microseconds_a_second;
}

std::shared_ptr<arrow::io::RandomAccessFile> open_object(S3Client &client, const std::string &key,
                                                         const std::string &name)
{
    return std::make_shared<ObjectInput>(client, key, name);
}

std::unique_ptr<Output> write_object(S3Client &client, const std::string &key,
                                     const std::string &name)
{
    return std::make_unique<ObjectOutput>(client, key, name);
}

} // namespace verger
