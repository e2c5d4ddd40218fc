output "role_arns" {
  description = "ARN of each role: plan, apply, release and deploy-<environment>."
  value       = { for key, role in aws_iam_role.this : key => role.arn }
}
