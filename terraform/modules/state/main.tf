# The bucket that holds the state of every root. Terraform locks a state by a file beside it, so no table is needed.
resource "aws_s3_bucket" "state" {
  #checkov:skip=CKV_AWS_18:The roles that may read it are those in account/; three small files need no bucket of access logs
  #checkov:skip=CKV_AWS_144:Every version is kept; if the region is lost, so is what the state describes
  #checkov:skip=CKV_AWS_145:The state holds no secret; S3's own key encrypts it, and who may read is said by IAM
  #checkov:skip=CKV2_AWS_62:Nothing acts on a changed state
  bucket = var.bucket

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "state" {
  bucket = aws_s3_bucket.state.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "state" {
  bucket = aws_s3_bucket.state.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "state" {
  bucket = aws_s3_bucket.state.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyTLS"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = ["arn:aws:s3:::${var.bucket}", "arn:aws:s3:::${var.bucket}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  # A policy that is set while the block is being set may be refused.
  depends_on = [aws_s3_bucket_public_access_block.state]
}

# Versions are the way back from a broken state; a year is longer than anyone has needed one.
resource "aws_s3_bucket_lifecycle_configuration" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    id     = "old-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = 365
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.state]
}
