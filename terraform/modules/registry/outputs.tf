output "arn" {
  description = "ARN of the repository."
  value       = aws_ecr_repository.this.arn
}

output "url" {
  description = "Address of the repository, for docker push and pull."
  value       = aws_ecr_repository.this.repository_url
}
