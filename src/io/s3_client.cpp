#include "io/s3_client.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>

#include <curl/curl.h>

#include "io/retry.hpp"
#include "io/store.hpp"
#include "io/xml.hpp"

namespace verger
{

namespace
{

enum {
    HTTP_OK = 200,
    HTTP_NO_CONTENT = 204,
    HTTP_PARTIAL_CONTENT = 206,
    MAX_TEXT_BYTES = 1 << 16,    /* of an answer that is no object, */
    MAX_LISTING_BYTES = 1 << 24, /* and of one that names a thousand */
    SLOWEST_BYTES = 100          /* a second, over stall_time: slower is a stall */
};

/* Codes of HTTP (RFC 9110) and of S3 that pass. A request that S3 waited for too long is
 * a 400. */
bool may_pass(const S3Answer &answer)
{
    static const long passing[] = {408, 429, 500, 502, 503, 504, 509};
    return std::find(std::begin(passing), std::end(passing), answer.status) != std::end(passing) ||
           answer.element("Code") == "RequestTimeout";
}

/* No file of the store can be had: it is not this one's fault. */
bool is_everybodys(CURLcode code)
{
    static const CURLcode everybodys[] = {
        CURLE_COULDNT_RESOLVE_PROXY,    CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT,
        CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CONNECT_ERROR,    CURLE_SSL_CERTPROBLEM,
        CURLE_SSL_CACERT_BADFILE,       CURLE_URL_MALFORMAT,        CURLE_UNSUPPORTED_PROTOCOL,
        CURLE_SSL_ISSUER_ERROR,
    };
    return std::find(std::begin(everybodys), std::end(everybodys), code) != std::end(everybodys);
}

bool may_pass(CURLcode code)
{
    static const CURLcode passing[] = {
        CURLE_COULDNT_RESOLVE_PROXY,
        CURLE_COULDNT_RESOLVE_HOST,
        CURLE_COULDNT_CONNECT,
        CURLE_WEIRD_SERVER_REPLY,
        CURLE_PARTIAL_FILE,
        CURLE_OPERATION_TIMEDOUT,
        CURLE_SSL_CONNECT_ERROR,
        CURLE_GOT_NOTHING,
        CURLE_SEND_ERROR,
        CURLE_RECV_ERROR,
    };
    return std::find(std::begin(passing), std::end(passing), code) != std::end(passing);
}

bool is_content(long status)
{
    return status == HTTP_OK || status == HTTP_PARTIAL_CONTENT;
}

/* A buffer of one request. */
struct Bytes : vg_bytes {
    Bytes() : vg_bytes{}
    {
    }
    Bytes(const Bytes &) = delete;
    ~Bytes()
    {
        free(bytes);
    }
};

std::string lower(std::string_view text)
{
    std::string out;
    for (char c : text) out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return out;
}

std::string trimmed(std::string_view text)
{
    const char *spaces = " \t\r\n";
    size_t begin = text.find_first_not_of(spaces);
    if (begin == std::string_view::npos) return "";
    return std::string(text.substr(begin, text.find_last_not_of(spaces) + 1 - begin));
}

/* Keeps what `content` holds. */
bool grow(vg_bytes *content, uint64_t size)
{
    if (size <= content->capacity) return true;
    void *larger = realloc(content->bytes, size);
    if (larger == nullptr) return false;
    content->bytes = static_cast<unsigned char *>(larger);
    content->capacity = size;
    return true;
}

struct FreeList {
    void operator()(curl_slist *list) const
    {
        curl_slist_free_all(list);
    }
};
using Headers = std::unique_ptr<curl_slist, FreeList>;

void append(Headers &headers, const std::string &header)
{
    curl_slist *longer = curl_slist_append(headers.get(), header.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    (void)headers.release();
    headers.reset(longer);
}

} // namespace

std::string S3Answer::header(const std::string &name) const
{
    auto found = headers.find(name);
    return found != headers.end() ? found->second : "";
}

std::string S3Answer::element(const std::string &name) const
{
    return xml_text(body, name);
}

void fail_s3(const S3Answer &answer, const std::string &action, const std::string &name)
{
    std::string region = answer.header("x-amz-bucket-region");
    fail_refused({.http_status = answer.status,
                  .code = answer.element("Code"),
                  .message = answer.element("Message"),
                  .region = region.empty() ? answer.element("Region") : region},
                 action, name);
}

/* One request and its answer, as curl's callbacks see them. */
struct S3Client::Exchange {
    S3Request request;
    const std::string &action, &name;
    vg_bytes *object = nullptr; /* where the body of a good answer goes; NULL takes it as text */
    uint64_t max_size = MAX_TEXT_BYTES;

    S3Answer answer = {};
    CURL *curl = nullptr;
    std::string reason = {}; /* that there is no answer */
    std::string way = {};    /* through a proxy */
    CURLcode code = CURLE_OK;
    Attempts attempts = {};
    uint64_t too_large = 0;
    bool is_out_of_memory = false;

    void begin()
    {
        answer = {};
        code = CURLE_OK;
        reason.clear();
        if (object != nullptr) object->size = 0;
    }

    void on_header(std::string_view line)
    {
        if (line.starts_with("HTTP/")) answer.headers.clear(); /* after a "100 Continue" */
        size_t colon = line.find(':');
        if (colon == std::string_view::npos) return;
        answer.headers[lower(line.substr(0, colon))] = trimmed(line.substr(colon + 1));
    }

    bool on_body(const char *bytes, size_t size)
    {
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
        if (object != nullptr && is_content(answer.status)) return keep(bytes, size);
        answer.body.append(bytes, std::min(size, MAX_TEXT_BYTES - answer.body.size()));
        return true;
    }

    /* Room for all is made at once where the server says how much comes. */
    bool keep(const char *bytes, size_t size)
    {
        uint64_t whole = object->size + size;
        if (object->size == 0) whole = std::max(whole, length().value_or(0));
        if (whole > max_size) {
            too_large = whole;
            return false;
        }
        is_out_of_memory = !grow(object, whole > object->size + size ? whole : 2 * whole);
        if (is_out_of_memory) return false;
        memcpy(object->bytes + object->size, bytes, size);
        object->size += size;
        return true;
    }

    [[noreturn]] void give_up() const
    {
        std::string why = reason, code_of_s3 = answer.element("Code");
        if (why.empty())
            why = (code_of_s3.empty() ? "the answer has no code of S3" : code_of_s3) + " (HTTP " +
                  std::to_string(answer.status) + ")";
        fail_with(is_everybodys(code) ? VG_ESTORE : VG_EIO, action, name,
                  why + way + " (" + std::to_string(attempts.count()) +
                      " attempts): try again later, the store or the way to it is overloaded or "
                      "broken");
    }

    std::optional<uint64_t> length() const
    {
        curl_off_t bytes = -1;
        curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &bytes);
        if (bytes < 0) return std::nullopt;
        return static_cast<uint64_t>(bytes);
    }

    /* Else the end of the connection is the end of the body, which may be any end. */
    bool has_frame() const
    {
        bool has_no_body = request.method == "HEAD" || answer.status == HTTP_NO_CONTENT;
        return has_no_body || length() || !answer.header("transfer-encoding").empty();
    }
};

S3Client::S3Client(S3Endpoint endpoint) : endpoint_(std::move(endpoint))
{
    static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (started != CURLE_OK) throw std::bad_alloc();
}

S3Client::~S3Client()
{
    for (void *handle : handles_) curl_easy_cleanup(handle);
}

void *S3Client::take_handle()
{
    {
        std::lock_guard guard(lock_);
        if (!handles_.empty()) {
            void *handle = handles_.back();
            handles_.pop_back();
            return handle;
        }
    }
    void *handle = curl_easy_init();
    if (handle == nullptr) throw std::bad_alloc();
    return handle;
}

void S3Client::give_handle(void *handle)
{
    std::lock_guard guard(lock_);
    handles_.push_back(handle);
}

/* A redirect is not followed: the region of a bucket was looked at before, and a signature
 * is good for one host. */
bool S3Client::perform(Exchange &exchange)
{
    CURL *curl = exchange.curl;
    char reason[CURL_ERROR_SIZE] = "";
    const S3Request &request = exchange.request;
    std::string url = endpoint_.scheme + "://" + request.host + request.path +
                      (request.query.empty() ? "" : "?" + request.query);
    Headers headers;
    for (const std::string &header :
         s3_signed_headers(request, endpoint_.credentials(), endpoint_.region, std::time(nullptr)))
        append(headers, header);

    curl_easy_reset(curl);
    if (request.method == "PUT" || request.method == "POST") {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.empty() ? "" : request.body.data());
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                         static_cast<curl_off_t>(request.body.size()));
        append(headers, "Content-Type: application/octet-stream");
        append(headers, "Expect:");
    }
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROXY, endpoint_.proxy.url.c_str());
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "");
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl, CURLOPT_NOBODY, request.method == "HEAD" ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "verger");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(connect_time.count()));
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(SLOWEST_BYTES));
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(stall_time.count()));
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, endpoint_.verify_certificates ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, endpoint_.verify_certificates ? 2L : 0L);
    if (!endpoint_.ca_file.empty())
        curl_easy_setopt(curl, CURLOPT_CAINFO, endpoint_.ca_file.c_str());
    curl_write_callback on_header = [](char *line, size_t, size_t size, void *one) {
        static_cast<Exchange *>(one)->on_header({line, size});
        return size;
    };
    curl_write_callback on_body = [](char *bytes, size_t, size_t size, void *one) {
        return static_cast<Exchange *>(one)->on_body(bytes, size) ? size : 0;
    };
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &exchange);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);

    exchange.begin();
    exchange.way = endpoint_.proxy.shown();
    CURLcode code = curl_easy_perform(curl);
    if (exchange.is_out_of_memory) throw std::bad_alloc();
    if (exchange.too_large > 0) fail_limit(exchange.name, exchange.too_large, exchange.max_size);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &exchange.answer.status);
    if (code == CURLE_OK && exchange.has_frame()) return !may_pass(exchange.answer);
    if (code == CURLE_OK) code = CURLE_WEIRD_SERVER_REPLY;
    exchange.code = code;
    exchange.reason = reason[0] != '\0' ? reason : curl_easy_strerror(code);
    if (may_pass(code)) return false;
    fail_with(is_everybodys(code) ? VG_ESTORE : VG_EIO, exchange.action, exchange.name,
              exchange.reason + exchange.way);
}

/* Again and again, until there is an answer that is worth something. */
void S3Client::send(Exchange &exchange)
{
    struct Handle {
        S3Client &client;
        void *curl;
        ~Handle()
        {
            client.give_handle(curl);
        }
    } handle{*this, take_handle()};
    exchange.curl = handle.curl;
    if (endpoint_.requester_pays) exchange.request.headers["x-amz-request-payer"] = "requester";

    while (!perform(exchange))
        if (!exchange.attempts.again()) exchange.give_up();
}

std::string S3Client::path_of(const std::string &key) const
{
    if (key.empty()) return endpoint_.folder.empty() ? "/" : endpoint_.folder;
    return endpoint_.folder + "/" + s3_escaped(key);
}

S3Answer S3Client::ask(const std::string &method, const std::string &key, const std::string &query,
                       const std::string &action, const std::string &name)
{
    return ask(request(method, key, query), action, name);
}

S3Answer S3Client::ask(S3Request request, const std::string &action, const std::string &name)
{
    Exchange exchange{std::move(request), action, name};
    send(exchange);
    return exchange.answer;
}

S3Request S3Client::request(const std::string &method, const std::string &key,
                            const std::string &query) const
{
    return {method, endpoint_.host, path_of(key), query};
}

std::string S3Client::ask_text(const std::string &query, const std::string &action,
                               const std::string &name)
{
    Bytes text;
    Exchange exchange{request("GET", "", query), action, name, &text, MAX_LISTING_BYTES};
    send(exchange);
    if (exchange.answer.status != HTTP_OK) fail_s3(exchange.answer, action, name);
    return {reinterpret_cast<const char *>(text.bytes), text.size};
}

/* docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html. */
S3Answer S3Client::copy(const std::string &from, const std::string &etag, const std::string &to,
                        const std::string &action, const std::string &name)
{
    S3Request made = request("PUT", to);
    made.headers = {{"x-amz-copy-source", s3_escaped("/" + endpoint_.bucket + "/" + from)},
                    {"x-amz-copy-source-if-match", "\"" + etag + "\""}};
    return ask(std::move(made), action, name);
}

void S3Client::read(const std::string &key, int64_t size, uint64_t max_size, vg_bytes *content,
                    const std::string &name)
{
    const std::string action = "read";
    Exchange exchange{request("GET", key), action, name, content, max_size};
    for (;;) {
        send(exchange);
        if (exchange.answer.status != HTTP_OK) fail_s3(exchange.answer, action, name);
        if (size == VG_SIZE_UNKNOWN || content->size == static_cast<uint64_t>(size)) return;
        std::string got = std::to_string(content->size);
        std::string whole = ask("HEAD", key, "", action, name).header("content-length");
        if (whole == got) return;
        exchange.reason = "only " + got + " of " + whole + " bytes came";
        if (!exchange.attempts.again()) exchange.give_up();
    }
}

void S3Client::read_range(const std::string &key, int64_t from, int64_t size, void *out,
                          const std::string &name)
{
    const std::string action = "read";
    Bytes bytes;
    Exchange exchange{request("GET", key), action, name, &bytes, static_cast<uint64_t>(size)};
    exchange.request.headers["range"] =
        "bytes=" + std::to_string(from) + "-" + std::to_string(from + size - 1);
    send(exchange);
    if (!is_content(exchange.answer.status)) fail_s3(exchange.answer, action, name);
    if (bytes.size != static_cast<size_t>(size))
        fail_with(VG_EIO, action, name,
                  "only " + std::to_string(bytes.size) + " of " + std::to_string(size) +
                      " bytes came: it has been written to since");
    memcpy(out, bytes.bytes, bytes.size);
}

} // namespace verger
