output "image_parameter" {
  description = "The SSM parameter that names the image."
  value       = aws_ssm_parameter.image.name
}

output "rollout_document" {
  description = "The SSM document that makes instances serve what the parameter names."
  value       = aws_ssm_document.rollout.name
}

output "service_tag" {
  description = "Value of the tag Service, on the instances and on the group that lets clients in."
  value       = local.id
}

output "clients_group" {
  description = "Name of the security group that lets clients in."
  value       = aws_security_group.clients.name
}

output "log_group" {
  description = "Where the container's log goes."
  value       = aws_cloudwatch_log_group.service.name
}

output "alarm_topic_arn" {
  description = "Where alarms are published."
  value       = aws_sns_topic.alarms.arn
}

output "load_balancer" {
  description = "Name of the load balancer, for a CNAME of the certificate's domain; null without one."
  value       = one(aws_lb.service[*].dns_name)
}
