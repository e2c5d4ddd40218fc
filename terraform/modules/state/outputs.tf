output "bucket" {
  description = "Name of the bucket, for the backend files."
  value       = aws_s3_bucket.state.bucket
}
