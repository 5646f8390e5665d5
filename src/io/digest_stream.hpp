/* A stream that knows the digest of what went through it. */
#ifndef VG_IO_DIGEST_STREAM_HPP
#define VG_IO_DIGEST_STREAM_HPP

#include <memory>
#include <string>

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>

#include "io/io.h"

namespace verger
{

class Sha256
{
  public:
    Sha256();
    ~Sha256();
    Sha256(const Sha256 &) = delete;
    Sha256 &operator=(const Sha256 &) = delete;

    void add(const void *bytes, size_t size);
    /* The digest of all that was added, and its size. */
    vg_file_digest take();

  private:
    vg_sha256 *sha256_ = nullptr;
    uint64_t bytes_ = 0;
};

/* Hands all on to another stream, which stays its owner's to close. */
class DigestStream final : public arrow::io::OutputStream
{
  public:
    explicit DigestStream(std::shared_ptr<arrow::io::OutputStream> to) : to_(std::move(to))
    {
    }

    arrow::Status Write(const void *data, int64_t size) override
    {
        sha256_.add(data, static_cast<size_t>(size));
        return to_->Write(data, size);
    }
    arrow::Status Write(const std::shared_ptr<arrow::Buffer> &data) override
    {
        sha256_.add(data->data(), static_cast<size_t>(data->size()));
        return to_->Write(data);
    }
    arrow::Status Flush() override
    {
        return to_->Flush();
    }
    arrow::Status Close() override
    {
        return arrow::Status::OK();
    }
    arrow::Result<int64_t> Tell() const override
    {
        return to_->Tell();
    }
    bool closed() const override
    {
        return to_->closed();
    }

    vg_file_digest take()
    {
        return sha256_.take();
    }

  private:
    std::shared_ptr<arrow::io::OutputStream> to_;
    Sha256 sha256_;
};

} // namespace verger

#endif
